"""Classes of planted blobs, and agreement of labellings with known values."""

import numpy as np
import pytest

from napari_tomodrgn.analysis.clusters import ari, cluster, nearest_members
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
    with pytest.raises(InputError, match="only 1 particles with different latents"):
        cluster(np.ones((6, 2)), 2)


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
