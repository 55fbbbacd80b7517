"""Low-dimensional pictures of latents: principal components and UMAP."""

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

_FEWEST_FOR_UMAP = 4  # below it no neighbourhood can be told from another


@dataclass(frozen=True)
class PrincipalComponents:
    """Latents along their directions of greatest variance.

    Attributes
    ----------
    coordinates
        (N, C) float32, the latents less their mean, along each component.
    directions
        (C, z) float32, unit vectors; the entry of greatest magnitude of each is positive.
    mean
        (z,) float32.
    explained_variance
        (C,) float32, share of the total variance, descending; all 0 where every latent is the same.
    """

    coordinates: npt.NDArray[np.float32]
    directions: npt.NDArray[np.float32]
    mean: npt.NDArray[np.float32]
    explained_variance: npt.NDArray[np.float32]


def principal_components(
    z: FloatArray,  # (N, z)
    components: int | None = None,
) -> PrincipalComponents:
    """Return the leading principal components of latents; all min(N, z) of them by default.

    The signs are fixed by the directions alone, so the same latents always give the same picture.
    """
    values = np.asarray(z, dtype=np.float64)
    mean = values.mean(axis=0)
    left, singular, directions = np.linalg.svd(values - mean, full_matrices=False)
    peak = np.abs(directions).argmax(axis=1)
    signs = np.where(directions[np.arange(len(directions)), peak] < 0, -1.0, 1.0)
    count = len(singular) if components is None else min(components, len(singular))
    variance = singular**2
    share = variance / variance.sum() if variance.sum() > 0 else variance
    return PrincipalComponents(
        coordinates=(left * singular * signs)[:, :count].astype(np.float32),
        directions=(directions * signs[:, None])[:count].astype(np.float32),
        mean=mean.astype(np.float32),
        explained_variance=share[:count].astype(np.float32),
    )


def umap_embedding(
    z: FloatArray,  # (N, z)
    *,
    seed: int = 0,
    neighbours: int = 15,
    minimum_distance: float = 0.1,
) -> npt.NDArray[np.float32]:
    """Return a UMAP (N, 2) of latents, the same for the same seed.

    It starts from the first two principal components, which keeps the large-scale layout and works for any number of
    particles; ``neighbours`` is cut to what the set has. Fewer than four particles keep their principal components.
    """
    start = principal_components(z, 2).coordinates.astype(np.float64)
    if start.shape[1] < 2:
        start = np.column_stack([start[:, :1], np.zeros(len(start))])
    if len(z) < _FEWEST_FOR_UMAP:
        return start.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)  # about an optional backend that nothing here uses
        import umap

    spread = np.abs(start).max() or 1.0
    jitter = np.random.default_rng(seed).normal(scale=1e-4, size=start.shape)
    reducer = umap.UMAP(
        n_components=2,
        n_neighbors=min(neighbours, len(z) - 1),
        min_dist=minimum_distance,
        init=(10 * start / spread + jitter).astype(np.float32),
        random_state=seed,
        n_jobs=1,
    )
    return np.asarray(reducer.fit_transform(np.asarray(z, dtype=np.float32)), dtype=np.float32)
