"""The contrast transfer function, in RELION's sign: positive at low resolution for particles brighter than ice."""

import math

import torch
from torch import Tensor


def electron_wavelength(voltage: Tensor) -> Tensor:
    """Return the relativistic electron wavelength in Å for a voltage in kV."""
    volts = voltage * 1e3
    return 12.2639 / torch.sqrt(volts + 0.97845e-6 * volts**2)


def ctf(
    k: Tensor,  # (P, 2) cycles/Å
    defocus_u: Tensor,  # (...,) Å
    defocus_v: Tensor,
    defocus_angle: Tensor,  # degrees
    voltage: Tensor,  # kV
    spherical_aberration: Tensor,  # mm
    amplitude_contrast: Tensor,
    phase_shift: Tensor,  # degrees
    b_factor: Tensor | None = None,  # Å²
    scale: Tensor | None = None,
) -> Tensor:
    """Return the CTF (..., P): -sin(gamma), with underfocus positive and the astigmatism angle from the x axis.

    gamma = -pi z lambda k² + (pi/2) Cs lambda³ k⁴ - phase shift - arcsin(amplitude contrast), where
    z(theta) = (U + V)/2 + (U - V)/2 cos 2(theta - theta0). U may be smaller than V.
    """
    wavelength = electron_wavelength(voltage)[..., None]
    cs = spherical_aberration[..., None] * 1e7
    squared = (k**2).sum(-1)
    angle = torch.atan2(k[:, 1], k[:, 0]) - torch.deg2rad(defocus_angle)[..., None]
    mean = (defocus_u + defocus_v)[..., None] / 2
    half_difference = (defocus_u - defocus_v)[..., None] / 2
    defocus = mean + half_difference * torch.cos(2 * angle)
    gamma = (
        -math.pi * defocus * wavelength * squared
        + (math.pi / 2) * cs * wavelength**3 * squared**2
        - torch.deg2rad(phase_shift)[..., None]
        - torch.asin(amplitude_contrast)[..., None]
    )
    value = -torch.sin(gamma)
    if scale is not None:
        value = value * scale[..., None]
    if b_factor is not None:
        value = value * torch.exp(-b_factor[..., None] * squared / 4)
    return value
