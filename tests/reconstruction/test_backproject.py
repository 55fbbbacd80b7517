"""Backprojection of simulated images whose truth is known."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.reconstruction.backproject import Backprojection, backproject
from napari_tomodrgn.reconstruction.fsc import corrected_fsc, correlation, fsc

FloatMap = npt.NDArray[np.float32]
MakeSet = Callable[..., ParticleSet]


@pytest.fixture(scope="module")
def clean(chiral_map: FloatMap, make_set: MakeSet) -> ParticleSet:
    """Noiseless projections of the chiral map: 60 particles of 5 random views each, moved off centre."""
    rotations = Rotation.random(300, random_state=2).as_matrix()
    moved = np.random.default_rng(2).uniform(-2, 2, (300, 2))
    tensors = (torch.from_numpy(each).float() for each in (rotations, moved))
    rotation, shift = tensors
    images = Projector(torch.from_numpy(chiral_map)).images(rotation, lattice(32), shift).numpy()
    back = {"shift_x": -4.5 * moved[:, 0].reshape(60, 5), "shift_y": -4.5 * moved[:, 1].reshape(60, 5)}
    return make_set(images.reshape(60, 5, 32, 32), rotations.reshape(60, 5, 3, 3), tilt_columns=back)


@pytest.fixture(scope="module")
def of_plain(plain: ParticleSet) -> Backprojection:
    """Backprojection of the simulated experiment, with everything as it was."""
    return backproject(plain)


def mean_fsc(a: FloatMap, b: FloatMap) -> float:
    """Return the mean over the shells inside Nyquist."""
    return float(fsc(a, b)[1:-1].mean())


def test_noiseless_images_give_the_map_back_in_its_own_scale(clean: ParticleSet, chiral_map: FloatMap) -> None:
    found = backproject(clean).map

    slope = np.polyfit(chiral_map.ravel(), found.ravel(), 1)[0]
    assert correlation(found, chiral_map) > 0.98
    assert slope == pytest.approx(1, abs=0.05)


def test_dark_particles_come_out_positive(clean: ParticleSet, make_set: MakeSet) -> None:
    bright = backproject(clean).map

    dark = backproject(clean.with_forward_model(contrast="dark")).map

    np.testing.assert_allclose(dark, -bright, atol=1e-6)


def test_an_image_turned_by_180_degrees_with_its_pose_says_the_same(chiral_map: FloatMap, make_set: MakeSet) -> None:
    """Turning a projection within its plane exchanges k and -k: both halves of Fourier space count alike."""
    rotations = Rotation.random(40, random_state=4).as_matrix().reshape(20, 2, 3, 3)
    rotation = torch.from_numpy(rotations.reshape(-1, 3, 3)).float()
    images = Projector(torch.from_numpy(chiral_map)).images(rotation, lattice(32)).numpy().reshape(20, 2, 32, 32)
    turned = np.roll(images[..., ::-1, ::-1], (1, 1), axis=(-2, -1))

    first = backproject(make_set(images, rotations)).map
    second = backproject(make_set(turned, np.diag([-1.0, -1.0, 1.0]) @ rotations)).map

    np.testing.assert_allclose(first, second, atol=1e-3 * np.abs(first).max())


def test_the_same_call_gives_the_same_bits_and_batches_do_not_matter(clean: ParticleSet) -> None:
    once, again, in_parts = (backproject(clean, batch=batch).map for batch in (256, 256, 37))

    np.testing.assert_array_equal(once, again)
    np.testing.assert_allclose(once, in_parts, atol=1e-4 * np.abs(once).max())


def test_rows_choose_particles(clean: ParticleSet) -> None:
    rows = np.arange(0, 60, 3)

    np.testing.assert_array_equal(backproject(clean, rows=rows).map, backproject(clean.take(rows)).map)


def test_one_particle_has_a_map_but_no_half_sets(clean: ParticleSet, chiral_map: FloatMap) -> None:
    single = backproject(clean, rows=[7], half_sets=False)

    assert single.half_1 is None
    assert single.fsc is None
    assert correlation(single.map, chiral_map) > 0.5
    with pytest.raises(InputError, match="too few"):
        backproject(clean, rows=[7])


def test_half_maps_of_noise_do_not_agree(make_set: MakeSet) -> None:
    rotations = Rotation.random(300, random_state=5).as_matrix().reshape(60, 5, 3, 3)
    noise = np.random.default_rng(5).standard_normal((60, 5, 32, 32))
    radius = np.linalg.norm(np.mgrid[:32, :32, :32] - 16.0, axis=0)
    mask = (radius < 8).astype(np.float32)

    result = backproject(make_set(noise, rotations))

    assert result.half_1 is not None
    assert result.half_2 is not None
    assert result.fsc is not None
    assert abs(result.fsc[3:].mean()) < 0.05
    assert abs(corrected_fsc(result.half_1, result.half_2, mask)[3:].mean()) < 0.1


def test_fsc_of_the_halves_foretells_that_with_the_truth(of_plain: Backprojection, truth: FloatMap) -> None:
    """For halves of correlation c the whole's correlation with the truth is sqrt(2c/(1 + c)) (Rosenthal 2003)."""
    assert of_plain.fsc is not None
    shells = slice(2, 20)
    foretold = np.sqrt(np.clip(2 * of_plain.fsc / (1 + of_plain.fsc), 0, None))[shells]
    found = fsc(of_plain.map, truth)[shells]
    assert np.abs(foretold - found).mean() < 0.1


def test_plain_and_premultiplied_images_give_the_same_map(of_plain: Backprojection, premultiplied: ParticleSet) -> None:
    assert correlation(of_plain.map, backproject(premultiplied).map) > 0.98


@pytest.mark.parametrize(
    ("power", "options"),
    [
        pytest.param(0, {}, id="CTF"),
        pytest.param(1, {"dose_weight": False, "dose_mask": False}, id="dose"),
    ],
)
def test_leaving_out_what_happened_lowers_the_fsc(
    plain: ParticleSet, of_plain: Backprojection, truth: FloatMap, power: int, options: dict[str, bool]
) -> None:
    right = mean_fsc(of_plain.map, truth)

    wrong = mean_fsc(backproject(plain.with_forward_model(ctf_power=power), **options).map, truth)

    assert wrong < right - 0.01


def test_using_hidden_images_lowers_the_fsc(with_hidden: ParticleSet, truth: FloatMap) -> None:
    visible = np.tile(np.arange(11) < 8, len(with_hidden))

    right = mean_fsc(backproject(with_hidden.take_tilts(visible)).map, truth)
    wrong = mean_fsc(backproject(with_hidden).map, truth)

    assert wrong < right - 0.01
