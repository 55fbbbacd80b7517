"""How often particles stand at each distance from one another, over what random places in the same window give."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from napari_tomodrgn.analysis.spatial.places import Floats, Places
from napari_tomodrgn.analysis.spatial.resampling import drawn_anew, informing
from napari_tomodrgn.analysis.spatial.window import Window, random_places
from napari_tomodrgn.progress import track

BINS = 40
_MOST_RANDOM = 2 * 10**6  # places drawn over all tomograms
_DRAWS = (2, 40)  # fewest and most of each tomogram


@dataclass(frozen=True)
class PairCorrelation:
    """g(r) at R distances.

    Attributes
    ----------
    edges
        (R + 1,) Å.
    pairs, random
        (T, R) pairs counted, and their mean among as many random places in the window of each tomogram.
    low, high
        (R,) 95 % interval of g with tomograms drawn anew; NaN where pairs are to be expected in one only.
    chance_low, chance_high
        (R,) between which 95 % of g lie where particles are placed at random.
    apart
        Å that random places are kept apart.
    tomograms
        How many had a window.
    """

    edges: Floats
    pairs: Floats
    random: Floats
    low: Floats
    high: Floats
    chance_low: Floats
    chance_high: Floats
    apart: float
    tomograms: int

    @property
    def value(self) -> Floats:
        """(R,) g(r): 1 where there are as many pairs as among random places, NaN where these have none."""
        return _ratio(self.pairs.sum(axis=0), self.random.sum(axis=0))


def pair_correlation(
    places: Places,
    windows: Iterable[Window | None],  # one a tomogram
    radius: float,
    apart: float,
    *,
    replicates: int = 1000,
    seed: int = 0,
) -> PairCorrelation | None:
    """Return g(r) up to a distance in Å, ``None`` where no tomogram has a window.

    Random places are as many as the particles of a tomogram that are in its window, and as far apart.
    """
    edges = np.linspace(0, radius, BINS + 1)
    draws = int(np.clip(_MOST_RANDOM // max(len(places), 1), *_DRAWS))
    pairs, by_chance = [], []
    shown = track(windows, "placing at random", total=len(places.tomograms), unit="tomograms")
    for tomogram, window in enumerate(shown):
        if window is None:
            continue
        position = places.position[places.rows_of(tomogram)]
        inside = position[window.holds(position)]
        if len(inside) < 2:
            continue
        generator = np.random.default_rng([seed, 3, tomogram])
        found = [random_places(window, len(inside), apart, generator) for _ in range(draws)]
        full = len(inside) * (len(inside) - 1)
        # where a window is too full for as many, fewer stand for them
        scaled = [_pairs(each, edges) * (full / max(len(each) * (len(each) - 1), 1)) for each in found]
        by_chance.append(np.array(scaled))
        pairs.append(_pairs(inside, edges))
    if not pairs:
        return None
    counted, drawn = np.array(pairs), np.array(by_chance)
    mean = drawn.mean(axis=1)
    low, high = _over_tomograms(counted, mean, replicates, seed)
    chance = np.percentile(_chance(drawn, seed), [2.5, 97.5], axis=0)
    return PairCorrelation(edges, counted, mean, low, high, chance[0], chance[1], apart, len(counted))


def _pairs(position: Floats, edges: Floats) -> Floats:
    """Return (R,) pairs at each distance."""
    tree = cKDTree(position)
    within = tree.count_neighbors(tree, np.nextafter(edges, 0)) / 2  # each pair twice, and everyone with itself
    return np.asarray(np.diff(within))


def _ratio(above: Floats, below: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _over_tomograms(pairs: Floats, random: Floats, replicates: int, seed: int) -> tuple[Floats, Floats]:
    if len(pairs) < 2 or replicates < 1:
        nothing = np.full(pairs.shape[1], np.nan)
        return nothing, nothing
    times = drawn_anew(len(pairs), replicates, seed)
    told = informing(random) > 1
    low, high = _ends(_ratio(times @ pairs, times @ random))
    return np.where(told, low, np.nan), np.where(told, high, np.nan)


def _ends(values: Floats) -> tuple[Floats, Floats]:
    """Return the ends (R,) of the middle 95 % of values (B, R); NaN where none of them is a number."""
    known = np.isfinite(values)
    filled = np.where(known.any(axis=0), values, 0.0)
    low, high = np.nanpercentile(filled, [2.5, 97.5], axis=0)
    return np.where(known.any(axis=0), low, np.nan), np.where(known.any(axis=0), high, np.nan)


def _chance(drawn: Floats, seed: int, most: int = 999) -> Floats:
    """Return (B, R) g of random places against the mean of all: one draw of each tomogram, many times over."""
    tomograms, draws, _ = drawn.shape
    generator = np.random.default_rng([seed, 4])
    chosen = generator.integers(draws, size=(most, tomograms))
    total = np.zeros((most, drawn.shape[2]))
    for tomogram in range(tomograms):
        total += drawn[tomogram, chosen[:, tomogram]]
    return np.nan_to_num(_ratio(total, drawn.mean(axis=1).sum(axis=0)[None]), nan=1.0)
