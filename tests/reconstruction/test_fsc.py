"""Shell correlations against torch-fourier-shell-correlation, brute force, and what must hold for noise."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch_fourier_shell_correlation import fourier_correlation

from napari_tomodrgn.reconstruction.fsc import corrected_fsc, correlation, fsc, randomise_phases, resolution_at

BOX = 32


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((BOX, BOX, BOX))


def two_measurements(chiral_map: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return chiral_map + 0.3 * noise(1), chiral_map + 0.3 * noise(2)


def test_is_the_normalised_sum_over_each_shell(chiral_map: np.ndarray) -> None:
    a, b = two_measurements(chiral_map)
    first, second = np.fft.fftn(a), np.fft.fftn(b)
    steps = np.fft.fftfreq(BOX, 1 / BOX)
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2)

    curve = fsc(a, b)

    for shell in range(BOX // 2 + 1):
        f, g = (each[np.abs(radius - shell) < 0.5] for each in (first, second))
        expected = (f * g.conj()).sum().real / np.sqrt((np.abs(f) ** 2).sum() * (np.abs(g) ** 2).sum())
        assert curve[shell] == pytest.approx(expected, abs=1e-9)


def test_agrees_with_torch_fourier_shell_correlation(chiral_map: np.ndarray) -> None:
    """That package spreads each coefficient over two shells, so its curve is a little smoother than ours."""
    a, b = (torch.from_numpy(each) for each in two_measurements(chiral_map))
    theirs = fourier_correlation(torch.fft.fftn(a), torch.fft.fftn(b), (BOX,) * 3, rfft=False).real.numpy()

    difference = np.abs(fsc(a.numpy(), b.numpy()) - theirs)[1:]

    assert difference.max() < 0.06
    assert difference.mean() < 0.02


def test_knows_neither_scale_nor_offset_but_sign(chiral_map: np.ndarray) -> None:
    np.testing.assert_allclose(fsc(chiral_map, 3 * chiral_map + 1)[1:], 1, atol=1e-6)
    np.testing.assert_allclose(fsc(chiral_map, -chiral_map)[1:], -1, atol=1e-6)


def test_an_empty_map_correlates_with_nothing(chiral_map: np.ndarray) -> None:
    assert (fsc(chiral_map, np.zeros_like(chiral_map)) == 0).all()
    assert correlation(chiral_map, np.zeros_like(chiral_map)) == 0


def test_random_phases_keep_amplitudes_and_low_shells(chiral_map: np.ndarray) -> None:
    scrambled = randomise_phases(chiral_map, 6, np.random.default_rng(0))

    curve = fsc(chiral_map, scrambled)
    np.testing.assert_allclose(curve[:6], 1, atol=1e-6)
    assert np.abs(curve[8:]).max() < 0.3
    np.testing.assert_allclose(np.abs(np.fft.rfftn(scrambled)), np.abs(np.fft.rfftn(chiral_map)), atol=1e-2)


def tight_mask(chiral_map: np.ndarray) -> np.ndarray:
    return np.clip(2 * gaussian_filter((chiral_map > 0.3).astype(float), 1.0), 0, 1)


def test_a_mask_makes_noise_correlate_and_the_correction_takes_that_away(chiral_map: np.ndarray) -> None:
    """Two half-maps of one common offset, which a mask turns into a common shape, and independent noise."""
    mask = tight_mask(chiral_map)
    a, b = 1.5 + noise(3), 1.5 + noise(4)

    masked, corrected = fsc(a, b, mask)[3:], corrected_fsc(a, b, mask)[3:]

    assert masked[:4].mean() > 0.1
    assert abs(corrected.mean()) < 0.05


def test_two_pure_noise_half_maps_give_about_zero(chiral_map: np.ndarray) -> None:
    mask = tight_mask(chiral_map)

    corrected = [corrected_fsc(noise(2 * seed), noise(2 * seed + 1), mask, seed=seed)[3:].mean() for seed in range(8)]

    assert abs(np.mean(corrected)) < 0.04
    assert np.abs(corrected).max() < 0.15


def test_correction_leaves_true_signal(chiral_map: np.ndarray) -> None:
    mask = tight_mask(chiral_map)
    a, b = two_measurements(chiral_map)

    unmasked, corrected = fsc(a, b), corrected_fsc(a, b, mask)

    assert (corrected[1:8] > 0.9).all()
    assert corrected[1:10].mean() > unmasked[1:10].mean()


def test_correlation_is_pearsons(chiral_map: np.ndarray) -> None:
    a, b = two_measurements(chiral_map)
    inside = chiral_map > 0.1

    assert correlation(a, b) == pytest.approx(np.corrcoef(a.ravel(), b.ravel())[0, 1])
    assert correlation(a, b, inside.astype(float)) == pytest.approx(np.corrcoef(a[inside], b[inside])[0, 1])


@pytest.mark.parametrize(
    ("curve", "threshold", "angstrom"),
    [
        ([1, 1, 0.9, 0.1, 0], 0.5, 8 * 3 / 2.5),  # half-way between shells 2 and 3 of a box of 8 at 3 Å/px
        ([1, 0.9, 0.5, 0.2, 0.6], 0.5, 8 * 3 / 2),  # the first crossing counts
        ([1, 1, 1, 1, 1], 0.143, 6),  # never below: Nyquist
        ([1, 0.1, 0, 0, 0], 0.5, np.inf),
    ],
)
def test_resolution_is_where_the_curve_first_falls_below(curve: list[float], threshold: float, angstrom: float) -> None:
    assert resolution_at(np.array(curve), threshold, 3.0) == pytest.approx(angstrom)
