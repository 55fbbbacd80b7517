"""Averages of neighbouring slices, of which only those that are shown are read."""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from scipy import ndimage

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.mrc_volume import Volume

# a Gaussian exp(-2 π² σ² k²) is 1/2 at k = 1/d where σ = d · √(ln 2 / 2) / π
_SIGMA = float(np.sqrt(np.log(2) / 2) / np.pi)
AT_ONCE = 12_000_000  # operations on voxels, of a nanosecond or two each, that a window may be kept waiting by
_KEPT = 8  # averages, so that going back and forth is quick
_SHOWN_TOGETHER = 2  # what the window shows of a volume that is drawn by levels, and its thumbnail

Image = npt.NDArray[np.float32]
Part = tuple[object, tuple[range, ...]]  # what a whole volume is known by, and which of its voxels
Key = tuple[Part, int, int]  # along which axis, which slice
Make = Callable[[], Image]


class Averages:
    """Averages of a volume's slices that take long: which are wanted, and those that were made.

    Signals
    -------
    asked
        One is wanted that is not there; whoever hears it makes what :attr:`wanted` holds, beside the window, and gives
        it to :meth:`put`. Where nobody listens, averages are made at once.
    """

    asked = Signal()

    def __init__(self) -> None:
        self._made: dict[Key, Image] = {}
        self._wanted: dict[Key, Make] = {}

    @property
    def wanted(self) -> list[tuple[Key, Make]]:
        """What is waited for, and what makes it."""
        return list(self._wanted.items())

    def get(self, key: Key) -> Image | None:
        """Return an average that was made."""
        return self._made.get(key)

    def can_wait(self) -> bool:
        """Return whether somebody makes averages while the slice is shown as it is."""
        return len(self.asked) > 0 and threading.current_thread() is threading.main_thread()

    def want(self, key: Key, make: Make) -> None:
        """Ask for an average; what was wanted of slices that were left is not, any more."""
        self._wanted.pop(key, None)
        self._wanted[key] = make
        for stale in list(self._wanted)[:-_SHOWN_TOGETHER]:
            del self._wanted[stale]
        self.asked.emit()

    def clear(self) -> None:
        """Forget all: another volume is looked at."""
        self._made, self._wanted = {}, {}

    def put(self, key: Key, image: Image) -> bool:
        """Take an average that was made, and return whether it is still wanted."""
        if self._wanted.pop(key, None) is None:
            return False
        self._made[key] = image
        for oldest in list(self._made)[:-_KEPT]:
            del self._made[oldest]
        return True


class SlabVolume:
    """A volume of whose slices each is the average of it and its neighbours; napari takes it like an array.

    What is indexed by a number along an axis is averaged along that axis, from the slices needed and no others. Slices
    of the volume alone give another one of its kind; as an array (a view in 3D) it is the volume as it is. napari's
    layer needs ``projection_mode="none"``, as it takes a slice of the volume in place of a number otherwise.

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
    averages
        Where those are kept that take long; ``None``: all are made at once.
    part
        Which voxels of which whole volume these are; ``None``: they are whole.
    """

    dtype = np.dtype(np.float32)

    def __init__(
        self,
        values: Volume,
        half: int = 0,
        low_pass: float | None = None,
        pixel_size: float | None = None,
        averages: Averages | None = None,
        part: Part | None = None,
    ) -> None:
        if half < 0:
            raise InputError(f"slab of ±{half} slices: give 0 (none) or more")
        if low_pass is not None and not (low_pass > 0 and pixel_size):
            raise InputError(f"low-pass of {low_pass:g} Å: needs a number above 0, and a tomogram with a pixel size")
        self.values, self.half, self.low_pass, self.pixel_size = values, half, low_pass, pixel_size
        self._averages = averages
        self._part: Part = part or (object(), tuple(range(length) for length in values.shape))

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
            return self._cut((*keys, *(slice(None),) * (self.ndim - len(keys))))
        if len(numbers) > 1:
            return np.asarray(self.values[key], dtype=np.float32)[()]
        (axis,) = numbers
        return self.slab(int(keys[axis]), axis)[tuple(each for row, each in enumerate(keys) if row != axis)]

    def _cut(self, keys: tuple[slice, ...]) -> "SlabVolume":
        step = max(each.step or 1 for each in keys)  # of every 2nd voxel half as many slices are as thick
        pixel_size = self.pixel_size and self.pixel_size * step
        whole, voxels = self._part
        part = (whole, tuple(along[each] for along, each in zip(voxels, keys, strict=True)))
        return SlabVolume(self.values[keys], round(self.half / step), self.low_pass, pixel_size, self._averages, part)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.asarray(self.values, dtype=self.dtype if dtype is None else dtype)

    def slab(self, index: int, axis: int = 0) -> Image:
        """Return the average image about a slice (counted from the end where negative) along an axis.

        Where it takes long and somebody makes it meanwhile, the slice as it is.
        """
        length = self.shape[axis]
        if not -length <= index < length:
            raise IndexError(f"slice {index} of {length}")
        index %= length
        if self._averages is None:
            return self.average(index, axis)
        key = (self._part, axis, index)
        made = self._averages.get(key)
        if made is not None:
            return made
        if self.operations(axis) <= AT_ONCE or not self._averages.can_wait():
            return self.average(index, axis)
        self._averages.want(key, partial(self.average, index, axis))
        return np.asarray(self.values[(*(slice(None),) * axis, index)], dtype=np.float32)

    def operations(self, axis: int) -> int:
        """Return about how many operations an average along an axis takes."""
        pixels = self.size // max(self.shape[axis], 1)
        taps = 8 * _SIGMA * self.low_pass / self.pixel_size if self.low_pass and self.pixel_size else 0
        return int(pixels * (2 * self.half + 1 + taps))

    def average(self, index: int, axis: int) -> Image:
        """Return the average image about a slice along an axis, low-passed."""
        around = slice(max(index - self.half, 0), index + self.half + 1)
        part = np.asarray(self.values[(*(slice(None),) * axis, around)], dtype=np.float32)
        return low_passed(part.mean(axis=axis), self.low_pass, self.pixel_size)


def low_passed(image: Image, low_pass: float | None, pixel_size: float | None) -> Image:
    """Return an image (h, w) with half its amplitude left at ``low_pass`` Å, by a Gaussian."""
    if low_pass is None or not pixel_size:
        return image
    filtered: Image = ndimage.gaussian_filter(image, _SIGMA * low_pass / pixel_size, mode="nearest")
    return filtered
