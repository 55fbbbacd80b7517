"""Comparison of volumes: planted differences are found where they were planted, within the mask where one fits."""

from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.comparison import MASK_FILE, common_mask, read_comparison, write_comparison
from napari_tomodrgn.particles.maps import read_map

PIXEL_SIZE = 5.0


def ball(box: int, radius: float) -> np.ndarray:
    """A filled ball (D, D, D) in the middle of a box."""
    steps = np.arange(box) - box // 2
    squared = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2
    return (squared <= radius**2).astype(np.float32)


def shells(box: int) -> np.ndarray:
    """Distance of every Fourier coefficient (D, D, D) from the origin."""
    steps = np.fft.fftfreq(box, 1 / box)
    return np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)


def test_pairs_fall_below_one_half_where_they_were_made_to_differ(tmp_path: Path) -> None:
    first, noise = np.random.default_rng(0).normal(size=(2, 24, 24, 24))
    beyond = shells(24) >= 7.5
    second = np.fft.ifftn(np.where(beyond, np.fft.fftn(noise), np.fft.fftn(first))).real

    write_comparison(tmp_path, [first, second, -first], PIXEL_SIZE)
    found = read_comparison(tmp_path)

    resolutions = found.resolutions()
    box = 24 * PIXEL_SIZE
    assert box / 8 < resolutions[0, 1] < box / 7
    assert resolutions[1, 0] == resolutions[0, 1]
    assert np.isinf(resolutions[0, 2])
    np.testing.assert_allclose(found.curves["0-1"].to_numpy()[:7], 1, atol=1e-5)
    np.testing.assert_allclose(found.curves["0-2"], -1)


def test_equal_volumes_agree_up_to_nyquist(tmp_path: Path) -> None:
    first = np.random.default_rng(0).normal(size=(16, 16, 16))

    write_comparison(tmp_path, [first, 3 * first], PIXEL_SIZE)

    found = read_comparison(tmp_path)
    assert found.resolutions()[0, 1] == pytest.approx(2 * PIXEL_SIZE)
    assert found.curves.index[-1] == pytest.approx(1 / (2 * PIXEL_SIZE))


def test_the_mask_holds_the_density_of_every_volume_and_hides_what_lies_outside(tmp_path: Path) -> None:
    small, large = ball(64, 4), ball(64, 9)
    outside = np.random.default_rng(1).normal(scale=0.05, size=(2, 64, 64, 64)) * (ball(64, 26) == 0)

    write_comparison(tmp_path, [small + outside[0], small + outside[1], large], PIXEL_SIZE)
    found = read_comparison(tmp_path)

    mask = read_map(tmp_path / MASK_FILE).values
    assert found.masked
    assert mask[large > 0].min() == 1
    assert mask[ball(64, 9 + 3 + 10 + 1) == 0].max() == 0
    np.testing.assert_allclose(found.curves["0-1"], 1, atol=1e-4)
    masked = (large * mask, (small + outside[0]) * mask)
    fourier = [np.fft.fftn(each)[np.abs(shells(64) - 5) < 0.5] for each in masked]
    expected = (fourier[0] * fourier[1].conj()).real.sum() / np.prod([np.linalg.norm(each) for each in fourier])
    assert found.curves["0-2"].iloc[4] == pytest.approx(expected, abs=1e-5)


def test_a_mask_that_would_touch_the_box_is_left_out_and_an_old_one_removed(tmp_path: Path) -> None:
    write_comparison(tmp_path, [ball(64, 4), ball(64, 9)], PIXEL_SIZE)
    assert read_comparison(tmp_path).masked

    write_comparison(tmp_path, [ball(24, 4), ball(24, 5)], PIXEL_SIZE)

    assert common_mask([ball(24, 4), ball(24, 5)]) is None
    assert not read_comparison(tmp_path).masked
    assert not (tmp_path / MASK_FILE).exists()


def test_curves_end_at_a_low_pass(tmp_path: Path) -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 16, 16, 16))

    write_comparison(tmp_path, [first, second + 20 * first], PIXEL_SIZE, low_pass=20.0)

    found = read_comparison(tmp_path)
    assert found.curves.index.tolist() == pytest.approx([1 / 80, 1 / 40, 3 / 80, 1 / 20])
    assert found.resolutions()[0, 1] == pytest.approx(20)


def test_one_volume_has_no_pairs(tmp_path: Path) -> None:
    write_comparison(tmp_path, [ball(16, 3)], PIXEL_SIZE)

    found = read_comparison(tmp_path)
    assert found.curves.empty
    assert np.isnan(found.resolutions()).all()
