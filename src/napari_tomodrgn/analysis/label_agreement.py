"""How two labellings of the same particles agree: classes matched one to one, and indices with their spreads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_matrix

from napari_tomodrgn.analysis.clusters import ari

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

NO_PARTNER = -1
INTERVAL = (2.5, 97.5)  # percentiles
_MOST_AT_ONCE = 10**7  # numbers held while tomograms are drawn


@dataclass(frozen=True)
class Spread:
    """An index over repetitions, (R,); its interval holds 95 % of them."""

    values: FloatArray

    @property
    def median(self) -> float:
        """The middle one."""
        return float(np.median(self.values))

    @property
    def interval(self) -> tuple[float, float]:
        """The 2.5th and the 97.5th percentile."""
        low, high = np.percentile(self.values, INTERVAL)
        return float(low), float(high)


@dataclass(frozen=True)
class Agreement:
    """Two labellings of n particles.

    Attributes
    ----------
    counts
        (A, B) particles of each class of the first in each class of the second.
    partner
        (A,) the class of the second that is matched to each of the first, -1 where none is: of all ways to match
        classes one to one, the one in which most particles keep their class.
    changed
        (n,) whether a particle's two classes are no partners.
    ari, ami
        Adjusted Rand index and adjusted mutual information: 1 the same classes, 0 what chance gives.
    """

    counts: IntArray
    partner: IntArray
    changed: npt.NDArray[np.bool_]
    ari: float
    ami: float

    @property
    def partner_of_second(self) -> IntArray:
        """(B,) the class of the first that is matched to each of the second, -1 where none is."""
        partner = np.full(self.counts.shape[1], NO_PARTNER, dtype=np.int64)
        matched = np.flatnonzero(self.partner != NO_PARTNER)
        partner[self.partner[matched]] = matched
        return partner

    @property
    def order_of_second(self) -> IntArray:
        """(B,) the classes of the second in the order of their partners, those without one last."""
        matched = self.partner[self.partner != NO_PARTNER]
        return np.concatenate([matched, np.flatnonzero(self.partner_of_second == NO_PARTNER)])


def agreement(first: IntArray, second: IntArray, classes: tuple[int, int]) -> Agreement:
    """Return how two labellings (n,) from 0, of as many classes each as ``classes`` says, agree."""
    from sklearn.metrics import adjusted_mutual_info_score

    counts = confusion(first, second, classes)
    partner = best_partners(counts)
    changed = partner[first] != second
    return Agreement(counts, partner, changed, ari(first, second), float(adjusted_mutual_info_score(first, second)))


def confusion(first: IntArray, second: IntArray, classes: tuple[int, int]) -> IntArray:
    """Return how many particles each class of the first (rows) has in each class of the second (columns)."""
    counts = np.zeros(classes, dtype=np.int64)
    np.add.at(counts, (first, second), 1)
    return counts


def best_partners(counts: IntArray) -> IntArray:
    """Return the partner of each row among the columns: the matching with the largest sum; -1 where nothing is shared.

    Solved exactly (Kuhn's Hungarian method); a class is matched to one other at most, so one that was split keeps its
    larger part.
    """
    partner = np.full(len(counts), NO_PARTNER, dtype=np.int64)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    shared = counts[rows, columns] > 0
    partner[rows[shared]] = columns[shared]
    return partner


def ari_over_tomograms(
    first: IntArray,  # (n,)
    second: IntArray,  # (n,)
    tomograms: IntArray,  # (n,) from 0
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Spread | None:
    """Return the adjusted Rand index with the tomograms drawn anew, with replacement, all particles of each together.

    Particles of one tomogram share its defocus, thickness and cell, so tomograms are what was sampled. ``None`` where
    there is one tomogram only, or no replicate is asked for.
    """
    drawn = int(tomograms.max()) + 1
    if drawn < 2 or replicates < 1:
        return None
    shape = (int(first.max()) + 1, int(second.max()) + 1)
    pairs, of_pair = np.unique(np.ravel_multi_index((first, second), shape), return_inverse=True)
    rows, columns = np.unravel_index(pairs, shape)
    table = coo_matrix((np.ones(len(first)), (tomograms, of_pair)), shape=(drawn, len(pairs))).tocsr()
    generator = np.random.default_rng(seed)
    step = max(1, _MOST_AT_ONCE // max(len(pairs), drawn))
    values = []
    for begin in range(0, replicates, step):
        times = generator.multinomial(drawn, np.full(drawn, 1 / drawn), size=min(step, replicates - begin))
        values.append(_adjusted_rand(times @ table, rows, columns))
    return Spread(np.concatenate(values))


def _adjusted_rand(
    counts: FloatArray,  # (R, P) particles of each pair of classes that occurs
    rows: npt.NDArray[np.intp],  # (P,)
    columns: npt.NDArray[np.intp],  # (P,)
) -> FloatArray:
    """Return the adjusted Rand index (R,) of contingency tables (Hubert and Arabie 1985)."""
    together = _pairs(counts).sum(axis=1)
    in_first, in_second = (_pairs(_summed(counts, classes)).sum(axis=1) for classes in (rows, columns))
    every = np.maximum(_pairs(counts.sum(axis=1)), 1)
    expected, most = in_first * in_second / every, (in_first + in_second) / 2
    same = np.isclose(most, expected)  # one class each, or every particle a class: nothing to disagree about
    return np.where(same, 1.0, (together - expected) / np.where(same, 1.0, most - expected))


def _pairs(counts: FloatArray) -> FloatArray:
    return counts * (counts - 1) / 2


def _summed(counts: FloatArray, classes: npt.NDArray[np.intp]) -> FloatArray:
    """Return (R, K): the counts (R, P) of each class."""
    member = coo_matrix((np.ones(len(classes)), (np.arange(len(classes)), classes)))
    return np.asarray(counts @ member.tocsr())


def ari_between(first: Sequence[IntArray], second: Sequence[IntArray]) -> Spread:
    """Return the adjusted Rand index of every labelling of the first with every one of the second."""
    return Spread(np.array([ari(one, other) for one in first for other in second]))


def ari_within(labellings: Sequence[IntArray]) -> Spread | None:
    """Return the adjusted Rand index of every pair of labellings, ``None`` where there are fewer than two."""
    values = [ari(one, other) for one, other in combinations(labellings, 2)]
    return Spread(np.array(values)) if values else None
