"""Tomograms in TIFF files, as ImageJ, OME and this field's programs write them: opened without being read."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.mrc_volume import ConvertedVolume, Volume, VolumeFile

if TYPE_CHECKING:
    from tifffile import TiffFile

SUFFIXES = (".tif", ".tiff")
ANGSTROM = {
    "å": 1.0, "a": 1.0, "angstrom": 1.0, "pm": 0.01, "nm": 10.0, "nanometer": 10.0, "µm": 1e4, "um": 1e4,
    "micron": 1e4, "microns": 1e4, "micrometer": 1e4, "mm": 1e7, "millimeter": 1e7, "cm": 1e8, "centimeter": 1e8,
    "inch": 2.54e8,
}  # fmt: skip
PLAUSIBLE = (0.1, 1000.0)  # Å, of a voxel: resolutions for a screen or a printer are far from it
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}

Sides = tuple[float, float, float]


class TiffPages:
    """A volume (Z, Y, X) of which a page is read when it is looked at; napari takes it like an array.

    Parameters
    ----------
    path
        The file.
    pages
        Z of the TIFF library's pages.
    within
        What is cut out of each page, one after the other.
    """

    ndim = 3

    def __init__(self, path: Path, pages: list[Any], within: tuple[tuple[slice, ...], ...] = ()) -> None:
        self.path, self._pages, self._within = path, pages, within
        self.dtype: np.dtype[Any] = pages[0].dtype.newbyteorder("=")
        page = np.broadcast_to(np.int8(0), pages[0].shape)
        for part in within:
            page = page[part]
        self.shape: tuple[int, ...] = (len(pages), *page.shape)

    @property
    def size(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys = (*keys[:at], *(slice(None),) * (self.ndim + 1 - len(keys)), *keys[at + 1 :])
        first, *others = keys
        if not isinstance(first, slice):
            return self._page(int(first))[tuple(others)]
        if all(isinstance(each, slice) for each in others):  # a part of its kind, not read yet
            if pages := self._pages[first]:
                return TiffPages(self.path, pages, (*self._within, tuple(others)))
            return np.empty((0, *self.shape[1:]), self.dtype)[(slice(None), *others)]
        return np.stack([self._page(index)[tuple(others)] for index in range(len(self._pages))[first]])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.stack([self._page(index) for index in range(len(self._pages))]).astype(dtype or self.dtype)

    def _page(self, index: int) -> npt.NDArray[Any]:
        file = self._pages[index].parent.filehandle
        try:
            with file.lock:
                file.open()
                try:
                    page: npt.NDArray[Any] = self._pages[index].asarray()
                finally:
                    file.close()
        except Exception as error:  # any, as each kind of compression has its own
            raise InputError(
                f"{self.path}: page {index} can't be read ({error}); write the file again without compression"
            ) from error
        for part in self._within:
            page = page[part]
        return page


def open_tiff(path: Path) -> VolumeFile:
    """Open a volume in a TIFF file, memory-mapped, or where it is compressed page by page.

    Raises
    ------
    InputError
        If it is missing, no TIFF file, or no volume of grey values.
    """
    from tifffile import TiffFile

    try:
        with TiffFile(path) as file:
            file.filehandle.set_lock(True)  # the window and workers read pages, and a file has one place it is read at
            return VolumeFile.of(path, _values(path, file), _sides(file))
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; choose the folder of the tomograms where they are now") from error
    except Exception as error:  # any, as the library gives many kinds
        raise InputError(f"{path}: can't be read as TIFF ({error}); write it again, or as MRC") from error


def _values(path: Path, file: "TiffFile") -> Volume:
    first = file.series[0]
    if len(file.series) > 1 and all(each.shape == first.shape and len(each.shape) == 2 for each in file.series):
        return TiffPages(path, [each.pages[0] for each in file.series])  # each page written by itself
    shape = tuple(length for length in first.shape if length > 1)
    if "S" in first.axes or not 2 <= len(shape) <= 3:
        raise InputError(
            f"{path}: holds an image of {first.shape} ({first.axes}), not a volume of grey values; write it as MRC"
        )
    depth, height, width = (1, *shape) if len(shape) == 2 else shape
    if first.dataoffset is None:
        if len(first.pages) != depth:
            raise InputError(f"{path}: is compressed in blocks of several slices; write it again without compression")
        return TiffPages(path, list(first.pages))
    dtype = np.dtype(first.dtype).newbyteorder(file.byteorder)
    stored = np.memmap(path, dtype, "r", first.dataoffset, (depth, height, width))
    return stored if dtype.isnative else ConvertedVolume(stored, dtype.newbyteorder("="))


def _sides(file: "TiffFile") -> Sides | None:
    """Return the sides z, y, x of a voxel in Å that the file says, ``None`` where it says none that can be."""
    found = _of_ome(file.ome_metadata) if file.ome_metadata else _of_resolution(file)
    return found if found is not None and all(PLAUSIBLE[0] <= side <= PLAUSIBLE[1] for side in found) else None


def _of_ome(document: str) -> Sides | None:
    for element in ElementTree.fromstring(document).iter():
        if element.tag.endswith("}Pixels"):
            said = element.attrib
            units = [ANGSTROM.get(said.get(f"PhysicalSize{axis}Unit", "µm").lower(), np.nan) for axis in "ZYX"]
            z, y, x = (
                unit * float(said.get(f"PhysicalSize{axis}", "nan")) for unit, axis in zip(units, "ZYX", strict=True)
            )
            return z, y, x
    return None


def _of_resolution(file: "TiffFile") -> Sides | None:
    """Return what ImageJ writes, or the resolution alone, which says nothing of z."""
    tags, imagej = file.pages.first.tags, file.imagej_metadata or {}
    if "XResolution" not in tags or "YResolution" not in tags:
        return None
    written = str(imagej.get("unit", "")).replace("\\u00B5", "µ").lower()
    unit = ANGSTROM.get(written) or ANGSTROM.get(_RESOLUTION_UNITS.get(int(tags["ResolutionUnit"].value), ""))
    (pixels_x, length_x), (pixels_y, length_y) = tags["XResolution"].value, tags["YResolution"].value
    if unit is None or not (pixels_x and pixels_y):
        return None
    x, y = unit * length_x / pixels_x, unit * length_y / pixels_y
    return unit * float(imagej["spacing"]) if "spacing" in imagej else x, y, x
