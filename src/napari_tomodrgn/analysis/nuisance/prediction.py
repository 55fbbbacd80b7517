"""How well latents predict quantities in tomograms, or particles, that had no part in learning how.

Quantities are predicted by ridge regression in folds of whole tomograms; the tomogram itself by linear discriminant
analysis with equal priors (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 3.4 and 4.3), in
folds of particles within each tomogram. Both are written out in arrays, as they are asked again for every shuffle.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import eigh

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


def particle_folds(tomogram: Codes, seed: int) -> Codes:
    """Return the fold (N,) of each particle: the particles of every tomogram are dealt out to all of them."""
    order = np.lexsort((np.random.default_rng([seed, 21]).random(len(tomogram)), tomogram))
    start = np.concatenate([[0], np.cumsum(np.bincount(tomogram))[:-1]])
    fold = np.empty(len(tomogram), dtype=np.int64)
    fold[order] = (np.arange(len(tomogram)) - start[tomogram[order]]) % FOLDS
    return fold


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


def ridge_direction(features: Array, targets: Array) -> Array:
    """Return the unit vector (d,) in the features along which the targets (N, M) change most, all particles asked."""
    centred, wanted = features - features.mean(axis=0), targets - targets.mean(axis=0)
    square = centred.T @ centred + PENALTY * np.eye(features.shape[1])
    coefficients = np.linalg.solve(square, centred.T @ wanted)
    left, _, right = np.linalg.svd(coefficients, full_matrices=False)
    return np.asarray(left[:, 0] * (1.0 if right[0, np.abs(right[0]).argmax()] >= 0 else -1.0))


def discriminant_accuracy(features: Array, classes: Codes, fold: Codes) -> float:
    """Return the cross-validated balanced accuracy over chance: 0 for guessing, 1 where every class (N,) is told."""
    count = int(classes.max()) + 1
    found = np.empty(len(classes), dtype=np.int64)
    for number in np.unique(fold):
        test, learned = fold == number, fold != number
        means, within = _moments(features[learned], classes[learned], count)
        weights = np.linalg.solve(within, means.T)  # (d, K)
        score = features[test] @ weights - (means.T * weights).sum(axis=0) / 2
        found[test] = score.argmax(axis=1)
    recall = np.bincount(classes, found == classes, minlength=count) / np.bincount(classes, minlength=count)
    return float((recall.mean() - 1 / count) / (1 - 1 / count))


def discriminant_direction(features: Array, classes: Codes) -> Array:
    """Return the unit vector (d,) along which the classes' means lie farthest apart, held against their spread.

    It points to the class that lies farthest out.
    """
    means, within = _moments(features, classes, int(classes.max()) + 1)
    apart = means - means.mean(axis=0)
    direction = eigh(apart.T @ apart, within)[1][:, -1]
    along = apart @ direction
    sign = 1.0 if along[np.abs(along).argmax()] >= 0 else -1.0
    return np.asarray(sign * direction / np.linalg.norm(direction))


def _moments(features: Array, classes: Codes, count: int) -> tuple[Array, Array]:
    """Return the classes' means (K, d) and the pooled covariance (d, d) within them."""
    sums = np.stack([np.bincount(classes, column, minlength=count) for column in features.T], axis=1)
    means = sums / np.maximum(np.bincount(classes, minlength=count), 1)[:, None]
    centred = features - means[classes]
    within = centred.T @ centred / max(len(features) - count, 1)
    ridge = 1e-6 * max(float(np.trace(within)) / len(within), 1e-12)
    return means, within + ridge * np.eye(len(within))


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
    means = np.stack([np.bincount(tomogram, column) for column in values.T], axis=1) / count
    return means, values - means[tomogram]
