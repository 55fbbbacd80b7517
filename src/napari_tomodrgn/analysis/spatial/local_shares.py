"""The share of each class about every particle, and pairs of neighbours less what those shares foretell.

Labels that follow position make neighbours alike although nothing draws them together, and dealing them out within
blocks leaves what varies within a block. So the share p of each class at a particle is estimated from the particles
about it, beyond the neighbours that are tested, and pairs are counted of what is left over: Σ (x_i - p_i)(x_j - p_j)
for the indicators x of classes. What remains of a trend is the product of two errors of estimates, which are of second
order in how far labels change from neighbour to neighbour; labels dealt out anew go through the same estimate.
"""

import numpy as np
from scipy.sparse import csr_array

from napari_tomodrgn.analysis.spatial.nearest import NOBODY, Neighbours
from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places

ABOUT = 16  # particles that shares are estimated from
_RIDGE = 0.1  # of slopes, in units of a particle: those across a single layer of particles are not known
_TOGETHER = 32_768  # particles of tomograms that are worked on at a time, so that they stay in the processor's cache


class LocalPairs:
    """Pairs of neighbours of N particles in T tomograms, counted less what shares about them foretell."""

    def __init__(self, places: Places, neighbours: Neighbours, about: Neighbours) -> None:
        self.tomograms = len(places.tomograms)
        self._parts: list[tuple[slice, csr_array, csr_array, Integers]] = []
        weights = _weights(places, about)
        for first, last in _parts(places):
            rows = slice(int(places.starts[first]), int(places.starts[last]))
            residual = _matrix(about.row[rows], -weights[rows], rows.start)
            residual = (residual + _identity(rows.stop - rows.start)).astype(np.float32)
            links = _matrix(neighbours.row[rows], np.ones_like(neighbours.row[rows], dtype=np.float64), rows.start)
            self._parts.append((rows, residual, links.astype(np.float32), places.starts[first : last + 1] - rows.start))

    def count(self, codes: Integers, classes: int) -> Floats:
        """Return (T, K, K): for each pair of classes the products of what is left over, summed over neighbours."""
        result = np.zeros((self.tomograms, classes, classes))
        tomogram = 0
        for rows, residual, links, starts in self._parts:
            indicators = np.zeros((rows.stop - rows.start, classes), dtype=np.float32)
            indicators[np.arange(len(indicators)), codes[rows]] = 1
            own = residual @ indicators
            summed = links @ own
            for begin, end in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                result[tomogram] = own[begin:end].T @ summed[begin:end]
                tomogram += 1
        return result


def _parts(places: Places) -> list[tuple[int, int]]:
    """Return runs of tomograms, first and one beyond the last, of as many particles as are worked on at a time."""
    runs, first = [], 0
    for tomogram in range(len(places.tomograms)):
        if tomogram > first and places.starts[tomogram + 1] - places.starts[first] > _TOGETHER:
            runs.append((first, tomogram))
            first = tomogram
    return [*runs, (first, len(places.tomograms))]


def _weights(places: Places, about: Neighbours) -> Floats:
    """Return (N, m): how a value at each particle is foretold by those about it, by a plane fitted to them.

    A plane, because the particles about one at the edge of a tomogram all lie to one side of it.
    """
    there = (about.row != NOBODY).astype(np.float64)
    away = (places.position[np.maximum(about.row, 0)] - places.position[:, None]) * there[:, :, None]
    scale = np.sqrt((away**2).sum(axis=2)).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    away /= np.maximum(scale, 1e-9)[:, None, None]
    design = np.concatenate([there[:, :, None], away], axis=2)
    normal = np.einsum("nmi,nmj->nij", design, design)
    normal[:, range(4), range(4)] += [1e-9, *(3 * [_RIDGE])]
    first = np.zeros((len(normal), 4, 1))
    first[:, 0] = 1
    coefficients = np.linalg.solve(normal, first)[..., 0]
    weights: Floats = np.einsum("nmi,ni->nm", design, coefficients)
    return weights


def _matrix(row: Integers, values: Floats, first: int) -> csr_array:
    """Return (n, n): values (n, m) at the particles (n, m) that they belong to, which begin with ``first``."""
    there = row != NOBODY
    bounds = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
    return csr_array((values[there], row[there] - first, bounds), shape=(len(row), len(row)))


def _identity(size: int) -> csr_array:
    return csr_array((np.ones(size), np.arange(size), np.arange(size + 1)), shape=(size, size))
