"""Volumes from a trained decoder: the half space of |k| <= 0.5 is decoded, the other half follows by symmetry."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.decoder import Decoder

POINTS_PER_BLOCK = 16384


@dataclass(frozen=True)
class HalfGrid:
    """The points of a D³ rFFT grid (kz, ky in FFT order, kx >= 0) inside a radius, DC excluded.

    Attributes
    ----------
    box
        D of the grid that the values are put on, px.
    k3
        (K, 3) float32 x, y, z in cycles/px of the *trained* box.
    flat
        (K,) int64: flat indices into the (D, D, D/2 + 1) grid.
    nyquist
        (K,) bool: points on the grid's own Nyquist planes, where only the real part has a place.
    """

    box: int
    k3: Tensor
    flat: Tensor
    nyquist: Tensor


@lru_cache(maxsize=8)
def half_grid(trained_box: int, box: int) -> HalfGrid:
    """Return the decoding points for a volume of ``box`` px cropped in Fourier space from ``trained_box`` px."""
    full = torch.fft.fftfreq(box, 1 / box).round().long()
    half = torch.arange(box // 2 + 1)
    z, y, x = torch.meshgrid(full, full, half, indexing="ij")
    squared = x**2 + y**2 + z**2
    flat = ((squared <= (box // 2) ** 2) & (squared > 0)).flatten().nonzero().flatten()
    k3 = torch.stack([axis.flatten()[flat] for axis in (x, y, z)], dim=1).float()
    nyquist = (k3.abs() == box // 2).any(dim=1)
    return HalfGrid(box, k3 / trained_box, flat, nyquist)


@torch.inference_mode()
def decode_volumes(
    decoder: Decoder,
    z: npt.ArrayLike | None,
    *,
    standard_deviation: float,
    box: int | None = None,
    device: torch.device | str = "cpu",
) -> Iterator[npt.NDArray[np.float32]]:
    r"""Yield one volume a latent, (d, d, d) float32 in z, y, x order, in the units of the images' densities.

    Parameters
    ----------
    decoder
        The trained decoder of box D.
    z
        (n, \|z\|) latents, or ``None`` for a decoder without a latent (one volume).
    standard_deviation
        What the training images' Hartley values were divided by.
    box
        Smaller even box d: cropped in Fourier space and scaled by d³/D³; the pixel size becomes a D/d.
    device
        Where to decode.

    Raises
    ------
    InputError
        Where the box is odd, larger than the trained one, or the latents have another dimension.
    """
    box = decoder.box if box is None else box
    if box % 2 or not 2 <= box <= decoder.box:
        raise InputError(f"--box {box}: expected an even number of pixels up to the trained box, {decoder.box}")
    latents = [None] if z is None else list(torch.as_tensor(np.asarray(z, dtype=np.float32)).to(device))
    for latent in latents:
        if (0 if latent is None else len(latent)) != decoder.latent_dim:
            found = 0 if latent is None else len(latent)
            raise InputError(f"the latents have {found} dimensions, the decoder was trained with {decoder.latent_dim}")
    decoder = decoder.to(device).eval()
    grid = half_grid(decoder.box, box)
    k3 = grid.k3.to(device)
    for latent in latents:
        blocks = [decoder.evaluate(block, latent) for block in torch.split(k3, POINTS_PER_BLOCK)]
        real = torch.cat([each[0] for each in blocks]).float()
        imaginary = torch.cat([each[1] for each in blocks]).float()
        yield volume_of(real, imaginary, grid, standard_deviation * (box / decoder.box) ** 3)


def volume_of(real: Tensor, imaginary: Tensor, grid: HalfGrid, scale: float) -> npt.NDArray[np.float32]:
    """Return the (d, d, d) real volume of Fourier values (K,) on a half grid; its origin is voxel d/2."""
    box = grid.box
    imaginary = torch.where(grid.nyquist.to(imaginary.device), 0.0, imaginary)
    spectrum = torch.zeros(box * box * (box // 2 + 1), dtype=torch.complex64, device=real.device)
    spectrum[grid.flat.to(real.device)] = torch.complex(real, imaginary)
    volume = torch.fft.irfftn(spectrum.view(box, box, box // 2 + 1), s=(box, box, box))
    centred: npt.NDArray[np.float32] = (torch.fft.fftshift(volume) * scale).cpu().numpy()
    return centred


def low_pass_volume(volume: npt.NDArray[np.float32], pixel_size: float, low_pass: float) -> npt.NDArray[np.float32]:
    """Return a cubic volume with everything beyond ``low_pass`` Å removed (cosine edge two Fourier shells wide)."""
    box = len(volume)
    frequency = np.fft.fftfreq(box)
    half = np.fft.rfftfreq(box)
    shell = np.sqrt(frequency[:, None, None] ** 2 + frequency[:, None] ** 2 + half**2) * box
    cutoff = box * pixel_size / low_pass
    weights = 0.5 + 0.5 * np.cos(np.pi * np.clip((shell - cutoff + 1) / 2, 0, 1))
    return np.fft.irfftn(np.fft.rfftn(volume) * weights, s=volume.shape, axes=(0, 1, 2)).astype(np.float32)
