"""What a volume's Fourier values may be before its images are seen: Gaussian, with one variance a shell.

A decoder has enough weights to follow the noise of a few thousand images. The prior makes it stop where a Wiener
filter would. With noise of variance 1 (the images are standardised), the most probable volume minimises

    sum over points of w |T F - x|²  +  sum over voxels of |F|² / tau²(shell),

and the second sum is one over points as well: an independent voxel of a shell is met by n points, so each carries
|F|² / (n tau²). Neighbouring voxels are not independent where the particle fills a part of its box only: that
part of them counts. tau² is learned by expectation-maximisation, an epoch at a time: the mean over a shell of |F|² and
of the variance that is left once the images are seen, 1 / (sum of w T² + 1 / tau²).
"""

from copy import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FILLED = 0.15  # the part of the box that a particle fills: a diameter of two thirds of the box


@dataclass(frozen=True)
class PriorSums:
    """Sums over points, by shell (D/2 + 1,): their number, their |F|², and w T²."""

    points: Tensor
    power: Tensor
    precision: Tensor

    def add(self, shell: Tensor, counted: Tensor, power: Tensor, precision: Tensor) -> None:
        """Add points (m,): their shells, whether they count, |F|², and w T²."""
        # index_add_, as bincount makes a GPU wait for the CPU
        for sums, values in ((self.points, counted), (self.power, power * counted), (self.precision, precision)):
            sums.index_add_(0, shell, values.to(sums.dtype))


class SpectralPrior:
    """The variance of each shell, learned while a decoder is trained; without effect in the first epoch."""

    def __init__(self, box: int, device: torch.device, noise: float = 1.0) -> None:
        """Know nothing yet; ``noise`` is its variance in the images where the loss weight is 1."""
        exact = torch.float32 if device.type == "mps" else torch.float64
        shells = torch.arange(box // 2 + 1, dtype=exact, device=device)
        self.box, self.noise = box, noise
        self.voxels = FILLED * (2 * torch.pi * shells**2).clamp(min=1)  # of half a shell, one voxel thick
        self.variance: Tensor | None = None  # (D/2 + 1,)
        self.penalty = torch.zeros_like(shells)  # of |F|² at a point
        self.points, self.power, self.precision = (torch.zeros_like(shells) for _ in range(3))

    def shells(self, k3: Tensor) -> Tensor:
        """Return the shell (m,) of points (m, 3)."""
        shells: Tensor = (k3.norm(dim=1) * self.box).round().long().clamp(max=self.box // 2)
        return shells

    def penalties(self, shell: Tensor) -> Tensor:
        """Return the penalty (m,) of |F|² at points in these shells (m,)."""
        return self.penalty.float()[shell]

    def sums(self) -> "PriorSums":
        """Return sums of 0."""
        return PriorSums(*(torch.zeros_like(each) for each in (self.points, self.power, self.precision)))

    def note(self, sums: "PriorSums") -> None:
        """Take note of what some points were found to be."""
        self.points += sums.points
        self.power += sums.power
        self.precision += sums.precision

    def unseeing(self) -> "SpectralPrior":
        """Return a prior of the same strength that has seen nothing yet, for a part of a step."""
        other = copy(self)
        other.points, other.power, other.precision = (torch.zeros_like(self.points) for _ in range(3))
        return other

    def end_epoch(self) -> None:
        """Learn the variances from what was seen since the last call."""
        seen = self.points > 0
        power = self.power / self.points.clamp(min=1)
        before = power if self.variance is None else self.variance
        left = 1 / (self.precision / (self.noise * self.voxels) + 1 / before.clamp(min=1e-12))
        self.variance = power + left
        per_voxel = self.points / self.voxels
        # in place, as recorded steps read it where it is
        self.penalty.copy_(torch.where(seen, self.noise / (per_voxel * self.variance).clamp(min=1e-12), 0.0))
        self.forget()

    def forget(self) -> None:
        """Have seen nothing."""
        for sums in (self.points, self.power, self.precision):
            sums.zero_()

    def state(self) -> dict[str, Any]:
        """Return what changes, for a checkpoint."""
        names = ("variance", "penalty", "points", "power", "precision")
        return {name: None if getattr(self, name) is None else getattr(self, name).clone() for name in names}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what :meth:`state` returned."""
        for name, value in state.items():
            if name == "variance":
                self.variance = None if value is None else value.to(self.voxels.device)
            else:
                getattr(self, name).copy_(value)
