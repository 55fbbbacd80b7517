"""Weighted backprojection: one map, and two half-maps, straight from the tilt images."""

from collections.abc import Iterator
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
    batch: int = 256,
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
    if len(particle_set) < 1 + half_sets:
        raise InputError(
            f"{particle_set.source.path}: {len(particle_set)} particles are too few to backproject"
            f"{' with half-sets; take two or more, or leave the half-sets out' if half_sets else ''}"
        )
    half = divide(particle_set, seed)
    image_half = half[particle_set.tilt_images["particle"].to_numpy()]
    if len(particle_set) == 1:
        image_half = np.arange(len(particle_set.tilt_images)) % 2
    weighting = Weighting(dose_weight, tilt_weight, dose_mask, dose_middle)
    grids = (FourierGrid(particle_set.box), FourierGrid(particle_set.box))
    batches = _batches(particle_set, weighting, window, batch)
    if progress:
        total = -(-len(image_half) // batch)
        batches = track(batches, "backprojection", total=total, unit="batches")
    for rows_read, k3, numerator, denominator in batches:
        for number, grid in enumerate(grids):
            chosen = torch.from_numpy(image_half[rows_read] == number)
            grid.insert(k3[chosen], numerator[chosen], denominator[chosen])
    sphere = soft_sphere(particle_set.box).numpy() if window else np.float32(1)
    first, second = (grid.reconstruct() * sphere for grid in grids)
    curve = fsc(first, second)
    whole = (grids[0] + grids[1]).reconstruct(curve if image_half.any() else None) * sphere
    return Backprojection(whole, first, second, curve, half) if half_sets else Backprojection(whole)


def _batches(
    particle_set: ParticleSet, weighting: Weighting, window: bool, batch: int
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor]]:
    """Yield rows, k3 (n, P, 3), numerator (n, P) complex and denominator (n, P) of the tilt images, batch by batch."""
    stacks = ImageStacks(particle_set)
    tilts = TiltImages.of(particle_set, dose_middle=weighting.dose_middle)
    points = lattice(particle_set.box)
    contrast = particle_set.forward_model.contrast
    for begin in range(0, len(tilts), batch):
        rows = slice(begin, min(begin + batch, len(tilts)))
        images = torch.from_numpy(stacks.read(np.arange(rows.start, rows.stop)))
        part = tilts[rows]
        values = pairs_to_complex(preprocess(images, part.shift_px, points, contrast=contrast, window=window))
        yield rows, part.k3(points), *weighted(values, part, points, weighting)


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
