"""Labels dealt out anew within groups, and p values from it."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.places import Floats, Integers

Result = TypeVar("Result")
_AHEAD = 4  # permutations in work for each thread


class Groups:
    """N particles in groups, within which whatever belongs to them is exchanged."""

    def __init__(self, group: Integers) -> None:
        self.order = np.argsort(group, kind="stable")
        _, inverse = np.unique(group, return_inverse=True)
        self._number = inverse[self.order].astype(np.float64)
        self._in_order = bool((np.diff(self.order) == 1).all())

    def permutation(self, generator: np.random.Generator) -> npt.NDArray[np.intp]:
        """Return (N,) the particle whose place each one takes: any order within a group is equally likely."""
        drawn = np.argsort(self._number + generator.random(len(self._number)))
        if self._in_order:
            return drawn
        result = np.empty_like(drawn)
        result[self.order] = self.order[drawn]
        return result


def permuted(
    work: Callable[[npt.NDArray[np.intp]], Result], groups: Groups, permutations: int, seed: int
) -> Iterator[Result]:
    """Yield what ``work`` makes of each of so many permutations; the same for a seed on any number of cores."""

    def one(number: int) -> Result:
        return work(groups.permutation(np.random.default_rng([seed, number])))

    threads = min(os.cpu_count() or 1, 8)
    with ThreadPoolExecutor(threads) as pool:
        waiting = []
        for number in range(permutations):
            waiting.append(pool.submit(one, number))
            if len(waiting) > _AHEAD * threads:
                yield waiting.pop(0).result()
        for each in waiting:
            yield each.result()


def share_as_far(
    observed: Floats,  # (…)
    null: Floats,  # (B, …)
    generator: np.random.Generator | None = None,
) -> Floats:
    """Return p (…): the share of B + 1 values, the observed one among them, that are as large as the observed one.

    (b + 1) / (B + 1) is at most as often below a level as that level says, also with ties (Phipson and Smyth 2010,
    Stat. Appl. Genet. Mol. Biol. 9, 39). With a ``generator`` ties are broken at random, which makes p uniform where
    there is nothing: to check a test with, not to report.
    """
    more = (null > observed).sum(axis=0)
    ties = (null == observed).sum(axis=0) + 1
    share = 1.0 if generator is None else generator.random(np.shape(observed))
    return np.asarray((more + share * ties) / (len(null) + 1), dtype=np.float64)
