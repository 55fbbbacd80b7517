"""What particles' own contrasts and poses differ by from what the star says, as far as their images tell.

After every epoch, half of a Gauss-Newton step from where they are, with the decoder as it is. Each number has a
Gaussian prior around no difference, so that images that tell little change little. The mean over all particles is taken
out: a volume may be brighter, turned or moved as a whole, and nothing in the images would tell.
"""

import csv
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.imaging.hartley import shift_pairs
from napari_tomodrgn.imaging.lattice import Lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.gauss_newton import NormalEquations, Unknowns, solve

CONTRAST_DEVIATION = 0.2  # of its logarithm
TURN_DEVIATION = np.deg2rad(3.0)
SHIFT_DEVIATION = 1.0  # px
LARGEST_STEP = 1.0  # in units of these
PART_OF_STEP = 0.5  # that is taken: a decoder that is still learning tells turns with much noise

Array = npt.NDArray[np.float64]


@dataclass
class Corrections:
    """Differences of N particles.

    Attributes
    ----------
    unknowns
        Which of them are fitted.
    owner
        (M,) particle of each tilt image.
    contrast
        (N,) what a particle's transfer is multiplied by.
    turn
        (N, 3) rotation vectors, radians, by which points of Fourier space are turned to those of its volume.
    shift
        (N, 3) px x, y, z, by which its volume is moved, in the frame of the star's pose.
    """

    unknowns: Unknowns
    owner: Tensor
    contrast: Array
    turn: Array
    shift: Array

    @classmethod
    def of(cls, particle_set: ParticleSet, unknowns: Unknowns) -> "Corrections":
        """Begin with none."""
        count = len(particle_set)
        owner = torch.from_numpy(np.repeat(np.arange(count), particle_set.tilts_per_particle))
        return cls(unknowns, owner, np.ones(count), np.zeros((count, 3)), np.zeros((count, 3)))

    def of_particle(self, particle: int) -> "Corrections":
        """Return those of one particle, as a set that holds no other has them."""
        own = slice(particle, particle + 1)
        owner = torch.zeros(int((self.owner == particle).sum()), dtype=torch.int64)
        return Corrections(self.unknowns, owner, self.contrast[own], self.turn[own], self.shift[own])

    def applied(self, rows: Tensor, tilts: TiltImages, pairs: Tensor, lattice: Lattice) -> tuple[TiltImages, Tensor]:
        """Return the parameters of the images ``rows`` (n,) as corrected, and their pairs (n, 2, P) moved back."""
        owner = self.owner[rows].numpy()
        contrast = torch.from_numpy(self.contrast[owner]).to(tilts.dose)
        if not self.unknowns.moves:
            return replace(tilts, contrast=contrast), pairs
        moved = torch.einsum("nij,nj->ni", tilts.rotation[:, :2], torch.from_numpy(self.shift[owner]).to(tilts.dose))
        turned = torch.from_numpy(Rotation.from_rotvec(self.turn[owner]).as_matrix()).to(tilts.dose)
        rotation = tilts.rotation @ turned.transpose(1, 2)
        return replace(tilts, contrast=contrast, rotation=rotation), shift_pairs(pairs, -moved, lattice)

    def _deviations(self) -> Array:
        """Return the standard deviation of every unknown's prior."""
        moves = [TURN_DEVIATION] * 3 + [SHIFT_DEVIATION] * 3
        return np.array([CONTRAST_DEVIATION] * self.unknowns.contrast + moves * self.unknowns.moves)

    def _values(self) -> Array:
        """Return (N, n) the unknowns as they are."""
        parts = [np.log(self.contrast)[:, None]] if self.unknowns.contrast else []
        return np.concatenate([*parts, *([self.turn, self.shift] if self.unknowns.moves else [])], axis=1)

    def step(self, particles: npt.NDArray[np.int64], found: NormalEquations, noise: float) -> Array:
        """Return the step (B, n) that normal equations ask of particles (B,), within what may be at once.

        ``noise`` is its variance where the loss weight is 1.
        """
        deviations = self._deviations()
        precision = torch.from_numpy(np.broadcast_to(noise / deviations**2, (len(particles), len(deviations))).copy())
        step = solve(found.matrix, found.right, torch.from_numpy(self._values()[particles]), precision).numpy()
        limited: Array = PART_OF_STEP * np.clip(step, -LARGEST_STEP * deviations, LARGEST_STEP * deviations)
        return limited

    def take(self, particles: npt.NDArray[np.int64], steps: Array) -> None:
        """Take steps (B, n) of particles (B,), and the mean over all of them out."""
        if self.unknowns.contrast:
            logarithm = np.log(self.contrast[particles]) + steps[:, 0]
            self.contrast[particles] = np.exp(logarithm - logarithm.mean())
            steps = steps[:, 1:]
        if self.unknowns.moves:
            turn = (Rotation.from_rotvec(steps[:, :3]) * Rotation.from_rotvec(self.turn[particles])).as_rotvec()
            shift = self.shift[particles] + steps[:, 3:]
            self.turn[particles], self.shift[particles] = turn - turn.mean(0), shift - shift.mean(0)

    def write(self, path: Path, particle_set: ParticleSet) -> None:
        """Write a table: contrast, and how each volume is turned (degrees) and moved (Å) in the star's own frame."""
        turns, shifts = -np.rad2deg(self.turn), self.shift * particle_set.pixel_size
        names = ["contrast", *(f"turn_{axis}" for axis in "xyz"), *(f"shift_{axis}" for axis in "xyz")]
        with atomic_open(path) as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(["tomogram", "particle", *names])
            values = np.concatenate([self.contrast[:, None], turns, shifts], axis=1)
            for particle, row in zip(particle_set.ids, values.tolist(), strict=True):
                writer.writerow([*particle, *(f"{value:.6g}" for value in row)])

    def state(self) -> dict[str, Any]:
        """Return what changes, for a checkpoint."""
        return {name: torch.from_numpy(getattr(self, name).copy()) for name in ("contrast", "turn", "shift")}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state` returned."""
        self.contrast, self.turn, self.shift = (state[name].cpu().numpy() for name in ("contrast", "turn", "shift"))
