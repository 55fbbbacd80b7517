"""Maps in MRC files: read as this field writes them, write whole files with a pixel size."""

import warnings
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import mrcfile.utils
import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path, refuse_existing

HEADER_BYTES = 1024
REAL_MODES = (0, 1, 2, 6, 12)


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
    header = _read_header(path)
    mode = int(header.mode)
    if mode not in REAL_MODES:
        raise InputError(f"{path}: has MRC mode {mode}; expected a real map of mode 0, 1, 2, 6 or 12")
    shape = (int(header.nz), int(header.ny), int(header.nx))
    if len(set(shape)) != 1 or shape[0] < 2 or shape[0] % 2:
        size = " x ".join(map(str, shape[::-1]))
        raise InputError(f"{path}: is {size} voxels; expected a cube with an even side, so crop or pad it first")
    values = _read_values(path, header, shape)
    if not np.isfinite(values).all():
        bad = int(np.count_nonzero(~np.isfinite(values)))
        raise InputError(f"{path}: {bad} of {values.size} voxels are NaN or infinite; write the map again without them")
    return Map(_in_zyx_order(values, header, path), _voxel_side(header, path))


def write_map(path: Path, values: npt.NDArray[np.floating], pixel_size: float, *, overwrite: bool = False) -> None:
    """Write a map (D, D, D), axes z, y, x, as float32 MRC with voxel size, ``MAP `` tag and machine stamp."""
    path = Path(path)
    refuse_existing(path, overwrite)
    with atomic_path(path) as temporary, mrcfile.new(temporary, overwrite=True) as stream:
        stream.set_data(np.ascontiguousarray(values, dtype=np.float32))
        stream.voxel_size = pixel_size
        stream.update_header_stats()


def flip_hand(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return a map (D, D, D) mirrored along z about voxel D/2, the pivot of all rotations."""
    return np.roll(values[::-1], 1, axis=0)


def _read_header(path: Path) -> np.recarray:
    """Return the header of an MRC file, with tags as sloppy as they come."""
    try:
        size = path.stat().st_size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            with mrcfile.open(path, mode="r", permissive=True, header_only=True) as stream:
                header: np.recarray = stream.header.copy()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such map; give the path of an .mrc file") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: is not a readable MRC map ({error}); give the path of an .mrc file") from error
    if size < HEADER_BYTES:
        raise InputError(f"{path}: has {size} bytes, less than an MRC header of {HEADER_BYTES}; copy the file again")
    return header


def _read_values(path: Path, header: np.recarray, shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Return the values as stored, (section, row, column); raises on a truncated file."""
    kind = mrcfile.utils.data_dtype_from_header(header)
    begin = HEADER_BYTES + max(int(header.nsymbt), 0)
    expected = begin + int(np.prod(shape)) * kind.itemsize
    found = path.stat().st_size
    if found < expected:
        raise InputError(f"{path}: is truncated: {found} bytes where its header promises {expected}; copy it again")
    stored = np.fromfile(path, dtype=kind, count=int(np.prod(shape)), offset=begin)
    return stored.reshape(shape).astype(np.float32)


def _in_zyx_order(values: npt.NDArray[np.float32], header: np.recarray, path: Path) -> npt.NDArray[np.float32]:
    """Turn (section, row, column) into (z, y, x) by the header's axis numbers (1 is x)."""
    axes = (int(header.maps), int(header.mapr), int(header.mapc))
    if axes == (0, 0, 0):
        return values
    if sorted(axes) != [1, 2, 3]:
        raise InputError(f"{path}: has axis numbers {axes[::-1]} in its header; expected an order of 1, 2 and 3")
    return np.ascontiguousarray(values.transpose([axes.index(axis) for axis in (3, 2, 1)]))


def _voxel_side(header: np.recarray, path: Path) -> float:
    """Return the voxel side in Å, or 0 where the header has none."""
    lengths = np.array([header.cella.x, header.cella.y, header.cella.z], dtype=np.float64)
    counts = np.array([header.mx, header.my, header.mz], dtype=np.float64)
    if not (np.isfinite(lengths).all() and (lengths > 0).all() and (counts > 0).all()):
        return 0.0
    sides = lengths / counts
    if sides.max() > 1.01 * sides.min():
        found = " x ".join(f"{side:.4g}" for side in sides)
        raise InputError(f"{path}: has voxels of {found} Å; expected equal sides, so resample it first")
    return float(sides.mean())
