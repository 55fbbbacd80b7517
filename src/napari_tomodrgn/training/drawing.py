"""Drawing a part of a particle's points, so that a step costs less and its gradient is right in the mean.

A point's gradient is its weight x transfer x residual, and the residual is mostly noise of variance 1 / weight: the
fewest points give the least noisy sum where they are drawn in proportion to sqrt(weight) x |transfer| (Neyman's
allocation), that is, to the square root of exposure x CTF². What is drawn stands for the others by one over the number
of times that it is expected to be drawn.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.training.points import BatchImages, Block, Points, Weighting, owner_in, points_at

FLOOR = 0.1  # of the mean: what points that hardly count are drawn by, as the loss is to be right as well


@dataclass(frozen=True)
class DrawnPoints:
    """Points of a batch, m in all, those of one particle contiguous and in its order.

    Attributes
    ----------
    image, point
        (m,) the batch's image and the lattice's point.
    transfer, weight
        (m,) as in all points.
    stands_for
        (m,) how many points each stands for.
    edges
        (B + 1,) particle b has the points ``edges[b]:edges[b + 1]``.
    """

    image: Tensor
    point: Tensor
    transfer: Tensor
    weight: Tensor
    stands_for: Tensor
    edges: npt.NDArray[np.int64]

    def of_block(self, images: BatchImages, block: Block, lattice: Lattice, multiple: int = 1) -> Points:
        """Return the points of a block of those drawn, as ``points_of`` does of all."""
        own = slice(block.begin, block.end)
        image, owner = self.image[own], owner_in(block, images, self.image[own])
        values = (self.transfer[own], self.weight[own], self.stands_for[own])
        return points_at(images, lattice, image, self.point[own], *values, owner).filled(-len(block) % multiple)


def draw_points(
    images: BatchImages,
    lattice: Lattice,
    weighting: Weighting,
    fraction: float,
    start: Tensor,  # (B,) random, uniform in [0, 1), on the CPU
) -> DrawnPoints:
    """Draw a fraction of every particle's points, at least one, at equal steps of the expected number.

    Steps of equal length draw as many points as are wanted, whatever the numbers, spread over all images and
    frequencies; one random number a particle moves them all.
    """
    device = images.pairs.device
    there = np.diff(images.edges)
    wanted = np.minimum(np.maximum(1, np.rint(fraction * there).astype(np.int64)), there)
    edges = np.concatenate([[0], np.cumsum(wanted)])
    owner = torch.repeat_interleave(images.counts).to(device, non_blocking=True)  # (n,)
    low = lattice.first(int(images.kept.max()))
    kept = torch.from_numpy(images.kept).to(device, non_blocking=True)
    inside = torch.arange(low.pairs, device=device) < kept[:, None]
    transfer, weight = images.tilts.transfer(low), weighting.within_mask(images.tilts, low)

    exact = torch.float32 if device.type == "mps" else torch.float64
    pull = (weight.sqrt() * transfer.abs()).to(exact) * inside
    total = pull.new_zeros(len(wanted)).index_add_(0, owner, pull.sum(1))
    number = torch.from_numpy(there).to(total, non_blocking=True)
    pull += (FLOOR * total / number)[owner][:, None] * inside
    expected = pull * (torch.from_numpy(wanted).to(total, non_blocking=True) / (total * (1 + FLOOR)))[owner][:, None]

    step = torch.arange(int(edges[-1]), dtype=exact, device=device)
    shift = start.to(exact).clamp(1e-6, 1 - 1e-6).to(device, non_blocking=True)
    shift = shift.repeat_interleave(torch.from_numpy(wanted).to(device, non_blocking=True), output_size=int(edges[-1]))
    flat = torch.searchsorted(expected.flatten().cumsum(0), step + shift, right=True)
    flat = flat.clamp(max=expected.numel() - 1)
    stands_for = (1 / expected.flatten()[flat]).float()
    return DrawnPoints(
        image=flat // low.pairs,
        point=flat % low.pairs,
        transfer=transfer.flatten()[flat],
        weight=weight.flatten()[flat] * stands_for,
        stands_for=stands_for,
        edges=edges,
    )
