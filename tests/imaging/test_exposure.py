"""Radiation damage against the published curve and torch-fourier-filter."""

import numpy as np
import pytest
import torch
from torch_fourier_filter.dose_weight import dose_weight_movie

from napari_tomodrgn.imaging.exposure import OPTIMAL_DOSE, critical_dose, exposure_weights, within_optimal_dose

K = torch.linspace(0.005, 0.2, 40)


@pytest.mark.parametrize(
    ("voltage", "rule", "factor"), [(300, "scaled", 1), (200, "scaled", 0.8), (200, "300kv", 1), (300, "300kv", 1)]
)
def test_follows_grant_and_grigorieff(voltage: float, rule: str, factor: float) -> None:
    dose = torch.tensor([3.0, 60.0, 120.0])

    found = exposure_weights(K, dose, torch.full((3,), float(voltage)), rule)

    critical = (0.24499 * K.double().numpy() ** -1.6649 + 2.8141) * factor
    expected = np.exp(-np.array([[3.0], [60.0], [120.0]]) / (2 * critical))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4)


@pytest.mark.parametrize("voltage", [300.0, 200.0])
def test_agrees_with_torch_fourier_filter_once_normalised(voltage: float) -> None:
    """That package divides by the root of the summed squares, and counts the dose after each frame."""
    box, pixel_size, frames = 32, 2.0, 10
    ones = torch.ones(frames, box, box // 2 + 1, dtype=torch.complex64)
    theirs = dose_weight_movie(
        ones, (box, box), pixel_size, dose_per_frame=3.0, voltage=voltage, a=0.24499, b=-1.6649, c=2.8141
    ).real

    y, x = torch.meshgrid(torch.fft.fftfreq(box), torch.fft.rfftfreq(box), indexing="ij")
    k = torch.hypot(x, y).flatten() / pixel_size
    weights = exposure_weights(k, 3.0 * torch.arange(1, frames + 1), torch.full((frames,), voltage))
    normalised = (weights / torch.sqrt((weights**2).sum(0))).reshape(frames, box, -1)

    beyond_dc = slice(1, None)
    torch.testing.assert_close(normalised[:, beyond_dc], theirs[:, beyond_dc], atol=1e-4, rtol=1e-3)


def test_nothing_is_lost_at_dc() -> None:
    weight = exposure_weights(torch.zeros(1), torch.tensor([120.0]), torch.tensor([300.0]))

    assert float(weight) == 1.0


def test_amplitude_at_the_critical_dose_is_that_of_half_a_lifetime() -> None:
    voltage = torch.tensor([300.0])
    critical = critical_dose(torch.tensor([0.1]), voltage)

    weight = exposure_weights(torch.tensor([0.1]), critical[0], voltage)

    assert float(weight) == pytest.approx(np.exp(-0.5))


def test_optimal_dose_maximises_the_signal_to_noise_ratio_of_the_sum() -> None:
    """The SNR of an exposure of dose N is (integral of exp(-n/2Nc))² / N (Grant & Grigorieff 2015, eq. 4)."""
    critical = 10.0
    dose = np.linspace(1, 80, 20000)
    signal_to_noise = (2 * critical * (1 - np.exp(-dose / (2 * critical)))) ** 2 / dose

    assert dose[signal_to_noise.argmax()] / critical == pytest.approx(OPTIMAL_DOSE, abs=2e-3)


def test_mask_ends_at_the_optimal_dose() -> None:
    k, voltage = torch.tensor([0.1]), torch.tensor([300.0, 300.0])
    limit = OPTIMAL_DOSE * (0.24499 * 0.1**-1.6649 + 2.8141)

    kept = within_optimal_dose(k, torch.tensor([limit - 0.01, limit + 0.01]), voltage)

    assert kept.flatten().tolist() == [True, False]
