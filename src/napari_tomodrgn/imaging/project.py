"""Projections of a map: central slices of its Fourier transform."""

import torch
from torch import Tensor

from napari_tomodrgn.imaging.hartley import complex_to_pairs, pairs_to_images, shift_pairs
from napari_tomodrgn.imaging.lattice import Lattice

POINTS_AT_ONCE = 1 << 18


def gridding_correction(box: int, padded_box: int) -> Tensor:
    """Return the (D, D, D) factor sinc²(x/M) sinc²(y/M) sinc²(z/M) about voxel D/2.

    Trilinear interpolation between Fourier samples 1/M apart convolves the transform with a triangle, which
    multiplies the map by this factor.
    """
    position = (torch.arange(box, dtype=torch.float32) - box // 2) / padded_box
    profile = torch.sinc(position) ** 2
    return profile[:, None, None] * profile[None, :, None] * profile[None, None, :]


class Projector:
    """Central slices and projections of one map, by trilinear interpolation in its padded Fourier transform.

    Parameters
    ----------
    volume
        (D, D, D) real, axes z, y, x; rotations turn about voxel D/2.
    padding
        How many times the box is padded with zeros before the transform: finer sampling, better slices.
    """

    def __init__(self, volume: Tensor, padding: int = 2) -> None:
        self.box = volume.shape[-1]
        self.padded_box = padding * self.box
        margin = (self.padded_box - self.box) // 2
        volume = volume.to(torch.float32)
        corrected = volume / gridding_correction(self.box, self.padded_box).to(volume)
        padded = torch.nn.functional.pad(corrected, [margin] * 6)
        # The half-space x >= 0 holds a real map's transform; (z, y, x) order, DC at [0, 0, 0].
        transform = torch.fft.rfftn(torch.fft.ifftshift(padded))
        self._samples = transform.flatten()

    def pairs(self, k3: Tensor) -> Tensor:
        """Return the Hartley pairs (n, 2, P) of the map at ``k3`` (n, P, 3), x, y, z in cycles/px."""
        flat = k3.reshape(-1, 3)
        values = torch.cat([self._interpolate(part) for part in torch.split(flat, POINTS_AT_ONCE)])
        return complex_to_pairs(values.reshape(k3.shape[:-1]))

    def images(self, rotation: Tensor, lattice: Lattice, shift_px: Tensor | None = None) -> Tensor:
        """Return projections (n, D, D), axes y, x, at ``rotation`` (n, 3, 3), reference to image frame.

        Their mean is 0 and nothing lies beyond |k| = 0.5. ``shift_px`` (n, 2), x, y, moves the content.
        """
        pairs = self.pairs(torch.einsum("pj,njk->npk", lattice.k.to(rotation), rotation[:, :2, :]))
        if shift_px is not None:
            pairs = shift_pairs(pairs, shift_px, lattice)
        return pairs_to_images(pairs, lattice)

    def _interpolate(self, k3: Tensor) -> Tensor:
        """Return the transform (n,), complex, at ``k3`` (n, 3)."""
        size, half = self.padded_box, self.padded_box // 2 + 1
        mate = k3[:, 0] < 0
        position = torch.where(mate[:, None], -k3, k3).T.contiguous() * size
        low = position.floor()
        upper = position - low
        lower = 1 - upper
        x, y, z = low.to(torch.int64)
        next_x = (x + 1).clamp(max=half - 1)
        value = torch.zeros_like(self._samples[:1]).expand(len(k3))
        for step_z, weight_z in enumerate((lower[2], upper[2])):
            plane = (z + step_z) % size * size
            for step_y, weight_y in enumerate((lower[1], upper[1])):
                line = (plane + (y + step_y) % size) * half
                along_x = lower[0] * self._samples[line + x] + upper[0] * self._samples[line + next_x]
                value = value + weight_z * weight_y * along_x
        return torch.where(mate, value.conj(), value)
