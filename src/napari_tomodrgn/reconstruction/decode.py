"""Volumes from a trained decoder: the half space of |k| <= 0.5 is decoded, the other half follows by symmetry."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.decoder import Decoder, half_space
from napari_tomodrgn.model.decoder_gradient import DecoderWeights, after_first_layer, features
from napari_tomodrgn.model.dense import affine
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.workers import in_threads

POINTS_PER_BLOCK = {"cpu": 4096, "mps": 1 << 15, "cuda": 1 << 15}
VOLUMES_AT_ONCE = {"cpu": 1, "mps": 8, "cuda": 8}
MOST_KEPT = 1 << 28  # bytes of what the first layer says of the points
EXACT = Compute(torch.device("cpu"), "off")


def check_box(box: int | None, trained: int) -> None:
    """Raise one sentence where volumes of a trained box can't be written in another."""
    if box is not None and (box % 2 or not 2 <= box <= trained):
        raise InputError(f"--box {box}: expected an even number of pixels up to the trained box, {trained}")


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


class VolumeDecoder:
    """A trained decoder, asked for volumes one after the other; needs no files, and works in any thread.

    What the first layer says of the points is the same for all volumes, a latent only adds to it: it is kept where it
    is not too large.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        standard_deviation: float,
        box: int | None = None,
        compute: Compute = EXACT,
    ) -> None:
        """Prepare for volumes of ``box`` px (default: the trained box D), in the units of the images' densities.

        A smaller even box d is cropped in Fourier space and scaled by d³/D³; the pixel size becomes a D/d.
        ``standard_deviation`` is what the training images' Hartley values were divided by.

        Raises
        ------
        InputError
            Where the box is odd or larger than the trained one.
        """
        check_box(box, decoder.box)
        self.box = decoder.box if box is None else box
        self._decoder = decoder.to(compute.device).eval()
        self._weights, self._compute = DecoderWeights.of(decoder, compute.dtype), compute
        self._grid = half_grid(decoder.box, self.box)
        self._scale = standard_deviation * (self.box / decoder.box) ** 3
        self._blocks = list(torch.split(self._grid.k3.to(compute.device), POINTS_PER_BLOCK[compute.device.type]))
        self._signs = torch.cat([half_space(block)[1] for block in self._blocks])
        width = decoder.mlp.first.out_features
        keep = len(self._grid.k3) * width * self._weights.layers[0][0].element_size() <= MOST_KEPT
        self._first: list[Tensor] | None = None
        if keep:
            self._first = self._each_block(self._first_layer)

    @torch.no_grad()
    def _first_layer(self, block: int) -> Tensor:
        """Return what the first layer says of a block's points (n, width), before any latent."""
        points = half_space(self._blocks[block])[0]
        return affine(features(points, self._weights), *self._weights.layers[0], "none")

    @torch.no_grad()
    def _rest(self, block: int, latent_input: Tensor | None) -> Tensor:
        """Return what the decoder says (B, n, 2) at the points of a block, for latent inputs (B, width)."""
        first = self._first_layer(block) if self._first is None else self._first[block]
        if latent_input is None:
            return after_first_layer(first.relu(), self._weights)[None]
        values = (first + latent_input.to(first.dtype)[:, None]).relu_()
        return after_first_layer(values.flatten(0, 1), self._weights).view(*values.shape[:2], 2)

    @torch.no_grad()
    def volumes(self, z: npt.ArrayLike | None) -> list[npt.NDArray[np.float32]]:
        r"""Return the volumes (d, d, d), z, y, x, of latents (n, \|z\|), decoded together; ``None`` is no latent.

        Raises
        ------
        InputError
            Where the latents have another dimension than the decoder was trained with.
        """
        latent_input = None
        if z is not None:
            latents = torch.as_tensor(np.asarray(z, dtype=np.float32)).to(self._compute.device)
            _check_dimension(latents.shape[1], self._decoder)
            latent_input = self._decoder.latent_input(latents)
        else:
            _check_dimension(0, self._decoder)
        values = torch.cat(self._each_block(lambda number: self._rest(number, latent_input)), dim=1)
        imaginary = values[..., 1] * self._signs
        return [
            volume_of(real, other, self._grid, self._scale)
            for real, other in zip(values[..., 0], imaginary, strict=True)
        ]

    def _each_block(self, work: Callable[[int], Tensor]) -> list[Tensor]:
        """Return what is made of each block: by a core each on a CPU."""
        numbers = range(len(self._blocks))
        return in_threads(work, numbers) if self._compute.device.type == "cpu" else list(map(work, numbers))


def decode_volumes(
    decoder: Decoder,
    z: npt.ArrayLike | None,
    *,
    standard_deviation: float,
    box: int | None = None,
    compute: Compute = EXACT,
) -> Iterator[npt.NDArray[np.float32]]:
    r"""Yield one volume a latent, (d, d, d) float32 in z, y, x order, in the units of the images' densities.

    Parameters
    ----------
    decoder
        The trained decoder of box D.
    z
        (n, \|z\|) latents, or ``None`` for a decoder without a latent (one volume).
    standard_deviation, box, compute
        As of :class:`VolumeDecoder`.

    Raises
    ------
    InputError
        Where the box is odd, larger than the trained one, or the latents have another dimension.
    """
    volumes = VolumeDecoder(decoder, standard_deviation=standard_deviation, box=box, compute=compute)
    if z is None:
        yield from volumes.volumes(None)
        return
    latents = np.asarray(z, dtype=np.float32)
    together = VOLUMES_AT_ONCE[compute.device.type]
    for begin in range(0, len(latents), together):
        yield from volumes.volumes(latents[begin : begin + together])


def _check_dimension(found: int, decoder: Decoder) -> None:
    if found != decoder.latent_dim:
        raise InputError(f"the latents have {found} dimensions, the decoder was trained with {decoder.latent_dim}")


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
