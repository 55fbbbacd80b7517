"""Which of some points lie in what a person drew: a polygon, or a brush's path."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Corners = tuple[tuple[float, float], ...]


def in_polygon(
    x: Floats,  # (n,)
    y: Floats,
    corners: Corners,  # the last is joined to the first
) -> Mask:
    """Return (n,) which points lie in a polygon, by the even-odd rule."""
    inside = np.zeros(len(x), dtype=bool)
    for (x0, y0), (x1, y1) in zip(corners, (*corners[1:], *corners[:1]), strict=True):
        if y0 != y1:
            level = (y >= min(y0, y1)) & (y < max(y0, y1))
            inside[level] ^= x[level] < x0 + (y[level] - y0) * ((x1 - x0) / (y1 - y0))
    return inside


def near_path(
    x: Floats,  # (n,)
    y: Floats,
    path: Corners,
    radius: float,
) -> Mask:
    """Return (n,) which points are within a radius of a line through the corners of a path, which may be one point."""
    points = np.stack([x, y], axis=1)
    near = np.zeros(len(x), dtype=bool)
    for begin, end in zip(path, path[1:] or path, strict=False):
        start, way = np.array(begin), np.subtract(end, begin)
        length = float(way @ way)
        along = np.clip((points - start) @ way / length, 0, 1) if length else np.zeros(len(points))
        near |= np.linalg.norm(points - start - along[:, None] * way, axis=1) <= radius
    return near
