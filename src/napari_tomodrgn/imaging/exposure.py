"""Radiation damage: how much signal is left at a spatial frequency after a dose (Grant & Grigorieff 2015)."""

import torch
from torch import Tensor

OPTIMAL_DOSE = 2.51284  # of the critical dose: where the signal-to-noise ratio of a summed exposure peaks


def critical_dose(
    k: Tensor,  # (P,) cycles/Å
    voltage: Tensor,  # (...,) kV
    voltage_rule: str = "scaled",
) -> Tensor:
    """Return the dose (..., P) in e/Å² after which the amplitude has fallen to exp(-1/2); infinite at k = 0."""
    dose = 0.24499 * k.clamp(min=1e-12) ** -1.6649 + 2.8141
    factor = torch.ones_like(voltage)
    if voltage_rule == "scaled":
        factor = torch.where(voltage < 250, 0.8, 1.0).to(voltage)
    return torch.where(k > 0, dose * factor[..., None], torch.inf)


def exposure_weights(k: Tensor, dose: Tensor, voltage: Tensor, voltage_rule: str = "scaled") -> Tensor:
    """Return the amplitude left (..., P), exp(-dose / (2 critical dose)), for a dose (...,) in e/Å²; 1 at k = 0."""
    return torch.exp(-dose[..., None] / (2 * critical_dose(k, voltage, voltage_rule)))


def within_optimal_dose(k: Tensor, dose: Tensor, voltage: Tensor, voltage_rule: str = "scaled") -> Tensor:
    """Return (..., P) bool: whether a frequency is still worth looking at after the dose."""
    return dose[..., None] <= OPTIMAL_DOSE * critical_dose(k, voltage, voltage_rule)
