"""The order of a clustered heat map: volumes that are alike, and parts that go together, side by side."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_ROWS = 2000  # a distance for each pair
LEAST_COLUMNS = 3  # between rows of two numbers every correlation is 1 or -1
Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Order:
    """How rows and columns are ordered.

    Attributes
    ----------
    shown
        (m,) rows that take part: all, or a draw of :data:`MOST_ROWS`, ascending.
    rows, columns
        Places in ``shown``, and columns, in the order of the heat map.
    row_tree, column_tree
        Linkages as of SciPy, (m - 1, 4) and (C - 1, 4); ``None`` where there are fewer than two.
    by_correlation
        Whether rows were compared by correlation, or by Euclidean distance, as there are too few columns.
    """

    shown: Rows
    rows: Rows
    columns: Rows
    row_tree: Floats | None
    column_tree: Floats | None
    by_correlation: bool


def cluster_order(
    values: Floats,  # (n, C)
    seed: int = 0,
) -> Order:
    """Return the order by Ward's linkage: rows by correlation distance, columns by Euclidean distance.

    Rows that are the same in all columns correlate with none; their distance to others is 1.
    """
    shown = np.arange(len(values))
    if len(values) > MOST_ROWS:
        shown = np.sort(np.random.default_rng(seed).choice(len(values), MOST_ROWS, replace=False))
    taken = values[shown]
    by_correlation = values.shape[1] >= LEAST_COLUMNS
    row_tree = _tree(_correlation_distances(taken) if by_correlation else _euclidean(taken))
    column_tree = _tree(_euclidean(taken.T))
    return Order(
        shown, _leaves(row_tree, len(taken)), _leaves(column_tree, values.shape[1]), row_tree, column_tree,
        by_correlation,
    )  # fmt: skip


def _correlation_distances(values: Floats) -> Floats:
    """Return 1 - r for each pair of rows, condensed."""
    from scipy.spatial.distance import squareform

    centred = values - values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(centred, axis=1)
    flat = length <= 1e-12 * np.maximum(np.abs(values).max(axis=1), 1e-300)
    unit = centred / np.where(flat, 1, length)[:, None]
    unit[flat] = 0
    distance = np.clip(1 - unit @ unit.T, 0, 2)
    np.fill_diagonal(distance, 0)
    return np.asarray(squareform(distance, checks=False), dtype=np.float64)


def _euclidean(values: Floats) -> Floats:
    from scipy.spatial.distance import pdist

    return np.asarray(pdist(values), dtype=np.float64)


def _tree(distances: Floats) -> Floats | None:
    from scipy.cluster.hierarchy import linkage

    return np.asarray(linkage(distances, "ward"), dtype=np.float64) if len(distances) else None


def _leaves(tree: Floats | None, count: int) -> Rows:
    from scipy.cluster.hierarchy import leaves_list

    return np.arange(count) if tree is None else np.asarray(leaves_list(tree), dtype=np.int64)
