"""The nearest particles of each particle within its tomogram."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places

NOBODY = -1


@dataclass(frozen=True)
class Neighbours:
    """The k nearest of N particles, the nearest first.

    Attributes
    ----------
    row
        (N, k) rows, -1 where a tomogram holds no more particles.
    distance
        (N, k) Å between centres, NaN there.
    """

    row: Integers
    distance: Floats

    @property
    def k(self) -> int:
        """How many were looked for."""
        return int(self.row.shape[1])

    def columns(self, first: int, last: int) -> "Neighbours":
        """Return those from the ``first`` to before the ``last``, counted from 0."""
        return Neighbours(self.row[:, first:last], self.distance[:, first:last])

    def pairs(self) -> tuple[Integers, Integers]:
        """Return (P,) and (P,): every particle once for each neighbour that it has, and that neighbour."""
        there = self.row != NOBODY
        return np.repeat(np.arange(len(self.row)), there.sum(axis=1)), self.row[there]


def nearest(places: Places, k: int) -> Neighbours:
    """Return the ``k`` nearest others of each particle within its tomogram."""
    row = np.full((len(places), k), NOBODY, dtype=np.int64)
    distance = np.full((len(places), k), np.nan)
    for tomogram in range(len(places.tomograms)):
        rows = places.rows_of(tomogram)
        size = rows.stop - rows.start
        found = min(k, size - 1)
        if found < 1:
            continue
        position = places.position[rows]
        apart, other = map(np.asarray, cKDTree(position).query(position, found + 1))
        keep = _others(other)
        row[rows, :found] = other[keep].reshape(size, found) + rows.start
        distance[rows, :found] = apart[keep].reshape(size, found)
    return Neighbours(row, distance)


def _others(found: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Return which of the particles found (n, k + 1) are not the one asked about, k a row.

    It is first, unless others stand in the very same place.
    """
    keep: npt.NDArray[np.bool_] = found != np.arange(len(found))[:, None]
    keep[keep.all(axis=1), -1] = False
    return keep
