"""Isosurfaces against shapes whose volume is known."""

import numpy as np
import pytest
from scipy import ndimage

from napari_tomodrgn.viewer.meshes import EMPTY, Look, hide_dust, isosurface, surface_of

from .blobs import enclosed

Array = np.ndarray
BOX = 32


def cone(centre: tuple[float, float, float], height: float) -> Array:
    """Falls linearly from a centre, so that its surface at 0 is a ball of radius ``height``."""
    grid = np.mgrid[:BOX, :BOX, :BOX]
    distance = np.sqrt(sum((axis - at) ** 2 for axis, at in zip(grid, centre, strict=True)))
    return (height - distance).astype(np.float32)


@pytest.mark.parametrize(("step", "tolerance"), [(1, 0.02), (2, 0.06)])
def test_a_surface_encloses_what_lies_above_the_level_about_voxel_half_the_box(step: int, tolerance: float) -> None:
    centre = (16 + 3.0, 16 - 2.0, 16 + 4.5)
    mesh = isosurface(cone(centre, 8.0), 0.0, step)
    volume, middle = enclosed(mesh.vertices, mesh.faces)
    assert volume == pytest.approx(4 / 3 * np.pi * 8**3, rel=tolerance)  # and above 0: seen from outside
    np.testing.assert_allclose(middle, np.array(centre) - 16, atol=0.1)


def test_a_coarser_step_has_a_quarter_of_the_triangles() -> None:
    fine, coarse = (len(isosurface(cone((16, 16, 16), 12.0), 0.0, step).faces) for step in (1, 2))
    assert coarse == pytest.approx(fine / 4, rel=0.15)


def test_dust_goes_and_what_is_large_stays() -> None:
    large, small = cone((10, 10, 10), 5.0), cone((24.3, 24, 24), 1.8)
    mesh = isosurface(np.maximum(large, small), 0.0)
    assert mesh.pieces.max() == 1
    clean = hide_dust(mesh, 4.0)
    expected = isosurface(large, 0.0)
    assert len(clean.faces) == len(expected.faces)
    np.testing.assert_allclose(enclosed(clean.vertices, clean.faces)[1], [-6, -6, -6], atol=0.05)
    assert len(hide_dust(mesh, 3.0).faces) == len(mesh.faces)
    assert hide_dust(mesh, 50.0).faces.shape == (0, 3)
    assert hide_dust(EMPTY, 4.0) is EMPTY


def test_dust_is_measured_in_angstrom() -> None:
    volume = np.maximum(cone((10, 10, 10), 5.0), cone((24, 24, 24), 1.8))
    look = Look(level=0.0, in_sigma=False, dust_angstrom=20.0)
    assert surface_of(volume, 5.0, look).pieces.max() == 0
    assert surface_of(volume, 6.0, look).pieces.max() == 1


def test_a_level_counts_from_the_mean_in_standard_deviations() -> None:
    volume = ndimage.gaussian_filter(cone((16, 16, 16), 8.0), 1.0) + 100
    mesh = surface_of(volume, 1.0, Look(level=2.0))
    expected = isosurface(volume, float(volume.mean() + 2.0 * volume.std()))
    np.testing.assert_array_equal(mesh.vertices, expected.vertices)
    scaled = surface_of(volume * 7 - 3, 1.0, Look(level=2.0))
    np.testing.assert_allclose(scaled.vertices, mesh.vertices, atol=1e-3)


@pytest.mark.parametrize("level", [-1.0, 5.0, np.nan])
@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_volume_without_a_surface_gives_an_empty_mesh(level: float, value: float) -> None:
    mesh = isosurface(np.full((8, 8, 8), value, dtype=np.float32), level)
    assert mesh.vertices.shape == (0, 3)
    assert mesh.faces.shape == (0, 3)


def test_a_peak_that_a_coarse_step_does_not_see_is_no_error() -> None:
    volume = np.zeros((16, 16, 16), dtype=np.float32)
    volume[5, 5, 5] = 1.0
    assert len(isosurface(volume, 0.5).faces) > 0
    assert len(isosurface(volume, 0.5, step=2).faces) == 0
