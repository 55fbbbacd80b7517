"""A map that volumes are compared with, on their grid."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.fft

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import read_map

SAME_EXTENT = 0.01  # share by which two boxes may differ in Å


def reference_map(path: Path, box: int, pixel_size: float, *, is_mask: bool = False) -> npt.NDArray[np.float32]:
    """Return a map cropped in Fourier space to the box of the volumes, which has to be of the same extent in Å.

    Raises
    ------
    InputError
        Where it can't be read, or is of another extent, or smaller in voxels; where it is no mask and shows nothing.
    """
    found = read_map(path)
    own = found.pixel_size or pixel_size * box / found.box
    extent, wanted = found.box * own, box * pixel_size
    if abs(extent - wanted) > SAME_EXTENT * wanted or found.box < box:
        raise InputError(
            f"{path}: is {found.box} voxels of {own:.4g} Å, and the volumes are {box} voxels of {pixel_size:.4g} Å; "
            "pad, crop or resample it to the same extent"
        )
    if not is_mask and not np.ptp(found.values):
        raise InputError(f"{path}: has the same value in every voxel; give a map of something")
    return found.values if found.box == box else fourier_cropped(found.values, box)


def fourier_cropped(values: npt.NDArray[np.float32], box: int) -> npt.NDArray[np.float32]:
    """Return a map (D, D, D) on a coarser grid of the same extent (box, box, box); voxel D/2 stays the centre."""
    size = len(values)
    spectrum = scipy.fft.fftshift(scipy.fft.fftn(scipy.fft.ifftshift(values.astype(np.float64))))
    begin = (size - box) // 2
    cut = np.s_[begin : begin + box]
    small = scipy.fft.fftshift(scipy.fft.ifftn(scipy.fft.ifftshift(spectrum[cut, cut, cut])).real)
    cropped: npt.NDArray[np.float32] = (small * (box / size) ** 3).astype(np.float32)
    return cropped
