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
    left, singular, right = np.linalg.svd(y.T @ x, full_matrices=False)
    basis_x, basis_y = _basis(x), _basis(y)
    generator = np.random.default_rng(seed)
    orders = [generator.permutation(len(x)) for _ in range(SHUFFLES)]
    norm = (x**2).sum() * (y**2).sum()
    shuffled = [np.linalg.svd(y[order].T @ x, compute_uv=False).sum() ** 2 / norm for order in orders]
    return Alignment(
        rotation=left @ right,
        scale=float(singular.sum() / (y**2).sum()),
        mean=mean,
        origin=origin,
        explained=float(singular.sum() ** 2 / norm),
        explained_by_chance=float(np.mean(shuffled)),
        canonical=_correlations(basis_x, basis_y),
        canonical_by_chance=np.mean([_correlations(basis_x, basis_y[order]) for order in orders], axis=0),
    )


def _basis(x: FloatArray) -> FloatArray:
    """Return an orthonormal basis (n, r) of the columns."""
    left, singular, _ = np.linalg.svd(x, full_matrices=False)
    return np.asarray(left[:, singular > singular[0] * 1e-6])


def _correlations(x: FloatArray, y: FloatArray) -> FloatArray:
    return np.clip(np.linalg.svd(x.T @ y, compute_uv=False), 0, 1)
