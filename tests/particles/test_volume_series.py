"""Coordinates and angles from volume-series stars."""

from pathlib import Path

import numpy as np
import pytest
from star_builders import loop, write_relion5, write_volume_series, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.volume_series import tomogram_stem

NAMES = [("1e5", 3), ("001", 1), ("001", 0), ("1e5", 2)]
NUMBERS = np.array([0.0, 1, 2, 3])


def test_rows_are_joined_by_name(tmp_path: Path) -> None:
    particles = read_particles(write_warp(tmp_path), volume_series=write_volume_series(tmp_path, NAMES)).particles
    expected = np.outer(NUMBERS, [3, 2, 1]) * 10.0
    np.testing.assert_allclose(particles[["z", "y", "x"]], expected)
    np.testing.assert_allclose(particles[["rot", "tilt", "psi"]], np.outer(NUMBERS, [4, 5, 6]))


def test_the_unit_of_coordinates_can_be_given(tmp_path: Path) -> None:
    volumes = write_volume_series(tmp_path, NAMES)
    particles = read_particles(write_warp(tmp_path), volume_series=volumes, coordinate_pixel_size=2.5).particles
    np.testing.assert_allclose(particles["x"], NUMBERS * 2.5)


def test_group_names_in_the_volume_series(tmp_path: Path) -> None:
    volumes = tmp_path / "volumes.star"
    columns = {
        "rlnMicrographName": [f"{tomogram}_10.00Apx.mrc" for tomogram, _ in NAMES],
        **{f"rlnCoordinate{axis}": [str(number) for _, number in NAMES] for axis in "XYZ"},
        "rlnDetectorPixelSize": ["5.0"] * 4,
        "rlnMagnification": ["5000.0"] * 4,
        "rlnGroupName": [f"{tomogram}_{number:06d}" for tomogram, number in NAMES],
    }
    volumes.write_text(loop("", columns))
    particles = read_particles(write_warp(tmp_path), volume_series=volumes).particles
    np.testing.assert_allclose(particles["z"], NUMBERS * 10)
    assert particles["rot"].isna().all()


def test_m_is_in_angstrom_and_names_no_particles(tmp_path: Path) -> None:
    star, volumes = write_warp(tmp_path), write_volume_series(tmp_path, NAMES, kind="wrp")
    with pytest.raises(InputError, match=r"names no particles .* --volume-series-by-order"):
        read_particles(star, volume_series=volumes)
    joined = read_particles(star, volume_series=volumes, volume_series_by_order=True)
    np.testing.assert_allclose(joined.particles["x"], [1, 0, 3, 2])
    assert any("joined by the order" in warning for warning in joined.warnings)


def test_the_first_particle_without_a_row_is_named(tmp_path: Path) -> None:
    volumes = write_volume_series(tmp_path, [("001", 0), ("001", 1), ("1e5", 7), ("1e5", 3)])
    with pytest.raises(InputError, match="has no row for particle 000002 of tomogram 1e5"):
        read_particles(write_warp(tmp_path), volume_series=volumes)


def test_joining_by_order_needs_equal_numbers(tmp_path: Path) -> None:
    volumes = write_volume_series(tmp_path, NAMES[:3], kind="wrp")
    with pytest.raises(InputError, match="has 1 rows of tomogram 1e5, the image series has 2 particles"):
        read_particles(write_warp(tmp_path), volume_series=volumes, volume_series_by_order=True)


def test_repeated_names_are_refused(tmp_path: Path) -> None:
    volumes = write_volume_series(tmp_path, [*NAMES, ("001", 1)])
    with pytest.raises(InputError, match="rows 2 and 5 are both particle 1 of 001"):
        read_particles(write_warp(tmp_path), volume_series=volumes)


def test_further_rows_are_ignored_and_said(tmp_path: Path) -> None:
    volumes = write_volume_series(tmp_path, [*NAMES, ("other", 1)])
    joined = read_particles(write_warp(tmp_path), volume_series=volumes)
    assert any("1 of its 5 rows have no tilt images" in warning for warning in joined.warnings)


def test_a_set_has_its_own_coordinates(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is an optimisation set with its own coordinates"):
        read_particles(write_relion5(tmp_path), volume_series=write_volume_series(tmp_path, NAMES))


def test_a_star_without_coordinates_is_refused(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    with pytest.raises(InputError, match="is no volume series"):
        read_particles(star, volume_series=star)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("TS_01.tomostar", "TS_01"), ("TS_01.mrc.tomostar", "TS_01"), ("a/TS_01_10.00Apx.mrc", "TS_01"), ("1e5", "1e5")],
)
def test_tomogram_stems(name: str, stem: str) -> None:
    assert tomogram_stem(name) == stem
