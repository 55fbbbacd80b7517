"""MRC files whose bytes depend on their content alone: no date in the header."""

from collections.abc import Iterable
from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt

from napari_tomodrgn.files import atomic_path

_LABEL = b"napari-tomodrgn simulate"


def write_stack(path: Path, images: Iterable[npt.NDArray[np.float32]], count: int, box: int, pixel_size: float) -> None:
    """Write ``count`` images of ``box`` pixels as a float32 stack, from blocks (n, D, D) as they come."""
    with atomic_path(path) as temporary, mrcfile.new_mmap(temporary, (count, box, box), mrc_mode=2) as stream:
        _describe(stream, pixel_size)
        stream.set_image_stack()
        begin = 0
        for block in images:
            stream.data[begin : begin + len(block)] = block
            begin += len(block)


def write_volume(path: Path, values: npt.NDArray[np.float32], pixel_size: float) -> None:
    """Write a map or tomogram, axes z, y, x, as float32."""
    with atomic_path(path) as temporary, mrcfile.new(temporary) as stream:
        stream.set_data(np.ascontiguousarray(values, dtype=np.float32))
        _describe(stream, pixel_size)


def _describe(stream: mrcfile.mrcfile.MrcFile, pixel_size: float) -> None:
    stream.voxel_size = pixel_size
    stream.header.label[:] = b""
    stream.header.label[0] = _LABEL
    stream.header.nlabl = 1
