"""Packed images: what training reads, made once for a set and kept in one memory-mapped file.

The file has a header (4096 bytes: a line of JSON, padded with spaces), the Hartley pairs (M, 2, P) of the M tilt images
divided by one standard deviation, an index (M,) of where each came from with the checksum of its pairs, and the
checksum of header and index. Its name holds a fingerprint of all that its contents depend on; a file that is cut short
or damaged is made again.
"""

import hashlib
import json
import logging
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from napari_tomodrgn.errors import RunError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.options import StoreType
from napari_tomodrgn.training.store import Preprocessing, cores, worked

FORMAT = 1
HEADER = 4096
INDEX = np.dtype([("stack", "<i4"), ("image", "<i4"), ("checksum", "<u4")])
IMAGES_PER_CHECK = 4096
log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class Contents:
    """What a file of packed images holds: of how many images and pairs, in which type, under which fingerprint."""

    images: int
    pairs: int
    dtype: StoreType
    fingerprint: str

    @classmethod
    def of(cls, particle_set: ParticleSet, *, window: bool, dtype: StoreType) -> "Contents":
        """Return what is to be stored of a set."""
        pairs = lattice(particle_set.box).pairs
        return cls(len(particle_set.tilt_images), pairs, dtype, store_fingerprint(particle_set, window, dtype))

    @property
    def name(self) -> str:
        """The file's name."""
        return f"images-{self.fingerprint[:16]}.packed"

    @property
    def data_bytes(self) -> int:
        """Bytes of the pairs alone."""
        return self.images * 2 * self.pairs * np.dtype(self.dtype).itemsize

    @property
    def total_bytes(self) -> int:
        """Bytes of the file."""
        return HEADER + self.data_bytes + self.images * INDEX.itemsize + 4


def store_fingerprint(particle_set: ParticleSet, window: bool, dtype: StoreType) -> str:
    """Return a hash of everything that the packed images of a set depend on.

    These are the images' places in their stacks, size and time of change of every stack, the shifts, and how images are
    preprocessed; poses and CTFs are not among them.
    """
    table = particle_set.tilt_images
    stacks = [_stack_state(particle_set.stacks[number]) for number in np.unique(table["stack"])]
    facts = {
        "format": FORMAT,
        "box": particle_set.box,
        "pixel_size": f"{particle_set.pixel_size:.6g}",
        "window": window,
        "contrast": particle_set.forward_model.contrast,
        "dtype": dtype,
        "stacks": stacks,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    digest.update(table[["stack", "index"]].to_numpy(np.int64).tobytes())
    digest.update((table[["shift_x", "shift_y"]].to_numpy(np.float64).round(4) + 0.0).tobytes())
    return digest.hexdigest()


def _stack_state(path: Path | str | None) -> list[Any]:
    if not path:
        return []  # it is missing, which is said where it is opened
    try:
        state = os.stat(path)
    except OSError:
        return [str(path)]
    return [str(Path(path).resolve()), state.st_size, state.st_mtime_ns]


class PackedImages:
    """Standardised Hartley pairs of all tilt images of a set, in a memory-mapped file."""

    def __init__(self, path: Path, contents: Contents, standard_deviation: float) -> None:
        self.path, self._contents = path, contents
        self.standard_deviation = standard_deviation
        shape = (contents.images, 2, contents.pairs)
        self._pairs = np.memmap(path, np.dtype(contents.dtype), "r", HEADER, shape)

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, rows: Tensor) -> Tensor:
        """Return the pairs (n, 2, P) of the images at ``rows`` (n,), as they are stored, on the CPU."""
        return torch.from_numpy(self._pairs[rows.numpy()])

    @property
    def data_bytes(self) -> int:
        """Bytes of the pairs."""
        return self._contents.data_bytes

    def everything(self) -> Tensor:
        """Return the pairs (M, 2, P) of all images, as they are stored, in memory."""
        return torch.from_numpy(np.array(self._pairs))


def open_packed(
    particle_set: ParticleSet,
    folder: Path,
    *,
    window: bool = True,
    dtype: StoreType = "float16",
    workers: int = 0,
    stop: StopRequest | None = None,
) -> PackedImages:
    """Open the packed images of a set, and make them first where they are not there, or damaged.

    Any number of processes may do so at once: each makes a file of its own, and the last to finish leaves it.

    Parameters
    ----------
    folder
        Where packed images are kept.
    window
        Whether images are multiplied by a soft circle.
    dtype
        What the pairs are stored in.
    workers
        Threads that read, transform and check; 0 is one a core.
    stop
        Looked at between reads.

    Raises
    ------
    InputError
        Where a stack is missing, truncated or holds NaN, all images are 0, or the folder may not be written.
    RunError
        Where the disk is full; what was there before is still there.
    InterruptedWorkError
        Where a stop was asked for.
    """
    contents = Contents.of(particle_set, window=window, dtype=dtype)
    path, workers = folder / contents.name, workers or cores()
    if path.exists():
        try:
            deviation = _checked(path, contents, workers, stop)
        except _DamagedError as error:
            log.warning("%s: %s, so it is made again", path, error)
        else:
            log.info("%s: holds the images as they are needed", path)
            return PackedImages(path, contents, deviation)
    deviation = _pack(particle_set, path, contents, window, workers, stop)
    return PackedImages(path, contents, deviation)


def _pack(
    particle_set: ParticleSet, path: Path, contents: Contents, window: bool, workers: int, stop: StopRequest | None
) -> float:
    """Write the packed images and return the standard deviation that they are divided by."""
    preprocessing = Preprocessing(particle_set, window=window)
    deviation = preprocessing.standard_deviation(workers, stop)
    index = np.empty(contents.images, INDEX)
    index["stack"], index["image"] = particle_set.tilt_images[["stack", "index"]].to_numpy().T

    def packed(rows: npt.NDArray[np.int64]) -> bytes:
        pairs = (preprocessing(rows) / deviation).numpy().astype(contents.dtype)
        index["checksum"][rows] = [zlib.crc32(each) for each in pairs]
        return pairs.tobytes()

    header = _header(contents, deviation)
    with atomic_open(path, "wb") as stream:
        stream.write(header)
        for block in worked(packed, preprocessing.blocks(np.arange(contents.images)), workers, "packing images", stop):
            stream.write(block)
        stream.write(index.tobytes())
        stream.write(zlib.crc32(index.tobytes(), zlib.crc32(header)).to_bytes(4, "little"))
    return deviation


def _header(contents: Contents, deviation: float) -> bytes:
    facts = {"format": FORMAT, **vars(contents), "standard_deviation": deviation}
    return json.dumps(facts).encode().ljust(HEADER - 1) + b"\n"


class _DamagedError(Exception):
    """A file of packed images is not what was written."""


def _checked(path: Path, contents: Contents, workers: int, stop: StopRequest | None) -> float:
    """Return the standard deviation that a file's images are divided by; every byte of the file is looked at."""
    try:
        with open(path, "rb") as stream:
            header = stream.read(HEADER)
            if os.fstat(stream.fileno()).st_size != contents.total_bytes:
                raise _DamagedError("is not of the size that it should be")
            stream.seek(HEADER + contents.data_bytes)
            tail = stream.read()
    except OSError as error:
        raise RunError(f"{path}: can't be read ({error.strerror}); remove it, or choose another --store-dir") from error
    if zlib.crc32(tail[:-4], zlib.crc32(header)) != int.from_bytes(tail[-4:], "little"):
        raise _DamagedError("has a damaged header or index")
    deviation = float(json.loads(header)["standard_deviation"])
    if _header(contents, deviation) != header:
        raise _DamagedError("is of other images, or of another version")
    index = np.frombuffer(tail[:-4], INDEX)
    pairs = np.memmap(path, np.dtype(contents.dtype), "r", HEADER, (contents.images, 2 * contents.pairs))

    def damaged(begin: int) -> list[int]:
        rows = range(begin, min(begin + IMAGES_PER_CHECK, contents.images))
        return [row for row in rows if zlib.crc32(pairs[row]) != index["checksum"][row]]

    for rows in worked(damaged, list(range(0, contents.images, IMAGES_PER_CHECK)), workers, "checking images", stop):
        if rows:
            raise _DamagedError(f"has a damaged image ({rows[0] + 1} of {contents.images})")
    return deviation
