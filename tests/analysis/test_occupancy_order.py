"""The order of heat maps against SciPy's own distances, and rows that have none."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import pdist

from napari_tomodrgn.analysis.occupancy import ordering
from napari_tomodrgn.analysis.occupancy.ordering import cluster_order


def planted(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Three kinds of rows, of different strength, in noise; and which kind each is of."""
    generator = np.random.default_rng(seed)
    kinds = np.array([[1, 1, 0, 0, 1, 0], [0, 1, 1, 0, 0, 1], [0, 0, 0, 1, 1, 1]], dtype=float)
    kind = generator.integers(3, size=rows)
    strength = generator.uniform(0.3, 3, (rows, 1))
    return strength * kinds[kind] + generator.normal(0, 0.02, (rows, 6)), kind


def test_trees_are_those_of_scipy() -> None:
    values, _ = planted(40)
    order = cluster_order(values)
    rows = linkage(pdist(values, "correlation"), "ward")
    columns = linkage(pdist(values.T), "ward")
    assert order.by_correlation
    np.testing.assert_allclose(order.row_tree, rows, atol=1e-9)
    np.testing.assert_allclose(order.column_tree, columns)
    np.testing.assert_array_equal(order.rows, leaves_list(rows))
    np.testing.assert_array_equal(order.columns, leaves_list(columns))


def test_rows_of_a_kind_stand_together_whatever_their_strength() -> None:
    values, kind = planted(60)
    order = cluster_order(values)
    assert np.count_nonzero(np.diff(kind[order.rows])) == 2
    by_distance = leaves_list(linkage(pdist(values), "ward"))
    assert np.count_nonzero(np.diff(kind[by_distance])) > 2


def test_rows_without_variation_are_as_far_as_rows_that_have_nothing_in_common() -> None:
    values, _ = planted(5)
    values[2], values[4] = 0.7, 0.0
    order = cluster_order(values)
    assert order.row_tree is not None
    assert np.isfinite(order.row_tree).all()
    assert sorted(order.rows) == [0, 1, 2, 3, 4]


def test_a_single_row_or_column_needs_no_tree() -> None:
    one_row, one_column = cluster_order(np.ones((1, 3))), cluster_order(np.array([[3.0], [1.0], [2.9]]))
    assert one_row.row_tree is None
    assert one_column.column_tree is None
    assert not one_column.by_correlation
    assert abs(int(np.flatnonzero(one_column.rows == 0)[0]) - int(np.flatnonzero(one_column.rows == 2)[0])) == 1


def test_of_many_rows_some_are_drawn_always_the_same() -> None:
    values, _ = planted(ordering.MOST_ROWS + 50)
    first, second = cluster_order(values), cluster_order(values)
    assert len(first.rows) == ordering.MOST_ROWS
    assert len(set(first.shown.tolist())) == ordering.MOST_ROWS
    np.testing.assert_array_equal(first.shown[first.rows], second.shown[second.rows])
