"""A surface drawn without a graphics card: seen along an axis of the turned volume, lit from the eye.

Good enough to tell one volume from another, the same over any connection, and a few milliseconds for a small box; the
same light, level and pose for all volumes of a sheet.
"""

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform

AMBIENT = 0.3
WHITE_SHARE = 0.25
ROOM = 3  # px around what is above the level: for the cells between grid points, and for gradients there
Picture = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Field = npt.NDArray[np.float64]
Colour = tuple[float, float, float]
FRONT: Matrix = np.eye(3)
BACKGROUND: Colour = (0.10, 0.11, 0.13)
PLAIN: Colour = (0.75, 0.78, 0.82)  # of a surface that no class gives a colour


def surface_of(
    volume: npt.NDArray[np.float32],  # (D, D, D) z, y, x
    density: float,
    turn: Matrix,  # (3, 3), acts on x, y, z; the eye looks along -z of what it gives
    scale: int = 1,
) -> tuple[Field, Field]:
    """Return how bright a volume's surface is, and how near (scale D, scale D); nearness is -1 where there is none.

    The surface is where the density is crossed first, found between grid points by linear interpolation; its brightness
    is that of the density's gradient towards the eye. Rows go down as in a picture.
    """
    box = len(volume)
    backward = turn.T[::-1, ::-1]  # z, y, x
    light, depth = np.zeros((2, box * scale, box * scale))
    depth -= 1
    corners = _bounds(volume, density, backward)
    if corners is None:
        return light, depth
    low, high = corners
    steps = np.array([1, 1 / scale, 1 / scale])
    shape = (high - low) * np.array([1, scale, scale])
    inner = np.s_[low[1] * scale : high[1] * scale, low[2] * scale : high[2] * scale]
    centre = np.full(3, box // 2)
    offset = centre + backward @ (low - centre)
    turned = affine_transform(
        volume, backward * steps, offset=offset, output_shape=tuple(shape), order=1, cval=float(volume.min())
    )
    brightness, top, hit = _first_crossing(turned, density, steps)
    near = 0.75 + 0.25 * (top + low[0]) / box  # what lies deeper is darker
    light[inner] = (AMBIENT + (1 - AMBIENT) * brightness) * near
    depth[inner] = np.where(hit, top + low[0], -1.0)
    # rows of a picture go down, y of a volume goes up
    return light[::-1], depth[::-1]


def _bounds(
    volume: npt.NDArray[np.float32], density: float, backward: Matrix
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None:
    """Return between which z, y, x of the turned box all that is above the density lies; ``None`` where nothing is."""
    above = np.argwhere(volume > density)
    if not len(above):
        return None
    box = len(volume)
    turned = (above - box // 2) @ backward + box // 2
    low = np.clip(np.floor(turned.min(axis=0)) - ROOM, 0, box - 1).astype(np.int64)
    high = np.clip(np.ceil(turned.max(axis=0)) + ROOM + 1, 1, box).astype(np.int64)
    return (low, high) if (high > low).all() else None


def _first_crossing(
    turned: npt.NDArray[np.float32], density: float, steps: npt.NDArray[np.float64]
) -> tuple[Field, Field, npt.NDArray[np.bool_]]:
    """Return how a surface faces the eye (H, W), where along z it is, and whether there is one."""
    inside = turned > density
    inside[-1] = False  # so that something is above the first crossing
    hit: npt.NDArray[np.bool_] = np.asarray(inside.any(axis=0))
    # from the eye down: the highest z first
    deep = len(turned)
    top = deep - 1 - inside[::-1].argmax(axis=0)
    above = np.minimum(top + 1, deep - 1)
    rows, columns = np.indices(top.shape)
    low, high = turned[above, rows, columns], turned[top, rows, columns]
    part = np.where(hit, (density - high) / np.minimum(low - high, -1e-12), 0)
    depth = np.where(hit, top + np.clip(part, 0, 1), 0)
    gradient = [
        (turned[top, *_moved(rows, columns, axis, 1)] - turned[top, *_moved(rows, columns, axis, -1)]) / (2 * step)
        for axis, step in ((0, steps[1]), (1, steps[2]))
    ]
    along = low - turned[np.maximum(top - 1, 0), rows, columns]
    length = np.sqrt(gradient[0] ** 2 + gradient[1] ** 2 + (along / 2) ** 2)
    return np.clip(-along / 2 / np.maximum(length, 1e-12), 0, 1), depth, hit


def shaded(
    volume: npt.NDArray[np.float32],  # (D, D, D) z, y, x
    density: float,
    turn: Matrix,
    colour: Colour,
    background: Colour = (0.0, 0.0, 0.0),
    scale: int = 1,
) -> Picture:
    """Return a picture (scale D, scale D, 3) of a volume's surface at a density, see :func:`surface_of`."""
    light, near = surface_of(volume, density, turn, scale)
    return _painted(light, near >= 0, np.array(colour), background)


def shaded_difference(
    volume: npt.NDArray[np.float32],  # (D, D, D) z, y, x
    density: float,
    turn: Matrix,
    more: Colour,
    less: Colour,
    background: Colour = (0.0, 0.0, 0.0),
    scale: int = 1,
) -> Picture:
    """Return a picture of where a difference is above a density, and, in another colour, where below its negative."""
    (above, near_above), (below, near_below) = (surface_of(each, density, turn, scale) for each in (volume, -volume))
    first = near_above >= near_below
    colour = np.where(first[..., None], np.array(more), np.array(less))
    return _painted(np.where(first, above, below), np.maximum(near_above, near_below) >= 0, colour, background)


def _painted(light: Field, hit: npt.NDArray[np.bool_], colour: Field, background: Colour) -> Picture:
    """Return the picture of a surface of this brightness (H, W), seen where it is hit; colour (3,) or (H, W, 3)."""
    # a little white in it, or dark colours would not be seen on a dark ground
    pale = WHITE_SHARE + (1 - WHITE_SHARE) * colour
    picture = np.where(hit[..., None], light[..., None] * pale, np.array(background))
    return np.ascontiguousarray((255 * np.clip(picture, 0, 1)).astype(np.uint8))


def _moved(
    rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64], axis: int, by: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    if axis == 0:
        return np.clip(rows + by, 0, rows.shape[0] - 1), columns
    return rows, np.clip(columns + by, 0, rows.shape[1] - 1)


def turned_by_drag(turn: Matrix, dx_px: float, dy_px: float, per_px: float = 0.01) -> Matrix:
    """Return a turn after the mouse was dragged: to the right about y, down about x."""
    from scipy.spatial.transform import Rotation

    drag: Matrix = Rotation.from_rotvec([dy_px * per_px, dx_px * per_px, 0.0]).as_matrix()
    result: Matrix = drag @ turn
    return result
