"""Planes through a volume at any angle, of which only the surroundings are read."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.layers import IN_ANGSTROM, LayerData
from napari_tomodrgn.viewer.mrc_volume import Volume

_TILE = 64  # px, side of the parts that a plane is cut in, so that little is read about each

Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ObliquePlane:
    """A plane through a volume.

    Attributes
    ----------
    image
        (h, w) float32, NaN outside the volume.
    affine
        (4, 4) maps (0, row, column) to z, y, x in Å, as napari's layers have it.
    pixel_size
        Å per pixel.
    """

    image: npt.NDArray[np.float32]
    affine: Vector
    pixel_size: float

    def cropped(self) -> "ObliquePlane":
        """Return the part that lies within the volume, so that it does not reach farther than that; else all of it."""
        rows, columns = (np.flatnonzero(np.isfinite(self.image).any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return self
        top, left = int(rows[0]), int(columns[0])
        affine = self.affine.copy()
        affine[:3, 3] += affine[:3, 1] * top + affine[:3, 2] * left
        return replace(self, image=self.image[top : rows[-1] + 1, left : columns[-1] + 1], affine=affine)

    def layer(self, name: str, **attributes: Any) -> LayerData:
        """Return the plane as a layer for views in 3D; it stands at (0, 0, 0) until it is given to :meth:`place`."""
        return self._shown(), {"name": name, "colormap": "gray", "rgb": False, **IN_ANGSTROM, **attributes}, "image"

    def place(self, layer: Any) -> None:
        """Show the plane, in its place, by a layer made of this or of another one.

        To be called while the viewer shows 3D: in 2D napari can't cut a turned layer, and warns; hide it there.
        """
        layer.data = self._shown()
        layer.affine = self.affine

    def _shown(self) -> npt.NDArray[np.float32]:
        """Return (1, h, w), outside the volume as dark as its darkest pixel."""
        inside = self.image[np.isfinite(self.image)]
        return np.nan_to_num(self.image, nan=float(inside.min()) if inside.size else 0.0)[None]

    def flat_layer(self, name: str, **attributes: Any) -> LayerData:
        """Return the plane as an image by itself, from (0, 0) Å, for views in 2D."""
        physical = {"scale": (self.pixel_size,) * 2, "units": ("angstrom",) * 2}
        return self.image, {"name": name, "colormap": "gray", "rgb": False, **physical, **attributes}, "image"


def oblique_plane(
    values: Volume,
    pixel_size: float,
    point_angstrom: npt.ArrayLike,
    normal: npt.ArrayLike,
    width_angstrom: float,
    *,
    half: int = 0,
) -> ObliquePlane:
    """Return a square of the plane through a point with a given normal, interpolated linearly.

    Parameters
    ----------
    values, pixel_size
        (Z, Y, X), and Å per voxel.
    point_angstrom
        (3,) z, y, x: the middle of the square.
    normal
        (3,) z, y, x, of any length. With (1, 0, 0) the square is a slice of the volume, rows along y, columns along x.
    width_angstrom
        Side of the square.
    half
        Planes averaged on either side, a voxel apart.

    Raises
    ------
    InputError
        If the normal has no direction.
    """
    direction = np.asarray(normal, dtype=np.float64)
    length = float(np.linalg.norm(direction))
    if not (np.isfinite(length) and length > 0):
        raise InputError(f"plane with the normal {direction.tolist()}: has no direction; give one that is not 0")
    direction = direction / length
    row, column = _in_plane(direction)
    side = max(1, round(width_angstrom / pixel_size))
    centre = np.asarray(point_angstrom, dtype=np.float64) / pixel_size  # voxel centres are whole numbers
    corner = centre - (side - 1) / 2 * (row + column)
    image = np.empty((side, side), dtype=np.float32)
    for top in range(0, side, _TILE):
        for left in range(0, side, _TILE):
            rows, columns = np.arange(top, min(top + _TILE, side)), np.arange(left, min(left + _TILE, side))
            at = corner + rows[:, None, None] * row + columns[None, :, None] * column
            image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = _sampled(values, at, direction, half)
    affine = np.eye(4)
    affine[:3, :3] = pixel_size * np.column_stack([direction, row, column])
    affine[:3, 3] = pixel_size * corner
    return ObliquePlane(image, affine, pixel_size)


def _in_plane(normal: Vector) -> tuple[Vector, Vector]:
    """Return unit vectors (z, y, x) along rows and columns, so that normal, row and column are right-handed.

    Columns run along x as nearly as the plane allows, so that a plane that is turned slowly does not jump.
    """
    nearest = np.array([0.0, 0.0, 1.0]) if abs(normal[2]) < 0.9 else np.array([0.0, 1.0, 0.0])
    column = nearest - normal * (nearest @ normal)
    column /= np.linalg.norm(column)
    return np.cross(column, normal), column


def _sampled(values: Volume, at: Vector, normal: Vector, half: int) -> npt.NDArray[np.float32]:
    """Return the mean over ±half planes at voxel coordinates (h, w, 3); only the box about them is read."""
    steps = np.arange(-half, half + 1)
    points = at[None] + steps[:, None, None, None] * normal  # (2 half + 1, h, w, 3)
    begin = np.maximum(np.floor(points.min(axis=(0, 1, 2))).astype(int), 0)
    end = np.minimum(np.ceil(points.max(axis=(0, 1, 2))).astype(int) + 1, values.shape)
    if (begin >= end).any():
        return np.full(at.shape[:2], np.nan, dtype=np.float32)
    box = np.asarray(values[tuple(slice(*each) for each in zip(begin, end, strict=True))], dtype=np.float32)
    found = ndimage.map_coordinates(box, np.moveaxis(points - begin, -1, 0), order=1, mode="constant", cval=np.nan)
    inside = np.isfinite(found)
    count = inside.sum(axis=0)
    total = np.where(inside, found, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)
