"""Which way chains of particles wind."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.chains import Chains
from napari_tomodrgn.analysis.spatial.places import Floats, Places

STRAIGHT = 5.0  # degrees from a plane within which four particles don't wind either way


@dataclass(frozen=True)
class Handedness:
    """Torsions of every four particles in a row, of all chains.

    Attributes
    ----------
    torsion
        (Q,) degrees, -180 to 180; above 0 right-handed.
    chains
        How many chains wind right and left, by their median torsion.
    p
        Two-sided, of as many torsions of one sign where each link turns freely about the one before (sign test).
    """

    torsion: Floats
    chains: tuple[int, int]
    p: float

    @property
    def right(self) -> float:
        """Share of the torsions that are right-handed, of those that wind; NaN where none does."""
        winding = self.torsion[_winds(self.torsion)]
        return float((winding > 0).mean()) if len(winding) else float("nan")

    @property
    def reads(self) -> str:
        """``right``, ``left``, or ``neither`` where torsions don't agree beyond chance (p > 0.05)."""
        if self.p > 0.05:
            return "neither"
        return "right" if self.right > 0.5 else "left"


def torsions(position: Floats) -> Floats:
    """Return degrees (…): the dihedral angle of four points (…, 4, 3), x, y, z, as IUPAC signs it.

    Looking along the middle two, it is positive where the far end is turned clockwise from the near one: points along
    a right-handed helix, four to a turn or more, have positive ones.
    """
    first, middle, last = np.moveaxis(np.diff(position, axis=-2), -2, 0)
    axis = middle / np.maximum(np.linalg.norm(middle, axis=-1, keepdims=True), 1e-12)
    normal, far = np.cross(first, middle), np.cross(middle, last)
    return np.asarray(np.degrees(np.arctan2((np.cross(normal, far) * axis).sum(axis=-1), (normal * far).sum(axis=-1))))


def handedness(places: Places, chains: Chains, *, flipped: bool = False) -> Handedness:
    """Return how chains of four particles and more wind.

    Where maps are written in the other hand (``flipped``), tomograms are mirror images of what they show, and so is
    the sense of a chain.
    """
    from scipy.stats import binomtest

    sign = -1 if flipped else 1
    of_chain = [sign * _along(places.position[rows]) for rows in chains.members if len(rows) >= 4]
    torsion = np.concatenate([*of_chain, np.zeros(0)])
    middle = np.array([float(np.median(each)) for each in of_chain])
    winding = torsion[_winds(torsion)]
    p = float(binomtest(int((winding > 0).sum()), len(winding)).pvalue) if len(winding) else 1.0
    return Handedness(torsion, (int((middle > STRAIGHT).sum()), int((middle < -STRAIGHT).sum())), p)


def _along(position: Floats) -> Floats:
    """Return the torsions (n - 3,) of points in a row (n, 3)."""
    windows = np.lib.stride_tricks.sliding_window_view(position, 4, axis=0)
    return torsions(np.swapaxes(windows, 1, 2))


def _winds(torsion: Floats) -> npt.NDArray[np.bool_]:
    away = np.abs(torsion)
    return np.asarray((away > STRAIGHT) & (away < 180 - STRAIGHT))
