"""Shortest ways along neighbours, on latents whose shape is known."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_tomodrgn.analysis.latent_graph import degree_that_joins, neighbour_graph
from napari_tomodrgn.errors import InputError


def arc(count: int = 200, *, noise: float = 0.003) -> tuple[np.ndarray, np.ndarray]:
    """Latents on three quarters of a circle of radius 1, and their angles, shuffled."""
    generator = np.random.default_rng(4)
    angle = generator.permutation(np.linspace(0, 1.5 * np.pi, count))
    z = np.stack([np.cos(angle), np.sin(angle), np.zeros(count)], axis=1)
    return z + generator.normal(0, noise, z.shape), angle


def test_the_way_follows_an_arc_and_does_not_cut_across() -> None:
    z, angle = arc()
    start, end = int(angle.argmin()), int(angle.argmax())

    way = neighbour_graph(z).shortest(start, end)

    assert way is not None
    assert (way[0], way[-1]) == (start, end)
    assert (np.diff(angle[way]) > 0).all()
    assert np.linalg.norm(z[way], axis=1).min() > 0.9  # the straight line passes at 0.7
    steps = np.linalg.norm(np.diff(z[way], axis=0), axis=1)
    assert steps.sum() == pytest.approx(1.5 * np.pi, rel=0.02)


def test_it_is_the_shortest_of_all_ways() -> None:
    """Against Floyd and Warshall's algorithm, written out, on the graph built anew from all distances."""
    z = np.random.default_rng(0).normal(size=(40, 3))
    apart = cdist(z, z)
    nearest = np.argsort(apart, axis=1)[:, 1:6]
    joined = np.zeros((40, 40), bool)
    joined[np.repeat(np.arange(40), 5), nearest.ravel()] = True
    joined |= joined.T
    distance = np.where(joined, apart, np.inf)
    np.fill_diagonal(distance, 0)
    for through in range(40):
        distance = np.minimum(distance, distance[:, through, None] + distance[through])

    graph = neighbour_graph(z, neighbours=5, average_degree=None)

    assert len(graph.edges) == joined.sum() // 2
    for start, end in ((0, 7), (3, 39), (12, 12)):
        way = graph.shortest(start, end)
        if way is None:
            assert np.isinf(distance[start, end])
        else:
            assert all(joined[one, other] for one, other in pairwise(way))
            assert sum(apart[one, other] for one, other in pairwise(way)) == pytest.approx(distance[start, end])


def test_the_longest_edges_go_until_the_average_degree_is_reached() -> None:
    z, _ = arc(noise=0.05)
    whole = neighbour_graph(z, neighbours=10, average_degree=None)

    cut = neighbour_graph(z, neighbours=10, average_degree=4)

    assert cut.average_degree == pytest.approx(4)
    assert np.sort(cut.lengths) == pytest.approx(np.sort(whole.lengths)[: len(cut.lengths)])


def test_islands_are_apart() -> None:
    z = np.concatenate([np.random.default_rng(1).normal(size=(30, 2)), np.random.default_rng(2).normal(50, 1, (30, 2))])

    graph = neighbour_graph(z, neighbours=10, average_degree=None)

    assert graph.shortest(0, 45) is None
    assert graph.pieces[0] != graph.pieces[45]


def test_it_is_known_what_would_join_them() -> None:
    """Three pairs 1 apart on a line, 3 and 4 between them: edges count 1, 1, 1, 3, 4 (and longer ones)."""
    z = np.array([[0.0], [1], [4], [5], [9], [10]])

    whole = neighbour_graph(z, neighbours=5, average_degree=None)

    assert degree_that_joins(whole, 0, 1) == pytest.approx(2 / 6)
    assert degree_that_joins(whole, 0, 3) == pytest.approx(2 * 4 / 6)
    joined = degree_that_joins(whole, 0, 5)
    assert joined is not None
    assert neighbour_graph(z, 5, joined).shortest(0, 5) is not None
    assert neighbour_graph(z, 5, joined - 2 / 6).shortest(0, 5) is None
    assert degree_that_joins(neighbour_graph(z, 1, None), 0, 5) is None


def test_particles_with_one_latent_are_neighbours() -> None:
    z = np.array([[0.0, 0], [0, 0], [1, 0], [1, 0]])

    graph = neighbour_graph(z, neighbours=2, average_degree=None)

    way = graph.shortest(0, 3)
    assert way is not None
    assert graph.pieces.max() == 0
    assert sum(np.linalg.norm(z[one] - z[other]) for one, other in pairwise(way)) == 1


def test_one_particle_has_no_neighbours() -> None:
    with pytest.raises(InputError, match="needs two particles or more, found 1"):
        neighbour_graph(np.zeros((1, 3)))
