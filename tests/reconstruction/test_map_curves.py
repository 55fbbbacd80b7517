"""Maps of other boxes and pixel sizes against densities known everywhere, scipy's resampling, and direct sums."""

from pathlib import Path

import numpy as np
import pytest
from scipy.signal import resample as scipy_resample

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.map_curves import FscOptions, MapCurve, map_curves
from napari_tomodrgn.reconstruction.resample import resample

SIGMA = 10.0  # Å
FINE, COARSE = (48, 4.0), (30, 6.0)  # box, Å per voxel


def density(box: int, pixel_size: float) -> np.ndarray:
    """Gaussian blobs about the middle, voxel D/2, so wide that either grid holds all their waves."""
    generator = np.random.default_rng(7)
    z, y, x = (np.indices((box,) * 3) - box // 2) * pixel_size
    values = np.zeros((box,) * 3)
    for _ in range(8):
        centre, height = generator.uniform(-35, 35, 3), generator.uniform(0.5, 2)
        squared = (z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2
        values += height * np.exp(-squared / (2 * SIGMA**2))
    return values


def noise(seed: int, box: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((box,) * 3)


def direct_fsc(a: np.ndarray, b: np.ndarray, shell: int) -> float:
    """The normalised sum over all coefficients of a shell of the whole transforms."""
    steps = np.fft.fftfreq(len(a), 1 / len(a))
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
    f, g = (np.fft.fftn(each)[np.abs(radius - shell) < 0.5] for each in (a, b))
    return float((f * g.conj()).sum().real / np.sqrt((np.abs(f) ** 2).sum() * (np.abs(g) ** 2).sum()))


@pytest.mark.parametrize(("old", "new"), [(FINE, COARSE), (COARSE, FINE), (FINE, (48, 5.3)), (FINE, (62, 4.0))])
def test_a_density_is_found_at_the_new_places(old: tuple[int, float], new: tuple[int, float]) -> None:
    found = resample(density(*old), old[1], *new)

    np.testing.assert_allclose(found, density(*new), atol=0.01 * density(*new).max())


@pytest.mark.parametrize("box", [20, 48])
def test_over_the_same_field_it_is_scipys_resampling(box: int) -> None:
    values = noise(3, 32)[:, :, :]
    values -= np.mean([values.take(face, axis) for axis in range(3) for face in (0, -1)])

    found = resample(values, 3.0, box, 3.0 * 32 / box)

    expected = values
    for axis in range(3):
        expected = scipy_resample(expected, box, axis=axis)
    if box > 32:
        np.testing.assert_allclose(found, expected, atol=1e-9)
        return
    # scipy folds the new Nyquist's wave of both signs together; below it they are the same
    shells = [direct_fsc(found, expected, shell) for shell in range(1, box // 2 - 1)]
    np.testing.assert_allclose(shells, 1, atol=1e-6)


def test_waves_that_the_new_voxels_cannot_hold_are_left_out() -> None:
    x = np.arange(32)
    wave = np.broadcast_to(np.cos(2 * np.pi * 12 * x / 32), (32, 32, 32))

    found = resample(wave, 1.0, 16, 2.0)

    assert np.ptp(found) < 1e-9


@pytest.fixture(scope="module")
def maps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One density on two grids: a fine reference, and measurements with noise of both."""
    folder = tmp_path_factory.mktemp("maps")
    write_map(folder / "reference.mrc", density(*FINE), FINE[1])
    for name, (box, pixel_size) in (("fine", FINE), ("coarse", COARSE)):
        for half in (1, 2):
            write_map(folder / f"{name}_{half}.mrc", density(box, pixel_size) + 0.2 * noise(half, box), pixel_size)
    return folder


def curve_of(maps: Path, own: str, **given: object) -> MapCurve:
    (curve,) = map_curves(FscOptions(maps=(maps / f"{own}.mrc",), **given))
    return curve


def test_a_map_is_held_against_a_reference_of_another_grid(maps: Path) -> None:
    curve = curve_of(maps, "coarse_1", reference=maps / "reference.mrc", mask="none")

    measured, truth = density(*COARSE) + 0.2 * noise(1, COARSE[0]), density(*COARSE)
    expected = [direct_fsc(measured, truth, shell) for shell in range(1, 6)]
    np.testing.assert_allclose(curve.values[1:6], expected, atol=0.01)
    np.testing.assert_allclose(curve.frequency[1:6], np.arange(1, 6) / (30 * 6.0))
    assert curve.frequency[-1] == pytest.approx(1 / 12)
    assert curve.nyquist == pytest.approx(1 / 12)


def test_the_curve_ends_where_the_reference_does(maps: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "coarse.mrc", density(*COARSE), COARSE[1])

    curve = curve_of(maps, "reference", reference=tmp_path / "coarse.mrc", mask="none")

    assert curve.nyquist == pytest.approx(1 / 8)
    assert curve.frequency[-1] == pytest.approx(1 / 12)


def test_half_maps_on_two_grids_agree_with_what_their_noise_leaves(maps: Path) -> None:
    """The FSC of two halves is S/(S + N) with the power S of the density and N of the noise of one, shell by shell."""
    for name, (box, pixel_size) in (("fine", FINE), ("coarse", COARSE)):
        curve = curve_of(maps, f"{name}_1", half=(maps / f"{name}_2.mrc",), mask="none")
        steps = np.fft.fftfreq(box, 1 / box)
        radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)
        power = np.abs(np.fft.fftn(density(box, pixel_size))) ** 2
        for shell in (4, 6, 8):
            signal = power[np.abs(radius - shell) < 0.5].mean()
            expected = signal / (signal + 0.2**2 * box**3)
            assert curve.values[shell] == pytest.approx(expected, abs=0.12)
        assert curve.kind == "half-maps"
        assert curve.threshold == 0.143


def test_a_mask_is_laid_over_every_grid(maps: Path, tmp_path: Path) -> None:
    z, y, x = (np.indices((48,) * 3) - 24) * 4.0
    ball = 1 / (1 + np.exp((np.sqrt(x**2 + y**2 + z**2) - 60) / 6))
    write_map(tmp_path / "ball.mrc", ball, 4.0)

    curve = curve_of(maps, "coarse_1", reference=maps / "reference.mrc", mask=str(tmp_path / "ball.mrc"))

    z, y, x = (np.indices((30,) * 3) - 15) * 6.0
    own = 1 / (1 + np.exp((np.sqrt(x**2 + y**2 + z**2) - 60) / 6))
    measured, truth = density(*COARSE) + 0.2 * noise(1, 30), density(*COARSE)
    expected = [direct_fsc(own * measured, own * truth, shell) for shell in range(1, 8)]
    np.testing.assert_allclose(curve.values[1:8], expected, atol=0.02)
    assert curve.masked


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "has no half-map beside it; give --half for every map, or --reference"),
        ({"half": ("coarse_2.mrc",)}, "give two halves of one reconstruction"),
        ({"half": ("fine_2.mrc", "fine_2.mrc")}, "--half: is given 2 times for 1 maps"),
        ({"reference": "reference.mrc", "name": ("a", "b")}, "--name: is given 2 times"),
        ({"reference": "reference.mrc", "mask_edge": 40}, "fine_1.mrc: the mask .* touches the 48 px box"),
        ({"reference": "unset.mrc"}, "unset.mrc: has a voxel size of 1 Å .* give --pixel-size"),
    ],
)
def test_what_cannot_be_compared_is_refused(maps: Path, given: dict[str, object], sentence: str) -> None:
    write_map(maps / "unset.mrc", density(*FINE), 1.0, overwrite=True)
    values = dict(given)
    for name in ("half", "reference"):
        if name in given:
            own = given[name]
            values[name] = maps / own if isinstance(own, str) else tuple(maps / each for each in own)

    with pytest.raises(InputError, match=sentence):
        curve_of(maps, "fine_1", **values)
