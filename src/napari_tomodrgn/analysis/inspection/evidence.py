"""The part of a data set that the checks look at: Fourier values of its images, and where they lie in 3D."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import torch
from scipy.sparse import csr_array

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import Lattice, lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.reconstruction.half_sets import half_sets

POINTS = 1_000_000  # Fourier values looked at, about
FEWEST_PARTICLES, FEWEST_TILTS = 32, 9
PADDING = 2
NORMALISED = 0.003  # spread of the images' standard deviations below which they were made equal
OWN_SCALE_FROM = 4  # particles a tomogram needs for a noise level of its own

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Evidence:
    """Images of some particles in Fourier space.

    Attributes
    ----------
    particle_set
        The particles and tilt images looked at, N and n of them.
    tilts, lattice
        Their parameters, and the P points of Fourier space, ordered by |k|.
    values
        (n, P) complex64 Fourier values, centred, particles positive as far as ``contrast`` is right.
    half
        (N,) 0 or 1.
    mean, deviation
        (n,) mean and standard deviation of the pixels of each image, as stored.
    """

    particle_set: ParticleSet
    tilts: TiltImages
    lattice: Lattice
    values: npt.NDArray[np.complex64]
    half: npt.NDArray[np.int64]
    mean: FloatArray
    deviation: FloatArray

    @cached_property
    def particle(self) -> npt.NDArray[np.int64]:
        """(n,) the particle of each image."""
        particle: npt.NDArray[np.int64] = self.particle_set.tilt_images["particle"].to_numpy(np.int64)
        return particle

    @cached_property
    def shell(self) -> npt.NDArray[np.int64]:
        """(P,) the shell, round(|k| D), of each point."""
        radius: FloatArray = self.lattice.k.norm(dim=1).numpy() * self.lattice.box
        return np.rint(radius).astype(np.int64)

    @cached_property
    def noise_group(self) -> npt.NDArray[np.int64]:
        """(n,) images of one number share a noise level: those of a tomogram, where it has particles enough.

        Where every image was scaled to the same standard deviation, each has its own.
        """
        if np.std(self.deviation) < NORMALISED * np.mean(self.deviation):
            return np.arange(len(self.particle))
        tomogram = self.particle_set.particles["tomogram"]
        code = tomogram.astype("category").cat.codes.to_numpy(np.int64) + 1
        code[np.bincount(code)[code] < OWN_SCALE_FROM] = 0
        return np.unique(code[self.particle], return_inverse=True)[1].astype(np.int64)

    def up_to(self, k: float) -> "Evidence":
        """Return the same images with only the points of |k| <= ``k`` cycles/px."""
        count = int(torch.searchsorted(self.lattice.k.norm(dim=1), k, right=True))
        points = Lattice(
            self.lattice.box, self.lattice.k[:count], self.lattice.plus[:count], self.lattice.minus[:count]
        )
        return replace(self, lattice=points, values=self.values[:, :count])


def gather(particle_set: ParticleSet, seed: int = 0) -> Evidence:
    """Read a seeded sample of a set: about a million Fourier values, in whole particles, tilts spread over the dose."""
    points = lattice(particle_set.box)
    sample = _sample(particle_set, points.pairs, seed)
    tilts = TiltImages.of(sample)
    images = ImageStacks(sample).read(np.arange(len(tilts)))
    pairs = preprocess(torch.from_numpy(images), tilts.shift_px, points, contrast=sample.forward_model.contrast)
    return Evidence(
        particle_set=sample,
        tilts=tilts,
        lattice=points,
        values=pairs_to_complex(pairs).numpy(),
        half=half_sets(sample, seed),
        mean=images.mean((1, 2)),
        deviation=images.std((1, 2)),
    )


def _sample(particle_set: ParticleSet, pairs: int, seed: int) -> ParticleSet:
    images = max(POINTS // pairs, 1)
    most = max(images // max(int(particle_set.tilts_per_particle.mean()), 1), FEWEST_PARTICLES)
    if len(particle_set) > most:
        rows = np.random.default_rng(seed).choice(len(particle_set), most, replace=False)
        particle_set = particle_set.take(rows)
    per_particle = max(images // len(particle_set), FEWEST_TILTS)
    if particle_set.tilts_per_particle.max() <= per_particle:
        return particle_set
    table = particle_set.tilt_images
    rank = table.groupby("particle")["dose"].rank(method="first").to_numpy() - 1
    count = particle_set.tilts_per_particle[table["particle"]]
    kept = np.minimum(count, per_particle)
    # Ranks 0, s, 2s, …: floor(rank · kept / count) steps up at them.
    step = np.floor(rank * kept / count)
    return particle_set.take_tilts((rank == 0) | (step > np.floor((rank - 1) * kept / count)))


def sum_by(
    number: npt.NDArray[np.integer], values: npt.NDArray[np.floating], count: int = 0
) -> npt.NDArray[np.float64]:
    """Return the sums (count or more,) of the values (n,) that carry the same number (n,)."""
    return np.bincount(number, weights=values, minlength=count).astype(np.float64)


@dataclass(frozen=True)
class Slices:
    """Where the images of one half lie in a padded Fourier grid, as a sparse trilinear interpolation.

    Attributes
    ----------
    rows
        The images of this half.
    matrix
        (rows · P, voxels) of the half-space x >= 0.
    mate
        (rows · P,) +1, or -1 where the conjugate of the grid's value is meant.
    """

    rows: npt.NDArray[np.int64]
    matrix: csr_array
    mate: FloatArray

    def insert(self, values: npt.NDArray[np.complex64], weight: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return sums on the grid of complex values (rows, P), as (voxels, 2), and of weights (rows, P), (voxels,)."""
        flat = values.reshape(-1)
        stacked = np.stack([flat.real, flat.imag * self.mate, weight.reshape(-1)], axis=1)
        sums = self.matrix.T @ stacked
        return sums[:, :2], sums[:, 2]

    def read(self, grid: FloatArray) -> npt.NDArray[np.complex64]:
        """Return the complex values (rows, P) of a grid (voxels, 2)."""
        parts = self.matrix @ grid
        values: npt.NDArray[np.complex64] = (parts[:, 0] + 1j * (parts[:, 1] * self.mate)).astype(np.complex64)
        return values.reshape(len(self.rows), -1)


def slices(evidence: Evidence, rotation: FloatArray | None = None) -> tuple[Slices, Slices]:
    """Return the central slices of both halves, for the set's own rotations (n, 3, 3) or for others."""
    rotation = evidence.tilts.rotation.numpy() if rotation is None else rotation
    image_half = evidence.half[evidence.particle]
    return _half_slices(evidence, rotation, np.flatnonzero(image_half == 0)), _half_slices(
        evidence, rotation, np.flatnonzero(image_half == 1)
    )


@lru_cache(maxsize=2)
def grid_shells(box: int) -> npt.NDArray[np.int64]:
    """Return the shell (voxels,), in steps of 1/D cycles/px, of every voxel of the grid that slices lie in."""
    size = PADDING * box
    steps = np.fft.fftfreq(size, 1 / size)
    half = np.arange(size // 2 + 2)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[None, :, None] ** 2 + half[None, None, :] ** 2)
    return np.rint(radius.reshape(-1) / PADDING).astype(np.int64)


def _half_slices(evidence: Evidence, rotation: FloatArray, rows: npt.NDArray[np.int64]) -> Slices:
    size = PADDING * evidence.lattice.box
    line = size // 2 + 2
    k3 = np.einsum("pj,njk->npk", evidence.lattice.k.numpy(), rotation[rows][:, :2]).reshape(-1, 3)
    mate = np.where(k3[:, 0] < 0, -1, 1).astype(np.float32)
    position = k3 * mate[:, None] * size
    low = np.floor(position)
    upper = (position - low).astype(np.float32)
    x, y, z = low.astype(np.int32).T
    index = np.empty((len(k3), 8), dtype=np.int32)
    weight = np.empty((len(k3), 8), dtype=np.float32)
    for corner in range(8):
        step = (corner & 1, corner >> 1 & 1, corner >> 2)
        index[:, corner] = (((z + step[2]) % size) * size + (y + step[1]) % size) * line + x + step[0]
        parts = [upper[:, axis] if step[axis] else 1 - upper[:, axis] for axis in range(3)]
        weight[:, corner] = parts[0] * parts[1] * parts[2]
    begins = np.arange(0, 8 * len(k3) + 1, 8, dtype=np.int32)
    matrix = csr_array((weight.reshape(-1), index.reshape(-1), begins), shape=(len(k3), size * size * line))
    return Slices(rows, matrix, mate)
