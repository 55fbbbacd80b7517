"""How latents change between two epochs of one run.

They share a decoder, which changes little by little, so latents are compared as they are. Beside that stands what is
left of the shift once the later ones were turned and moved as a whole onto the earlier ones: a latent space may turn
without a particle changing its neighbours or its volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import orthogonal_procrustes

from napari_tomodrgn.analysis.clusters import ari, cluster
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.runs.latents import Latents

MOST_ASKED = 1000  # particles whose neighbours are looked for, among all

Floats = npt.NDArray[np.floating]


@dataclass(frozen=True)
class LatentChange:
    """From one epoch that has latents to the next that has.

    Attributes
    ----------
    epoch, before
        The later epoch, and the earlier one.
    mean, median
        Euclidean distance that particles moved, in the latents' own units.
    spread
        Root mean square distance of the later latents from their mean.
    relative
        ``median / spread``; 0 where there is neither, infinite without spread.
    relative_aligned
        The same after the best turn and shift of the whole.
    kept
        Share of each particle's nearest neighbours that stay among its nearest, on average.
    kept_by_chance
        What that is for unrelated latents.
    ari
        Adjusted Rand index of the classes found anew at either epoch.
    """

    epoch: int
    before: int
    mean: float
    median: float
    spread: float
    relative: float
    relative_aligned: float
    kept: float
    kept_by_chance: float
    ari: float


def drawn(particles: int, most: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the rows of at most so many particles, drawn at random, ascending."""
    if particles <= most:
        return np.arange(particles)
    return np.sort(np.random.default_rng(seed).choice(particles, most, replace=False)).astype(np.int64)


def latent_changes(by_epoch: Iterator[tuple[int, Latents]], options: ConvergeOptions) -> Iterator[LatentChange]:
    """Yield how latents change from each epoch to the next."""
    previous: tuple[int, Floats, npt.NDArray[np.int64]] | None = None
    for epoch, latents in by_epoch:
        z = latents.z_mean.astype(np.float64)
        rows = drawn(len(z), options.sample, options.seed)
        labels = cluster(z[rows], options.clusters, seed=options.seed).labels
        if previous is not None:
            before, earlier, earlier_labels = previous
            yield change(before, earlier, epoch, z, options, ari(earlier_labels, labels))
        previous = epoch, z, labels


def change(
    before: int, earlier: Floats, epoch: int, later: Floats, options: ConvergeOptions, agreement: float
) -> LatentChange:
    """Return how latents (N, z) change from one epoch to another; ``agreement`` is that of their classes."""
    moved = np.linalg.norm(later - earlier, axis=1)
    centred = later - later.mean(axis=0)
    spread = float(np.sqrt((centred**2).sum(axis=1).mean()))
    own = earlier - earlier.mean(axis=0)
    turned = centred @ orthogonal_procrustes(centred, own)[0]
    left = float(np.median(np.linalg.norm(turned - own, axis=1)))
    median = float(np.median(moved))
    neighbours = min(options.neighbours, len(later) - 1)
    asked = drawn(len(later), MOST_ASKED, options.seed)
    return LatentChange(
        epoch=epoch,
        before=before,
        mean=float(moved.mean()),
        median=median,
        spread=spread,
        relative=_share(median, spread),
        relative_aligned=_share(left, spread),
        kept=neighbours_kept(earlier, later, asked, neighbours),
        kept_by_chance=neighbours / max(len(later) - 1, 1),
        ari=agreement,
    )


def _share(distance: float, spread: float) -> float:
    if spread > 0:
        return distance / spread
    return 0.0 if distance == 0 else float("inf")


def neighbours_kept(earlier: Floats, later: Floats, asked: npt.NDArray[np.int64], neighbours: int) -> float:
    """Return which share of the nearest neighbours of some particles are the same in both latents (N, z); 1 of none."""
    if neighbours < 1:
        return 1.0
    one, other = (_neighbours(z, asked, neighbours) for z in (earlier, later))
    shared = [len(np.intersect1d(a, b, assume_unique=True)) for a, b in zip(one, other, strict=True)]
    return float(np.mean(shared)) / neighbours


def _neighbours(z: Floats, asked: npt.NDArray[np.int64], neighbours: int) -> npt.NDArray[np.int64]:
    """Return the nearest neighbours (n, neighbours) of some particles among all, themselves left out."""
    from sklearn.neighbors import NearestNeighbors

    found = NearestNeighbors(n_neighbors=neighbours + 1).fit(z).kneighbors(z[asked], return_distance=False)
    result = np.empty((len(asked), neighbours), np.int64)
    for number, (row, near) in enumerate(zip(asked, found, strict=True)):
        result[number] = near[near != row][:neighbours]  # among equal ones it need not be the first, nor there
    return result
