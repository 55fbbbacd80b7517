"""Very many points as a picture, in numpy: drawn, counted, and found again under a lasso or the mouse.

A frame of a million points takes tens of milliseconds on one core, needs no OpenGL, and so works over X forwarding too.
"""

import matplotlib
import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.colouring import CONTINUOUS, Colours
from napari_tomodrgn.viewer.frame import Frame, Range, Values, range_of
from napari_tomodrgn.viewer.polygon import inside

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]
Picture = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
Packed = npt.NDArray[np.uint32]  # red, green, blue and alpha in the order of the bytes

DIMMED = 0.28  # share of their opacity that particles keep that are not selected: they fade into any background
# ends of the colour map that a density uses: its darkest part can't be told from a dark background
DENSITY_SHARE = (0.2, 1.0)
MOST_SIZE = 25


class Cloud:
    """Points in a plane, with their colours and which of them are selected.

    Parameters
    ----------
    x, y
        (N,) coordinates; points without one of them are left out and counted.

    Attributes
    ----------
    x_range, y_range
        What the points span.
    unplaced
        How many have no place in the plane.
    """

    def __init__(self, x: Values, y: Values) -> None:
        self.x, self.y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        self._placed: Mask = np.isfinite(self.x) & np.isfinite(self.y)
        self.unplaced = int(len(self.x) - self._placed.sum())
        self.x_range, self.y_range = range_of(self.x[self._placed]), range_of(self.y[self._placed])
        # -1 to 1 over the range: single precision is then enough at any zoom that is of use, and twice as fast
        self._unit = np.stack([_unit(self.x, self.x_range, self._placed), _unit(self.y, self.y_range, self._placed)])
        self.rgba: Colours = np.broadcast_to(np.float32(0.5), (len(self.x), 4))
        self._packed = _packed(self.rgba)
        self.selected: Mask = np.zeros(len(self.x), dtype=bool)
        self._arrange()

    def __len__(self) -> int:
        return len(self.x)

    def paint(self, rgba: Colours) -> None:
        """Give the points colours (N, 4), 0 to 1; those of alpha 0 are neither drawn nor found."""
        shown = rgba[:, 3] > 0
        changed = (shown != (self.rgba[:, 3] > 0)).any()
        self.rgba, self._packed = rgba, _packed(rgba)
        if changed:
            self._arrange()
        else:
            self._tint()

    def select(self, selected: Mask) -> None:
        """Say which points (N,) are selected: they are drawn over the others, which are dimmed."""
        self.selected = selected
        self._arrange()

    def _arrange(self) -> None:
        """Sort the points into the order in which they are drawn."""
        drawn = self._placed & (self.rgba[:, 3] > 0)
        behind, before = np.flatnonzero(drawn & ~self.selected), np.flatnonzero(drawn & self.selected)
        self._order: Rows = np.concatenate([behind, before])
        self._first_selected = len(behind)
        self._u, self._v = np.take(self._unit, self._order, axis=1)
        self._ranks = np.arange(1, len(self._order) + 1, dtype=np.int32)
        self._tint()

    def _tint(self) -> None:
        """Make the table of colours by rank; rank 0 is where nothing is."""
        self._table = np.zeros(len(self._order) + 1, np.uint32)
        np.take(self._packed, self._order, out=self._table[1:])
        if self.selected.any():
            _dim(self._table[1 : self._first_selected + 1])

    # drawing

    def picture(self, frame: Frame, size: int) -> Picture:
        """Return the points as discs that are ``size`` pixels across: RGBA (height, width, 4)."""
        ranks = np.zeros((frame.height + 2) * (frame.width + 2), np.int32)
        ranks[self._cells(frame)] = self._ranks  # of points in one pixel the last stays
        # the highest rank is on top: a selected point is over one that is not
        top = dilated(ranks.reshape(frame.height + 2, -1)[1:-1, 1:-1], size)
        return _unpacked(np.take(self._table, top))

    def counts(self, frame: Frame, size: int, *, only_selected: bool = False) -> Counts:
        """Return how many drawn points lie in the square of ``size`` pixels around each pixel: (height, width)."""
        cells = self._cells(frame)[self._first_selected if only_selected else 0 :]
        counts = np.bincount(cells, minlength=(frame.height + 2) * (frame.width + 2))
        return box_sum(counts.reshape(frame.height + 2, -1)[1:-1, 1:-1], size)

    def density(self, frame: Frame, size: int) -> Picture:
        """Return the logarithm of how many points lie around each pixel through a colour map: (height, width, 4)."""
        result = _by_logarithm(self.counts(frame, size))
        if self.selected.any():
            _dim(result)
            chosen = _by_logarithm(self.counts(frame, size, only_selected=True))
            result = np.where(chosen, chosen, result)
        return _unpacked(result)

    def _pixels(self, frame: Frame) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Return column and row of the points in the order in which they are drawn, also beyond the frame."""
        across, up = frame.scale
        x_scale, x_middle = _half_and_middle(self.x_range)
        y_scale, y_middle = _half_and_middle(self.y_range)
        column = self._u * np.float32(x_scale * across)
        column += np.float32((x_middle - frame.x[0]) * across)
        row = self._v * np.float32(-y_scale * up)
        row += np.float32((frame.y[1] - y_middle) * up)
        return column, row

    def _cells(self, frame: Frame) -> Rows:
        """Return the pixels of the points in a picture that has one pixel more on each side, for those beyond it."""
        column, row = self._pixels(frame)
        for values, end in ((column, frame.width), (row, frame.height)):
            values += 1
            np.clip(values, 0, end + 1, out=values)
        cells = row.astype(np.int32)  # half the time of going to int64 at once
        cells *= frame.width + 2
        cells += column.astype(np.int32)
        return cells.astype(np.int64)

    # finding

    def in_polygon(self, frame: Frame, polygon: npt.ArrayLike) -> Mask:
        """Return (N,) which of the points that are seen lie in a polygon of pixels (k, 2)."""
        column, row = self._pixels(frame)
        return self._mask(inside(column, row, polygon, frame.width, frame.height))

    def in_rectangle(self, frame: Frame, corner: tuple[float, float], opposite: tuple[float, float]) -> Mask:
        """Return (N,) which of the points that are seen lie between two pixels, ends included."""
        column, row = self._pixels(frame)
        found = np.ones(len(column), dtype=bool)
        for values, end, pair in (
            (column, frame.width, (corner[0], opposite[0])),
            (row, frame.height, (corner[1], opposite[1])),
        ):
            found &= (values >= max(min(pair), 0)) & (values <= min(max(pair), end))
        return self._mask(found)

    def _mask(self, found: Mask) -> Mask:
        result = np.zeros(len(self), dtype=bool)
        result[self._order[found]] = True
        return result

    def nearest(self, frame: Frame, pixel: tuple[float, float], within: float = np.inf) -> int | None:
        """Return the row of the drawn point nearest to a pixel, or ``None`` where none is within that many pixels.

        Of points at the same place it is the one on top.
        """
        distance = _squared_distance(*self._pixels(frame), pixel)
        if not len(distance):
            return None
        position = len(distance) - 1 - int(np.argmin(distance[::-1]))
        return int(self._order[position]) if distance[position] <= within**2 else None

    def along(self, frame: Frame, line: npt.ArrayLike, steps: int) -> Rows:
        """Return the rows of the drawn points nearest to places at equal distances along a line of pixels (k, 2).

        Each point comes once, in the order of the line, so there may be fewer than ``steps``.
        """
        if not len(self._order):
            return np.zeros(0, np.int64)
        column, row = self._pixels(frame)
        found = [int(np.argmin(_squared_distance(column, row, tuple(place)))) for place in spaced(line, steps)]
        return self._order[list(dict.fromkeys(found))]


def spaced(line: npt.ArrayLike, steps: int) -> Values:
    """Return ``steps`` places (steps, 2) at equal distances along a line (k, 2), both its ends included."""
    corners = np.asarray(line, np.float64).reshape(-1, 2)
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))])
    at = np.linspace(0, lengths[-1], steps)
    return np.stack([np.interp(at, lengths, corners[:, axis]) for axis in range(2)], axis=1)


def marker_size(count: int) -> int:
    """Return how large markers are at first, in pixels: few points are seen, many don't cover each other."""
    return next((size for most, size in ((100, 9), (2_000, 7), (20_000, 5), (200_000, 3)) if count <= most), 2)


def dilated(values: npt.NDArray[np.int32], size: int) -> npt.NDArray[np.int32]:
    """Return the largest value within a disc of ``size`` pixels around each pixel of an image (height, width)."""
    if size <= 1:
        return values
    height, width = values.shape
    padded = np.pad(values, size)
    result = np.zeros_like(values)
    runs = _runs(padded, size)
    for line, length in enumerate(disc(size)):
        run = runs[length]
        # a marker of even size leans down and right by half a pixel
        top, left = size - size // 2 + line, size - size // 2 + (size - length) // 2
        np.maximum(result, run[top : top + height, left : left + width], out=result)
    return result


def disc(size: int) -> list[int]:
    """Return how long each line of a disc is, all even or all odd as its size is."""
    middle = (size - 1) / 2
    lines = []
    for line in range(size):
        half = np.sqrt(max((size / 2) ** 2 - (line - middle) ** 2, 0))
        lines.append(size - 2 * int(np.ceil(max(middle - half, 0))))
    return lines


def _runs(padded: npt.NDArray[np.int32], size: int) -> dict[int, npt.NDArray[np.int32]]:
    """Return the largest value in runs along lines, by their length; each is named by its leftmost pixel."""
    length = 2 - size % 2
    run = padded if length == 1 else np.maximum(padded[:, :-1], padded[:, 1:])
    runs = {length: run}
    while length < size:
        wider = np.maximum(run[:, :-2], run[:, 2:])
        if length == 1:
            np.maximum(wider, run[:, 1:-1], out=wider)
        run, length = wider, length + 2
        runs[length] = run
    return runs


def box_sum(counts: Counts, size: int) -> Counts:
    """Return the sum over the square of ``size`` pixels around each pixel of an image (height, width)."""
    for axis in range(2):
        ends = [(0, 0), (0, 0)]
        ends[axis] = (size // 2 + 1, size - size // 2 - 1)
        total = np.moveaxis(np.cumsum(np.pad(counts, ends), axis=axis), axis, 0)
        counts = np.moveaxis(total[size:] - total[:-size], 0, axis)
    return counts


def _packed(rgba: Colours) -> Packed:
    """Return colours (N, 4), 0 to 1, as one number each."""
    values = rgba * np.float32(255)
    values += np.float32(0.5)
    return values.astype(np.uint8).view(np.uint32).ravel()


def _unpacked(colours: Packed) -> Picture:
    """Return one number a pixel (height, width) as RGBA (height, width, 4)."""
    return colours.view(np.uint8).reshape(*colours.shape, 4)


def _dim(colours: Packed) -> None:
    """Take from colours, in place, most of their opacity."""
    opacity = colours.view(np.uint8).reshape(*colours.shape, 4)[..., 3]
    opacity[:] = (opacity * np.float32(DIMMED) + np.float32(0.5)).astype(np.uint8)


def _by_logarithm(counts: Counts) -> Packed:
    most = int(counts.max(initial=0))
    share = np.log1p(np.arange(most + 1)) / np.log1p(max(most, 1))
    begin, end = DENSITY_SHARE
    table = _packed(matplotlib.colormaps[CONTINUOUS](begin + (end - begin) * share).astype(np.float32))
    table[0] = 0
    return table[counts]


def _half_and_middle(limits: Range) -> tuple[float, float]:
    return (limits[1] - limits[0]) / 2, (limits[1] + limits[0]) / 2


def _unit(values: Values, limits: Range, placed: Mask) -> npt.NDArray[np.float32]:
    half, middle = _half_and_middle(limits)
    return ((np.where(placed, values, middle) - middle) / half).astype(np.float32)


def _squared_distance(
    column: npt.NDArray[np.float32], row: npt.NDArray[np.float32], pixel: tuple[float, ...]
) -> npt.NDArray[np.float32]:
    distance = column - np.float32(pixel[0])
    distance *= distance
    other = row - np.float32(pixel[1])
    other *= other
    distance += other
    return distance
