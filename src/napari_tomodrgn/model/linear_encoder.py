"""An encoder that is solved, not trained: latents as coordinates in a space of a few volumes.

A particle's images are modelled as slices of ``mean + Σ_j z_j component_j`` at low resolution, with z_j ~ N(0, s_j²)
and noise of one variance a particle. Then the posterior of z is a Gaussian that a small linear system gives: it knows
every image's pose, CTF and weight, takes any number of tilts, and is the same whenever it is asked. The volumes come
from ``training.linear_fit``.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse
import torch
from threadpoolctl import threadpool_limits
from torch import Tensor, nn

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages

RADIUS = 0.25  # cycles/px: tells most states of a particle apart, at a quarter of the points
PADDING = 2

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LinearPoints:
    """The n points within the radius of B particles' images, those of one particle contiguous.

    Attributes
    ----------
    ends
        (B + 1,) particle b has the points ``ends[b]:ends[b + 1]``.
    corners
        (n, voxels) trilinear weights of the grid points around each point.
    values
        (n,) complex: of the images, conjugated where the point was mirrored into the stored half of Fourier space.
    transfer, weight
        (n,) what a central slice is multiplied by, and the inverse variance of its noise up to a factor.
    """

    ends: npt.NDArray[np.int64]
    corners: scipy.sparse.csr_matrix
    values: npt.NDArray[np.complex64]
    transfer: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]


class LinearEncoder(nn.Module):
    """Mean and components on a grid of Fourier space (x >= 0), and the posteriors they imply. Works on the CPU."""

    volumes: Tensor  # (voxels, 2, 1 + |z|): real and imaginary parts of the mean and of every component
    prior_deviation: Tensor  # (|z|,): s, of every dimension's prior

    def __init__(self, box: int, latent_dim: int) -> None:
        super().__init__()
        self.box, self.columns = box, 1 + latent_dim
        self.size = PADDING * 2 * int(np.ceil(RADIUS * box))
        self.depth = self.size // 2 + 2  # one plane more than the half-space, for corners beyond it
        self.register_buffer("volumes", torch.zeros(self.size * self.size * self.depth, 2, self.columns))
        self.register_buffer("prior_deviation", torch.ones(latent_dim))

    def shells(self) -> npt.NDArray[np.int64]:
        """Return (voxels,) the resolution shell of every grid point, in units of 1/D."""
        steps = np.fft.fftfreq(self.size, 1 / self.size)
        squared = steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + np.arange(self.depth) ** 2
        return np.rint(np.sqrt(squared).ravel() / PADDING).astype(np.int64)

    def points(
        self, tilts: TiltImages, pairs: Tensor, counts: Tensor, lattice: Lattice, weight: Tensor
    ) -> LinearPoints:
        """Return the points of particles with ``counts`` (B,) images, of Hartley ``pairs`` and ``weight`` (n, P)."""
        low = slice(0, int((lattice.k.norm(dim=1) <= RADIUS).sum()))  # the lattice is ordered by |k|
        corners, mate = self._corners(tilts.k3(lattice)[:, low].reshape(-1, 3).cpu().numpy())
        values = pairs_to_complex(pairs[..., low]).cpu().numpy().ravel()
        return LinearPoints(
            ends=np.concatenate([[0], np.cumsum(counts.cpu().numpy())]) * low.stop,
            corners=corners,
            values=np.where(mate, values.conj(), values),
            transfer=tilts.transfer(lattice)[:, low].cpu().numpy().ravel(),
            weight=weight[:, low].cpu().numpy().ravel(),
        )

    def _corners(self, k3: npt.NDArray[np.float32]) -> tuple[scipy.sparse.csr_matrix, npt.NDArray[np.bool_]]:
        """Return the trilinear weights (n, voxels) of points (n, 3), and which were mirrored into the half-space."""
        mate = k3[:, 0] < 0
        position = np.where(mate[:, None], -k3, k3) * np.float32(PADDING * self.box)
        low = np.floor(position)
        upper = position - low
        parts = (1 - upper, upper)
        x, y, z = low.astype(np.int32).T
        index = np.empty((len(k3), 8), np.int32)
        weight = np.empty((len(k3), 8), np.float32)
        for corner in range(8):
            dz, dy, dx = corner >> 2, corner >> 1 & 1, corner & 1
            index[:, corner] = ((z + dz) % self.size * self.size + (y + dy) % self.size) * self.depth + x + dx
            weight[:, corner] = parts[dz][:, 2] * parts[dy][:, 1] * parts[dx][:, 0]
        starts = np.arange(0, 8 * len(k3) + 1, 8)
        shape = (len(k3), len(self.volumes))
        return scipy.sparse.csr_matrix((weight.ravel(), index.ravel(), starts), shape=shape), mate

    def solve(self, points: LinearPoints) -> tuple[Array, Array, Array]:
        """Return means (B, |z|), covariances (B, |z|, |z|), and the inverse variance of the noise (B,) of particles.

        The noise is what is left of the images once the mean volume is taken away.
        """
        parts = points.corners @ self.volumes.cpu().numpy().reshape(-1, 2 * self.columns)
        slices = (parts[:, : self.columns] + 1j * parts[:, self.columns :]) * points.transfer[:, None]
        residual = points.values - slices[:, 0]
        particles, size = len(points.ends) - 1, self.columns - 1
        normal, right = np.zeros((particles, size, size)), np.zeros((particles, size))
        precision = np.ones(particles)
        with threadpool_limits(1):  # the matrices of one particle are too small for more
            for number, (begin, end) in enumerate(zip(points.ends[:-1], points.ends[1:], strict=True)):
                own, weight = slice(begin, end), points.weight[begin:end]
                noise = (weight * np.abs(residual[own]) ** 2).sum() / max(weight.sum(), 1e-12)
                precision[number] = 1 / max(noise, 1e-12)
                components = slices[own, 1:]
                weighted = components.conj() * (2 * precision[number] * weight)[:, None]
                normal[number] = (weighted.T @ components).real
                right[number] = (weighted.T @ residual[own]).real
            covariance = np.linalg.inv(normal + np.diag(self.prior_deviation.cpu().numpy().astype(np.float64) ** -2))
        mean: Array = np.einsum("bij,bj->bi", covariance, right)
        return mean, np.asarray(covariance, dtype=np.float64), precision

    def forward(
        self, tilts: TiltImages, pairs: Tensor, counts: Tensor, lattice: Lattice, weight: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return mean (B, |z|) and covariance (B, |z|, |z|) of each particle's latent, float32."""
        mean, covariance, _ = self.solve(self.points(tilts, pairs, counts, lattice, weight))
        return torch.from_numpy(mean).float().to(pairs.device), torch.from_numpy(covariance).float().to(pairs.device)
