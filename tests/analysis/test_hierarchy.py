"""Trees of classes whose likeness is known."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, leaves_list

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.hierarchy import hierarchy_of_centres, hierarchy_of_volumes


@pytest.mark.parametrize("seed", range(4))
def test_centres_on_a_line_come_in_its_order(seed: int) -> None:
    place = np.random.default_rng(seed).permutation(9)

    order = hierarchy_of_centres(place[:, None] * [3.0, 1.0]).order

    assert np.abs(np.diff(place[order])).tolist() == [1] * 8


def test_volumes_join_at_one_less_their_correlation() -> None:
    """Two pairs, r = 0.9 in one and 0.8 in the other, and 0.3 between them: joined at 0.1, 0.2 and 0.7."""
    correlations = np.full((4, 4), 0.3)
    correlations[[0, 2], [2, 0]], correlations[[1, 3], [3, 1]] = 0.9, 0.8
    np.fill_diagonal(correlations, 1)

    found = hierarchy_of_volumes(correlations)

    np.testing.assert_allclose(found.linkage[:, 2], [0.1, 0.2, 0.7])
    pairs = fcluster(found.linkage, 2, "maxclust")
    assert pairs[0] == pairs[2] != pairs[1] == pairs[3]
    assert set(found.order[:2].tolist()) == {0, 2}


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_the_order_is_that_of_the_trees_leaves(count: int) -> None:
    found = hierarchy_of_centres(np.random.default_rng(count).normal(size=(count, 3)))

    assert sorted(found.order.tolist()) == list(range(count))
    assert found.order.tolist().index(0) < (count + 1) // 2
    if count > 1:
        assert leaves_list(found.linkage).tolist() == found.order.tolist()


def test_classes_are_numbered_by_likeness_on_request() -> None:
    """Six groups along a line, of sizes that say nothing: neighbours in number are neighbours on the line."""
    generator = np.random.default_rng(3)
    place = np.repeat(generator.permutation(6), [40, 10, 30, 20, 60, 50])
    latents = 10.0 * place[:, None] * [1.0, 0.0] + 0.3 * generator.normal(size=(210, 2))

    found = cluster(latents, 6, order="likeness")

    along = [place[found.labels == label][0] for label in range(6)]
    assert np.abs(np.diff(along)).tolist() == [1] * 5
    assert found.labels[found.nearest].tolist() == list(range(6))
