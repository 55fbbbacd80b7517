"""Tomograms and maps in MRC files of any size: opened without being read, converted where they are looked at."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.maps import zyx_order
from napari_tomodrgn.particles.mrc_header import read_header

SUFFIXES = (".mrc", ".rec", ".map")
UNEQUAL = 1.01  # voxel sides that differ by more are no rounding
CUT = 0.5  # percent of the voxels that are black, and as many white
LARGEST, LARGEST_IN_3D = 2**28, 2**26  # voxels, of what is shown as it is, and of the coarsest level of the others
_SLICES, _MOST_PIXELS = 5, 512 * 512  # that the percentiles are taken of, and of each of them


class Volume(Protocol):
    """A volume (Z, Y, X) as napari needs it: an array, or what is indexed like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""

    @property
    def ndim(self) -> int:
        """Number of axes."""

    @property
    def size(self) -> int:
        """Number of voxels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of a voxel."""

    def __getitem__(self, key: Any, /) -> Any:
        """Return the voxels of a number, a slice, or a tuple of those."""


class ConvertedVolume:
    """A volume that is converted to another type slice by slice, as it is indexed; napari takes it like an array.

    Parameters
    ----------
    stored
        (Z, Y, X) in any type and byte order, memory-mapped.
    dtype
        What it is seen as.
    """

    def __init__(self, stored: Volume, dtype: npt.DTypeLike) -> None:
        self.stored = stored
        self.dtype = np.dtype(dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""
        return self.stored.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.stored.ndim

    @property
    def size(self) -> int:
        """Number of voxels."""
        return self.stored.size

    def __getitem__(self, key: Any) -> Any:
        part = self.stored[key]
        if np.ndim(part) == self.ndim:  # napari cuts out what the window shows first, and takes a slice of that then
            return ConvertedVolume(part, self.dtype)
        return np.asarray(part).astype(self.dtype)[()]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.stored).astype(self.dtype if dtype is None else dtype)


@dataclass(frozen=True)
class VolumeFile:
    """A volume in a file.

    Attributes
    ----------
    path
        The file.
    values
        (Z, Y, X), of which only what is looked at is read, in the machine's byte order.
    pixel_size
        Å per voxel, ``None`` where the file says none that can be right.
    trouble
        What is wrong with the file's voxel size, as a sentence.
    """

    path: Path
    values: Volume
    pixel_size: float | None
    trouble: str | None = None

    @classmethod
    def of(cls, path: Path, values: Volume, sides: tuple[float, ...] | None) -> "VolumeFile":
        """Return a volume whose file says these sides z, y, x of a voxel in Å, ``None``: says none."""
        if sides is None or not all(np.isfinite(side) and side > 0 for side in sides):
            shown = "its header has no voxel size, so it is shown in voxels; set its pixel size"
            return cls(path, values, None, f"{path}: {shown}")
        if max(sides) > UNEQUAL * min(sides):
            found = " x ".join(f"{side:.4g}" for side in sides[::-1])
            shown = f"its header has voxels of {found} Å and not cubes, so it is shown in voxels; set its pixel size"
            return cls(path, values, None, f"{path}: {shown}")
        return cls(path, values, float(np.mean(sides)))


def open_mrc(path: Path) -> VolumeFile:
    """Open a tomogram or map of MRC mode 0, 1, 2, 6 or 12, of either byte order and any axis order, without reading it.

    Raises
    ------
    InputError
        If it is missing, no MRC file, or cut short.
    """
    header = read_header(path)
    stored = np.memmap(path, header.dtype, "r", header.offset, header.shape).transpose(zyx_order(header, path))
    values: Volume = stored
    if not header.dtype.isnative:
        values = ConvertedVolume(stored, header.dtype.newbyteorder("="))
    return VolumeFile.of(path, values, header.voxel_sides)


def pyramid(values: Volume) -> list[Volume]:
    """Return a volume (Z, Y, X) and, where it is too large to be drawn in 3D, every 2nd, 4th, … voxel of it.

    napari shows the last in 3D and would read the whole file otherwise; in 2D it takes the one that the window needs.
    Voxels are picked and not averaged, as averages would need all of the file.
    """
    levels = [values]
    while levels[0].size > LARGEST and levels[-1].size > LARGEST_IN_3D and min(levels[-1].shape) > 1:
        levels.append(levels[-1][::2, ::2, ::2])
    return levels


def contrast_limits(values: Volume, percent: float = CUT) -> tuple[float, float]:
    """Return what is black and what is white: percentiles of a few slices about the middle of (Z, Y, X).

    ``percent`` of the voxels are black, and as many white.

    Taken from the whole of a file, or from its darkest and brightest voxel, they would need all of it to be read, and
    gold beads would decide on them.
    """
    depth, height, width = values.shape
    first, last = depth // 3, max(depth // 3, depth - 1 - depth // 3)
    rows = slice(height // 2 - min(height, 512) // 2, height // 2 + (min(height, 512) + 1) // 2)
    step = max(1, width * min(height, 512) // _MOST_PIXELS)
    slices = [
        np.asarray(values[int(index), rows, ::step], dtype=np.float32)
        for index in np.unique(np.linspace(first, last, _SLICES).round())
    ]
    sample = np.concatenate([each.ravel() for each in slices])
    sample = sample[np.isfinite(sample)]
    if not sample.size:
        return 0.0, 1.0
    low, high = (float(each) for each in np.percentile(sample, (percent, 100 - percent)))
    return (low, high) if high > low else (low, low + 1.0)
