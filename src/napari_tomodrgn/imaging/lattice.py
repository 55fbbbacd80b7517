"""The points of Fourier space that a tilt image is compared at."""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True)
class Lattice:
    """One of each ±k pair of the symmetrised (D+1) x (D+1) lattice inside |k| <= 0.5, DC excluded.

    Attributes
    ----------
    box
        D, even, px.
    k
        (P, 2) float32: x, y in cycles/px, from -0.5 to 0.5 in steps of 1/D.
    plus, minus
        (P,) int64: flat indices of k and -k in the (D+1, D+1) plane, whose row is y and column x.
    """

    box: int
    k: Tensor
    plus: Tensor
    minus: Tensor

    @property
    def pairs(self) -> int:
        """Number of ±k pairs, P."""
        return len(self.k)

    @property
    def coordinates(self) -> int:
        """Number of coordinates as the paper counts them, both of each pair."""
        return 2 * self.pairs

    def first(self, pairs: int) -> "Lattice":
        """Return the ``pairs`` lowest frequencies alone."""
        return Lattice(self.box, self.k[:pairs], self.plus[:pairs], self.minus[:pairs])

    def to(self, device: torch.device | str) -> "Lattice":
        """Return the lattice on a device."""
        return Lattice(self.box, self.k.to(device), self.plus.to(device), self.minus.to(device))


@lru_cache(maxsize=16)
def lattice(box: int) -> Lattice:
    """Return the half-plane lattice of a box of ``box`` pixels, ordered by |k| so that a cut-off is a prefix."""
    steps = torch.arange(-(box // 2), box // 2 + 1)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    squared = x**2 + y**2
    half = (squared <= (box // 2) ** 2) & ((y > 0) | ((y == 0) & (x > 0)))
    flat = half.flatten().nonzero().flatten()
    flat = flat[torch.argsort(squared.flatten()[flat], stable=True)]
    k = torch.stack([x.flatten()[flat], y.flatten()[flat]], dim=1).float() / box
    return Lattice(box, k, flat, (box + 1) ** 2 - 1 - flat)
