"""Particles whose latents are far from all others.

How far is Mahalanobis' distance d from the middle of the particles, in units of their own spread, which is found
robustly (minimum covariance determinant, Rousseeuw and Van Driessen 1999): many outliers in one place would widen an
ordinary covariance until they lie within it. Of normally distributed latents with p dimensions, d² follows χ² with p
degrees of freedom, so that "beyond z" means what it means for one number: of a normal distribution 0.27 % are beyond 3.

Most of a latent's dimensions may have collapsed and say nothing. Distances are taken along the principal components
that have 99 % of the variance, 16 at most, found with far particles cut off (Locantore et al. 1999). A particle may be
far along the directions left out, too: it is an outlier where it is further along them than others, by the cube root of
its squared distance, which is nearly normal (Hubert et al. 2005), and also far in units of the least spread looked at.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from napari_tomodrgn.analysis.embeddings import principal_components

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

VARIANCE = 0.99
MOST_COMPONENTS = 16
LEAST_SPREAD = 0.05  # of the greatest, below which a component is left out: some far particles alone made it
PER_COMPONENT = 10  # particles needed to tell the spread along one
FEWEST = 10  # particles among which one can be an outlier
MOST_FITTED = 2000  # particles that the spread is found from, always the same ones
FAR = 3.0  # median distances from the middle, from which on particles count as if they were there


@dataclass(frozen=True)
class Distances:
    """How far N particles are from their middle.

    Attributes
    ----------
    squares
        (N,) squared distances along the dimensions looked at, in units of the particles' spread.
    dimensions
        How many those are.
    aside
        (N,) squared distances along the others, in units of the least spread looked at.
    """

    squares: Floats
    dimensions: int
    aside: Floats

    def beyond(self, deviations: float) -> Mask:
        """Return (N,) which are further than so many standard deviations of a normal distribution."""
        limit = stats.chi2.isf(2 * stats.norm.sf(deviations), self.dimensions)
        root = np.cbrt(self.aside)
        spread = stats.median_abs_deviation(root, scale="normal")
        unusual = root > np.median(root) + deviations * spread
        return np.asarray((self.squares > limit) | ((self.aside > limit) & unusual), dtype=bool)


def outliers(
    latents: npt.NDArray[np.floating],  # (N, z)
    beyond: float,
    groups: npt.NDArray[np.int64] | None = None,  # (N,), below 0: none
) -> Mask:
    """Return (N,) which particles are outliers beyond so many standard deviations, of all or of their own group.

    Particles without a finite latent or a group are none, nor are those of a group of fewer than 10, or of one in which
    more than half of the latents are the same.
    """
    known = np.isfinite(latents).all(axis=1)
    groups = np.zeros(len(latents), np.int64) if groups is None else groups
    found = np.zeros(len(latents), dtype=bool)
    for group in np.unique(groups[known & (groups >= 0)]):
        rows = np.flatnonzero(known & (groups == group))
        distances = robust_distances(latents[rows])
        if distances is not None:
            found[rows] = distances.beyond(beyond)
    return found


def robust_distances(latents: npt.NDArray[np.floating]) -> Distances | None:
    """Return the distances of latents (N, z), finite, from their middle, ``None`` where no spread can be told."""
    # imported here, as it takes a second
    from sklearn.covariance import MinCovDet

    centred = latents.astype(np.float64) - np.median(latents, axis=0)
    length = np.linalg.norm(centred, axis=1)
    if len(latents) < FEWEST or not np.median(length):
        return None
    cut = centred * np.minimum(1, FAR * np.median(length) / np.maximum(length, 1e-300))[:, None]
    axes = _axes(cut)
    along = centred @ axes.T
    fitted = along
    if len(fitted) > MOST_FITTED:
        fitted = fitted[np.random.default_rng(0).choice(len(fitted), MOST_FITTED, replace=False)]
    scale = stats.median_abs_deviation(fitted, scale="normal")
    varied = scale > LEAST_SPREAD * scale.max()
    if not varied.any():
        return None
    axes, along, fitted, scale = axes[varied], along[:, varied], fitted[:, varied], scale[varied]
    spread = MinCovDet(random_state=0).fit(fitted / scale)
    squares: Floats = spread.mahalanobis(along / scale)
    aside = np.maximum(length**2 - (along**2).sum(axis=1), 0)
    least = np.linalg.eigvalsh(spread.covariance_ * np.outer(scale, scale))[0]
    return Distances(squares, len(axes), aside / least)


def _axes(latents: Floats) -> Floats:
    """Return the principal directions (p, z) that are looked at."""
    components = principal_components(latents)
    share = np.cumsum(components.explained_variance, dtype=np.float64)
    needed = int(np.searchsorted(share, VARIANCE)) + 1
    count = min(needed, MOST_COMPONENTS, max(len(latents) // PER_COMPONENT, 1), len(components.directions))
    return components.directions[:count].astype(np.float64)
