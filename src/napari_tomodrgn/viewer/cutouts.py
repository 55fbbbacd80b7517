"""What stands in the tomogram at a particle, and what its volume would look like there: slabs about its position.

Only the voxels of a cutout are read from a file. Volumes are turned as the particle is, so that the pictures can be
compared place by place: all show the plane of the tomogram's y and x axes, averaged over a thickness along z.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.meshes import Volume
from napari_tomodrgn.viewer.mrc_volume import Volume as FileVolume
from napari_tomodrgn.viewer.mrc_volume import VolumeFile
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.tomogram_files import SEGMENTATION, TomogramFiles
from napari_tomodrgn.viewer.tomogram_view import open_volume

Picture = npt.NDArray[np.float32]
SIDE = 1.5  # of a particle's picture, in boxes: what stands around it is seen too
THICKNESS = 0.25  # of a slab, in boxes
GREYS = (1.0, 99.0)  # percentiles that are black and white
PLANES = 5  # across a volume's slab, that are averaged


@dataclass(frozen=True)
class Cut:
    """How large cutouts are: side and thickness in Å."""

    side: float
    thickness: float

    @classmethod
    def of(cls, particle_set: ParticleSet) -> "Cut":
        """Return cutouts that show a data set's particles and a little of what is around them."""
        box = particle_set.box * particle_set.pixel_size or 200.0
        return cls(SIDE * box, THICKNESS * box)


def slab_at(
    values: FileVolume,  # (Z, Y, X)
    pixel_size: float,
    position_angstrom: npt.ArrayLike,  # (3,) z, y, x
    cut: Cut,
) -> Picture:
    """Return the slab (n, n) of a tomogram about a position, NaN beyond its faces."""
    middle = np.asarray(position_angstrom, dtype=np.float64) / pixel_size
    across = max(round(cut.side / pixel_size / 2), 1)
    deep = int(cut.thickness / pixel_size / 2)
    centre = np.rint(middle).astype(int)
    half = np.array([deep, across, across])
    begin, end = centre - half, centre + half + 1
    shape = np.array(values.shape)
    low, high = np.clip(begin, 0, shape), np.clip(end, 0, shape)
    picture = np.full((2 * across + 1, 2 * across + 1), np.nan, dtype=np.float32)
    if (high > low).all():
        part = np.asarray(values[low[0] : high[0], low[1] : high[1], low[2] : high[2]], dtype=np.float32)
        y, x = low[1:] - begin[1:]
        picture[y : y + part.shape[1], x : x + part.shape[2]] = part.mean(axis=0)
    return picture


def slab_of_volume(
    volume: Volume,  # (D, D, D)
    pixel_size: float,
    turn: npt.NDArray[np.float64],  # (3, 3) from the reference's z, y, x to the tomogram's
    cut: Cut,
    size: int,
) -> Picture:
    """Return the slab (size, size) that a particle with this volume and orientation would have, 0 beyond its box."""
    across = np.linspace(-cut.side / 2, cut.side / 2, size)
    deep = np.linspace(-cut.thickness / 2, cut.thickness / 2, PLANES)
    places = np.stack(np.meshgrid(deep, across, across, indexing="ij"))
    reference = np.tensordot(turn.T, places, axes=1) / pixel_size + len(volume) // 2
    values = ndimage.map_coordinates(np.asarray(volume, np.float32), reference, order=1, mode="constant")
    picture: Picture = values.mean(axis=0, dtype=np.float32)
    return picture


def grey(picture: Picture, *, inverted: bool = False) -> npt.NDArray[np.uint8]:
    """Return a picture as greys between percentiles; what has no value is the darkest grey that is none of them."""
    finite = picture[np.isfinite(picture)]
    low, high = np.percentile(finite, GREYS) if finite.size else (0.0, 1.0)
    share = np.clip((picture - low) / max(high - low, 1e-12), 0, 1)
    if inverted:
        share = 1 - share
    return np.where(np.isfinite(share), 20 + 235 * share, 8).astype(np.uint8)


def tomogram_file(files: TomogramFiles, tomogram: str, version: str) -> tuple[str, Path] | None:
    """Return version and file that show a tomogram: in the version asked for, or in another one where there is none."""
    there = {name: path for name, path in files.versions(tomogram).items() if name != SEGMENTATION}
    found = version if version in there else next(iter(there), None)
    return None if found is None else (found, there[found])


@dataclass(frozen=True)
class Cutout:
    """The slab of a particle's tomogram: its row and the picture, ``None`` where its tomogram has no file."""

    row: int
    picture: Picture | None


def cutouts(
    particle_set: ParticleSet, rows: Sequence[int], files: TomogramFiles, version: str, cut: Cut
) -> Iterator[Cutout]:
    """Yield the cutouts of particles in their order; each file is opened once and read where particles are.

    Raises
    ------
    InputError
        Where a tomogram's file can't be read.
    """
    poses = Poses.of(particle_set)
    tomograms = particle_set.particles["tomogram"].to_numpy(dtype=object)
    opened: dict[Path, VolumeFile] = {}
    for row in rows:
        found = tomogram_file(files, str(tomograms[row]), version)
        if found is None or not np.isfinite(poses.position_angstrom[row]).all():
            yield Cutout(row, None)
            continue
        shown, path = found
        if path not in opened:
            opened[path] = open_volume(path)
        side = files.pixel_size(shown, opened[path].pixel_size)
        if not side:
            raise InputError(f"{path}: its header has no voxel size, so particles are not found in it; set one")
        yield Cutout(row, slab_at(opened[path].values, side, poses.position_angstrom[row], cut))
