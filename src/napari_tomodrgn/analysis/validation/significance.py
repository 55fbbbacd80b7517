"""How much of a predicted difference particles' images show, and what random particles in their place would show.

Every particle says two numbers: the product of the prediction with its images (less what is common to all), and the
power of the prediction in them. The least-squares amplitude over some particles is the sum of the products over that of
the powers: 1 where the difference is in their images as predicted, 0 where there is nothing of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

INTERVAL = 1.96  # standard errors: 95 %

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Amplitude:
    """How much of a difference the images of some particles show more than those of the others.

    Attributes
    ----------
    value, error
        The amplitude, 1 where all of it is there, and its standard error over the particles.
    p
        Share of random choices of as many particles, as many in each tomogram, that show as much or more.
    null
        (P,) the amplitudes of those choices.
    """

    value: float
    error: float
    p: float
    null: Array

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.value - INTERVAL * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + INTERVAL * self.error

    @property
    def power(self) -> float:
        """How many standard deviations of the random choices a difference that is fully there would stand out by."""
        spread = float(self.null.std())
        return 1 / spread if spread > 0 else 0.0


def amplitude(
    product: Array,  # (N,)
    power: Array,  # (N,)
    chosen: Mask,  # (N,)
    tomogram: npt.NDArray[np.int64],  # (N,) from 0
    *,
    permutations: int,
    seed: int,
) -> Amplitude:
    """Return how much more the chosen particles show than the others of the same tomograms.

    The others of a tomogram count as much as the chosen ones of it (all others, where a tomogram has no others), so
    that tomograms that differ in contrast say nothing. The random choices are made among all particles, chosen or not.
    """
    value = amplitude_value(product, power, chosen, tomogram)
    null = np.empty(permutations)
    for number, rows in enumerate(random_choices(chosen, tomogram, permutations, seed)):
        drawn = np.zeros(len(chosen), dtype=bool)
        drawn[rows] = True
        null[number] = amplitude_value(product, power, drawn, tomogram)
    p = (1 + np.count_nonzero(null >= value)) / (1 + permutations)
    return Amplitude(value, standard_error(product, power, chosen, tomogram), float(p), null)


def random_choices(
    chosen: Mask,  # (N,)
    tomogram: npt.NDArray[np.int64],  # (N,) from 0
    count: int,
    seed: int,
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the rows of ``count`` random choices that take as many particles of each tomogram as are chosen."""
    of_each = np.bincount(tomogram)
    order = np.argsort(tomogram, kind="stable")
    first = np.concatenate([[0], np.cumsum(of_each)[:-1]])
    rank = np.arange(len(chosen)) - first[tomogram[order]]
    takes = rank < np.bincount(tomogram, weights=chosen)[tomogram[order]]
    generator = np.random.default_rng([seed, 7])
    for _ in range(count):
        yield np.lexsort((generator.random(len(chosen)), tomogram))[takes]


def amplitude_value(product: Array, power: Array, chosen: Mask, tomogram: npt.NDArray[np.int64]) -> float:
    """Return the amplitude over the chosen particles less that over the others of the same tomograms."""
    of_others, share = _others(product, power, chosen, tomogram)
    return float(product[chosen].sum() / _above_0(power[chosen].sum()) - (share * of_others).sum())


def _others(product: Array, power: Array, chosen: Mask, tomogram: npt.NDArray[np.int64]) -> tuple[Array, Array]:
    """Return (T,) the amplitude of the particles that are not chosen, and each tomogram's share of the chosen ones."""
    count = int(tomogram.max()) + 1
    products, powers = (np.bincount(tomogram[~chosen], each[~chosen], count) for each in (product, power))
    everyone = products.sum() / _above_0(powers.sum())
    own = np.where(powers > 0, products / _above_0(powers), everyone)
    share = np.bincount(tomogram[chosen], power[chosen], count)
    return own, share / _above_0(share.sum())


def standard_error(product: Array, power: Array, chosen: Mask, tomogram: npt.NDArray[np.int64]) -> float:
    """Return the standard error of the difference of amplitudes, from how particles scatter about it."""
    count = int(tomogram.max()) + 1
    of_others, share = _others(product, power, chosen, tomogram)
    own = product[chosen].sum() / _above_0(power[chosen].sum())
    first = ((product - own * power)[chosen] ** 2).sum() / _above_0(power[chosen].sum()) ** 2
    left = (product - of_others[tomogram] * power)[~chosen] ** 2
    powers = np.bincount(tomogram[~chosen], power[~chosen], count)
    second = (share**2 * np.bincount(tomogram[~chosen], left, count) / _above_0(powers) ** 2).sum()
    # of n particles that scatter about their own mean, n - 1 are free
    return float(np.sqrt(first * _freed(chosen.sum()) + second * _freed((~chosen).sum())))


def _freed(count: int) -> float:
    return count / (count - 1) if count > 1 else 1.0


def _above_0(values: npt.ArrayLike) -> Array:
    return np.maximum(np.asarray(values, dtype=np.float64), 1e-100)
