"""Headers of MRC stacks, read permissively: missing ``MAP ``, machine stamp 0, big-endian, extended headers."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import is_model_file

HEADER_BYTES = 1024
DTYPES = {0: "i1", 1: "i2", 2: "f4", 6: "u2", 12: "f2"}
IMOD_STAMP, IMOD_SIGNED_BYTES = 1146047817, 1  # words 39 and 40 (bit 0) of what IMOD writes


@dataclass(frozen=True)
class MrcHeader:
    """What is needed to find the images of a stack, or the voxels of a map.

    Attributes
    ----------
    shape
        (images, rows, columns), of a map (sections, rows, columns).
    dtype
        Of a value, with the file's byte order.
    offset
        Of the first image, in bytes.
    words
        (256,) int32, the header in the file's byte order.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[np.generic]
    offset: int
    words: npt.NDArray[np.int32]

    @property
    def image_bytes(self) -> int:
        """Bytes of one image."""
        return self.shape[1] * self.shape[2] * self.dtype.itemsize

    @property
    def axes(self) -> tuple[int, int, int]:
        """Which axis (1 is x, 2 y, 3 z) sections, rows and columns run along, as written; all 0 in old files."""
        column, row, section = (int(axis) for axis in self.words[16:19])
        return section, row, column

    @property
    def voxel_sides(self) -> tuple[float, float, float] | None:
        """Sides z, y, x of a voxel in Å, ``None`` where the header has none that could be."""
        counts = self.words[7:10].astype(np.float64)
        lengths = self.words[10:13].view(f"{self.words.dtype.byteorder}f4").astype(np.float64)
        if not (np.isfinite(lengths).all() and (lengths > 0).all() and (counts > 0).all()):
            return None
        x, y, z = (lengths / counts).tolist()
        return z, y, x

    @property
    def origin(self) -> tuple[float, float, float]:
        """Where voxel (0, 0, 0) stands, x, y, z in Å, as written; 0 where that is no number."""
        x, y, z = self.words[49:52].view(f"{self.words.dtype.byteorder}f4").astype(np.float64).tolist()
        return (x, y, z) if np.isfinite([x, y, z]).all() else (0.0, 0.0, 0.0)


def read_header(path: Path | str) -> MrcHeader:
    """Read the header of a stack and hold the file's size against it; raises one sentence on anything unreadable."""
    try:
        with open(path, "rb") as stream:
            raw = stream.read(HEADER_BYTES)
            size = os.fstat(stream.fileno()).st_size
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; give an MRC file") from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from error
    if is_model_file(path):
        raise InputError(
            f"{path}: is an atomic model, where a map (.mrc) is needed; `fit` lays a model into a map and says how "
            "well they agree, `inspect`, `occupancy`, `traverse` and `simulate` take it with --model, and `molmap` of "
            "ChimeraX makes a map of it on your map's grid"
        )
    if len(raw) < HEADER_BYTES:
        raise InputError(f"{path}: is truncated: {size} bytes, less than the {HEADER_BYTES} of an MRC header")
    for order in "<>":
        words = np.frombuffer(raw, dtype=f"{order}i4")
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
    kind = DTYPES[mode]
    if mode == 0 and words[38] == IMOD_STAMP and not words[39] & IMOD_SIGNED_BYTES:
        kind = "u1"
    header = MrcHeader((images, rows, columns), np.dtype(f"{order}{kind}"), HEADER_BYTES + int(words[23]), words)
    expected = header.offset + images * header.image_bytes
    if size < expected:
        raise InputError(
            f"{path}: is truncated: {size} bytes, but its header promises {expected} "
            f"({images} images of {rows} x {columns}); copy or extract it again"
        )
    return header
