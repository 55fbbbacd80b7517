"""The volumes of a linear encoder: probabilistic principal components of volumes that are only seen as slices.

Expectation-maximisation (Tipping and Bishop 1999) alternates the posterior of every particle's latent with the volumes
that fit best, under a Gaussian prior on the volumes, one variance a shell.
"""

import logging
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from napari_tomodrgn.model.linear_encoder import Array, LinearEncoder, LinearPoints
from napari_tomodrgn.progress import track
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.batches import Batch, Rows, Split
from napari_tomodrgn.training.inference import Images

ITERATIONS = 30
CONVERGED = 0.002  # relative change of the components' power
SHARE = 0.05  # of the mean volume's power in a shell: the prior variance of a component there
MOST_PARTICLES = 4000  # that the volumes are learned from
LEAST_DEVIATION = 1e-3  # of a dimension in which nothing was found
POINTS_PER_BLOCK = 1 << 18
log = logging.getLogger("napari_tomodrgn")


def fit_linear_encoder(
    encoder: LinearEncoder,
    images: Images,
    split: Split,
    seed: int,
    stop: StopRequest | None = None,
) -> None:
    """Set the volumes of an encoder from the images of a split that are trained on.

    The latents begin as random numbers drawn with ``seed``. At the end the components are orthogonal, the strongest
    first, and all of the strongest one's length: what they differ in stands in the spread of the latents, so that
    distances between latents are distances between volumes.

    Raises
    ------
    InterruptedWorkError
        Where a stop was asked for.
    """
    fit = _Fit(encoder, images, split, seed, stop)
    power = 0.0
    for _ in track(range(ITERATIONS), "linear encoder", total=ITERATIONS, unit="iterations"):
        fit.iterate()
        previous, power = power, fit.canonical()
        if abs(power - previous) < CONVERGED * power:
            break
    fit.infer()
    fit.canonical()
    fit.scale_latents()


class _Fit:
    """Latents and volumes while they are learned."""

    def __init__(
        self,
        encoder: LinearEncoder,
        images: Images,
        split: Split,
        seed: int,
        stop: StopRequest | None,
    ) -> None:
        self.encoder, self.images, self.split, self.stop = encoder, images, split, stop
        self.lattice = images.lattice.to("cpu")
        self.shell = encoder.shells()
        generator = np.random.default_rng([seed, 6])
        self.particles = split.particles
        if len(self.particles) > MOST_PARTICLES:
            self.particles = np.sort(generator.choice(self.particles, MOST_PARTICLES, replace=False))
        size = encoder.columns - 1
        self.mean = generator.standard_normal((len(self.particles), size))
        self.covariance = np.tile(np.eye(size), (len(self.particles), 1, 1))
        self.precision = np.ones(len(self.particles))
        self.begun = False

    def _blocks(self) -> Iterator[tuple[slice, LinearPoints]]:
        """Yield the points of some particles after the other, and which rows of the latents these are."""
        tilts = max(len(self.split.training[p]) for p in self.particles)
        step = max(1, POINTS_PER_BLOCK // (tilts * self.lattice.pairs // 4))
        for begin in range(0, len(self.particles), step):
            if self.stop is not None and self.stop.signal is not None:
                raise InterruptedWorkError("stopped before the first epoch; nothing was trained yet", self.stop.signal)
            rows = slice(begin, min(begin + step, len(self.particles)))
            chosen: Rows = self.particles[rows]
            batch = Batch.of(chosen, [self.split.training[p] for p in chosen])
            images = self.images.of(batch)
            on_cpu, pairs = images.tilts.to("cpu"), images.pairs.cpu()
            weight = self.images.weighting.weights(on_cpu, self.lattice)
            yield rows, self.encoder.points(on_cpu, pairs, batch.counts, self.lattice, weight)

    def infer(self) -> None:
        """Infer the latents, given the volumes."""
        for own, points in self._blocks():
            self._infer(own, points)

    def _infer(self, own: slice, points: LinearPoints) -> None:
        self.mean[own], self.covariance[own], self.precision[own] = self.encoder.solve(points)

    def iterate(self) -> None:
        """Infer the latents, and set the volumes that fit them best."""
        rows, columns = np.triu_indices(self.encoder.columns)
        normal = np.zeros((len(self.shell), len(rows)), np.float32)
        right = np.zeros((len(self.shell), 2 * self.encoder.columns), np.float32)
        for own, points in self._blocks():
            if self.begun:
                self._infer(own, points)
            count = np.diff(points.ends)
            z = np.concatenate([np.ones((len(count), 1)), self.mean[own]], axis=1)
            second = z[:, :, None] * z[:, None, :]
            second[:, 1:, 1:] += self.covariance[own]
            weight = points.weight * np.repeat(self.precision[own], count)
            inside = (weight * points.transfer**2)[:, None] * np.repeat(second[:, rows, columns], count, axis=0)
            seen = (weight * points.transfer * points.values)[:, None] * np.repeat(z, count, axis=0)
            spread = points.corners.T
            normal += spread @ inside.astype(np.float32)
            right += spread @ np.concatenate([seen.real, seen.imag], axis=1).astype(np.float32)
        self.begun = True
        matrix = np.zeros((len(normal), self.encoder.columns, self.encoder.columns))
        matrix[:, rows, columns] = matrix[:, columns, rows] = normal
        volumes = self._most_probable(matrix, right[:, : self.encoder.columns] + 1j * right[:, self.encoder.columns :])
        self._set(np.stack([volumes.real, volumes.imag], axis=1))

    def _most_probable(self, matrix: Array, right: npt.NDArray[np.complex64]) -> npt.NDArray[np.complex128]:
        """Return the volumes (voxels, columns), given the sums over the points around every grid point."""
        seen = matrix[:, 0, 0] > 0
        shells = int(self.shell.max()) + 1
        count = np.maximum(np.bincount(self.shell[seen], minlength=shells), 1)
        density = np.bincount(self.shell, matrix[:, 0, 0], shells) / count
        rough = np.abs(right[:, 0] / np.maximum(matrix[:, 0, 0] + density[self.shell], 1e-12)) ** 2
        power = np.maximum(np.bincount(self.shell, rough * seen, shells) / count, 1e-12)[self.shell]
        diagonal = np.arange(self.encoder.columns)
        matrix[:, diagonal, diagonal] += 1 / (power[:, None] * np.where(diagonal == 0, 1.0, SHARE))
        return np.asarray(np.linalg.solve(matrix, right[..., None])[..., 0] * seen[:, None], dtype=np.complex128)

    def canonical(self) -> float:
        """Make the latents' mean 0, their second moment 1 and the components orthogonal, the strongest first.

        Returns the components' power.
        """
        centre = self.mean.mean(axis=0)
        self.mean -= centre
        root = np.linalg.cholesky((self.mean.T @ self.mean + self.covariance.sum(0)) / len(self.mean))
        volumes = self.encoder.volumes.cpu().numpy().astype(np.float64)
        components = volumes[..., 1:]
        volumes[..., 0] += components @ centre
        power, turn = np.linalg.eigh(root.T @ np.einsum("gpi,gpj->ij", components, components) @ root)
        forward = root @ turn[:, ::-1]  # z = forward z'
        volumes[..., 1:] = components @ forward
        self._set(volumes)
        backward = np.linalg.inv(forward)
        self.mean = self.mean @ backward.T
        self.covariance = backward @ self.covariance @ backward.T
        return float(power.sum())

    def scale_latents(self) -> None:
        """Move what components differ in length by into the prior of the latents."""
        volumes = self.encoder.volumes.cpu().numpy().astype(np.float64)
        length = np.sqrt((volumes[..., 1:] ** 2).sum(axis=(0, 1)))
        relative = np.maximum(length / length[0], LEAST_DEVIATION) if length[0] > 0 else np.ones(len(length))
        volumes[..., 1:] /= relative
        self._set(volumes)
        self.encoder.prior_deviation.copy_(torch.from_numpy(relative))

    def _set(self, volumes: Array) -> None:
        self.encoder.volumes.copy_(torch.from_numpy(volumes))
