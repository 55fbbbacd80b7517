"""Latent spaces laid on one another against scipy, scikit-learn, and planted turns."""

import numpy as np
import pytest
from scipy.spatial import procrustes
from scipy.stats import special_ortho_group
from sklearn.cross_decomposition import CCA

from napari_tomodrgn.analysis.latent_alignment import align


@pytest.fixture
def latents() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 4)) * [3, 2, 1, 0.5]


def test_a_turned_mirrored_and_scaled_space_is_laid_back(latents: np.ndarray) -> None:
    turn = special_ortho_group(4, seed=1).rvs() @ np.diag([1, 1, 1, -1])
    other = 0.3 * latents @ turn + [5, -1, 0, 2]

    found = align(latents, other)

    assert found is not None
    np.testing.assert_allclose(found.apply(other), latents, atol=1e-9)
    assert found.explained == pytest.approx(1)
    np.testing.assert_allclose(found.canonical, 1)


def test_what_is_explained_is_what_scipys_procrustes_leaves(latents: np.ndarray) -> None:
    other = latents @ special_ortho_group(4, seed=2).rvs() + np.random.default_rng(3).normal(size=(300, 4))

    found = align(latents, other)

    assert found is not None
    _, target, disparity = procrustes(latents, other)
    assert found.explained == pytest.approx(1 - disparity)
    centred = found.apply(other) - latents.mean(axis=0)
    np.testing.assert_allclose(centred / np.linalg.norm(latents - latents.mean(axis=0)), target, atol=1e-9)
    assert found.explained > 10 * found.explained_by_chance


def test_canonical_correlations_are_scikit_learns(latents: np.ndarray) -> None:
    other = latents[:, :3] @ np.random.default_rng(4).normal(size=(3, 3))
    other += 2 * np.random.default_rng(5).normal(size=(300, 3))

    found = align(latents, other)

    scores = CCA(3, max_iter=5000, tol=1e-12).fit_transform(latents, other)
    expected = [np.corrcoef(x, y)[0, 1] for x, y in zip(*(each.T for each in scores), strict=True)]
    assert found is not None
    np.testing.assert_allclose(found.canonical, expected, atol=1e-4)
    assert found.rotation.shape == (3, 4)


def test_unrelated_latents_are_no_closer_than_chance(latents: np.ndarray) -> None:
    found = align(latents, np.random.default_rng(6).normal(size=(300, 6)))

    assert found is not None
    assert found.explained < 2 * found.explained_by_chance < 0.2
    np.testing.assert_allclose(found.canonical, found.canonical_by_chance, atol=0.1)


def test_particles_without_latents_and_dimensions_without_spread_are_left_out(latents: np.ndarray) -> None:
    spoilt = np.column_stack([latents, np.full(300, 7.0)])
    spoilt[5, 2] = np.nan

    found = align(latents, spoilt)

    assert found is not None
    assert found.explained == pytest.approx(1)
    assert len(found.canonical) == 4


@pytest.mark.parametrize("count", [1, 2])
def test_two_particles_can_not_be_aligned(latents: np.ndarray, count: int) -> None:
    assert align(latents[:count], latents[:count]) is None


def test_latents_that_are_all_the_same_can_not_be_aligned(latents: np.ndarray) -> None:
    assert align(latents, np.ones((300, 2))) is None
