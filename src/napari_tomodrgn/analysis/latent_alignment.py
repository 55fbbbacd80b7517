"""Two latent spaces of the same particles laid on one another: Procrustes, and canonical correlations.

Latents of two trainings have axes of their own, so their values can't be compared; what can be is how particles lie to
one another. Procrustes turns, scales and moves one space as a whole onto the other; canonical correlations let any
linear change of either pass. Both are above 0 for unrelated latents of few particles, so each is given with what chance
gives: the mean over shuffles of the particles.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

FEWEST = 3  # particles; two can always be laid on two
SHUFFLES = 10
_EMPTY = 1e-10  # share of the largest variance below which a direction has none


@dataclass(frozen=True)
class Alignment:
    """How the second latent space lies on the first.

    Attributes
    ----------
    rotation
        (B, A) turns the second's centred latents into the first's axes (and drops or adds dimensions).
    scale, mean, origin
        Factor after it; mean of the first (A,) and of the second (B,).
    explained, explained_by_chance
        Share of the first's variance that the second explains once it lies on it, from 0 to 1.
    canonical, canonical_by_chance
        (C,) canonical correlations, descending.
    """

    rotation: FloatArray
    scale: float
    mean: FloatArray
    origin: FloatArray
    explained: float
    explained_by_chance: float
    canonical: FloatArray
    canonical_by_chance: FloatArray

    def apply(
        self,
        z: npt.NDArray[np.floating],  # (N, B) of the second
    ) -> FloatArray:
        """Return latents of the second (N, A) as they lie in the first's space."""
        return self.scale * (z.astype(np.float64) - self.origin) @ self.rotation + self.mean


def align(
    first: npt.NDArray[np.floating],  # (n, A)
    second: npt.NDArray[np.floating],  # (n, B)
    *,
    seed: int = 0,
) -> Alignment | None:
    """Lay the second latents onto the first's, of the same particles; those without finite numbers are left out.

    ``None`` where fewer than three are left, or all latents of a space are the same.
    """
    finite = np.isfinite(first).all(axis=1) & np.isfinite(second).all(axis=1)
    x, y = first[finite].astype(np.float64), second[finite].astype(np.float64)
    if len(x) < FEWEST:
        return None
    mean, origin = x.mean(axis=0), y.mean(axis=0)
    x, y = x - mean, y - origin
    if not (x.any() and y.any()):
        return None
    cross = y.T @ x
    left, singular, right = np.linalg.svd(cross, full_matrices=False)
    to_white = _whitening(y), _whitening(x)
    generator = np.random.default_rng(seed)
    shuffled = [y[generator.permutation(len(y))].T @ x for _ in range(SHUFFLES)]
    norm = (x**2).sum() * (y**2).sum()
    by_chance = [np.linalg.svd(each, compute_uv=False).sum() ** 2 / norm for each in shuffled]
    return Alignment(
        rotation=left @ right,
        scale=float(singular.sum() / (y**2).sum()),
        mean=mean,
        origin=origin,
        explained=float(singular.sum() ** 2 / norm),
        explained_by_chance=float(np.mean(by_chance)),
        canonical=_correlations(cross, *to_white),
        canonical_by_chance=np.mean([_correlations(each, *to_white) for each in shuffled], axis=0),
    )


def _whitening(x: FloatArray) -> FloatArray:
    """Return what turns centred columns (n, d) into uncorrelated ones of length 1 (d, r), without empty directions."""
    values, directions = np.linalg.eigh(x.T @ x)
    kept = values > values[-1] * _EMPTY
    return np.asarray(directions[:, kept] / np.sqrt(values[kept]))


def _correlations(cross: FloatArray, first: FloatArray, second: FloatArray) -> FloatArray:
    return np.clip(np.linalg.svd(first.T @ cross @ second, compute_uv=False), 0, 1)
