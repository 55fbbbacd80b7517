"""Headers of MRC stacks, read permissively: missing ``MAP ``, machine stamp 0, big-endian, extended headers."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError

HEADER_BYTES = 1024
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}


@dataclass(frozen=True)
class MrcHeader:
    """What is needed to find the images of a stack: (images, rows, columns), numpy dtype, offset of the first image."""

    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    offset: int

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize


def read_header(path: Path | str) -> MrcHeader:
    """Read the header of a stack and hold the file's size against it; raises one sentence on anything unreadable."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(HEADER_BYTES)
            size = os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from error
    if len(raw) < HEADER_BYTES:
        raise InputError(f"{path}: is truncated: {size} bytes, less than the {HEADER_BYTES} of an MRC header")
    for order in "<>":
        words = np.frombuffer(raw, dtype=f"{order}i4", count=24)
        columns, rows, images, mode = (int(each) for each in words[:4])
        if 0 <= mode < 128 and 0 < columns < 1 << 20 and 0 < rows < 1 << 20 and images > 0 and words[23] >= 0:
            break
    else:
        raise InputError(f"{path}: is not an MRC stack (its header gives no possible size); was it written whole?")
    if mode not in DTYPES:
        known = ", ".join(map(str, DTYPES))
        raise InputError(
            f"{path}: has MRC mode {mode}, this program reads modes {known}; convert it to float32 (mode 2)"
        )
    header = MrcHeader((images, rows, columns), np.dtype(f"{order}{DTYPES[mode]}"), HEADER_BYTES + int(words[23]))
    expected = header.offset + images * header.image_bytes
    if size < expected:
        raise InputError(
            f"{path}: is truncated: {size} bytes, but its header promises {expected} "
            f"({images} images of {rows} x {columns}); copy or extract it again"
        )
    return header
