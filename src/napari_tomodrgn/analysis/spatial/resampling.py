"""Intervals with the tomograms drawn anew: they are what was sampled, and all particles of one share its cell."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.places import Floats

INTERVAL = (0.025, 0.975)
_MOST_AT_ONCE = 10**7  # numbers held
_ROUNDING = 1e-9  # up to which an expected number is 0


def drawn_anew(units: int, replicates: int, seed: int) -> npt.NDArray[np.int64]:
    """Return (R, units): how often each unit is drawn, of as many draws with replacement as there are units."""
    generator = np.random.default_rng([seed, 1])
    return generator.multinomial(units, np.full(units, 1 / units), size=replicates)


def informing(below: Floats) -> npt.NDArray[np.int64]:
    """Return (…) in how many tomograms something is to be expected, (T, …) of them, so that they say anything."""
    return np.asarray((below > _ROUNDING).sum(axis=0), dtype=np.int64)


def ratio_interval(
    above: npt.NDArray[np.generic],  # (T, …)
    below: Floats,  # (T, …)
    replicates: int,
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the ends (…) of the 95 % interval of log₂(Σ above / Σ below) with T tomograms drawn anew.

    NaN where fewer than two of them say anything, as none differs from another then, and where nothing is above.
    """
    shape = above.shape[1:]
    units = len(above)
    low, high = np.full(int(np.prod(shape)), np.nan), np.full(int(np.prod(shape)), np.nan)
    if units < 2 or replicates < 1:
        return low.reshape(shape), high.reshape(shape)
    times = drawn_anew(units, replicates, seed).astype(np.float64)
    flat_above, flat_below = (np.asarray(each, dtype=np.float64).reshape(units, -1) for each in (above, below))
    step = max(1, _MOST_AT_ONCE // replicates)
    for begin in range(0, len(low), step):
        part = slice(begin, begin + step)
        low[part], high[part] = interval_of(times @ flat_above[:, part], times @ flat_below[:, part])
    told = (informing(below) > 1) & (above.sum(axis=0) > 0)
    return np.where(told, low.reshape(shape), np.nan), np.where(told, high.reshape(shape), np.nan)


def interval_of(above: Floats, below: Floats) -> tuple[Floats, Floats]:
    """Return the ends (M,) of the middle 95 % of log₂(above / below), of (R, M) replicates; those of 0 / 0 don't count.

    Ends are replicates themselves, not means of two, as none above is -inf.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.sort(np.log2(above / below), axis=0)  # NaN last
    there = (~np.isnan(values)).sum(axis=0)
    columns = np.arange(values.shape[1])
    ends = []
    for share in INTERVAL:
        rank = np.clip(np.ceil(share * there).astype(int) - 1, 0, len(values) - 1)
        ends.append(np.where(there > 0, values[rank, columns], np.nan))
    return ends[0], ends[1]
