"""Isosurfaces of volumes as triangles, without the dust around them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.viewer.treatment import UNTREATED, Treatment

Volume = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Look:
    """How a surface is drawn of a volume.

    Attributes
    ----------
    level
        The density that the surface lies at.
    in_sigma
        Whether the level counts in standard deviations of the volume above its mean, so that it suits every volume, or
        is a density as it is.
    dust_angstrom
        Pieces whose longest side is shorter than this are left out.
    treatment
        What is done to the volume first.
    """

    level: float = 3.0
    in_sigma: bool = True
    dust_angstrom: float = 0.0
    treatment: Treatment = UNTREATED

    def density(self, volume: Volume) -> float:
        """Return the level as a density of a volume that was treated."""
        return float(volume.mean() + self.level * volume.std()) if self.in_sigma else self.level


@dataclass(frozen=True)
class Mesh:
    """Triangles, counter-clockwise as seen from outside (in right-handed x, y, z).

    Attributes
    ----------
    vertices
        (V, 3) float32 z, y, x, napari's order, in px from the volume's voxel D/2, about which particles turn.
    faces
        (F, 3) int32 rows of vertices.
    """

    vertices: npt.NDArray[np.float32]
    faces: npt.NDArray[np.int32]

    @cached_property
    def pieces(self) -> npt.NDArray[np.int64]:
        """(V,) which connected piece each vertex belongs to, from 0."""
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components

        begin, end = np.concatenate([self.faces[:, :2], self.faces[:, 1:]]).T
        count = len(self.vertices)
        joined = coo_array((np.ones(len(begin), dtype=np.int8), (begin, end)), shape=(count, count))
        return np.asarray(connected_components(joined, directed=False)[1], dtype=np.int64)


EMPTY = Mesh(np.zeros((0, 3), dtype=np.float32), np.zeros((0, 3), dtype=np.int32))


def isosurface(volume: Volume, density: float, step: int = 1) -> Mesh:
    """Return the surface of a volume (D, D, D), z, y, x, at a density, by Lewiner's marching cubes.

    ``step`` is the side of the cubes in px: at 2 there are a quarter as many triangles as at 1. A density that the
    volume does not reach, or does not go below, gives an empty mesh; at the border of the box the surface is open.
    """
    from skimage.measure import marching_cubes

    if not volume.min() < density < volume.max():
        return EMPTY
    try:
        vertices, faces, _, _ = marching_cubes(  # type: ignore[no-untyped-call]
            volume, density, step_size=step, allow_degenerate=False
        )
    except RuntimeError:  # between the points that a coarse step looks at there can be a peak that it does not see
        return EMPTY
    return Mesh((vertices - len(volume) // 2).astype(np.float32), faces.astype(np.int32))


def hide_dust(mesh: Mesh, smallest_px: float) -> Mesh:
    """Return a mesh without the connected pieces whose longest side along an axis is shorter than ``smallest_px``."""
    if smallest_px <= 0 or not len(mesh.faces):
        return mesh
    order = np.argsort(mesh.pieces, kind="stable")
    first = np.flatnonzero(np.diff(mesh.pieces[order], prepend=-1))
    sides = np.maximum.reduceat(mesh.vertices[order], first) - np.minimum.reduceat(mesh.vertices[order], first)
    kept = (sides.max(axis=1) >= smallest_px)[mesh.pieces]
    if kept.all():
        return mesh
    renumbered = (np.cumsum(kept) - 1).astype(np.int32)
    return Mesh(mesh.vertices[kept], renumbered[mesh.faces[kept[mesh.faces[:, 0]]]])


def without_dust(volume: Volume, density: float, smallest_px: float) -> Volume:
    """Return a volume (D, D, D) whose surface at a density has only the pieces that :func:`hide_dust` leaves of it."""
    if smallest_px <= 0:
        return volume
    mesh = isosurface(volume, density)
    labels, count = ndimage.label(volume > density)
    # a vertex lies between a voxel inside and one outside
    place = mesh.vertices + len(volume) // 2
    ends = np.floor(place).astype(int), np.ceil(place).astype(int)
    piece = np.maximum(*(labels[tuple(end.T)] for end in ends))
    low, high = np.full((count + 1, 3), np.inf), np.full((count + 1, 3), -np.inf)
    np.minimum.at(low, piece, place)
    np.maximum.at(high, piece, place)
    dust = (high - low).max(axis=1) < smallest_px
    dust[0] = False
    return np.where(dust[labels], np.float32(min(volume.mean(), density)), volume)


def surface_of(volume: Volume, pixel_size: float, look: Look, step: int = 1) -> Mesh:
    """Return the surface of a volume as decoded, whose pixels are ``pixel_size`` Å, as a look says."""
    treated = look.treatment.applied(volume, pixel_size)
    return hide_dust(isosurface(treated, look.density(treated), step), look.dust_angstrom / pixel_size)
