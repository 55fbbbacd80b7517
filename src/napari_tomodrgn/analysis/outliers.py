"""Particles whose latents are far from all others.

How far is Mahalanobis' distance d from the middle of the particles, in units of their own spread, which is found
robustly (minimum covariance determinant, Rousseeuw and Van Driessen 1999): many outliers in one place would widen an
ordinary covariance until they lie within it. Of normally distributed latents with p dimensions, d² follows χ² with p
degrees of freedom, so that "beyond z" means what it means for one number: of a normal distribution 0.27 % are beyond 3.
"""

import warnings

import numpy as np
import numpy.typing as npt
from scipy import stats

from napari_tomodrgn.analysis.embeddings import principal_components

Floats = npt.NDArray[np.float64]

VARIANCE = 0.99  # of the latents, that the principal components looked at have: collapsed dimensions say nothing
MOST_COMPONENTS = 16
PER_COMPONENT = 5  # particles needed to tell the spread along one
FEWEST = 10  # particles among which one can be an outlier
MOST_FITTED = 2000  # particles that the spread is found from, always the same ones


def outliers(
    latents: npt.NDArray[np.floating],  # (N, z)
    beyond: float,
    groups: npt.NDArray[np.int64] | None = None,  # (N,), below 0: none
) -> npt.NDArray[np.bool_]:
    """Return (N,) which particles are outliers beyond so many standard deviations, of all or of their own group.

    Particles without a finite latent or a group are none, nor are those of a group of fewer than 10.
    """
    known = np.isfinite(latents).all(axis=1)
    groups = np.zeros(len(latents), np.int64) if groups is None else groups
    found = np.zeros(len(latents), dtype=bool)
    for group in np.unique(groups[known & (groups >= 0)]):
        rows = np.flatnonzero(known & (groups == group))
        squares, dimensions = squared_distances(latents[rows])
        if dimensions:
            found[rows] = squares > stats.chi2.isf(2 * stats.norm.sf(beyond), dimensions)
    return found


def squared_distances(latents: npt.NDArray[np.floating]) -> tuple[Floats, int]:
    """Return the robust squared distances (N,) of latents (N, z) from their middle, and the number of dimensions.

    The dimensions are the principal components that have 99 % of the variance, at most 16, and so few that there are
    five particles to each; 0, and no distance, where there are fewer than 10 particles or all are the same.
    """
    # imported here, as it takes a second
    from sklearn.covariance import MinCovDet

    components = principal_components(latents)
    share = np.cumsum(components.explained_variance, dtype=np.float64)
    needed = int(np.searchsorted(share, VARIANCE)) + 1
    dimensions = min(needed, MOST_COMPONENTS, len(latents) // PER_COMPONENT, latents.shape[1])
    if len(latents) < FEWEST or share[-1] == 0:
        return np.zeros(len(latents)), 0
    coordinates = components.coordinates[:, :dimensions].astype(np.float64)
    coordinates /= np.abs(coordinates).max(axis=0)
    fitted = coordinates
    if len(fitted) > MOST_FITTED:
        fitted = fitted[np.random.default_rng(0).choice(len(fitted), MOST_FITTED, replace=False)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of steps that rounding keeps from converging
        spread = MinCovDet(random_state=0).fit(fitted)
    squares: Floats = spread.mahalanobis(coordinates)
    return squares, dimensions
