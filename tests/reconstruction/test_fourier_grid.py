"""Sums on the Fourier grid, against the same sums written out image by image and corner by corner."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import product

import numpy as np
import numpy.typing as npt
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.imaging.window import soft_sphere
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.reconstruction.backproject import Weighting, backproject, weighted
from napari_tomodrgn.reconstruction.fourier_grid import FourierGrid
from napari_tomodrgn.reconstruction.fsc import fsc
from napari_tomodrgn.reconstruction.half_sets import half_sets

FloatMap = npt.NDArray[np.float32]


def stored(particle_set: ParticleSet) -> FloatMap:
    """Return all images (M, D, D)."""
    return ImageStacks(particle_set).read(np.arange(len(particle_set.tilt_images)))


def plainly_filled(
    box: int,
    k3: npt.NDArray[np.float64],  # (Q, 3)
    numerator: npt.NDArray[np.complex128],  # (Q,)
    denominator: npt.NDArray[np.float64],  # (Q,)
) -> FourierGrid:
    """Spread every value that counts over its eight grid points, in float64."""
    size = 2 * box
    counted = denominator > 0
    k3, numerator, denominator = k3[counted], numerator[counted], denominator[counted]
    mate = k3[:, 0] < 0
    numerator = np.where(mate, numerator.conj(), numerator)
    position = np.where(mate[:, None], -k3, k3) * size
    low = np.floor(position).astype(np.int64)
    sums = np.zeros((2, size, size, size // 2 + 2), dtype=np.complex128)
    for corner in product((0, 1), repeat=3):
        weight = np.prod(np.where(corner, position - low, 1 - (position - low)), axis=1)
        x, y, z = (low + corner).T
        for total, value in zip(sums, (numerator, denominator), strict=True):
            np.add.at(total, (z % size, y % size, x), weight * value)
    grid = FourierGrid(box)
    grid.numerator = torch.from_numpy(sums[0].ravel()).to(torch.complex64)
    grid.denominator = torch.from_numpy(sums[1].real.ravel().copy()).float()
    return grid


def plainly_backprojected(particle_set: ParticleSet, weighting: Weighting) -> tuple[FloatMap, FloatMap, FloatMap]:
    """Return the map and the half-maps from all points of all images at once."""
    points, tilts = lattice(particle_set.box), TiltImages.of(particle_set)
    values = pairs_to_complex(preprocess(torch.from_numpy(stored(particle_set)), tilts.shift_px, points))
    terms = (tilts.k3(points), *weighted(values, tilts, points, weighting))
    half = half_sets(particle_set)[particle_set.tilt_images["particle"]]
    grids = []
    for number in (0, 1):
        k3, numerator, denominator = (term[half == number].numpy() for term in terms)
        grids.append(plainly_filled(particle_set.box, k3.reshape(-1, 3), numerator.ravel(), denominator.ravel()))
    sphere = soft_sphere(particle_set.box).numpy()
    first, second = (grid.reconstruct() * sphere for grid in grids)
    return (grids[0] + grids[1]).reconstruct(fsc(first, second)) * sphere, first, second


def relative_difference(found: FloatMap | None, expected: FloatMap) -> float:
    assert found is not None
    return float(np.linalg.norm(found - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("kind", ["plain", "premultiplied"])
@pytest.mark.parametrize("dose_mask", [True, False])
def test_batches_threads_and_masks_leave_the_maps_as_plain_sums_give_them(
    request: pytest.FixtureRequest, kind: str, dose_mask: bool
) -> None:
    particle_set: ParticleSet = request.getfixturevalue(kind)
    expected = plainly_backprojected(particle_set, Weighting(dose_mask=dose_mask))

    result = backproject(particle_set, dose_mask=dose_mask)

    for found, truth in zip((result.map, result.half_1, result.half_2), expected, strict=True):
        assert relative_difference(found, truth) < 1e-5


def test_a_numerator_without_a_denominator_does_not_count() -> None:
    grid = FourierGrid(8)

    grid.insert(torch.full((1, 2, 3), 0.1), torch.ones(1, 2, dtype=torch.complex64), torch.tensor([[0.0, 1.0]]))

    assert grid.numerator.sum().real == pytest.approx(1)
    assert grid.denominator.sum() == pytest.approx(1)


def test_an_image_past_its_optimal_dose_everywhere_says_nothing(plain: ParticleSet) -> None:
    last = np.tile(np.arange(11) == 10, len(plain))
    burnt = plain.tilt_images.assign(dose=plain.tilt_images["dose"].where(~last, 1e6))

    found = backproject(replace(plain, tilt_images=burnt)).map

    assert relative_difference(found, backproject(plain.take_tilts(~last)).map) < 1e-5


@contextmanager
def torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def test_a_broken_image_is_named_and_torch_keeps_its_threads(
    plain: ParticleSet, make_set: Callable[..., ParticleSet]
) -> None:
    broken = make_set(stored(plain).reshape(60, 11, 48, 48), plain.rotations.reshape(60, 11, 3, 3))
    np.memmap(broken.stacks[0], np.float32, "r+", offset=1024, shape=(660, 48, 48))[300, 4, 4] = np.nan

    with torch_threads(2):
        with pytest.raises(InputError, match=r"image 301 .* NaN or infinite"):
            backproject(broken)

        assert torch.get_num_threads() == 2
