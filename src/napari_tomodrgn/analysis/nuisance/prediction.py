"""How well latents predict quantities in tomograms, or particles, that had no part in learning how.

By ridge regression (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 3.4), cross-validated in
folds of whole tomograms; the tomogram itself in folds of particles. It is written out in arrays, as what depends on the
latents alone stays the same for every shuffle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

FOLDS = 5
PENALTY = 1.0  # of ridge regression on features of variance 1: as if there was one particle more


def tomogram_folds(tomogram: Codes) -> Codes:
    """Return the fold (N,) of each particle: whole tomograms, dealt out so that folds are about equal."""
    sizes = np.bincount(tomogram)
    folds = min(FOLDS, len(sizes))
    fold_of, filled = np.zeros(len(sizes), dtype=np.int64), np.zeros(folds)
    for number in np.argsort(-sizes, kind="stable"):
        fold_of[number] = filled.argmin()
        filled[fold_of[number]] += sizes[number]
    return fold_of[tomogram]


def particle_folds(count: int, seed: int) -> Codes:
    """Return the fold (N,) of each particle, at random: of no tomogram more than of others, whatever is shuffled."""
    dealt = np.random.default_rng([seed, 21]).permutation(count)
    return np.asarray(dealt % min(FOLDS, count))


class RidgeFolds:
    """Ridge regression of any targets on the same features (N, d), cross-validated in the same folds (N,)."""

    def __init__(self, features: Array, fold: Codes) -> None:
        self._parts = []
        for number in np.unique(fold):
            test, learned = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
            mean = features[learned].mean(axis=0)
            centred = features[learned] - mean
            square = centred.T @ centred + PENALTY * np.eye(features.shape[1])
            self._parts.append((test, learned, features[test] - mean, np.linalg.solve(square, centred.T)))

    def residuals(self, targets: Array) -> tuple[Array, Array]:
        """Return what the features leave of targets (N, M), and what the mean of the other folds leaves of them."""
        left, plain = np.empty_like(targets), np.empty_like(targets)
        for test, learned, features, solution in self._parts:
            plain[test] = targets[test] - targets[learned].mean(axis=0)
            # the solution is of centred features, to which the targets' mean is nothing
            left[test] = plain[test] - features @ (solution @ targets[learned])
        return left, plain

    def explained(self, targets: Array, groups: Sequence[slice]) -> Array:
        """Return the cross-validated R² (G,) of groups of the targets' columns (N, M), each taken together."""
        left, plain = ((each**2).sum(axis=0) for each in self.residuals(targets))
        return np.array([1 - left[group].sum() / max(plain[group].sum(), 1e-300) for group in groups])

    def told_apart(self, classes: Codes) -> Array:
        """Return for each class (K,) the cross-validated R² of which particles (N,) are in it, and which are not.

        As :meth:`explained` would for K columns of ones and zeros, but from sums over classes: K may be thousands.
        """
        count = int(classes.max()) + 1
        left, plain = np.zeros((2, count))
        for test, learned, features, solution in self._parts:
            coefficients = _sums(solution.T, classes[learned], count).T  # (d, K)
            share = np.bincount(classes[learned], minlength=count) / len(learned)
            inside = np.bincount(classes[test], minlength=count)
            own = inside * (1 - share) ** 2 + (len(test) - inside) * share**2
            met = _sums(features, classes[test], count).T - np.outer(features.sum(axis=0), share)
            predicted = (coefficients * (features.T @ features @ coefficients)).sum(axis=0)
            plain += own
            left += own - 2 * (coefficients * met).sum(axis=0) + predicted
        return np.asarray(1 - left / np.maximum(plain, 1e-300))


def _sums(values: Array, classes: Codes, count: int) -> Array:
    """Return the sums (K, d) of values (n, d) over the members of each class."""
    return np.stack([np.bincount(classes, column, minlength=count) for column in values.T], axis=1)


def ridge_direction(features: Array, targets: Array) -> Array:
    """Return the unit vector (d,) in the features along which the targets (N, M) change most, all particles asked."""
    centred, wanted = features - features.mean(axis=0), targets - targets.mean(axis=0)
    square = centred.T @ centred + PENALTY * np.eye(features.shape[1])
    coefficients = np.linalg.solve(square, centred.T @ wanted)
    left, _, right = np.linalg.svd(coefficients, full_matrices=False)
    return np.asarray(left[:, 0] * (1.0 if right[0, np.abs(right[0]).argmax()] >= 0 else -1.0))


@dataclass(frozen=True)
class Dealing:
    """One shuffle: tomograms' means go to other tomograms, particles' deviations to others of the same tomogram."""

    tomogram_to: Codes  # (T,)
    particle_to: Codes  # (N,)
    anywhere: Codes  # (N,) a plain shuffle of all particles

    @classmethod
    def draw(cls, tomogram: Codes, generator: np.random.Generator) -> "Dealing":
        """Draw one."""
        order = np.argsort(tomogram, kind="stable")
        within = np.empty(len(tomogram), dtype=np.int64)
        within[order] = np.lexsort((generator.random(len(tomogram)), tomogram))
        return cls(generator.permutation(int(tomogram.max()) + 1), within, generator.permutation(len(tomogram)))


def means_and_deviations(values: Array, tomogram: Codes) -> tuple[Array, Array]:
    """Return the tomograms' means (T, M) of values (N, M), and what these leave of each particle's (N, M)."""
    count = np.bincount(tomogram)[:, None]
    sums = np.zeros((len(count), values.shape[1]))
    np.add.at(sums, tomogram, values)
    means = sums / count
    return means, values - means[tomogram]
