"""Voxels of many volumes, kept on disk, and their principal components in little memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.progress import track

BATCH_BYTES = 1 << 27  # of the rows that are looked at together, as float64
TOGETHER = 50  # rows of which correlations are found at a time, or five times as many
EXTRA = 10  # components that are followed beside those asked for: what is cut off then matters less

Stored = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class VoxelComponents:
    """Principal components of N volumes of M voxels each.

    Attributes
    ----------
    mean
        (M,) of the voxels.
    directions
        (C, M) unit vectors of weighted voxels; the entry of greatest magnitude of each is positive.
    coordinates
        (N, C) of the volumes less their mean.
    explained_variance
        (C,) share of the total variance, descending.
    """

    mean: Floats
    directions: Floats
    coordinates: npt.NDArray[np.float32]
    explained_variance: Floats


def keep_voxels(
    volumes: Iterable[npt.NDArray[np.float32]],
    inside: npt.NDArray[np.int64],  # (M,) flat
    count: int,
    path: Path,
) -> Stored:
    """Write the voxels inside a mask of volumes, one after the other, and return them (N, M) as they lie on disk."""
    stored = np.memmap(path, np.float32, "w+", shape=(count, len(inside)))
    for row, volume in enumerate(track(volumes, "Decoding", total=count, unit="volumes")):
        stored[row] = volume.ravel()[inside]
    stored.flush()
    return stored


def batches_of(stored: Stored, fewest: int, batch_bytes: int = BATCH_BYTES) -> list[slice]:
    """Return the rows that are looked at together: five times the fewest, or what fits, and not below the fewest.

    Singular values cost the square of the rows, so many small batches are faster than a few large ones.
    """
    from sklearn.utils import gen_batches

    rows = max(fewest, min(5 * fewest, batch_bytes // (8 * stored.shape[1])))
    return list(gen_batches(len(stored), rows, min_batch_size=fewest))


def voxel_components(
    stored: Stored,  # (N, M)
    weights: npt.NDArray[np.float32],  # (M,)
    components: int,
    batch_bytes: int = BATCH_BYTES,
) -> VoxelComponents:
    """Return the leading principal components of voxels times weights, batch by batch (incremental PCA).

    Each batch is joined with the components of those before (Ross et al. 2008, Int. J. Comput. Vis. 77): exact where
    everything fits one batch, else but for what lies beyond the components that are followed.
    """
    from sklearn.decomposition import IncrementalPCA

    most = min(*stored.shape)
    followed = min(components + EXTRA, most)
    fitted = IncrementalPCA(followed)
    rows = batches_of(stored, followed, batch_bytes)
    for part in track(rows, "Components", unit="batches"):
        fitted.partial_fit(stored[part].astype(np.float64) * weights)
    kept = min(components, followed)
    directions = fitted.components_[:kept]
    peak = np.abs(directions).argmax(axis=1)
    directions = directions * np.where(directions[np.arange(kept), peak] < 0, -1.0, 1.0)[:, None]
    coordinates = np.empty((len(stored), kept), np.float32)
    for part in rows:
        coordinates[part] = (stored[part].astype(np.float64) * weights - fitted.mean_) @ directions.T
    return VoxelComponents(stored_mean(stored, rows), directions, coordinates, fitted.explained_variance_ratio_[:kept])


def stored_mean(stored: Stored, rows: list[slice]) -> Floats:
    """Return the mean (M,) of all volumes."""
    total = np.zeros(stored.shape[1])
    for part in rows:
        total += stored[part].sum(axis=0, dtype=np.float64)
    return total / len(stored)


def correlations(
    stored: Stored,  # (N, M)
    reference: npt.NDArray[np.floating],  # (M,)
    weights: npt.NDArray[np.float32],  # (M,)
    batch_bytes: int = BATCH_BYTES,
) -> Floats:
    """Return the Pearson correlation (N,) of every volume with a map, weighted; 0 where one is flat."""
    weight = weights.astype(np.float64)
    target = reference - np.average(reference, weights=weight)
    norm = (weight * target**2).sum()
    result = np.empty(len(stored))
    for part in batches_of(stored, min(TOGETHER, len(stored)), batch_bytes):
        values = stored[part].astype(np.float64)
        values -= np.average(values, axis=1, weights=weight)[:, None]
        own = (weight * values**2).sum(axis=1) * norm
        result[part] = np.divide(values @ (weight * target), np.sqrt(own), out=np.zeros(len(values)), where=own > 0)
    return result
