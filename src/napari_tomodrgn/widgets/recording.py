"""A movie of the window: pictures are taken in the window's own thread, one at a time, and written in another."""

import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_tomodrgn.figures.movie import Picture, write_movie
from napari_tomodrgn.widgets.work import Work

PAUSE_MS = 10  # between pictures, in which the window is free
WAITING = 4  # pictures at most that are not written yet


class GivenUpError(Exception):
    """No more pictures come."""


class Recording(QObject):
    """Takes pictures and writes them, until all are there or it is cut off.

    Parameters
    ----------
    path, count, fps
        The file, how many pictures, and how many of them a second.
    take
        Returns the picture of a number from 0.
    taken
        Is told how many were written.
    ended
        Is told how it ended: ``None`` where all was written or it was cut off, else the sentence of what went wrong.
    """

    def __init__(
        self,
        path: Path,
        count: int,
        fps: int,
        take: Callable[[int], Picture],
        taken: Callable[[Any], None],
        ended: Callable[[str | None], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._path, self._count, self._fps, self._take, self._ended = path, count, fps, take, ended
        self._next = 0
        self._frames: queue.Queue[Picture] = queue.Queue(WAITING)
        self._given_up = threading.Event()
        self.destroyed.connect(self._given_up.set)
        self._work = Work(self._write, taken, self._stop, self)
        self._timer = QTimer(self)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self._go_on)
        self._timer.start()

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self._work.running

    def _write(self) -> Iterator[int]:
        return write_movie(self._path, self._coming(), self._fps)

    def _coming(self) -> Iterator[Picture]:
        for _ in range(self._count):
            while True:
                if self._given_up.is_set():
                    raise GivenUpError
                try:
                    frame = self._frames.get(timeout=0.1)
                    break
                except queue.Empty:
                    continue
            yield frame

    def _go_on(self) -> None:
        if self._frames.full():
            return
        try:
            frame = self._take(self._next)
        except TimeoutError as error:  # napari waited too long for a layer
            self.cancel(str(error))
            return
        self._frames.put(frame)
        self._next += 1
        if self._next == self._count:
            self._timer.stop()

    def cancel(self, message: str | None = None) -> None:
        """Cut it off, for a reason if there is one; nothing is left of the file."""
        self._given_up.set()
        self._work.cancel(message)

    def _stop(self, message: str | None) -> None:
        self._timer.stop()
        self._ended(message)

    def wait(self) -> None:
        """Wait until nothing is written any more."""
        self._work.wait()
