"""What lies between a projection and the image in a file, as factors in Fourier space."""

import torch
from torch import Tensor

from napari_tomodrgn.imaging.ctf import ctf
from napari_tomodrgn.imaging.exposure import exposure_weights
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.options import SimulateOptions


class Transfer:
    """Exposure, microscope and extraction for images of one size.

    Parameters
    ----------
    options, model
        The microscope, and what the dialect's program does.
    size
        Pixels of a side, even.
    """

    def __init__(self, options: SimulateOptions, model: ForwardModel, size: int) -> None:
        self.options, self.model, self.size = options, model, size
        steps, half = torch.fft.fftfreq(size), torch.fft.rfftfreq(size)
        y, x = torch.meshgrid(steps, half, indexing="ij")
        self._k = torch.stack([x.flatten(), y.flatten()], dim=1) / options.pixel_size  # cycles/Å

    def damped(self, images: Tensor, dose: Tensor) -> Tensor:
        """Return images (n, D, D) with what is left of them after a dose (n,) in e/Å²."""
        return self._filtered(images, self._exposure(dose))

    def detected(self, images: Tensor, cosine: Tensor, defocus: Tensor) -> Tensor:
        """Return what falls on the detector: thinner signal at a high tilt (n,), and the CTF of a defocus (n,) in Å."""
        factor = cosine[:, None]
        return self._filtered(images, factor * self._ctf(defocus) if self.model.ctf_power else factor)

    def extracted(
        self, images: Tensor, dose: Tensor, cosine: Tensor, defocus: Tensor, moved: Tensor | None = None
    ) -> Tensor:
        """Return what the extraction program writes: its own CTF, exposure weights and sign multiplied in.

        ``moved`` (n, 2), x, y in px, moves the content.
        """
        factor = torch.full((1, 1), -1.0 if self.model.contrast == "dark" else 1.0)
        if self.model.ctf_power == 2:
            factor = factor * self._ctf(defocus)
        if self.model.attenuation != "none":
            factor = factor * self._exposure(dose)
        if self.model.attenuation == "dose-tilt":
            factor = factor * cosine[:, None]
        if moved is not None:
            turn = -2 * torch.pi * self.options.pixel_size * moved @ self._k.T
            factor = torch.polar(factor.expand_as(turn), turn)
        return self._filtered(images, factor)

    def _filtered(self, images: Tensor, factor: Tensor) -> Tensor:
        """Return images (n, D, D) whose transforms are multiplied by ``factor`` (n or 1, half plane or 1)."""
        transform = torch.fft.rfft2(images).flatten(-2) * factor
        half_plane = transform.unflatten(-1, (self.size, self.size // 2 + 1))
        filtered: Tensor = torch.fft.irfft2(half_plane, s=(self.size, self.size))
        return filtered

    def _exposure(self, dose: Tensor) -> Tensor:
        """Return the exposure weights (n, half plane)."""
        voltage = torch.full_like(dose, self.options.voltage)
        return exposure_weights(self._k.norm(dim=1), dose, voltage, self.model.voltage_rule)

    def _ctf(self, defocus: Tensor) -> Tensor:
        """Return the CTF (n, half plane)."""

        def same(value: float) -> Tensor:
            return torch.full_like(defocus, value)

        return ctf(
            self._k,
            defocus,
            defocus,
            same(0),
            same(self.options.voltage),
            same(self.options.spherical_aberration),
            same(self.options.amplitude_contrast),
            same(self.options.phase_shift),
        )
