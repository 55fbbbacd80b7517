"""Weighted backprojection: one map, and two half-maps, straight from the tilt images."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import Lattice, lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.imaging.window import soft_sphere
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.progress import track
from napari_tomodrgn.reconstruction.fourier_grid import FourierGrid
from napari_tomodrgn.reconstruction.fsc import fsc
from napari_tomodrgn.reconstruction.half_sets import half_sets as divide

FloatMap = npt.NDArray[np.float32]
RowArray = npt.NDArray[np.int64]

IMAGES_AT_ONCE = 64  # of about equal reach: fewer follow the dose more closely, more need fewer steps


@dataclass(frozen=True)
class Weighting:
    """What an image's frequencies count, as the trainer's options of the same names."""

    dose_weight: bool = True
    tilt_weight: bool = True
    dose_mask: bool = True
    dose_middle: bool = False


@dataclass(frozen=True)
class Backprojection:
    """A map (D, D, D) z, y, x in the frame of the poses (``map_hand`` not applied), and its halves if asked for.

    Attributes
    ----------
    map, half_1, half_2
        (D, D, D) float32; particles are positive, densities in units of the images.
    fsc
        (D/2 + 1,) Fourier shell correlation of the half-maps, after the soft sphere.
    half
        (n,) the half, 0 or 1, of each particle that was used.
    """

    map: FloatMap
    half_1: FloatMap | None = None
    half_2: FloatMap | None = None
    fsc: npt.NDArray[np.float64] | None = None
    half: npt.NDArray[np.int64] | None = None


def backproject(
    particle_set: ParticleSet,
    *,
    rows: npt.ArrayLike | None = None,
    half_sets: bool = True,
    dose_weight: bool = True,
    tilt_weight: bool = True,
    dose_mask: bool = True,
    dose_middle: bool = False,
    window: bool = True,
    batch: int = 512,
    seed: int = 0,
    progress: bool = True,
) -> Backprojection:
    """Reconstruct a map from the tilt images of a set by weighted backprojection (Wiener).

    Every Fourier value F of an image goes into the 3D transform at its place with weight w C F / (sum of w C² Q + r),
    where C is the CTF, Q the attenuation that the extraction program multiplied in, and w the weight of the image's
    noise. Images that hold the CTF twice hold the factor C already: w F / (sum of w C² Q + r). This is the estimate
    of least squares for white noise in the images as they were taken; plain and premultiplied forms of the same
    data give the same map. r is chosen shell by shell from the FSC of two halves of the particles (of the tilt images
    where there is one particle): mean denominator / SSNR. Windowed images determine a map only inside their circle,
    so maps are then multiplied by the same soft sphere.

    Parameters
    ----------
    rows
        Particles to use (integers or a mask); all by default.
    half_sets
        Also return the maps of two halves of the particles (neighbours kept together) and their FSC.
    dose_weight, tilt_weight
        Weigh by exposure and by cos(tilt) what the images are not yet weighted by.
    dose_mask
        Leave out frequencies past their optimal dose.
    dose_middle
        Take the dose at the middle of each exposure.
    window
        Multiply each image by a soft circle first.
    batch
        Tilt images in memory at once.

    Raises
    ------
    InputError
        Where half-sets are asked for and there are fewer than two particles, or no particle at all.
    """
    if rows is not None:
        particle_set = particle_set.take(rows)
    weighting = Weighting(dose_weight, tilt_weight, dose_mask, dose_middle)
    steps = backprojecting(particle_set, weighting, half_sets=half_sets, window=window, batch=batch, seed=seed)
    _, total = next(steps)
    found: list[Backprojection] = []

    def rest() -> Iterator[tuple[int, int]]:
        found.append((yield from steps))

    for _ in track(rest(), "backprojection", total=total, unit="batches") if progress else rest():
        pass
    return found[0]


def backprojecting(
    particle_set: ParticleSet,
    weighting: Weighting,
    *,
    half_sets: bool = True,
    window: bool = True,
    batch: int = 512,
    seed: int = 0,
) -> Generator[tuple[int, int], None, Backprojection]:
    """Reconstruct as :func:`backproject` does, and yield how many batches of images are done, of how many.

    Where it is closed before its end, what has not begun is left.
    """
    _refuse_too_few(particle_set, half_sets)
    half = divide(particle_set, seed)
    images = _FourierImages.of(particle_set, weighting, window)
    image_half = _half_of_images(particle_set, half)
    grids = yield from _filled(images, image_half, batch)
    sphere = soft_sphere(particle_set.box).numpy() if window else np.float32(1)
    first, second = (grid.reconstruct() * sphere for grid in grids)
    curve = fsc(first, second)
    whole = (grids[0] + grids[1]).reconstruct(curve if image_half.any() else None) * sphere
    return Backprojection(whole, first, second, curve, half) if half_sets else Backprojection(whole)


def _refuse_too_few(particle_set: ParticleSet, half_sets: bool) -> None:
    if len(particle_set) < 1 + half_sets:
        raise InputError(
            f"{particle_set.source.path}: {len(particle_set)} particles are too few to backproject"
            f"{' with half-sets; take two or more, or leave the half-sets out' if half_sets else ''}"
        )


def _half_of_images(particle_set: ParticleSet, half: RowArray) -> RowArray:
    """Return the half (M,) of each tilt image: its particle's, and every other image of a single particle."""
    if len(particle_set) == 1:
        return np.arange(len(particle_set.tilt_images)) % 2
    result: RowArray = half[particle_set.tilt_images["particle"].to_numpy()]
    return result


def _filled(
    images: "_FourierImages", image_half: RowArray, batch: int
) -> Generator[tuple[int, int], None, tuple[FourierGrid, FourierGrid]]:
    """Return the grids of the two halves (M,) of the images, each filled by a thread of its own.

    Yields how many batches are done, of how many. A grid's batches come one after another, so its sums have one order,
    and the same call gives the same bits.
    """
    grids = (FourierGrid(images.points.box), FourierGrid(images.points.box))
    with _torch_threads_halved(), ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        jobs = [
            (first, second)[number].submit(images.insert_into, grids[number], rows)
            for number, rows in _batches(image_half, max(batch // 2, 1))
        ]
        try:
            yield 0, len(jobs)
            for done, job in enumerate(jobs, 1):
                job.result()
                yield done, len(jobs)
        finally:  # at an error or Ctrl-C, or where it is closed; the pools wait for every job that is not cancelled
            for job in jobs:
                job.cancel()
    return grids


def _batches(image_half: RowArray, size: int) -> list[tuple[int, RowArray]]:
    """Return halves and up to ``size`` rows of theirs, in the order of the rows, near which both halves then read."""
    rows_of = [np.flatnonzero(image_half == number) for number in (0, 1)]
    parts = [
        (number, rows[begin : begin + size])
        for number, rows in enumerate(rows_of)
        for begin in range(0, len(rows), size)
    ]
    return sorted(parts, key=lambda part: int(part[1][0]))


@contextmanager
def _torch_threads_halved() -> Iterator[None]:
    """Share torch's threads out between two threads: more than the cores would wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(max(threads // 2, 1))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class _FourierImages:
    """The tilt images of a set as weighted values on central slices, read where they are needed."""

    stacks: ImageStacks
    tilts: TiltImages
    points: Lattice
    weighting: Weighting
    window: bool

    @classmethod
    def of(cls, particle_set: ParticleSet, weighting: Weighting, window: bool) -> "_FourierImages":
        tilts = TiltImages.of(particle_set, dose_middle=weighting.dose_middle)
        return cls(ImageStacks(particle_set), tilts, lattice(particle_set.box), weighting, window)

    def insert_into(self, grid: FourierGrid, rows: RowArray) -> None:
        """Read the images of these rows and add them to a grid."""
        images = torch.from_numpy(self.stacks.read(rows))
        tilts = self.tilts[torch.from_numpy(rows)]
        contrast = tilts.forward_model.contrast
        for chosen, points in self._of_equal_reach(tilts):
            part = tilts[chosen]
            pairs = preprocess(images[chosen], part.shift_px, points, contrast=contrast, window=self.window)
            grid.insert(part.k3(points), *weighted(pairs_to_complex(pairs), part, points, self.weighting))

    def _of_equal_reach(self, tilts: TiltImages) -> Iterator[tuple[Tensor, Lattice]]:
        """Yield rows of images whose dose masks end near each other, and the lattice up to the farthest end.

        The lattice is ordered by |k|, so nothing is computed for most of the points that are masked out.
        """
        end = torch.full((len(tilts),), self.points.pairs)
        if self.weighting.dose_mask:
            end = (tilts.dose_mask(self.points) * torch.arange(1, self.points.pairs + 1)).amax(dim=1)
        for chosen in torch.split(torch.argsort(end, stable=True), IMAGES_AT_ONCE):
            yield chosen, self.points.first(int(end[chosen].max()))


def weighted(values: Tensor, tilts: TiltImages, points: Lattice, weighting: Weighting) -> tuple[Tensor, Tensor]:
    """Return numerator (n, P), complex, and denominator (n, P) of Fourier values (n, P) of tilt images."""
    weight = tilts.weights(points, dose=weighting.dose_weight, tilt=weighting.tilt_weight)
    if weighting.dose_mask:
        weight = weight * tilts.dose_mask(points)
    denominator = weight * tilts.attenuation(points)
    power = tilts.forward_model.ctf_power
    if power:
        transfer = tilts.ctf(points)
        denominator = denominator * transfer**2
        if power == 1:
            weight = weight * transfer
    return values * weight, denominator
