"""Classes of latents, and how two labellings agree."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.hierarchy import hierarchy_of_centres
from napari_tomodrgn.errors import InputError

SeededMethod = Literal["kmeans", "gmm"]  # finds as many classes as it is asked for, others with another seed
Method = Literal["kmeans", "gmm", "hdbscan"]
Order = Literal["size", "likeness"]
FloatArray = npt.NDArray[np.floating]
IntArray = npt.NDArray[np.integer]

_STARTS = {"kmeans": 10, "gmm": 5}


@dataclass(frozen=True)
class Clusters:
    """Classes ordered by size, class 0 is the largest; or by likeness.

    Attributes
    ----------
    labels
        (N,) int64, the class of each particle, from 0.
    centres
        (K, z) float32, the mean latent of each class as the method found it.
    nearest
        (K,) int64, the row of the class's particle whose latent lies nearest to its centre.
    noise
        The number, K - 1, of the class of the particles that lie in no dense place; ``None`` where there are none.
    """

    labels: npt.NDArray[np.int64]
    centres: npt.NDArray[np.float32]
    nearest: npt.NDArray[np.int64]
    noise: int | None = None

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(K,) number of particles in each class."""
        return np.bincount(self.labels, minlength=len(self.centres)).astype(np.int64)


def cluster(
    z: FloatArray,  # (N, z)
    clusters: int,
    *,
    method: SeededMethod = "kmeans",
    seed: int = 0,
    order: Order = "size",
    starts: int | None = None,
) -> Clusters:
    """Return ``clusters`` classes of latents by k-means or a Gaussian mixture, the same for the same seed.

    The best of several starts is taken: ten of k-means, five of a mixture, where it isn't said how many.

    Raises
    ------
    InputError
        Where there are fewer particles, or fewer different latents, than classes.
    """
    values = np.asarray(z, dtype=np.float64)
    if clusters < 1:
        raise InputError(f"--clusters is {clusters}; ask for one class or more")
    refuse_more_classes(values, clusters)
    raw, centres = (_kmeans if method == "kmeans" else _mixture)(values, clusters, seed, starts or _STARTS[method])
    return _numbered(values, raw, centres, order)


def dense_clusters(
    z: FloatArray,  # (N, z)
    smallest: int,
    *,
    order: Order = "size",
) -> Clusters:
    """Return the classes that HDBSCAN finds: places denser than what surrounds them, of ``smallest`` particles or more.

    How many there are is found. Particles in none of them are a class of their own, the last (Campello, Moulavi and
    Sander 2013). Time grows with the square of the number of particles.

    Raises
    ------
    InputError
        Where there are fewer particles than ``smallest``, or no dense place is found.
    """
    from sklearn.cluster import HDBSCAN

    values = np.asarray(z, dtype=np.float64)
    advice = "give a lower --smallest, or take --method kmeans"
    if smallest > len(values):
        raise InputError(f"--smallest is {smallest} but there are only {len(values)} particles; {advice}")
    raw = HDBSCAN(min_cluster_size=smallest, copy=True).fit_predict(values)
    count = int(raw.max()) + 1
    if not count:
        raise InputError(f"HDBSCAN found no class of {smallest} particles or more among {len(values)}; {advice}")
    raw = np.where(raw < 0, count, raw)  # noise, and a few latents that it can't place
    every = count + int((raw == count).any())
    centres = np.stack([values[raw == number].mean(axis=0) for number in range(every)])
    return _numbered(values, raw, centres, order, noise=every > count)


def _numbered(z: FloatArray, raw: IntArray, centres: FloatArray, order: Order, *, noise: bool = False) -> Clusters:
    """Return classes numbered by size or likeness; the last of the raw ones stays last where it is noise."""
    count = len(centres) - noise
    ranked = _by_size(raw[raw < count], count)
    if order == "likeness":
        ranked = ranked[hierarchy_of_centres(centres[ranked]).order]
    ranked = np.concatenate([ranked, np.arange(count, len(centres))])
    rank = np.empty(len(centres), dtype=np.int64)
    rank[ranked] = np.arange(len(centres))
    labels, centres = rank[raw], centres[ranked]
    last = count if noise else None
    return Clusters(labels, centres.astype(np.float32), nearest_members(z, labels, centres), last)


def refuse_more_classes(z: FloatArray, clusters: int) -> None:
    """Raise one sentence where there are fewer particles, or fewer different latents (N, z), than classes."""
    different = len(np.unique(z, axis=0))
    if clusters <= different:
        return
    if different == len(z):
        there = "there is only one particle" if different == 1 else f"there are only {different} particles"
    else:
        there = f"the {len(z)} particles have only {different} different latents"
        if different == 1:
            there = f"all {len(z)} particles have the same latent"
    raise InputError(f"--clusters is {clusters} but {there}; ask for fewer classes")


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


def _kmeans(z: FloatArray, clusters: int, seed: int, starts: int) -> tuple[IntArray, FloatArray]:
    from sklearn.cluster import KMeans

    fitted = KMeans(clusters, n_init=starts, random_state=seed).fit(z)
    return fitted.labels_, fitted.cluster_centers_


def _mixture(z: FloatArray, clusters: int, seed: int, starts: int) -> tuple[IntArray, FloatArray]:
    """Fit full covariances where the particles can determine them, else diagonal ones."""
    from sklearn.mixture import GaussianMixture

    count, dimensions = z.shape
    covariance = "full" if count >= 10 * clusters * dimensions else "diag"
    fitted = GaussianMixture(clusters, covariance_type=covariance, n_init=starts, random_state=seed).fit(z)
    return fitted.predict(z), fitted.means_
