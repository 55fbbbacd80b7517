"""Embeddings against scikit-learn, and UMAP on sets of every size."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from napari_tomodrgn.analysis.embeddings import principal_components, umap_embedding


@pytest.fixture
def latents() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 5)) * [5, 3, 2, 1, 0.5] + [1, 2, 3, 4, 5]


def test_principal_components_agree_with_scikit_learn(latents: np.ndarray) -> None:
    ours = principal_components(latents, 3)
    theirs = PCA(3, svd_solver="full").fit(latents)

    signs = np.sign((ours.directions * theirs.components_).sum(axis=1))
    np.testing.assert_allclose(ours.directions, theirs.components_ * signs[:, None], atol=1e-5)
    np.testing.assert_allclose(ours.coordinates, theirs.transform(latents) * signs, atol=1e-4)
    np.testing.assert_allclose(ours.explained_variance, theirs.explained_variance_ratio_, rtol=1e-5)
    np.testing.assert_allclose(ours.mean, latents.mean(axis=0), rtol=1e-6)


def test_signs_follow_the_directions_not_the_order_of_the_particles(latents: np.ndarray) -> None:
    ours = principal_components(latents)
    reversed_rows = principal_components(latents[::-1])

    np.testing.assert_allclose(reversed_rows.coordinates[::-1], ours.coordinates, atol=1e-4)
    strongest = np.take_along_axis(ours.directions, np.abs(ours.directions).argmax(axis=1)[:, None], axis=1)
    assert (strongest > 0).all()


def test_equal_latents_explain_nothing() -> None:
    ours = principal_components(np.ones((6, 3)))

    assert not ours.explained_variance.any()
    assert not ours.coordinates.any()


@pytest.mark.parametrize(("count", "dimensions"), [(1, 4), (3, 4), (4, 4), (10, 8), (10, 1)])
def test_umap_of_few_particles(count: int, dimensions: int) -> None:
    embedding = umap_embedding(np.random.default_rng(0).normal(size=(count, dimensions)))

    assert embedding.shape == (count, 2)
    assert np.isfinite(embedding).all()


def test_umap_is_seeded_and_keeps_planted_groups_apart() -> None:
    rng = np.random.default_rng(1)
    truth = np.repeat([0, 1, 2], 25)
    latents = rng.normal(size=(75, 6)) + 12 * np.eye(3, 6)[truth]

    embedding = umap_embedding(latents, seed=3)

    assert silhouette_score(embedding, truth) > 0.6
    np.testing.assert_array_equal(embedding, umap_embedding(latents, seed=3))
