"""In which direction of the consensus frame neighbours stand, and how they are turned to one another."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.nearest import NOBODY, Neighbours
from napari_tomodrgn.analysis.spatial.permuting import Groups, permuted, share_as_far
from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places
from napari_tomodrgn.progress import track

_COUNT_IN_CELL = 5  # that cells are made large enough for
_BANDS = (4, 18)  # fewest and most


@dataclass(frozen=True)
class Cells:
    """Cells of equal area on the sphere: bands of latitude, each cut into as many cells as make them about square.

    Attributes
    ----------
    of_band
        (B,) cells of each band, from the south pole on.
    """

    of_band: tuple[int, ...]

    @classmethod
    def for_count(cls, directions: int) -> "Cells":
        """Return cells that a number of directions fill well enough to be counted."""
        bands = int(np.clip(np.sqrt(np.pi / 4 * directions / _COUNT_IN_CELL), *_BANDS))
        latitude = np.pi * ((np.arange(bands) + 0.5) / bands - 0.5)
        return cls(tuple(np.maximum(np.round(2 * bands * np.cos(latitude)), 3).astype(int).tolist()))

    def __len__(self) -> int:
        return sum(self.of_band)

    @cached_property
    def sines(self) -> Floats:
        """(B + 1,) sine of the latitude at the edges of bands: area is proportional to it."""
        return 2 * np.concatenate([[0], np.cumsum(self.of_band)]) / len(self) - 1

    @cached_property
    def first(self) -> Integers:
        """(B + 1,) the first cell of each band, and how many cells there are."""
        return np.concatenate([[0], np.cumsum(self.of_band)]).astype(np.int64)

    def of(self, directions: Floats) -> Integers:
        """Return the cell (…) of directions (…, 3), unit vectors x, y, z."""
        band = np.clip(np.searchsorted(self.sines, directions[..., 2], side="right") - 1, 0, len(self.of_band) - 1)
        cells = np.array(self.of_band)[band]
        turn = np.arctan2(directions[..., 1], directions[..., 0]) / (2 * np.pi) + 0.5
        return np.asarray(self.first[band] + np.minimum((turn * cells).astype(np.int64), cells - 1))

    @cached_property
    def centres(self) -> Floats:
        """(C, 3) unit vectors x, y, z in the middle of the cells."""
        sine = np.repeat((self.sines[1:] + self.sines[:-1]) / 2, self.of_band)
        place = np.concatenate([(np.arange(cells) + 0.5) / cells for cells in self.of_band])
        longitude, cosine = 2 * np.pi * (place - 0.5), np.sqrt(1 - sine**2)
        return np.stack([cosine * np.cos(longitude), cosine * np.sin(longitude), sine], axis=1)


@dataclass(frozen=True)
class DirectionTest:
    """How often neighbours stand in each direction, C cells of equal area.

    Attributes
    ----------
    cells
        The cells.
    observed, expected
        (C,) neighbours counted, and their mean where orientations are exchanged between the particles of a tomogram.
    p_adjusted
        (C,) family-wise p, two-sided, of each cell.
    """

    cells: Cells
    observed: Integers
    expected: Floats
    p_adjusted: Floats

    @property
    def peak(self) -> int:
        """The cell that is fullest over what is expected of it."""
        return int(np.argmax((self.observed - self.expected) / np.sqrt(np.maximum(self.expected, 1e-9))))

    @property
    def p(self) -> float:
        """Family-wise p of there being any direction that is preferred or shunned."""
        return float(self.p_adjusted.min())


def directions(places: Places, neighbours: Neighbours, *, flipped: bool = False) -> Floats | None:
    """Return (N, k, 3): unit vectors x, y, z in the consensus frame of each particle to its neighbours.

    NaN where there is no neighbour, or it stands in the same place; ``None`` where orientations are not known. Where
    maps are written in the other hand (``flipped``), z is negated, so that directions are those of the maps.
    """
    if places.rotation is None:
        return None
    found = np.einsum("nji,nkj->nki", places.rotation, _unit(places, neighbours))
    return np.asarray(found * [1, 1, -1] if flipped else found)


def _unit(places: Places, neighbours: Neighbours) -> Floats:
    """Return (N, k, 3) unit vectors in the tomogram from particles to their neighbours."""
    away = places.position[np.maximum(neighbours.row, 0)] - places.position[:, None]
    length = np.where(neighbours.row == NOBODY, np.nan, np.linalg.norm(away, axis=2))
    return np.asarray(away / np.where(length > 0, length, np.nan)[:, :, None])


def relative_angles(places: Places, neighbours: Neighbours) -> Floats | None:
    """Return (N, k) degrees, 0 to 180: the turn that takes each particle's orientation to its neighbour's."""
    if places.rotation is None:
        return None
    trace = np.einsum("nij,nkij->nk", places.rotation, places.rotation[np.maximum(neighbours.row, 0)])
    angle = np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))
    return np.where(neighbours.row == NOBODY, np.nan, angle)


def longitude_latitude(direction: Floats) -> tuple[Floats, Floats]:
    """Return degrees (…) from x towards y, and above the xy plane, of unit vectors (…, 3)."""
    longitude = np.degrees(np.arctan2(direction[..., 1], direction[..., 0]))
    return longitude, np.degrees(np.arcsin(np.clip(direction[..., 2], -1, 1)))


def direction_test(
    places: Places, neighbours: Neighbours, *, flipped: bool = False, permutations: int = 999, seed: int = 0
) -> DirectionTest | None:
    """Hold the directions of neighbours against orientations exchanged between the particles of each tomogram.

    ``None`` where orientations are not known or nobody has a neighbour.
    """
    unit = _unit(places, neighbours)
    row, column = np.nonzero(np.isfinite(unit[:, :, 0]))
    if places.rotation is None or not len(row):
        return None
    apart = unit[row, column].astype(np.float32)
    cells = Cells.for_count(len(row))
    turned = np.swapaxes(places.rotation, 1, 2) * (np.array([[1.0], [1.0], [-1.0]]) if flipped else 1.0)
    flat = turned.astype(np.float32).reshape(-1, 9)  # rows of 36 bytes are fetched in a third of the time

    def count(order: npt.NDArray[np.intp]) -> Integers:
        own = np.take(flat, order[row], axis=0).reshape(-1, 3, 3)
        return np.bincount(cells.of(np.einsum("nij,nj->ni", own, apart)), minlength=len(cells))

    observed = count(np.arange(len(places)))
    work = permuted(count, Groups(places.tomogram), permutations, seed)
    null = np.array(list(track(work, "exchanging orientations", total=permutations, unit="permutations")))
    every = np.concatenate([null, observed[None]])
    expected = every.mean(axis=0)
    deviation = np.maximum(every.std(axis=0), 1e-9)
    largest = (np.abs(null - expected) / deviation).max(axis=1)
    p_adjusted = share_as_far(np.abs(observed - expected) / deviation, largest[:, None])
    return DirectionTest(cells, observed, expected, p_adjusted)
