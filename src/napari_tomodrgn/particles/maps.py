"""Maps in MRC files: read as this field writes them, write whole files with a pixel size."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path, refuse_existing
from napari_tomodrgn.particles.mrc_header import MrcHeader, read_header

UNSET_PIXEL_SIZES = (0.0, 1.0)  # what programs write into headers when they don't know


@dataclass(frozen=True)
class Map:
    """A cubic density map.

    Attributes
    ----------
    values
        (D, D, D) float32, axes z, y, x.
    pixel_size
        Å per voxel as the header says it; 0 where the header has none.
    """

    values: npt.NDArray[np.float32]
    pixel_size: float

    @property
    def box(self) -> int:
        """D, in voxels."""
        return int(self.values.shape[0])


def read_map(path: Path) -> Map:
    """Read a cubic map with an even box from an MRC file.

    Modes 0, 1, 2, 6 and 12, either byte order, any axis order, extended headers, and files without machine stamp
    or ``MAP `` tag are read. Raises one sentence on a file that is missing, no MRC file, truncated, not cubic, of an
    odd box, with unequal voxel sides, or with values that are not numbers.
    """
    path = Path(path)
    header = read_header(path)
    if len(set(header.shape)) != 1 or header.shape[0] % 2:
        size = " x ".join(map(str, header.shape[::-1]))
        raise InputError(f"{path}: is {size} voxels; expected a cube with an even side, so crop or pad it first")
    voxels = int(np.prod(header.shape))
    stored = np.fromfile(path, dtype=header.dtype, count=voxels, offset=header.offset)
    values = stored.reshape(header.shape).astype(np.float32)
    if not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(f"{path}: {bad} of {voxels} voxels are NaN or infinite; write the map again without them")
    return Map(_in_zyx_order(values, header, path), _voxel_side(header, path))


def known_pixel_size(path: Path, found: float) -> float:
    """Return the voxel side that a map's header says; raises one sentence where that means that it was not set."""
    if round(found, 6) in UNSET_PIXEL_SIZES:
        raise InputError(
            f"{path}: has a voxel size of {found:g} Å in its header, which means that it was not set; give --pixel-size"
        )
    return found


def write_map(
    path: Path,
    values: npt.NDArray[np.floating],
    pixel_size: float,
    *,
    origin: Sequence[float] = (0.0, 0.0, 0.0),
    overwrite: bool = False,
) -> None:
    """Write a map (D, D, D), axes z, y, x, as float32 MRC with voxel size, ``MAP `` tag and machine stamp.

    ``origin`` is where voxel (0, 0, 0) stands, x, y, z in Å.
    """
    path = Path(path)
    refuse_existing(path, overwrite)
    with atomic_path(path) as temporary, mrcfile.new(temporary, overwrite=True) as stream:
        stream.set_data(np.ascontiguousarray(values, dtype=np.float32))
        stream.voxel_size = pixel_size
        stream.header.origin.x, stream.header.origin.y, stream.header.origin.z = origin
        stream.update_header_stats()


def flip_hand(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a map (D, D, D) mirrored along z about voxel D/2, the pivot of all rotations."""
    return np.roll(values[::-1], 1, axis=0)


def _in_zyx_order(values: npt.NDArray[np.float32], header: MrcHeader, path: Path) -> npt.NDArray[np.float32]:
    """Turn (section, row, column) into (z, y, x) by the header's axis numbers (1 is x)."""
    return np.ascontiguousarray(values.transpose(zyx_order(header, path)))


def zyx_order(header: MrcHeader, path: Path) -> tuple[int, int, int]:
    """Return the order of (section, row, column) that is (z, y, x), for ``transpose``."""
    axes = header.axes
    if axes == (0, 0, 0):
        return (0, 1, 2)
    if sorted(axes) != [1, 2, 3]:
        raise InputError(f"{path}: has axis numbers {list(axes[::-1])} in its header; expected an order of 1, 2 and 3")
    return axes.index(3), axes.index(2), axes.index(1)


def _voxel_side(header: MrcHeader, path: Path) -> float:
    """Return the voxel side in Å, or 0 where the header has none."""
    if header.voxel_sides is None:
        return 0.0
    sides = np.array(header.voxel_sides[::-1])
    if sides.max() > 1.01 * sides.min():
        found = " x ".join(f"{side:.4g}" for side in sides)
        raise InputError(f"{path}: has voxels of {found} Å; expected equal sides, so resample it first")
    return float(sides.mean())
