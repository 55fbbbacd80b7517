"""Centred Hartley and Fourier transforms on the symmetrised lattice, where DC stands at index D/2.

H = Re F - Im F of the unnormalised DFT whose origin is voxel D/2, so H(-k) = Re F + Im F.
"""

import torch
from torch import Tensor

from napari_tomodrgn.imaging.lattice import Lattice


def centred_fft2(images: Tensor) -> Tensor:
    """Return the centred, unnormalised 2D DFT (..., D, D) of real images (..., D, D); DC at [D/2, D/2]."""
    result: Tensor = torch.fft.fftshift(torch.fft.fft2(torch.fft.ifftshift(images, dim=(-2, -1))), dim=(-2, -1))
    return result


def symmetrise(plane: Tensor) -> Tensor:
    """Return a Hartley plane (..., D, D) as (..., D+1, D+1): the missing +Nyquist row and column repeat -Nyquist."""
    plane = torch.cat([plane, plane[..., :1, :]], dim=-2)
    return torch.cat([plane, plane[..., :, :1]], dim=-1)


def hartley2(images: Tensor) -> Tensor:
    """Return the symmetrised Hartley transform (..., D+1, D+1) of real images (..., D, D)."""
    transform = centred_fft2(images)
    return symmetrise(transform.real - transform.imag)


def pairs_of_plane(plane: Tensor, lattice: Lattice) -> Tensor:
    """Return (..., 2, P): the values of a Hartley plane (..., D+1, D+1) at +k and at -k."""
    flat = plane.flatten(-2)
    return torch.stack([flat[..., lattice.plus], flat[..., lattice.minus]], dim=-2)


def shift_pairs(pairs: Tensor, shift_px: Tensor, lattice: Lattice) -> Tensor:
    """Move the content of images by ``shift_px`` (..., 2) pixels (x, y), given as Hartley pairs (..., 2, P).

    H'(k) = cos(2 pi k.t) H(k) + sin(2 pi k.t) H(-k).
    """
    phase = 2 * torch.pi * shift_px.to(pairs.dtype) @ lattice.k.T.to(pairs)
    cosine, sine = phase.cos(), phase.sin()
    plus, minus = pairs[..., 0, :], pairs[..., 1, :]
    return torch.stack([cosine * plus + sine * minus, cosine * minus - sine * plus], dim=-2)


def pairs_to_complex(pairs: Tensor) -> Tensor:
    """Return the Fourier values F(k) (..., P), complex, of Hartley pairs (..., 2, P)."""
    plus, minus = pairs[..., 0, :], pairs[..., 1, :]
    return torch.complex((plus + minus) / 2, (minus - plus) / 2)


def complex_to_pairs(values: Tensor) -> Tensor:
    """Return the Hartley pairs (..., 2, P) of Fourier values F(k) (..., P)."""
    return torch.stack([values.real - values.imag, values.real + values.imag], dim=-2)


def pairs_to_images(pairs: Tensor, lattice: Lattice) -> Tensor:
    """Return real images (..., D, D) of Hartley pairs (..., 2, P); DC and everything beyond |k| = 0.5 are 0.

    On the Nyquist line the lattice holds one coefficient of the D x D grid twice; the two are averaged.
    """
    box = lattice.box
    plane = pairs.new_zeros(*pairs.shape[:-2], (box + 1) ** 2)
    plane[..., lattice.plus] = pairs[..., 0, :]
    plane[..., lattice.minus] = pairs[..., 1, :]
    plane = plane.reshape(*pairs.shape[:-2], box + 1, box + 1)
    square = plane[..., :box, :box].clone()
    square[..., 0, :] = (plane[..., 0, :box] + plane[..., box, :box]) / 2
    square[..., :, 0] = (plane[..., :box, 0] + plane[..., :box, box]) / 2
    square[..., 0, 0] = 0
    transform = centred_fft2(square)
    images: Tensor = (transform.real - transform.imag) / box**2
    return images
