"""Volumes at their poses: which come first, how fine they are, merged into few surfaces, coloured, found by a click.

One surface a particle would take half a minute to add for 200 of them. So many particles are merged into one, with
poses baked into the vertices; each vertex carries its particle's number in the surface, which a table of colours turns
into a colour: another colouring changes the table and no geometry.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.viewer.meshes import EMPTY, Look, Mesh
from napari_tomodrgn.viewer.placement import Floats, Poses, Vertices
from napari_tomodrgn.viewer.volume_source import VolumeSource

MOST_IN_BATCH = 512  # entries of a table of colours that are told apart exactly
FEWEST_COLOURS = 2  # in a table
MOST_FACES = 2_000_000
FINEST_STEP = 2
COARSEST_STEP = 16

Rows = npt.NDArray[np.int64]
Faces = npt.NDArray[np.int32]
MeshOf = Callable[[int, int], Mesh]  # of a particle's row, at a step of marching cubes


@dataclass(frozen=True)
class PlacedMesh:
    """The surface of one particle in its tomogram: vertices (V, 3) float32 z, y, x in Å, faces (F, 3) int32.

    ``coarse`` is that of a particle that is only there for the sake of the others.
    """

    row: int
    vertices: Vertices
    faces: Faces
    coarse: bool = False


@dataclass(frozen=True)
class Batch:
    """Surfaces of n particles as one.

    Attributes
    ----------
    rows
        (n,) the particles.
    vertices, faces
        (V, 3) float32 z, y, x in Å; (F, 3) int32.
    numbers
        (V,) float32: which of ``rows`` each vertex belongs to.
    """

    rows: Rows
    vertices: Vertices
    faces: Faces
    numbers: npt.NDArray[np.float32]

    @property
    def limits(self) -> tuple[float, float]:
        """What the ends of the table of colours stand for."""
        return -0.5, max(len(self.rows), FEWEST_COLOURS) - 0.5


def decoding_order(
    rows: npt.ArrayLike, poses: Poses, selected: npt.NDArray[np.bool_], centre_angstrom: npt.ArrayLike
) -> Rows:
    """Return rows in the order in which their volumes are wanted: selected ones first, then the nearest.

    Parameters
    ----------
    rows
        (n,) the particles to show.
    poses, selected
        Of all N particles.
    centre_angstrom
        (3,) z, y, x: what the camera looks at.
    """
    rows = np.asarray(rows, dtype=np.int64)
    distance = np.linalg.norm(poses.position_angstrom[rows] - np.asarray(centre_angstrom), axis=1)
    return rows[np.lexsort((distance, ~selected[rows]))]


def own_volumes(source: VolumeSource, look: Look) -> MeshOf:
    """Return the surface of every particle's own volume."""
    return lambda row, step: source.mesh_of(row, look, step)


class ClassVolumes:
    """One surface a class, for all its particles.

    Parameters
    ----------
    source, look
        Where volumes come from, and how they look.
    centres
        (K, |z|) the latent that stands for each class.
    classes
        (N,) class of each particle, -1 where it has none.
    """

    def __init__(
        self, source: VolumeSource, look: Look, centres: npt.ArrayLike, classes: npt.NDArray[np.integer]
    ) -> None:
        self._source, self._look, self._classes = source, look, classes
        self._centres = np.asarray(centres, dtype=np.float32)
        self._made: dict[tuple[int, int], Mesh] = {}

    def __call__(self, row: int, step: int) -> Mesh:
        """Return the surface of a particle's class."""
        number = int(self._classes[row])
        if number < 0:
            return EMPTY
        if (number, step) not in self._made:
            self._made[number, step] = self._source.mesh(self._centres[number], self._look, step)
        return self._made[number, step]


def build(
    rows: Iterable[int],
    poses: Poses,
    mesh_of: MeshOf,
    pixel_size: float,
    *,
    finest: int = FINEST_STEP,
    most_faces: int = MOST_FACES,
    coarse: bool = False,
) -> Iterator[PlacedMesh]:
    """Yield the surface of each particle at its pose, in the order given; for a worker that may stop after any of them.

    Where all together would have more than ``most_faces``, cubes become coarser, never finer again: so the first are
    the finest. What then still doesn't fit has no faces. Particles whose pose is not known are left out.

    Parameters
    ----------
    rows
        The particles.
    poses
        Of all N particles.
    mesh_of
        :func:`own_volumes` or :class:`ClassVolumes`.
    pixel_size
        Å of the volumes.
    finest
        Side of the cubes to begin with, px.
    coarse
        What is said of the surfaces.
    """
    known = poses.known
    wanted = [int(row) for row in rows if known[row]]
    step, left = finest, most_faces
    for done, row in enumerate(wanted):
        share = left / (len(wanted) - done)
        mesh = mesh_of(row, step)
        while len(mesh.faces) > share and step < COARSEST_STEP:
            # the number of triangles falls with the square of the step
            step = min(max(step + 1, int(step * np.sqrt(len(mesh.faces) / max(share, 1)))), COARSEST_STEP)
            mesh = mesh_of(row, step)
        if len(mesh.faces) > left:
            mesh = EMPTY
        left -= len(mesh.faces)
        yield PlacedMesh(row, poses.place(row, mesh.vertices, pixel_size), mesh.faces, coarse)


def merge(placed: Sequence[PlacedMesh]) -> Batch:
    """Return surfaces of up to 512 particles as one."""
    if not 0 < len(placed) <= MOST_IN_BATCH:
        raise ValueError(f"{len(placed)} surfaces can't be merged: 1 to {MOST_IN_BATCH} can")
    counts = [len(each.vertices) for each in placed]
    first = np.cumsum([0, *counts[:-1]], dtype=np.int32)
    return Batch(
        np.array([each.row for each in placed], dtype=np.int64),
        np.concatenate([each.vertices for each in placed]),
        np.concatenate([each.faces + begin for each, begin in zip(placed, first, strict=True)]),
        np.repeat(np.arange(len(placed), dtype=np.float32), counts),
    )


def colour_table(rgba: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Return the table (n, or 2 for one, 4) of a batch's particles' colours: opaque, or not there at all (alpha 0).

    What is half seen through would have to be drawn from back to front, which one merged surface can't be.
    """
    table = np.zeros((max(len(rgba), FEWEST_COLOURS), 4), dtype=np.float32)
    table[: len(rgba)] = rgba
    table[:, 3] = table[:, 3] > 0
    return table


def particle_on_ray(
    origin: npt.ArrayLike,  # (3,) z, y, x in Å
    direction: npt.ArrayLike,  # (3,), away from the eye
    position_angstrom: Floats,  # (n, 3)
    radius_angstrom: float,
) -> int | None:
    """Return which particle a ray meets first, taking each as a ball; ``None`` where it meets none."""
    unit = np.asarray(direction, dtype=np.float64)
    unit = unit / np.linalg.norm(unit)
    away = position_angstrom - np.asarray(origin, dtype=np.float64)
    along = away @ unit
    half_chord = radius_angstrom**2 - (np.einsum("ij,ij->i", away, away) - along**2)
    enters = along - np.sqrt(np.clip(half_chord, 0, None))
    leaves = 2 * along - enters
    met = (half_chord >= 0) & (leaves >= 0)  # NaN, a place that is not known, is not met
    if not met.any():
        return None
    return int(np.argmin(np.where(met, enters, np.inf)))
