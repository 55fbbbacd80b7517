"""A loss that counts only what lies in the shadow of a mask: one part of a particle, whatever surrounds it.

The residual of a whole tilt image, each point times the root of its weight, is taken to real space, multiplied by the
square of the mask's shadow, and back. With r the residual, s the shadow and F the Fourier transform, the loss is
r* A r with A = F s² F⁻¹, and its slope 2 A r: where s is 1 everywhere, that is the plain loss.

A lattice has two points on the lines of Nyquist's frequency, where an image of D x D pixels has no room for both
members of a pair. Real space is sampled at (D + 2)² places of the same field instead, which hold every point.
"""

import hashlib

import numpy as np
import torch
from torch import Tensor

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.maps import flip_hand, read_map
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.options import TrainOptions

THICKNESS = 2.0  # px of mask along the beam from which on its shadow is full
SOFTENING = 1.0  # px, the standard deviation of the Gaussian that keeps a hard-edged mask from ringing
PIXEL_SIZE_TOLERANCE = 0.01
FULL_FACES = 0.5  # a mask that is no less on any face of its box is taken to have no end there
ROUNDING = 1e-3  # by which an interpolated mask may exceed 0 to 1


class FocusMask:
    """A soft mask in the frame of the reference, its shadows at any pose, and residuals within them.

    Parameters
    ----------
    mask
        (D, D, D) from 0 to 1, axes z, y, x; rotations turn about voxel D/2. It ends with its box, unless it is full
        on all faces: then it has no end, and its shadow is 1 everywhere.
    device
        Where images are.
    """

    def __init__(self, mask: Tensor, device: torch.device | str = "cpu") -> None:
        box = mask.shape[-1]
        lowest = min(float(mask.select(axis, end).min()) for axis in range(3) for end in (0, -1))
        self._endless = lowest >= FULL_FACES
        self._total = float(mask.double().sum())
        self._projector = Projector(mask.to(device))
        self._lattice = lattice(box).to(device)
        self._blur = torch.exp(-2 * (torch.pi * SOFTENING * self._lattice.k.norm(dim=1)) ** 2)
        # the lattice's half-plane, y >= 0, is the one that a transform of real images (x, y) stores
        self.size = box + 2
        self._row = self.size // 2 + 1
        x, y = (lattice(box).k * box).round().long().unbind(1)
        self._place = ((x % self.size) * self._row + y).to(device)
        line = (y == 0).nonzero().flatten()  # whose mates are stored as well
        self._line = line.to(device)
        self._mate = ((-x[line] % self.size) * self._row).to(device)

    def shadows(self, rotation: Tensor) -> Tensor:
        """Return the shadows (n, D + 2, D + 2), x, y, at ``rotation`` (n, 3, 3), from 0 to 1.

        They lie as images whose shift is undone, the pivot at [0, 0] and the field's second half before it.
        """
        if self._endless:
            return torch.ones(len(rotation), self.size, self.size, device=rotation.device)
        k3 = torch.einsum("pj,njk->npk", self._lattice.k, rotation[:, :2])
        planes = self._planes(pairs_to_complex(self._projector.pairs(k3)) * self._blur)
        planes[:, 0, 0] = self._total
        density = (self.size / self._lattice.box) ** 2  # of samples, by which the inverse transform is too small
        return (self._images(planes) * (density / THICKNESS)).clamp(0, 1)

    def within(self, values: Tensor, image: Tensor, point: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
        """Return A r (m,) of the residuals ``values`` (m,), complex, and which share (m,) of its image each is seen in.

        Parameters
        ----------
        image, point
            (m,) which of the n images, all of whose points that count are there, and which point of the lattice.
        rotation
            (n, 3, 3) of the images.
        """
        whole = values.new_zeros(len(rotation), self._lattice.pairs)
        whole[image, point] = values
        seen = self.shadows(rotation).square()
        inside = torch.fft.rfft2(self._images(self._planes(whole)) * seen).flatten(1)[:, self._place]
        return inside[image, point], seen.mean(dim=(1, 2))[image]

    def _planes(self, values: Tensor) -> Tensor:
        """Return the stored half (n, D + 2, D/2 + 2) of the transforms whose values (n, P) on the lattice are given."""
        planes = values.new_zeros(len(values), self.size * self._row)
        planes[:, self._place] = values
        planes[:, self._mate] = values[:, self._line].conj()
        return planes.view(-1, self.size, self._row)

    def _images(self, planes: Tensor) -> Tensor:
        """Return the images (n, D + 2, D + 2) of transforms."""
        result: Tensor = torch.fft.irfft2(planes, s=(self.size, self.size))
        return result


def read_focus_mask(options: TrainOptions, particle_set: ParticleSet) -> Tensor | None:
    """Return the mask (D, D, D) that a training looks at, in the frame of the poses, or ``None``.

    Raises
    ------
    InputError
        Where it can't be read, does not fit the particles or is no mask, or where points are to be drawn as well.
    """
    path = options.focus_mask
    if path is None:
        return None
    if options.point_fraction < 1:
        raise InputError(
            f"--focus-mask {path}: needs all frequencies of an image, of which --point-fraction "
            f"{options.point_fraction:g} draws a part; leave one of them out"
        )
    found = read_map(path)
    if particle_set.box and found.box != particle_set.box:
        raise InputError(
            f"{path}: has {found.box} voxels a side, the images {particle_set.box} px; resample or crop the mask to "
            "the particles' box"
        )
    if found.pixel_size and abs(found.pixel_size / particle_set.pixel_size - 1) > PIXEL_SIZE_TOLERANCE:
        raise InputError(
            f"{path}: has voxels of {found.pixel_size:.4g} Å, the images pixels of {particle_set.pixel_size:.4g} Å; "
            "resample the mask, or correct its header"
        )
    low, high = float(found.values.min()), float(found.values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise InputError(f"{path}: has values from {low:.4g} to {high:.4g}; a mask has values from 0 to 1, so scale it")
    if high <= 0:
        raise InputError(f"{path}: is 0 everywhere and leaves nothing to look at; give a mask with a part that is 1")
    hand = particle_set.forward_model.map_hand  # of maps as they are written, and of masks made on them
    values = flip_hand(found.values) if hand == "flip" else found.values
    return torch.from_numpy(np.ascontiguousarray(values)).clamp(0, 1)


def mask_fingerprint(mask: Tensor | None) -> str | None:
    """Return a hash of a mask, wherever its file lies."""
    return None if mask is None else hashlib.sha256(mask.numpy().tobytes()).hexdigest()
