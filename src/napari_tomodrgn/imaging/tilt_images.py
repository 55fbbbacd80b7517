"""The forward model of tilt images, from per-tilt scalars: poses, CTF, attenuation, weights and dose mask."""

from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_tomodrgn.imaging.ctf import ctf
from napari_tomodrgn.imaging.exposure import exposure_weights, within_optimal_dose
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet

CTF_SCALARS = (
    "defocus_u",
    "defocus_v",
    "defocus_angle",
    "voltage",
    "spherical_aberration",
    "amplitude_contrast",
    "phase_shift",
    "b_factor",
    "scale",
)


@dataclass(frozen=True)
class TiltImages:
    """Per-tilt parameters as tensors on one device; CTF and weights are computed from them where they are needed.

    Every method takes the parameters of the images in the object: index it first, ``tilts[rows]``.
    """

    rotation: Tensor  # (n, 3, 3)
    shift_px: Tensor  # (n, 2) x, y
    optics: Tensor  # (n, 9) in the order of CTF_SCALARS
    dose: Tensor  # (n,) e/Å², what the weights use
    tilt_cosine: Tensor  # (n,)
    pixel_size: float
    forward_model: ForwardModel
    contrast: Tensor | None = None  # (n,) what the transfer is multiplied by, where particles differ in it
    noise_group: Tensor | None = None  # (n,) int64, images whose noise has one spectrum, where that was measured

    @classmethod
    def of(cls, particle_set: ParticleSet, *, dose_middle: bool = False) -> "TiltImages":
        """Take the parameters of all tilt images of a set; ``dose_middle`` shifts the dose to mid-exposure."""
        table = particle_set.tilt_images
        dose = table["dose"].to_numpy(np.float32)
        if dose_middle:
            dose = dose_at_middle(dose, particle_set)
        return cls(
            rotation=torch.from_numpy(np.ascontiguousarray(particle_set.rotations, dtype=np.float32)),
            shift_px=torch.from_numpy(table[["shift_x", "shift_y"]].to_numpy(np.float32) / particle_set.pixel_size),
            optics=torch.from_numpy(table[list(CTF_SCALARS)].to_numpy(np.float32, copy=True)),
            dose=torch.from_numpy(np.array(dose, dtype=np.float32)),
            tilt_cosine=torch.from_numpy(table["tilt_cosine"].to_numpy(np.float32, copy=True)),
            pixel_size=float(particle_set.pixel_size),
            forward_model=particle_set.forward_model,
        )

    def __len__(self) -> int:
        return len(self.dose)

    def __getitem__(self, rows: Tensor | slice) -> "TiltImages":
        return replace(self, **{name: values[rows] for name, values in self.tensors.items()})

    def to(self, device: torch.device | str) -> "TiltImages":
        """Return the parameters on a device."""
        return replace(self, **{name: values.to(device) for name, values in self.tensors.items()})

    @property
    def tensors(self) -> dict[str, Any]:
        """The parameters that are tensors, by name."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}

    def k3(self, lattice: Lattice) -> Tensor:
        """Return (n, P, 3): where the central slices lie in the reference frame, x, y, z in cycles/px."""
        return torch.einsum("pj,njk->npk", lattice.k, self.rotation[:, :2, :])

    def ctf(self, lattice: Lattice) -> Tensor:
        """Return the CTF (n, P) once, RELION's sign."""
        return ctf(lattice.k / self.pixel_size, *self.optics.unbind(1))

    def attenuation(self, lattice: Lattice) -> Tensor:
        """Return (n, P): exposure weight x cos(tilt) as far as the extraction program multiplied them in, else 1."""
        kind = self.forward_model.attenuation
        result = self.exposure(lattice) if kind != "none" else torch.ones_like(self.dose)[:, None]
        if kind == "dose-tilt":
            result = result * self.tilt_cosine[:, None]
        return result.expand(len(self), lattice.pairs)

    def transfer(self, lattice: Lattice) -> Tensor:
        """Return (n, P): what a central slice is multiplied by in these images, Q C^n and the contrast."""
        result = self.attenuation(lattice)
        if self.forward_model.ctf_power:
            result = result * self.ctf(lattice) ** self.forward_model.ctf_power
        return result if self.contrast is None else result * self.contrast[:, None]

    def exposure(self, lattice: Lattice) -> Tensor:
        """Return the exposure weights (n, P)."""
        k = lattice.k.norm(dim=1) / self.pixel_size
        return exposure_weights(k, self.dose, self.optics[:, 3], self.forward_model.voltage_rule)

    def weights(self, lattice: Lattice, *, dose: bool = True, tilt: bool = True) -> Tensor:
        """Return the loss weights (n, P): an inverse noise variance, so 1 for what is in the images already."""
        result = torch.ones_like(self.dose)[:, None].expand(len(self), lattice.pairs)
        if dose and self.forward_model.attenuation == "none":
            result = result * self.exposure(lattice)
        if tilt and self.forward_model.attenuation != "dose-tilt":
            result = result * self.tilt_cosine[:, None]
        return result

    def dose_mask(self, lattice: Lattice) -> Tensor:
        """Return (n, P) bool: the frequencies within the optimal dose of each image."""
        k = lattice.k.norm(dim=1) / self.pixel_size
        return within_optimal_dose(k, self.dose, self.optics[:, 3], self.forward_model.voltage_rule)

    def encoder_sign(self, lattice: Lattice) -> Tensor:
        """Return (n, P): the sign of the CTF where it is in the images an odd number of times, else 1."""
        if self.forward_model.ctf_power != 1:
            return torch.ones(len(self), lattice.pairs, device=self.dose.device)
        return torch.where(self.ctf(lattice) < 0, -1.0, 1.0)


def dose_at_middle(dose: np.ndarray, particle_set: ParticleSet) -> np.ndarray:
    """Return the dose (M,) at the middle of each exposure, from the steps between a particle's sorted doses."""
    shift = {"before": 0.5, "middle": 0.0, "after": -0.5}[particle_set.forward_model.dose_at]
    first = particle_set.first_tilt
    result = np.array(dose, dtype=np.float32)
    for begin, end in pairwise(first):
        steps = np.diff(np.unique(dose[begin:end]))
        per_exposure = float(np.median(steps)) if len(steps) else (float(dose[begin]) if shift < 0 else 0.0)
        result[begin:end] += np.float32(shift * per_exposure)
    return np.maximum(result, 0)
