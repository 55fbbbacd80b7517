"""Arrays on the disk that can be made again: kept while there is room, never trusted, never needed."""

import logging
import os
import time
import zlib
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import atomic_open

MOST_BYTES = 2 << 30
AFTER_CLEANING = 0.9  # of the most: so that not every file that is added has another one removed
_ABANDONED = 3600.0  # seconds after which an unfinished file is that of a process that was killed
_KEY = "key"
log = logging.getLogger("napari_tomodrgn")


def cache_folder() -> Path:
    """Return the folder for what can be made again, where the system keeps such things (XDG_CACHE_HOME on Linux)."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-tomodrgn", appauthor=False) / "volumes"


class ArrayCache:
    """Named arrays by a key that says all they depend on; the ones not used for longest go when it gets too large.

    A file that is damaged, or that another key's took the name of, counts as absent and is removed. Where the folder
    can't be written any more (full, read-only), it is only read from then on.

    Parameters
    ----------
    folder
        Made when the first arrays are kept.
    most_bytes
        How large it may get.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self.folder, self.most_bytes = folder, most_bytes
        self.writable = True
        self._bytes: int | None = None

    def path(self, key: str) -> Path:
        """Return the file of a key."""
        return self.folder / f"{sha256(key.encode()).hexdigest()[:40]}.npz"

    def get(self, key: str) -> dict[str, npt.NDArray[Any]] | None:
        """Return the arrays kept under a key, ``None`` where there are none."""
        path = self.path(key)
        try:
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            if str(arrays.pop(_KEY)) != key:
                raise ValueError("the file of another key")
        except FileNotFoundError:
            return None
        except (OSError, EOFError, BadZipFile, zlib.error, ValueError, KeyError, TypeError, NotImplementedError):
            self.forget(key)
            return None
        with suppress(OSError):
            os.utime(path)  # used now
        return arrays

    def put(self, key: str, **arrays: npt.NDArray[Any]) -> None:
        """Keep arrays under a key; where that fails, it is said once in the log."""
        if not self.writable:
            return
        path = self.path(key)
        try:
            with atomic_open(path, "wb") as stream:
                np.savez(stream, allow_pickle=False, **{_KEY: np.array(key)}, **arrays)
            self._count(path.stat().st_size)
        except (InputError, RunError, OSError) as error:
            self.writable = False
            log.warning("Volumes are not kept for the next time: %s", error)

    def forget(self, key: str) -> None:
        """Remove what is kept under a key."""
        with suppress(OSError):
            self.path(key).unlink()

    def _count(self, added: int) -> None:
        """Take note of bytes that were added, and make room."""
        self._bytes = self._size() if self._bytes is None else self._bytes + added
        if self._bytes > self.most_bytes:
            self._clean()

    def _entries(self) -> list[tuple[float, int, Path]]:
        """Return when each file was used last, its size and path; others may remove files meanwhile."""
        found = []
        for path in self.folder.glob("*.npz"):
            with suppress(OSError):
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        return found

    def _size(self) -> int:
        return sum(size for _, size, _ in self._entries())

    def _clean(self) -> None:
        entries = self._entries()
        total = sum(size for _, size, _ in entries)
        for used, size, path in sorted(entries):
            unfinished = path.name.startswith(".")
            if unfinished and time.time() - used < _ABANDONED:
                continue
            if unfinished or total > AFTER_CLEANING * self.most_bytes:
                with suppress(OSError):
                    path.unlink()
                    total -= size
        self._bytes = total
