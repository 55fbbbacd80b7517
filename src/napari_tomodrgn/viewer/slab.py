"""Averages of neighbouring slices, of which only those that are shown are read."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.mrc_volume import Volume

# a Gaussian exp(-2 π² σ² k²) is 1/2 at k = 1/d where σ = d · √(ln 2 / 2) / π
_SIGMA = float(np.sqrt(np.log(2) / 2) / np.pi)


class SlabVolume:
    """A volume of whose slices each is the average of it and its neighbours; napari takes it like an array.

    What is indexed by a number along an axis is averaged along that axis, from the slices needed and no others. Slices
    of the volume alone give another one of its kind; as an array (a view in 3D) it is the volume as it is.

    Parameters
    ----------
    values
        (Z, Y, X).
    half
        Slices averaged on either side: 2 · half + 1 in all, fewer at the ends.
    low_pass
        Å at which the shown slab keeps half its amplitude; ``None``: all of it.
    pixel_size
        Å per voxel, needed by a low-pass.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self, values: Volume, half: int = 0, low_pass: float | None = None, pixel_size: float | None = None
    ) -> None:
        if half < 0:
            raise InputError(f"slab of ±{half} slices: give 0 (none) or more")
        if low_pass is not None and not (low_pass > 0 and pixel_size):
            raise InputError(f"low-pass of {low_pass:g} Å: needs a number above 0, and a tomogram with a pixel size")
        self.values, self.half, self.low_pass, self.pixel_size = values, half, low_pass, pixel_size

    @property
    def shape(self) -> tuple[int, ...]:
        """(Z, Y, X)."""
        return self.values.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.values.ndim

    @property
    def size(self) -> int:
        """Number of voxels."""
        return self.values.size

    def __getitem__(self, key: Any) -> Any:
        keys = key if isinstance(key, tuple) else (key,)
        if Ellipsis in keys:
            at = keys.index(Ellipsis)
            keys = (*keys[:at], *(slice(None),) * (self.ndim + 1 - len(keys)), *keys[at + 1 :])
        numbers = [axis for axis, each in enumerate(keys) if isinstance(each, int | np.integer)]
        if not numbers:
            step = max(each.step or 1 for each in keys)  # of every 2nd voxel half as many slices are as thick
            pixel_size = self.pixel_size and self.pixel_size * step
            return SlabVolume(self.values[key], round(self.half / step), self.low_pass, pixel_size)
        if len(numbers) > 1:
            return np.asarray(self.values[key], dtype=np.float32)[()]
        (axis,) = numbers
        return self.slab(int(keys[axis]), axis)[tuple(each for row, each in enumerate(keys) if row != axis)]

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.values, dtype=self.dtype if dtype is None else dtype)

    def slab(self, index: int, axis: int = 0) -> npt.NDArray[np.float32]:
        """Return the average image about a slice (counted from the end where negative) along an axis."""
        length = self.shape[axis]
        if not -length <= index < length:
            raise IndexError(f"slice {index} of {length}")
        index %= length
        around = slice(max(index - self.half, 0), index + self.half + 1)
        part = np.asarray(self.values[(*(slice(None),) * axis, around)], dtype=np.float32)
        return low_passed(part.mean(axis=axis), self.low_pass, self.pixel_size)


def low_passed(
    image: npt.NDArray[np.float32], low_pass: float | None, pixel_size: float | None
) -> npt.NDArray[np.float32]:
    """Return an image (h, w) with half its amplitude left at ``low_pass`` Å, by a Gaussian."""
    if low_pass is None or not pixel_size:
        return image
    filtered: npt.NDArray[np.float32] = ndimage.gaussian_filter(image, _SIGMA * low_pass / pixel_size, mode="nearest")
    return filtered
