"""The points of Fourier space at which particles are compared with their tilt images, in blocks.

A lattice is ordered by |k|, so what the dose mask keeps of a tilt image is a prefix of it, and how long that is follows
from the dose: the points of a batch are numbered before anything is computed, and nothing has to wait for a device.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.training.focus import FocusMask
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.whitening import NoiseSpectra

TILTS_AT_ONCE = 4096


@dataclass(frozen=True)
class Weighting:
    """Which frequencies count, how much, and where in the images."""

    dose_mask: bool = True
    dose_weight: bool = True
    tilt_weight: bool = True
    whiten: bool = False
    spectra: NoiseSpectra | None = None  # of the images' noise, once they were looked at
    focus: FocusMask | None = None

    @classmethod
    def of(cls, options: TrainOptions) -> "Weighting":
        """Take the weighting from a training's options."""
        return cls(options.dose_mask, options.dose_weight, options.tilt_weight, options.whiten)

    def kept(self, tilts: TiltImages, lattice: Lattice) -> npt.NDArray[np.int64]:
        """Return (M,): how many ±k pairs of each tilt image count, from the lowest frequency on."""
        if not self.dose_mask:
            return np.full(len(tilts), lattice.pairs)
        scalars = torch.stack([tilts.dose, tilts.optics[:, 3]], dim=1).cpu().numpy()
        _, first, inverse = np.unique(scalars, axis=0, return_index=True, return_inverse=True)
        distinct, on_cpu = tilts.to("cpu")[torch.from_numpy(first)], lattice.to("cpu")
        blocks = range(0, len(distinct), TILTS_AT_ONCE)
        kept = [distinct[slice(begin, begin + TILTS_AT_ONCE)].dose_mask(on_cpu).sum(1) for begin in blocks]
        counts: npt.NDArray[np.int64] = torch.cat(kept).numpy()[inverse.reshape(-1)]
        return counts

    def weights(self, tilts: TiltImages, lattice: Lattice) -> Tensor:
        """Return the loss weights (n, P), 0 where the dose mask leaves a frequency out."""
        weight = self.within_mask(tilts, lattice)
        return weight * tilts.dose_mask(lattice) if self.dose_mask else weight

    def within_mask(self, tilts: TiltImages, lattice: Lattice) -> Tensor:
        """Return the loss weights (n, P) of frequencies that are known to be kept."""
        weight = tilts.weights(lattice, dose=self.dose_weight, tilt=self.tilt_weight)
        return weight if self.spectra is None else weight * self.spectra.factors(tilts, lattice)


@dataclass(frozen=True)
class BatchImages:
    """The n tilt images of B particles, those of one particle contiguous.

    Attributes
    ----------
    tilts, pairs
        Their parameters, and their standardised Hartley pairs (n, 2, P), on the device of the model.
    counts
        (B,) int64 tilt images of each particle, on the CPU.
    kept
        (n,) numbers of points of each image that count.
    """

    tilts: TiltImages
    pairs: Tensor
    counts: Tensor
    kept: npt.NDArray[np.int64]
    given: "Numbering | None" = None  # where the numbering of the points is on the device already

    @cached_property
    def numbering(self) -> "Numbering":
        """How the points are numbered, on the device."""
        return self.given or Numbering.of(self)

    @property
    def first_images(self) -> list[int]:
        """(B + 1,) particle b has the images ``first[b]:first[b + 1]``."""
        return [0, *accumulate(self.counts.tolist())]

    @property
    def first_points(self) -> npt.NDArray[np.int64]:
        """(n + 1,) image i has the points ``first[i]:first[i + 1]``."""
        return np.concatenate([[0], np.cumsum(self.kept)])

    @property
    def edges(self) -> npt.NDArray[np.int64]:
        """(B + 1,) particle b has the points ``edges[b]:edges[b + 1]``."""
        return self.first_points[self.first_images]


@dataclass(frozen=True)
class Numbering:
    """Which points of the lattice n tilt images of B particles have, one image after the other, on a device.

    Attributes
    ----------
    table
        (3 n + 2 B,) int64, all of it in one piece, as it takes one copy then: the number of points up to the end of
        each image and before it, the particle of each image, the points of each particle, and its images.
    images, particles
        n and B.
    total
        Number of points; where it is more than the images have, those at the end have no weight.
    highest
        No image has more points than this.
    """

    table: Tensor
    images: int
    particles: int
    total: int
    highest: int

    @classmethod
    def of(cls, images: BatchImages, fill: int = 1, multiple: int = 1) -> "Numbering":
        """Return the numbering of the points of some images; ``total`` and ``highest`` are rounded up to multiples."""
        first = images.first_points
        owner = np.repeat(np.arange(len(images.counts)), images.counts.numpy())
        points = np.diff(images.edges)
        table = torch.from_numpy(np.concatenate([first[1:], first[:-1], owner, points, images.counts.numpy()]))
        device = images.pairs.device
        if device.type == "cuda":
            table = table.pin_memory()
        most = images.pairs.shape[2]
        highest = min(-(-int(images.kept.max()) // multiple) * multiple, most)
        total = min(-(-int(first[-1]) // fill) * fill, highest * len(images.kept))
        return cls(table.to(device, non_blocking=True), len(images.kept), len(images.counts), total, highest)

    @property
    def ends(self) -> Tensor:
        """(n,) the number of points up to the end of each image."""
        return self._part(0)

    @property
    def before(self) -> Tensor:
        """(n,) the number of points before each image."""
        return self._part(1)

    @property
    def owners(self) -> Tensor:
        """(n,) the particle of each image."""
        return self._part(2)

    def _part(self, number: int) -> Tensor:
        sizes = [self.images, self.images, self.images, self.particles, self.particles]
        return torch.split(self.table, sizes)[number]

    @property
    def shares(self) -> Tensor:
        """(B,) float32: one over the number of points of each particle."""
        return 1 / self._part(3).clamp(min=1).float()

    @property
    def tilts(self) -> Tensor:
        """(B,) float32: the number of images of each particle."""
        return self._part(4).float()


@dataclass(frozen=True)
class Block:
    """The points ``begin:end`` of a batch, of particles ``particles`` (their numbers in the batch)."""

    begin: int
    end: int
    particles: range

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def rows(self) -> slice:
        """Where the block's particles stand in the batch."""
        return slice(self.particles.start, self.particles.stop)


def blocks_of(edges: npt.NDArray[np.int64], size: int, *, one_particle: bool, at_least: int = 1) -> list[Block]:
    """Cut the points of a batch, of which particle b has ``edges[b]:edges[b + 1]``, into blocks of about ``size``.

    With ``one_particle`` no block has points of two, and blocks are cut smaller where there would be fewer of them
    than ``at_least``.
    """
    total = int(edges[-1])
    if one_particle:
        size = max(1, min(size, -(-total // at_least)))
        blocks = []
        for particle, (begin, end) in enumerate(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)):
            pieces = -(-(end - begin) // size)
            cuts = [begin + (end - begin) * piece // pieces for piece in range(pieces + 1)] if pieces else []
            own = range(particle, particle + 1)
            blocks += [Block(low, high, own) for low, high in pairwise(cuts)]
        return blocks
    result = []
    for begin in range(0, total, size):
        end = min(begin + size, total)
        low = int(np.searchsorted(edges, begin, side="right")) - 1
        result.append(Block(begin, end, range(low, int(np.searchsorted(edges, end, side="left")))))
    return result


def blocks_of_images(images: BatchImages, size: int, *, one_particle: bool, at_least: int = 1) -> list[Block]:
    """Cut the points of a batch into blocks as :func:`blocks_of` does, but of whole images, one or more."""
    first, owner = images.first_points, np.repeat(np.arange(len(images.counts)), images.counts.numpy())
    size = max(1, min(size, -(-int(first[-1]) // at_least))) if one_particle else size
    blocks, begin = [], 0
    for image in range(1, len(owner) + 1):
        last = image == len(owner)
        if last or first[image + 1] - first[begin] > size or (one_particle and owner[image] != owner[begin]):
            if first[image] > first[begin]:
                own = range(int(owner[begin]), int(owner[image - 1]) + 1)
                blocks.append(Block(int(first[begin]), int(first[image]), own))
            begin = image
    return blocks


@dataclass(frozen=True)
class Points:
    """The points of a block, m in all.

    Attributes
    ----------
    k3
        (m, 3) x, y, z in cycles/px.
    transfer
        (m,) what a central slice is multiplied by.
    weight
        (m,) loss weight.
    stands_for
        (m,) how many points each stands for: 1 where all are looked at, 0 for those that only fill the block.
    real, imaginary
        (m,) standardised Fourier values of the images.
    owner
        (m,) particle of each point, counted from the block's first; ``None`` where there is one particle.
    """

    k3: Tensor
    transfer: Tensor
    weight: Tensor
    stands_for: Tensor
    real: Tensor
    imaginary: Tensor
    owner: Tensor | None

    def filled(self, idle: int) -> "Points":
        """Return the points and, after them, ``idle`` ones that have no weight."""
        if not idle:
            return self

        def longer(values: Tensor) -> Tensor:
            return torch.cat([values, values[:1].expand(idle, *values.shape[1:])])

        weightless = self.weight.new_zeros(idle)
        return Points(
            k3=longer(self.k3),
            transfer=longer(self.transfer),
            weight=torch.cat([self.weight, weightless]),
            stands_for=torch.cat([self.stands_for, weightless]),
            real=longer(self.real),
            imaginary=longer(self.imaginary),
            owner=None if self.owner is None else longer(self.owner),
        )


def points_of(images: BatchImages, block: Block, lattice: Lattice, weighting: Weighting, multiple: int = 1) -> Points:
    """Return the points of a block.

    Their number is rounded up to a ``multiple`` by points that have no weight, so that a processor's library meets
    few different shapes.
    """
    own, image, point = numbered(images, block)
    low = lattice.first(int(images.kept[own].max()))
    tilts = images.tilts[own]
    flat = image * low.pairs + point
    values = (tilts.transfer(low).flatten()[flat], weighting.within_mask(tilts, low).flatten()[flat])
    owner = owner_in(block, images, image + own.start)
    found = points_at(images, lattice, image + own.start, point, *values, torch.ones_like(values[0]), owner)
    return found.filled(-len(block) % multiple)


class NumberedPoints:
    """The points of blocks of a batch, numbered on its device: CTF and weights are computed once for all of its blocks.

    Nothing depends on what the host knows of the images but their numbers, and it waits for nothing.
    """

    def __init__(self, images: BatchImages, lattice: Lattice, weighting: Weighting) -> None:
        self._images, self._lattice, self._numbering = images, lattice, images.numbering
        self._low = lattice.first(self._numbering.highest)
        self._transfer = images.tilts.transfer(self._low).flatten()
        self._weight = weighting.within_mask(images.tilts, self._low).flatten()

    def __call__(self, block: Block) -> Points:
        """Return the points of a block."""
        numbering, low = self._numbering, self._low
        numbers = torch.arange(block.begin, block.end, device=numbering.table.device)
        image = torch.searchsorted(numbering.ends, numbers, right=True).clamp_(max=numbering.images - 1)
        point = (numbers - numbering.before[image]).clamp_(max=low.pairs - 1)
        flat, there = image * low.pairs + point, numbers < numbering.ends[-1]
        owner = None if len(block.particles) == 1 else numbering.owners[image] - block.particles.start
        weight = self._weight[flat] * there
        return points_at(self._images, self._lattice, image, point, self._transfer[flat], weight, there.float(), owner)


def numbered(images: BatchImages, block: Block) -> tuple[slice, Tensor, Tensor]:
    """Return the images that a block has points of, and for each point (m,) which of them and which of the lattice."""
    first, device = images.first_points, images.pairs.device
    own = slice(
        int(np.searchsorted(first, block.begin, side="right")) - 1, int(np.searchsorted(first, block.end, side="left"))
    )
    ends = torch.from_numpy(first[own.start + 1 : own.stop + 1] - block.begin).to(device, non_blocking=True)
    # the block's first image may begin before the block, so that its first points are left out
    skipped = torch.from_numpy(first[own] - block.begin).to(device, non_blocking=True)
    numbers = torch.arange(len(block), device=device)
    image = torch.searchsorted(ends, numbers, right=True)
    return own, image, numbers - skipped[image]


def owner_in(block: Block, images: BatchImages, image: Tensor) -> Tensor | None:
    """Return the particle (m,) of a block's points, counted from its first; ``None`` where it has one only."""
    if len(block.particles) == 1:
        return None
    owners = torch.repeat_interleave(images.counts).to(image.device, non_blocking=True)
    return owners[image] - block.particles.start


def points_at(
    images: BatchImages,
    lattice: Lattice,
    image: Tensor,
    point: Tensor,
    transfer: Tensor,
    weight: Tensor,
    stands_for: Tensor,
    owner: Tensor | None,
) -> Points:
    """Return the points (m,) of some images of the batch, of which the forward model is known."""
    pairs = images.pairs.flatten(1)
    plus, minus = pairs[image, point], pairs[image, lattice.pairs + point]
    k, axes = lattice.k[point], images.tilts.rotation[:, :2][image]
    return Points(
        k3=k[:, :1] * axes[:, 0] + k[:, 1:] * axes[:, 1],
        transfer=transfer,
        weight=weight,
        stands_for=stands_for,
        real=(plus + minus) / 2,
        imaginary=(minus - plus) / 2,
        owner=owner,
    )


def shares(images: BatchImages) -> list[float]:
    """Return, for each particle, one over the number of its points."""
    return [1 / max(count, 1) for count in np.diff(images.edges).tolist()]


def dealt(blocks: Sequence[Block], hands: int) -> list[list[Block]]:
    """Deal blocks to workers so that all have about as many points; the same blocks always go to the same hands."""
    result: list[list[Block]] = [[] for _ in range(hands)]
    load = [0] * hands
    for block in sorted(blocks, key=lambda each: (-len(each), each.begin)):
        lightest = load.index(min(load))
        result[lightest].append(block)
        load[lightest] += len(block)
    return result
