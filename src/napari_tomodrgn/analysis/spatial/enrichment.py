"""Which classes stand beside which, more or less often than chance has it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.expectation import expected_pairs
from napari_tomodrgn.analysis.spatial.local_shares import LocalPairs
from napari_tomodrgn.analysis.spatial.nearest import Neighbours
from napari_tomodrgn.analysis.spatial.permuting import Groups, permuted, share_as_far
from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places
from napari_tomodrgn.analysis.spatial.resampling import informing, ratio_interval
from napari_tomodrgn.progress import track

Result = TypeVar("Result")
FEWEST = 1.0  # pairs to expect, for a pair of classes to be tested
_STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


@dataclass(frozen=True)
class Enrichment:
    """What is found among the neighbours of each class (rows) of each class (columns), of K classes in T tomograms.

    Attributes
    ----------
    observed, expected
        (T, K, K) neighbours counted, and their mean where labels are dealt out at random.
    in_tomogram
        (T, K, K) their mean where labels are dealt out within whole tomograms.
    deviation
        (K, K) standard deviation of the count where they are.
    p, p_adjusted
        (K, K) two-sided, of each pair of classes by itself, and of the largest deviation of all of them (family-wise);
        NaN where fewer than one neighbour is expected, or labels can't be dealt out otherwise.
    low, high
        (K, K) 95 % interval of log₂(observed / expected) with tomograms drawn anew, NaN where the pair is expected in
        one of them only, or found in none.
    null
        (B, K, K) how far the counts of the permutations are from what is expected.
    """

    observed: Integers
    expected: Floats
    in_tomogram: Floats
    deviation: Floats
    p: Floats
    p_adjusted: Floats
    low: Floats
    high: Floats
    null: Floats

    @property
    def log2_ratio(self) -> Floats:
        """(K, K) log₂ of observed over expected: -inf where there are none, NaN where none are expected."""
        return log2_ratio(self.observed.sum(axis=0), self.expected.sum(axis=0))

    @property
    def tomograms(self) -> Integers:
        """(K, K) in how many tomograms a pair is expected: one gives no interval, and two their range."""
        return informing(self.expected)

    @property
    def tested(self) -> npt.NDArray[np.bool_]:
        """(K, K) which pairs of classes are common enough to be tested."""
        return np.isfinite(self.p_adjusted)


def stars(p_adjusted: float) -> str:
    """Return the stars of a family-wise p: three up to 0.001, two up to 0.01, one up to 0.05, else none."""
    return next((given for level, given in _STARS if p_adjusted <= level), "")


def log2_ratio(observed: npt.ArrayLike, expected: npt.ArrayLike) -> Floats:
    """Return log₂(observed / expected): -inf where none are observed, NaN where none are expected."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(expected) > 0, np.log2(np.divide(observed, expected)), np.nan)


def enrichment(
    places: Places,
    neighbours: Neighbours,
    codes: Integers,  # (N,) from 0
    classes: int,
    group: Integers,  # (N,) labels are dealt out anew within these
    local: LocalPairs | None = None,
    *,
    permutations: int = 999,
    replicates: int = 1000,
    seed: int = 0,
) -> Enrichment:
    """Count the classes of the neighbours of each class, and hold them against labels dealt out within groups.

    With ``local`` pairs are counted less what the shares of classes about them foretell. The largest deviation of all
    pairs of classes, each over its standard deviation, in the same permutations gives the family-wise p (Westfall and
    Young 1993, "Resampling-based multiple testing", single step).
    """
    source, target = neighbours.pairs()
    tomograms, pair = len(places.tomograms), codes[source] * classes + codes[target]
    observed = np.bincount(places.tomogram[source] * classes**2 + pair, minlength=tomograms * classes**2)
    observed = observed.reshape(tomograms, classes, classes)
    in_tomogram = expected_pairs(source, target, codes, classes, places.tomogram, places.tomogram)
    if local is None:
        expected = expected_pairs(source, target, codes, classes, group, places.tomogram)
        away = observed.sum(axis=0) - expected.sum(axis=0)
        null = _counts(neighbours, codes, classes, group, permutations, seed) - expected.sum(axis=0)
    else:
        counts, mean, null = _local_counts(local, codes, classes, group, permutations, seed)
        away = (counts - mean).sum(axis=0)
        expected = np.maximum(observed - (counts - mean), 0)
    deviation, p, p_adjusted = significance(away, null, in_tomogram.sum(axis=0) >= FEWEST)
    told = expected.sum(axis=0) >= FEWEST  # what classes about a pair foretell may be less
    p, p_adjusted = (np.where(told, each, np.nan) for each in (p, p_adjusted))
    low, high = ratio_interval(observed, expected, replicates, seed)
    return Enrichment(observed, expected, in_tomogram, deviation, p, p_adjusted, low, high, null)


def _counts(
    neighbours: Neighbours, codes: Integers, classes: int, group: Integers, permutations: int, seed: int
) -> Integers:
    """Return (B, K, K): the pairs of each permutation."""
    source, target = neighbours.pairs()
    times = np.bincount(source, minlength=len(codes))

    def count(order: npt.NDArray[np.intp]) -> Integers:
        dealt = codes[order]
        return np.bincount(np.repeat(dealt * classes, times) + dealt[target], minlength=classes**2)

    found = _shown(permuted(count, Groups(group), permutations, seed), permutations)
    return np.array(list(found), dtype=np.int64).reshape(permutations, classes, classes)


def _local_counts(
    local: LocalPairs, codes: Integers, classes: int, group: Integers, permutations: int, seed: int
) -> tuple[Floats, Floats, Floats]:
    """Return the local counts (T, K, K), their mean over labellings, and (B, K, K) how far each permutation is from it.

    The observed labelling is one of those that the mean is taken of, so that it is like any other.
    """
    own = local.count(codes, classes)
    total, sums = own.copy(), []
    work = permuted(lambda order: local.count(codes[order], classes), Groups(group), permutations, seed)
    for found in _shown(work, permutations):
        total += found
        sums.append(found.sum(axis=0))
    mean = total / (permutations + 1)
    return own, mean, np.array(sums) - mean.sum(axis=0)


def _shown(work: Iterator[Result], permutations: int) -> Iterator[Result]:
    return track(work, "dealing out labels", total=permutations, unit="permutations")


def significance(
    away: Floats,  # (K, K) of what is expected
    null: Floats,  # (B, K, K)
    common: npt.NDArray[np.bool_],  # (K, K) pairs that may be tested
    generator: np.random.Generator | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Return the standard deviation of counts, p and family-wise p, (K, K) each; ties at random with a ``generator``.

    The observed count is one of those that the standard deviation is taken of, so that it is like any other.
    """
    far, own = np.abs(null), np.abs(away)
    deviation = np.sqrt(((far**2).sum(axis=0) + own**2) / (len(null) + 1))
    tested = common & (deviation > 1e-6)
    p = np.where(tested, share_as_far(own, far, generator), np.nan)
    scale = np.where(tested, deviation, np.inf)
    largest = (far / scale).reshape(len(null), -1).max(axis=1)
    adjusted = share_as_far(own / scale, largest[:, None, None], generator)
    return deviation, p, np.where(tested, adjusted, np.nan)
