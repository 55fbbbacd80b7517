"""Where particles of a tomogram could have been found, and random places in it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, Delaunay, QhullError, cKDTree

from napari_tomodrgn.analysis.spatial.places import Floats

_ROUNDS = 200  # of looking for random places, many times what is needed where there is room
FEWEST = 5  # particles with a volume about them


@dataclass(frozen=True)
class Window:
    """A part of a tomogram: a box x, y, z in Å around it, and which places (n, 3) are in it."""

    low: Floats
    high: Floats
    holds: Callable[[Floats], npt.NDArray[np.bool_]]


def hull(position: Floats) -> Window | None:
    """Return the convex hull of particles (n, 3), grown to what it is a sample of; ``None`` where they span no volume.

    A hull of few particles is smaller than the window they came from. It is grown about its middle so that its volume
    is 1 / (1 - v / n) as large, with v of n particles at its corners (Ripley and Rasson 1977, J. Appl. Prob. 14, 483).
    """
    if len(position) < FEWEST:
        return None
    try:
        found = ConvexHull(position)
    except QhullError:  # in a plane
        return None
    corners = position[found.vertices]
    share = min(len(corners) / len(position), 0.9)  # all of a few are corners
    middle = corners.mean(axis=0)
    grown = middle + (corners - middle) * (1 - share) ** (-1 / 3)
    inside = Delaunay(grown)
    return Window(grown.min(axis=0), grown.max(axis=0), lambda places: inside.find_simplex(places) >= 0)


def mask_window(mask: npt.NDArray[np.bool_], voxel: float) -> Window:
    """Return the voxels of a mask (z, y, x) as a window; its voxel (0, 0, 0) has its centre at 0."""
    filled = np.argwhere(mask)[:, ::-1]
    low, high = (filled.min(axis=0) - 0.5) * voxel, (filled.max(axis=0) + 0.5) * voxel

    def holds(places: Floats) -> npt.NDArray[np.bool_]:
        index = np.round(places / voxel).astype(np.int64)
        there = np.all((index >= 0) & (index < np.array(mask.shape)[::-1]), axis=1)
        x, y, z = np.where(there[:, None], index, 0).T
        return np.asarray(there & mask[z, y, x])

    return Window(low, high, holds)


def random_places(window: Window, count: int, apart: float, generator: np.random.Generator) -> Floats:
    """Return up to ``count`` places (n, 3), uniform in a window and at least a distance apart; fewer where it is full.

    Places are tried one after another, and taken unless one that was taken before is too near (random sequential
    addition), as particles are picked.
    """
    placed = np.zeros((0, 3))
    for _ in range(_ROUNDS):
        tried = generator.uniform(window.low, window.high, (max(64, 2 * (count - len(placed))), 3))
        tried = tried[window.holds(tried)]
        if apart > 0 and len(placed):
            tried = tried[cKDTree(placed).query(tried)[0] >= apart]
        if apart > 0 and len(tried) > 1:
            tried = tried[_first_come(tried, apart)]
        placed = np.concatenate([placed, tried])
        if len(placed) >= count:
            return placed[:count]
    return placed


def _first_come(tried: Floats, apart: float) -> npt.NDArray[np.bool_]:
    """Return (n,) which places are kept where each goes that is too near to an earlier one that is kept."""
    pairs = cKDTree(tried).query_pairs(apart, output_type="ndarray")
    kept = np.ones(len(tried), dtype=bool)
    for first, second in pairs[np.lexsort((pairs[:, 0], pairs[:, 1]))].tolist():
        if kept[first]:
            kept[second] = False
    return kept
