"""Which of very many points lie in a polygon drawn over them."""

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]

OUTSIDE, INSIDE, CROSSED = 0, 1, 2
SLACK = 1e-6  # pixels by which rounding may put an edge into the neighbouring pixel


def inside(column: Points, row: Points, polygon: npt.ArrayLike, width: int, height: int) -> Mask:
    """Return (N,) which points lie in a polygon, by the even-odd rule, and in the picture.

    Parameters
    ----------
    column, row
        (N,) pixels of the points, finite.
    polygon
        (k, 2) pixels of its corners; the last is joined to the first.
    width, height
        Of the picture.

    Notes
    -----
    Each pixel is inside, outside or crossed by an edge, and only points in the last kind are compared with edges.
    """
    corners = np.asarray(polygon, np.float64).reshape(-1, 2)
    if len(corners) < 3 or not len(column):
        return np.zeros(len(column), dtype=bool)
    # a pixel more on each side catches the points that are not in the picture
    kinds = np.pad(pixel_kinds(corners, width, height), 1)
    cell = np.clip(row + 1, 0, height + 1).astype(np.int64)
    cell *= width + 2
    cell += np.clip(column + 1, 0, width + 1).astype(np.int64)
    kind = kinds.ravel()[cell]
    result: Mask = kind == INSIDE
    unsure = np.flatnonzero(kind == CROSSED)
    result[unsure] = crossings_are_odd(column[unsure], row[unsure], corners)
    return result


def crossings_are_odd(column: Points, row: Points, corners: npt.NDArray[np.float64]) -> Mask:
    """Return (n,) whether a ray from each point to the right meets the edges an odd number of times."""
    order = np.argsort(row, kind="stable")
    x, y = column[order].astype(np.float64), row[order].astype(np.float64)
    begin, end = corners, np.roll(corners, -1, axis=0)
    # of points sorted by row, those level with an edge are neighbours
    first = np.searchsorted(y, np.minimum(begin[:, 1], end[:, 1]))
    last = np.searchsorted(y, np.maximum(begin[:, 1], end[:, 1]))
    odd = np.zeros(len(x), dtype=bool)
    for (x0, y0), (x1, y1), low, high in zip(begin, end, first, last, strict=True):
        if low < high:
            odd[low:high] ^= x[low:high] < x0 + (y[low:high] - y0) * ((x1 - x0) / (y1 - y0))
    result = np.empty_like(odd)
    result[order] = odd
    return result


def pixel_kinds(corners: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.uint8]:
    """Return (height, width) whether each pixel is outside or inside a polygon, or crossed by one of its edges."""
    begin, end = corners, np.roll(corners, -1, axis=0)
    down = begin[:, 1] > end[:, 1]
    begin, end = np.where(down[:, None], end, begin), np.where(down[:, None], begin, end)  # begin is above
    rise = end[:, 1] - begin[:, 1]
    slope = np.divide(end[:, 0] - begin[:, 0], rise, out=np.zeros(len(rise)), where=rise > 0)

    edge, row = _spread(np.ceil(begin[:, 1] - 0.5), np.ceil(end[:, 1] - 0.5) - 1, height)
    meets = begin[edge, 0] + (row + 0.5 - begin[edge, 1]) * slope[edge]
    stop = np.clip(np.ceil(meets - 0.5), 0, width).astype(np.int64)  # centres of columns before it see the edge
    count = np.bincount(row * (width + 1) + stop, minlength=height * (width + 1)).reshape(height, width + 1)
    seen = count.sum(axis=1, keepdims=True) - np.cumsum(count, axis=1)[:, :width]
    kinds: npt.NDArray[np.uint8] = (seen % 2).astype(np.uint8)

    edge, row = _spread(np.floor(begin[:, 1] - SLACK), np.floor(end[:, 1] + SLACK), height)
    level = rise[edge] <= 0
    enter = begin[edge, 0] + np.clip(row - begin[edge, 1], 0, rise[edge]) * slope[edge]
    leave = begin[edge, 0] + np.clip(row + 1 - begin[edge, 1], 0, rise[edge]) * slope[edge]
    leave[level] = end[edge[level], 0]
    from_column = np.clip(np.floor(np.minimum(enter, leave) - SLACK), 0, width).astype(np.int64)
    to_column = np.clip(np.floor(np.maximum(enter, leave) + SLACK) + 1, 0, width).astype(np.int64)
    change = np.zeros(height * (width + 1), np.int64)
    change += np.bincount(row * (width + 1) + from_column, minlength=len(change))
    change -= np.bincount(row * (width + 1) + to_column, minlength=len(change))
    crossed = np.cumsum(change.reshape(height, width + 1), axis=1)[:, :width] > 0
    kinds[crossed] = CROSSED
    return kinds


def _spread(
    first: npt.NDArray[np.float64], last: npt.NDArray[np.float64], height: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return, for each row of pixels of each edge that is in the picture, the number of the edge and the row."""
    low = np.clip(first, 0, height).astype(np.int64)
    high = np.clip(last, -1, height - 1).astype(np.int64)
    counts = np.maximum(high - low + 1, 0)
    edge = np.repeat(np.arange(len(counts)), counts)
    before = np.repeat(np.cumsum(counts) - counts, counts)
    return edge, np.arange(len(edge)) - before + low[edge]
