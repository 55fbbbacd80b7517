"""A particle's own unknowns, fitted to its images with the decoder as it is: latent, contrast, and small moves.

The residual at a particle's points is nearly linear in all of them, so its squares are minimised in a few steps, each
the solution of a linear system with as many rows as there are unknowns (Gauss and Newton). With noise of variance 1, as
images are standardised,

    sum over points of w |T F - x|²  +  1/2 sum over unknowns of precision (unknown - expected)²

is minus the logarithm of their probability.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from napari_tomodrgn.model.decoder_gradient import DecodedPoints
from napari_tomodrgn.model.decoder_tangents import along_latent, along_points
from napari_tomodrgn.training.decoding import MULTIPLE, Decoding
from napari_tomodrgn.training.points import BatchImages, Block, Points, blocks_of, dealt, points_of
from napari_tomodrgn.training.workers import in_threads

DIRECTIONS_AT_ONCE = 8
MOVES = 6  # three rotations, three shifts


@dataclass(frozen=True)
class Unknowns:
    """Which of a particle's numbers are asked for, in this order.

    The latent's |z|; the contrast, which its transfer is multiplied by; rotations about x, y, z (radians) of its volume
    and shifts along x, y, z (px), both in the frame of the volume.
    """

    latent: bool = False
    contrast: bool = False
    moves: bool = False

    def count(self, latent_dim: int) -> int:
        """Return how many there are."""
        return self.latent * latent_dim + self.contrast + MOVES * self.moves


@dataclass(frozen=True)
class NormalEquations:
    """Of B particles: the weighted squares (B,), and half of their second and minus half of their first derivatives.

    ``matrix`` (B, n, n) and ``right`` (B, n), float64 on the CPU.
    """

    squares: Tensor
    matrix: Tensor
    right: Tensor


@torch.no_grad()
def normal_equations(
    decoding: Decoding,
    images: BatchImages,
    z: Tensor | None,  # (B, |z|)
    unknowns: Unknowns,
) -> NormalEquations:
    """Return the normal equations of particles at their latents, contrasts and poses as they are."""
    decoder = decoding.decoder
    device = images.pairs.device
    kind = device.type
    latent_input = None if z is None else decoder.latent_input(z.to(device).float())
    columns = decoder.latent_input(torch.eye(decoder.latent_dim, device=device)) if unknowns.latent else None
    size, particles = unknowns.count(decoder.latent_dim), len(images.counts)

    def work(blocks: Sequence[Block]) -> NormalEquations:
        # summed on the device, so that the host does not wait for each block
        exact = torch.float32 if kind == "mps" else torch.float64
        found = NormalEquations(
            torch.zeros(particles, dtype=exact, device=device),
            torch.zeros(particles, size, size, dtype=exact, device=device),
            torch.zeros(particles, size, dtype=exact, device=device),
        )
        for block in blocks:
            points = points_of(images, block, decoding.lattice, decoding.weighting, MULTIPLE[kind])
            one = block.particles.start
            rows = None if latent_input is None else latent_input[one : one + 1]
            decoded = DecodedPoints(decoding.weights, points.k3, rows, None)
            residual = torch.stack([points.transfer * decoded.real, points.transfer * decoded.imaginary])
            residual = (residual - torch.stack([points.real, points.imaginary])).to(exact)
            jacobian = _jacobian(decoding, points, decoded, unknowns, columns).to(exact)  # (n, 2, m)
            weighted = (jacobian * points.weight).flatten(1)
            found.squares[one] += (points.weight * residual**2).sum()
            found.matrix[one] += weighted @ jacobian.flatten(1).T
            found.right[one] -= weighted @ residual.flatten()
        return found

    cores = torch.get_num_threads() if kind == "cpu" else 1
    # a direction takes as much space as the values themselves
    points_at_once = decoding.points_per_block // (1 + min(max(size, 1), DIRECTIONS_AT_ONCE))
    blocks = blocks_of(images.edges, max(points_at_once, 1), one_particle=True, at_least=cores)
    parts = in_threads(work, dealt(blocks, max(1, min(cores, len(blocks)))))
    sums = (torch.stack([getattr(part, name) for part in parts]).sum(0) for name in ("squares", "matrix", "right"))
    return NormalEquations(*(each.cpu().double() for each in sums))


def _jacobian(
    decoding: Decoding, points: Points, decoded: DecodedPoints, unknowns: Unknowns, columns: Tensor | None
) -> Tensor:
    """Return how real and imaginary part of what is compared with the images change with each unknown, (n, 2, m)."""
    found = []
    values = torch.stack([decoded.real, decoded.imaginary]) * points.transfer
    for begin in range(0, 0 if columns is None else len(columns), DIRECTIONS_AT_ONCE):
        assert columns is not None
        directions = columns[begin : begin + DIRECTIONS_AT_ONCE]
        found.append(torch.stack(along_latent(decoding.weights, decoded, directions), 1) * points.transfer)
    if unknowns.contrast:
        found.append(values[None])
    if unknowns.moves:
        axes = torch.eye(3, device=points.k3.device)[:, None, :].expand(-1, len(points.k3), -1)
        turned = torch.linalg.cross(axes, points.k3.expand(3, -1, -1))
        change = along_points(decoding.weights, decoded, points.k3, turned)
        found.append(torch.stack(change, 1) * points.transfer)
        # a volume moved by s is multiplied by exp(-2 pi i k.s)
        phase = 2 * torch.pi * points.k3.T
        found.append(torch.stack([phase * values[1], -phase * values[0]], 1))
    return torch.cat(found)


@dataclass(frozen=True)
class Fitted:
    """Gaussians of B particles' latents: ``mean`` (B, |z|) and ``covariance`` (B, |z|, |z|), float32 on the CPU."""

    mean: Tensor
    covariance: Tensor


def fit_latents(
    decoding: Decoding,
    images: BatchImages,
    start: Tensor,  # (B, |z|)
    beta: float,
    deviation: Tensor,  # (|z|,) of the latents' prior
    steps: int,
) -> Fitted:
    """Return the latents that minimise the loss of particles, beta's term included, and their spread.

    The spread is that of the Gaussian which minimises the loss where the decoder is as linear as it is at the mean.
    Where a step has not lowered a particle's loss, half of it is taken.
    """
    points = torch.from_numpy(images.edges).diff().double()
    # the loss is a mean over points, and its second term beta KLD / (tilts D²)
    strength = beta * points / (images.counts * decoding.lattice.box**2)  # (B,)
    precision = strength[:, None] / deviation.cpu().double() ** 2  # (B, |z|)
    unknowns = Unknowns(latent=True)
    best = z = start.cpu().double()
    lowest = torch.full_like(points, torch.inf)
    step = torch.zeros_like(z)
    for _ in range(steps + 1):
        found = normal_equations(decoding, images, z, unknowns)
        loss = found.squares + 0.5 * (precision * z**2).sum(1)
        better = loss < lowest
        if lowest.isinf().all():
            matrix, right, better = found.matrix, found.right, torch.ones_like(better)
        lowest = torch.where(better, loss, lowest)
        best = torch.where(better[:, None], z, best)
        matrix = torch.where(better[:, None, None], found.matrix, matrix)
        right = torch.where(better[:, None], found.right, right)
        solved = solve(matrix, right, best, precision)
        step = torch.where(better[:, None], solved, step / 2)
        z = best + step
    covariance = torch.linalg.inv(2 * matrix + torch.diag_embed(precision)) * strength[:, None, None].clamp(min=1e-12)
    return Fitted(best.float(), covariance.float())


def solve(matrix: Tensor, right: Tensor, values: Tensor, precision: Tensor) -> Tensor:
    """Return the step (B, n) from ``values`` to the minimum of squares and prior (expected 0, ``precision`` (B, n))."""
    full = 2 * matrix + torch.diag_embed(precision)
    step: Tensor = torch.linalg.solve(full, 2 * right - precision * values)
    return step
