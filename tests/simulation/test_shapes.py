"""The built-in complex and the scheme of tilts."""

import numpy as np
import pytest

from napari_tomodrgn.simulation.placement import matrices, random_orientations, random_positions
from napari_tomodrgn.simulation.shapes import four_state_complex
from napari_tomodrgn.simulation.tilt_scheme import dose_symmetric


@pytest.mark.parametrize(("box", "pixel_size"), [(24, 12.0), (32, 6.0), (64, 3.5)])
def test_each_state_loses_a_tenth_of_the_mass(box: int, pixel_size: float) -> None:
    states = four_state_complex(box, pixel_size)
    mass = states.sum(axis=(1, 2, 3))
    assert mass / mass[0] == pytest.approx([1.0, 0.9, 0.8, 0.7], abs=1e-3)


@pytest.mark.parametrize(("box", "pixel_size"), [(24, 12.0), (32, 6.0), (64, 3.5)])
def test_complex_stays_inside_the_circle_that_images_keep(box: int, pixel_size: float) -> None:
    whole = four_state_complex(box, pixel_size)[0]
    radius = np.sqrt(((np.indices(whole.shape) - box // 2) ** 2).sum(axis=0))
    assert np.abs(whole[radius > 0.45 * box]).max() < 0.02 * whole.max()
    assert whole.min() > -0.02 * whole.max()


def test_complex_is_band_limited() -> None:
    whole = four_state_complex(32, 6.0)[0]
    k = np.stack(np.meshgrid(*[np.fft.fftfreq(32)] * 3, indexing="ij"))
    beyond = np.linalg.norm(k, axis=0) > 0.481
    assert np.abs(np.fft.fftn(whole)[beyond]).max() < 1e-4 * whole.sum()


def test_complex_has_no_mirror_plane_along_its_axes_and_no_symmetry_by_half_turns() -> None:
    whole = four_state_complex(32, 6.0)[0]
    turned = [
        whole[::-1],
        whole[:, ::-1],
        whole[..., ::-1],
        whole[::-1, ::-1],
        whole[::-1, :, ::-1],
        whole[:, ::-1, ::-1],
    ]
    assert max(np.corrcoef(whole.ravel(), each.ravel())[0, 1] for each in turned) < 0.9


def test_tilts_are_those_of_the_real_dose_symmetric_set(shared_data) -> None:
    """cryosrpnt_classE holds the first ten tilts of the published scheme; its scale column is cos(tilt)."""
    star = (shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star").read_text()
    cosines = [float(line.split()[15]) for line in star.splitlines() if "@" in line][:10]
    assert np.cos(np.deg2rad(dose_symmetric(60, 3, 10))) == pytest.approx(cosines, abs=1e-6)


def test_tilts_alternate_in_groups_of_two_and_cover_the_range_once() -> None:
    tilts = dose_symmetric(60, 3)
    assert tilts[:8].tolist() == [0, 3, -3, -6, 6, 9, -9, -12]
    assert sorted(tilts) == list(range(-60, 61, 3))


def test_orientations_are_uniform() -> None:
    """The mean of uniformly random rotations is 0, and so is that of their squares less a third."""
    rotations = matrices(random_orientations(20000, np.random.default_rng(1)))
    assert np.abs(rotations.mean(axis=0)).max() < 0.02
    assert np.abs((rotations**2).mean(axis=0) - 1 / 3).max() < 0.02


def test_particles_keep_a_diameter_apart_and_inside() -> None:
    size = (1000.0, 1000.0, 600.0)
    position = random_positions(60, size, 100.0, np.random.default_rng(0))
    distance = np.linalg.norm(position[:, None] - position[None], axis=2) + 1e9 * np.eye(60)
    assert distance.min() >= 100
    assert (position >= 50).all()
    assert (position <= np.array(size) - 50).all()
