"""Classes of latents, and how two labellings agree."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError

Method = Literal["kmeans", "gmm"]
FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

_STARTS = {"kmeans": 10, "gmm": 5}


@dataclass(frozen=True)
class Clusters:
    """Classes ordered by size: class 0 is the largest.

    Attributes
    ----------
    labels
        (N,) int64, the class of each particle, from 0.
    centres
        (K, z) float32, the mean latent of each class as the method found it.
    nearest
        (K,) int64, the row of the class's particle whose latent lies nearest to its centre.
    """

    labels: npt.NDArray[np.int64]
    centres: npt.NDArray[np.float32]
    nearest: npt.NDArray[np.int64]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(K,) number of particles in each class."""
        return np.bincount(self.labels, minlength=len(self.centres)).astype(np.int64)


def cluster(
    z: FloatArray,  # (N, z)
    clusters: int,
    *,
    method: Method = "kmeans",
    seed: int = 0,
) -> Clusters:
    """Return ``clusters`` classes of latents by k-means or a Gaussian mixture, the same for the same seed.

    Raises
    ------
    InputError
        Where there are fewer particles, or fewer different latents, than classes.
    """
    values = np.asarray(z, dtype=np.float64)
    if clusters < 1:
        raise InputError(f"--clusters is {clusters}; ask for one class or more")
    refuse_more_classes(values, clusters)
    raw, centres = _kmeans(values, clusters, seed) if method == "kmeans" else _mixture(values, clusters, seed)
    order = _by_size(raw, clusters)
    rank = np.empty(clusters, dtype=np.int64)
    rank[order] = np.arange(clusters)
    labels, centres = rank[raw], centres[order]
    return Clusters(labels, centres.astype(np.float32), nearest_members(values, labels, centres))


def refuse_more_classes(z: FloatArray, clusters: int) -> None:
    """Raise one sentence where there are fewer particles, or fewer different latents (N, z), than classes."""
    different = len(np.unique(z, axis=0))
    if clusters <= different:
        return
    which = "" if different == len(z) else " with different latents"
    there = f"is only one particle{which}" if different == 1 else f"are only {different} particles{which}"
    raise InputError(f"--clusters is {clusters} but there {there}; ask for fewer classes")


def nearest_members(
    z: FloatArray,  # (N, z)
    labels: IntArray,  # (N,)
    centres: FloatArray,  # (K, z)
) -> npt.NDArray[np.int64]:
    """Return (K,) rows of the members nearest to their class's centre (of all particles where a class is empty)."""
    result = np.empty(len(centres), dtype=np.int64)
    for number, centre in enumerate(centres):
        members = np.flatnonzero(labels == number)
        members = members if len(members) else np.arange(len(z))
        result[number] = members[((z[members] - centre) ** 2).sum(axis=1).argmin()]
    return result


def ari(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Return the adjusted Rand index of two labellings of the same particles: 1 the same classes, 0 chance."""
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(np.asarray(first), np.asarray(second)))


def _by_size(labels: IntArray, clusters: int) -> npt.NDArray[np.int64]:
    """Return the classes from the largest to the smallest; of equal ones, the one met first in the file comes first."""
    sizes = np.bincount(labels, minlength=clusters)
    first_row = np.full(clusters, len(labels))
    present, rows = np.unique(labels, return_index=True)
    first_row[present] = rows
    return np.lexsort((first_row, -sizes)).astype(np.int64)


def _kmeans(z: FloatArray, clusters: int, seed: int) -> tuple[IntArray, FloatArray]:
    from sklearn.cluster import KMeans

    fitted = KMeans(clusters, n_init=_STARTS["kmeans"], random_state=seed).fit(z)
    return fitted.labels_, fitted.cluster_centers_


def _mixture(z: FloatArray, clusters: int, seed: int) -> tuple[IntArray, FloatArray]:
    """Fit full covariances where the particles can determine them, else diagonal ones."""
    from sklearn.mixture import GaussianMixture

    count, dimensions = z.shape
    covariance = "full" if count >= 10 * clusters * dimensions else "diag"
    fitted = GaussianMixture(clusters, covariance_type=covariance, n_init=_STARTS["gmm"], random_state=seed).fit(z)
    return fitted.predict(z), fitted.means_
