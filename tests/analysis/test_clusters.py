"""Classes of planted blobs, and agreement of labellings with known values."""

import numpy as np
import pytest

from napari_tomodrgn.analysis.clusters import ari, cluster, dense_clusters, nearest_members
from napari_tomodrgn.analysis.composition import composition
from napari_tomodrgn.errors import InputError

SIZES = (50, 10, 30)
CENTRES = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Latents (90, 2) around three planted centres, and the blob of each."""
    rng = np.random.default_rng(0)
    truth = rng.permutation(np.repeat([0, 1, 2], SIZES))
    return CENTRES[truth] + rng.normal(scale=0.5, size=(90, 2)), truth


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_planted_blobs_are_found_largest_first(blobs: tuple[np.ndarray, np.ndarray], method: str) -> None:
    latents, truth = blobs

    found = cluster(latents, 3, method=method, seed=5)

    assert ari(found.labels, truth) == 1
    assert found.sizes.tolist() == [50, 30, 10]
    np.testing.assert_allclose(found.centres, CENTRES[[0, 2, 1]], atol=0.4)


@pytest.mark.parametrize("method", ["kmeans", "gmm"])
def test_centres_are_stood_for_by_their_nearest_particle(blobs: tuple[np.ndarray, np.ndarray], method: str) -> None:
    latents, _ = blobs

    found = cluster(latents, 3, method=method)

    distance = np.linalg.norm(latents[:, None] - found.centres, axis=2)
    assert found.nearest.tolist() == distance.argmin(axis=0).tolist()
    assert found.labels[found.nearest].tolist() == [0, 1, 2]


def test_dense_places_are_found_and_the_rest_is_noise(blobs: tuple[np.ndarray, np.ndarray]) -> None:
    latents, truth = blobs
    far = np.array([[40.0, -30.0], [-50.0, 10.0], [30.0, 60.0], [-20.0, -70.0]])

    found = dense_clusters(np.concatenate([latents, far]), 8)

    assert found.noise == 3
    assert (found.labels[90:] == 3).all()
    placed = found.labels[:90] != 3
    assert placed.mean() > 0.8
    assert ari(found.labels[:90][placed], truth[placed]) == 1
    sizes = found.sizes[:3].tolist()
    assert sizes == sorted(sizes, reverse=True)
    assert found.labels[found.nearest].tolist() == [0, 1, 2, 3]


def test_where_all_is_dense_there_is_no_noise() -> None:
    """Two squares of a grid: every particle has its neighbours as near as any other has."""
    square = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), axis=-1).reshape(-1, 2)

    found = dense_clusters(np.concatenate([square, square[:30] + 100]), 10)

    assert found.noise is None
    assert found.sizes.tolist() == [36, 30]


@pytest.mark.parametrize(
    ("smallest", "sentence"),
    [(91, "--smallest is 91 but there are only 90 particles"), (60, "found no class of 60 particles or more among 90")],
)
def test_no_dense_place_is_refused(blobs: tuple[np.ndarray, np.ndarray], smallest: int, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        dense_clusters(blobs[0], smallest)


def test_nearest_member_belongs_to_the_class_even_if_another_particle_is_nearer() -> None:
    latents = np.array([[0.0], [1.0], [5.0]])

    assert nearest_members(latents, np.array([0, 0, 1]), np.array([[4.5], [0.9]])).tolist() == [1, 2]


def test_the_same_seed_gives_the_same_classes() -> None:
    latents = np.random.default_rng(2).normal(size=(80, 4))

    first, again = (cluster(latents, 6, seed=7) for _ in range(2))

    np.testing.assert_array_equal(first.labels, again.labels)


def test_more_clusters_than_particles_is_refused() -> None:
    with pytest.raises(InputError, match="--clusters is 5 but there are only 4 particles"):
        cluster(np.random.default_rng(0).normal(size=(4, 2)), 5)


def test_more_clusters_than_different_latents_is_refused() -> None:
    with pytest.raises(InputError, match="all 6 particles have the same latent"):
        cluster(np.ones((6, 2)), 2)
    with pytest.raises(InputError, match="the 6 particles have only 2 different latents"):
        cluster(np.repeat([[0.0, 1.0], [2.0, 3.0]], 3, axis=0), 3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 1, 1], [1, 1, 0, 0], 1.0),
        ([0, 0, 1, 1], [0, 0, 1, 2], 4 / 7),  # Hubert and Arabie 1985, worked by hand
        ([0, 0, 1, 1], [0, 1, 0, 1], -0.5),
    ],
)
def test_adjusted_rand_index_has_its_known_values(first: list[int], second: list[int], expected: float) -> None:
    assert ari(first, second) == pytest.approx(expected)


def test_composition_counts_every_particle_once() -> None:
    table = composition(np.array([0, 1, 1, 0, 1]), ["b", "b", "a", "b", "a"], classes=3)

    assert table.index.tolist() == ["b", "a"]
    assert table.to_numpy().tolist() == [[2, 1, 0], [0, 2, 0]]
