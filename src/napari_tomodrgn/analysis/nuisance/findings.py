"""Which quantities latents follow by more than chance, all of them asked at once."""

import logging
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.nuisance.prediction import (
    Dealing,
    RidgeFolds,
    means_and_deviations,
    particle_folds,
    ridge_direction,
    tomogram_folds,
)
from napari_tomodrgn.analysis.nuisance.quantities import Quantity

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

TOMOGRAM = "tomogram"
COMPONENTS = 16  # leading principal components that predict
MOST_PARTICLES = 20_000
LEAST_EFFECT = 0.01  # of the variance, or of the way from guessing to knowing: less is nothing to look at
_SAME = 1e-9  # relative spread below which values are all the same
log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class Finding:
    r"""What latents say of one quantity.

    Attributes
    ----------
    name, unit
        The quantity.
    effect
        Cross-validated R²: 0 or less for nothing, 1 for all. Of the tomogram it is that of telling one tomogram, the
        one told best, from all others.
    null
        (P,) the effect in each shuffle.
    p, adjusted_p
        Share of shuffles with as much: of this quantity, and of whichever stands out most in each (family-wise).
    along
        (N,) where each particle lies along the direction in the latents that goes with it.
    untested
        Why nothing was measured, or "".
    which
        The number of the tomogram that is told best, -1 of other quantities.
    """

    name: str
    unit: str
    effect: float
    null: Array
    p: float
    adjusted_p: float
    along: Array
    untested: str = ""
    which: int = -1

    def alarm(self, level: float) -> bool:
        """Whether latents follow it."""
        return not self.untested and self.adjusted_p <= level and self.effect >= LEAST_EFFECT


def sentence_of_no_alarm(effect: float, adjusted_p: float, level: float) -> str:
    """Return in words that latents don't follow a quantity, or too little to matter."""
    said = f"R² {effect:.2f}, family-wise p = {adjusted_p:.2g}"
    return f"followed too little to matter ({said})" if adjusted_p <= level else f"not followed ({said})"


def find_nuisance(
    z: npt.NDArray[np.floating],
    tomogram: Codes,
    quantities: list[Quantity],
    *,
    permutations: int,
    seed: int,
) -> list[Finding]:
    r"""Return what latents (N, \|z\|) say of the tomogram (N,), numbers from 0, and of quantities.

    A quantity of a particle is taken as its tomogram's mean plus a deviation. In a shuffle, means are dealt out to
    other tomograms and deviations to other particles of the same tomogram, the same way for all quantities: whatever
    tells tomograms apart stays in the latents and is only shown to go with another tomogram's quantity. The tomogram
    itself is shuffled over all particles. Effects are held, in units of their spread over shuffles, against the largest
    of all quantities in each shuffle (Westfall and Young).
    """
    rows = np.arange(len(z))
    if len(z) > MOST_PARTICLES:
        rows = np.sort(np.random.default_rng([seed, 20]).choice(len(z), MOST_PARTICLES, replace=False))
        log.info("%d of %d particles, drawn at random, are asked", len(rows), len(z))
    own = np.unique(tomogram[rows], return_inverse=True)[1].astype(np.int64)
    every = features_of(z)
    tested = [each for each in quantities if not reason_untested(each.values[rows])]
    effects, which = measured_effects(every[rows], own, [each.values[rows] for each in tested], permutations, seed)
    alone = int(np.bincount(own).max()) < 2
    p, adjusted = (
        (np.append(np.nan, each) for each in probabilities(effects[:, 1:])) if alone else probabilities(effects)
    )
    column = {each.name: number for number, each in enumerate(tested, start=1)}

    def found(name: str, unit: str, number: int, along: Array, which: int = -1) -> Finding:
        null = effects[1:, number]
        return Finding(
            name, unit, float(effects[0, number]), null, float(p[number]), float(adjusted[number]), along, which=which
        )

    if alone:  # nothing of a tomogram could be learned from other particles of it
        findings = [_untested(TOMOGRAM, "", "no tomogram has two particles", len(z))]
    else:
        best = int(tomogram[rows[own == which][0]])
        direction = ridge_direction(every, (tomogram == best)[:, None].astype(np.float64))
        findings = [found(TOMOGRAM, "", 0, every @ direction, best)]
    for each in quantities:
        if each.name not in column:
            findings.append(_untested(each.name, each.unit, reason_untested(each.values[rows]), len(z)))
            continue
        direction = ridge_direction(every[rows], standardised(each.values[rows]))
        findings.append(found(each.name, each.unit, column[each.name], every @ direction))
    return findings


def _untested(name: str, unit: str, reason: str, count: int) -> Finding:
    nothing = np.full(count, np.nan)
    return Finding(name, unit, np.nan, np.zeros(0), np.nan, np.nan, nothing, reason)


def reason_untested(values: Array) -> str:
    """Return why a quantity (N, M) can't be asked for, or ""."""
    if not np.isfinite(values).all():
        return "is not known of all particles"
    if (values.std(axis=0) <= _SAME * np.abs(values).max(initial=1e-300)).all():
        return "is the same for all particles"
    return ""


def features_of(z: npt.NDArray[np.floating]) -> Array:
    """Return the leading principal components (N, d) of latents, each with variance 1."""
    found = principal_components(z, COMPONENTS).coordinates.astype(np.float64)
    spread = found.std(axis=0)
    kept = spread > 1e-6 * max(float(spread.max(initial=0)), 1e-300)
    return np.asarray(found[:, kept] / spread[kept])


def standardised(values: Array) -> Array:
    """Return values (N, M) of which every column that varies has mean 0 and variance 1."""
    spread = values.std(axis=0)
    kept = spread > _SAME * np.abs(values).max(initial=1e-300)
    return np.asarray((values[:, kept] - values[:, kept].mean(axis=0)) / spread[kept])


def measured_effects(
    features: Array, tomogram: Codes, values: list[Array], permutations: int, seed: int
) -> tuple[Array, int]:
    """Return the effects (1 + P, 1 + Q) as measured and in each shuffle: of the tomogram first, then of quantities.

    Further the number of the tomogram that is told best from all others.
    """
    targets = [standardised(each) for each in values]
    ends = np.cumsum([0, *(each.shape[1] for each in targets)])
    groups = [slice(begin, end) for begin, end in pairwise(ends.tolist())]
    joined = np.concatenate(targets, axis=1) if targets else np.zeros((len(features), 0))
    by_tomogram = RidgeFolds(features, tomogram_folds(tomogram))
    by_particle = RidgeFolds(features, particle_folds(len(features), seed))
    means, deviations = means_and_deviations(joined, tomogram)
    generator = np.random.default_rng([seed, 22])
    told = by_particle.told_apart(tomogram)
    effects = np.empty((1 + permutations, 1 + len(groups)))
    effects[0] = told.max(), *by_tomogram.explained(joined, groups)
    for number in range(1, 1 + permutations):
        dealing = Dealing.draw(tomogram, generator)
        shuffled = means[dealing.tomogram_to][tomogram] + deviations[dealing.particle_to]
        others = by_particle.told_apart(tomogram[dealing.anywhere])
        effects[number] = others.max(), *by_tomogram.explained(shuffled, groups)
    return effects, int(told.argmax())


def probabilities(effects: Array) -> tuple[Array, Array]:
    """Return p (Q,) and family-wise p (Q,) of effects (1 + P, Q), those measured first.

    Effects are taken in units of their spread over all rows, so that none stands out by its scale alone.
    """
    spread = effects.std(axis=0)
    score = (effects - effects.mean(axis=0)) / np.where(spread > 0, spread, 1)
    own = score[0] - 1e-9  # shuffles that leave all as it was count, whatever their rounding
    largest = score[1:].max(axis=1, initial=-np.inf)
    p, adjusted = ((1 + (each >= own).sum(axis=0)) / len(effects) for each in (score[1:], largest[:, None]))
    return np.asarray(p), np.asarray(adjusted)
