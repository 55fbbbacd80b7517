"""How often a class of one labelling and a class of another meet in the same particles."""

from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.analysis.spatial.places import Floats, Integers
from napari_tomodrgn.analysis.spatial.resampling import INTERVAL, drawn_anew, informing


@dataclass(frozen=True)
class Cooccurrence:
    """Two labellings of A and B classes.

    Attributes
    ----------
    counts
        (A, B) particles.
    share, low, high
        (A, B) of the particles of each class of the first, how many belong to each of the second, and its interval, NaN
        of a class that is in one of several tomograms only.
    expected
        (A, B) that share where within each tomogram the two have nothing to do with one another.
    over
        What was drawn anew for the interval: ``tomograms``, or ``particles`` where there is one tomogram.
    """

    counts: Integers
    share: Floats
    low: Floats
    high: Floats
    expected: Floats
    over: str


def cooccurrence(
    first: Integers,  # (N,) from 0
    second: Integers,  # (N,)
    classes: tuple[int, int],
    tomogram: Integers,  # (N,)
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> Cooccurrence:
    """Return the share of each class of the first labelling that belongs to each of the second."""
    tomograms = int(tomogram.max()) + 1
    a, b = classes
    table = np.bincount((tomogram * a + first) * b + second, minlength=tomograms * a * b).reshape(tomograms, a, b)
    counts = table.sum(axis=0)
    of_both = table.sum(axis=2)[:, :, None] * table.sum(axis=1)[:, None, :]
    by_chance = (of_both / np.maximum(table.sum(axis=(1, 2)), 1)[:, None, None]).sum(axis=0)
    if tomograms > 1:
        drawn = (drawn_anew(tomograms, replicates, seed) @ table.reshape(tomograms, -1)).reshape(-1, a, b)
    else:
        generator = np.random.default_rng([seed, 5])
        drawn = generator.multinomial(len(first), counts.ravel() / len(first), size=replicates).reshape(-1, a, b)
    low, high = _interval(_shares(drawn)) if replicates else (np.full((a, b), np.nan),) * 2
    if tomograms > 1:  # of a class in one of them none differs from another
        told = informing(table.sum(axis=2).astype(np.float64))[:, None] > 1
        low, high = np.where(told, low, np.nan), np.where(told, high, np.nan)
    return Cooccurrence(
        counts, _shares(counts), low, high, _shares(counts, by_chance), "tomograms" if tomograms > 1 else "particles"
    )


def _shares(counts: Integers, of: Floats | None = None) -> Floats:
    """Return (…, A, B): counts, or others like them, over the sizes of the first labelling's classes."""
    size = counts.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.where(size > 0, (counts if of is None else of) / np.maximum(size, 1), np.nan)


def _interval(shares: Floats) -> tuple[Floats, Floats]:
    """Return (A, B) twice: the ends of the middle 95 % of shares (R, A, B), of replicates that have the class."""
    there = np.isfinite(shares)
    filled = np.where(there.any(axis=0), shares, 0.0)
    low, high = np.nanquantile(filled, INTERVAL, axis=0)
    return np.where(there.any(axis=0), low, np.nan), np.where(there.any(axis=0), high, np.nan)
