"""What is done to volumes before a level is laid, and the dust that is not drawn."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.meshes import Look, hide_dust, isosurface, surface_of, without_dust
from napari_tomodrgn.viewer.treatment import Treatment, read_mask
from napari_tomodrgn.viewer.volume_picture import Shown


def bump(box: int, pixel_size: float) -> np.ndarray:
    """Return a soft bump off the middle of a box of 320 Å, by its formula, whatever the pixels."""
    z, y, x = (np.indices((box,) * 3) - box // 2) * pixel_size
    return np.exp(-((z - 30) ** 2 + (y + 20) ** 2 + (x - 10) ** 2) / (2 * 40.0**2)).astype(np.float32)


def written(path: Path, values: np.ndarray, pixel_size: float) -> Path:
    with mrcfile.new(path) as stream:
        stream.set_data(values.astype(np.float32))
        stream.voxel_size = pixel_size
    return path


def ball(box: int, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Return a ball: 0.5 at its surface, falling off linearly outwards."""
    distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(np.indices((box,) * 3), centre, strict=True)))
    return np.clip(0.5 + (radius - distance) / 2, 0, 1).astype(np.float32)


def test_a_sphere_leaves_what_is_in_it_and_nothing_far_outside() -> None:
    volume = np.ones((32, 32, 32), np.float32)
    left = Treatment(sphere=80.0).applied(volume, 8.0)
    radius = 8.0 * np.sqrt(((np.indices(left.shape) - 16) ** 2).sum(axis=0))
    assert (left[radius <= 80] == 1).all()
    assert (left[radius >= 96] == 0).all()
    edge = (radius > 80) & (radius < 96)
    np.testing.assert_allclose(left[edge], np.cos(np.pi / 2 * (radius[edge] - 80) / 16) ** 2, atol=1e-6)
    np.testing.assert_array_equal(Treatment().applied(volume, 8.0), volume)


@pytest.mark.parametrize(("box", "tolerance"), [(64, 1e-6), (32, 1e-6), (48, 0.01)])
def test_a_mask_stands_at_the_same_place_in_every_box(tmp_path: Path, box: int, tolerance: float) -> None:
    mask = read_mask(written(tmp_path / "mask.mrc", bump(64, 5.0), 5.0), 320.0)
    pixel_size = 320 / box
    left = Treatment(mask=mask).applied(np.full((box,) * 3, 2, np.float32), pixel_size)
    inside = (slice(2, -2),) * 3  # at the border it ends
    np.testing.assert_allclose(left[inside], 2 * bump(box, pixel_size)[inside], atol=2 * tolerance)


def test_a_mask_of_flipped_maps_is_flipped_and_one_without_a_voxel_size_is_as_wide_as_volumes(tmp_path: Path) -> None:
    values = bump(32, 10.0)
    path = written(tmp_path / "mask.mrc", values, 0.0)
    assert read_mask(path, 320.0).pixel_size == 10.0
    flipped = read_mask(path, 320.0, "flip").values
    for z in range(1, 32):  # about voxel D/2
        np.testing.assert_array_equal(flipped[z], values[32 - z])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.full((8, 8, 8), 3), "has values from 3 to 3; a mask has values from 0 to 1"),
        (np.zeros((8, 8, 8)), "is 0 wher"),
    ],
)
def test_what_is_no_mask_is_refused(tmp_path: Path, values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_mask(written(tmp_path / "mask.mrc", values, 5.0), 40.0)


def test_a_level_is_laid_after_the_mask() -> None:
    """Where a mask takes a bright neighbour away, its density no longer counts for the deviation."""
    particle = ball(32, (16, 16, 16), 5)
    crowded = particle + 20 * ball(32, (16, 16, 28), 3)
    look = Look(level=3.0, treatment=Treatment(sphere=7.0))
    alone = surface_of(particle, 1.0, Look(level=3.0))
    np.testing.assert_allclose(surface_of(crowded, 1.0, look).vertices, alone.vertices, atol=1e-5)


def test_dust_is_what_is_hidden_of_the_mesh() -> None:
    volume = ball(40, (20, 20, 14), 7) + ball(40, (20, 20, 30), 3) + ball(40, (8, 8, 8), 2)
    for smallest, left in ((0.0, 3), (5.0, 2), (8.0, 1)):  # diameters are 14, 6 and 4
        clean = without_dust(volume, 0.5, smallest)
        mesh = isosurface(clean, 0.5)
        assert mesh.pieces.max() + 1 == left
        hidden = hide_dust(isosurface(volume, 0.5), smallest)
        np.testing.assert_allclose(np.sort(mesh.vertices, axis=0), np.sort(hidden.vertices, axis=0), atol=1e-6)


def test_a_difference_is_clean_on_both_sides() -> None:
    volume = ball(40, (20, 20, 12), 6) + ball(40, (8, 8, 32), 2) - ball(40, (20, 20, 28), 6) - ball(40, (32, 32, 32), 2)
    clean = Shown(volume, 0.5, 2.0, "B − A", dust_angstrom=12.0, difference=True).clean().volume
    for side in (1, -1):
        assert isosurface(side * volume, 0.5).pieces.max() == 1
        mesh = isosurface(side * clean, 0.5)
        assert mesh.pieces.max() == 0
        np.testing.assert_allclose(mesh.vertices.mean(axis=0), [0, 0, -8 * side], atol=0.1)
