"""Which classes are alike, and which of these again: a tree of classes, and the order of its leaves."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist, squareform

FloatArray = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Hierarchy:
    """A tree of K classes by average linkage.

    Attributes
    ----------
    linkage
        (K - 1, 4) as scipy has it: the two that are joined, their distance, and how many classes they hold.
    order
        (K,) int64, the classes as the tree's leaves, turned so that neighbours are as alike as the tree lets them be
        (Bar-Joseph et al. 2001), and class 0 in the first half.
    """

    linkage: npt.NDArray[np.float64]
    order: npt.NDArray[np.int64]


def hierarchy_of_volumes(correlations: FloatArray) -> Hierarchy:
    """Return the tree of volumes by the distance 1 - r, from their correlations r (K, K)."""
    distance = 1 - np.asarray(correlations, dtype=np.float64)
    np.fill_diagonal(distance, 0)
    return _hierarchy(squareform(np.maximum((distance + distance.T) / 2, 0), checks=False))


def hierarchy_of_centres(centres: FloatArray) -> Hierarchy:
    """Return the tree of class centres (K, z) by their Euclidean distance in latent space."""
    return _hierarchy(pdist(np.asarray(centres, dtype=np.float64)))


def _hierarchy(distance: FloatArray) -> Hierarchy:
    if not len(distance):
        return Hierarchy(np.zeros((0, 4)), np.zeros(1, dtype=np.int64))
    tree = linkage(distance, "average", optimal_ordering=True)
    order = leaves_list(tree).astype(np.int64)
    if order.tolist().index(0) >= (len(order) + 1) // 2:
        order = order[::-1]
        tree[:, [0, 1]] = tree[:, [1, 0]]  # the same tree, seen from behind
    return Hierarchy(tree, order)
