"""Long work beside the window: results come as they are made, and it can be cut off."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from qtpy.QtCore import QObject, QTimer

from napari_tomodrgn.errors import InputError, RunError

POLL_MS = 15
AT_ONCE_SECONDS = 0.02  # that the window is kept from drawing by results that wait


class Work(QObject):
    """A thread that makes results one after the other, which are taken in the window's own thread.

    Parameters
    ----------
    make
        Returns what yields the results; runs in the thread.
    take
        Is given each result.
    ended
        Is told how it ended: ``None`` where all was made or it was cut off, else the sentence of what went wrong.
    """

    def __init__(
        self,
        make: Callable[[], Iterator[Any]],
        take: Callable[[Any], None],
        ended: Callable[[str | None], None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._take, self._ended = take, ended
        self._cancelled = threading.Event()
        self._results: queue.Queue[Any] = queue.Queue(maxsize=64)
        self._timer = QTimer(self)
        self._timer.setInterval(POLL_MS)
        self._timer.timeout.connect(self._drain)
        self._thread = threading.Thread(target=self._run, args=(make,), daemon=True)
        self.running = True
        self.destroyed.connect(self._cancelled.set)  # or the thread would wait for ever for results to be taken
        self._thread.start()
        self._timer.start()

    def _run(self, make: Callable[[], Iterator[Any]]) -> None:
        message: str | None = None
        try:
            for result in make():
                while not self._cancelled.is_set():
                    try:
                        self._results.put(("result", result), timeout=0.1)
                        break
                    except queue.Full:
                        continue
                if self._cancelled.is_set():
                    return
        except (InputError, RunError) as error:
            message = str(error)
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost, and the window wait for ever
            message = f"{type(error).__name__}: {error}"
        while not self._cancelled.is_set():
            try:
                self._results.put(("end", message), timeout=0.1)
                return
            except queue.Full:
                continue

    def _drain(self) -> None:
        until = time.monotonic() + AT_ONCE_SECONDS
        while time.monotonic() < until:
            try:
                kind, value = self._results.get_nowait()
            except queue.Empty:
                return
            if kind == "end":
                self._stop(value)
                return
            self._take(value)
            if not self.running:
                return

    def cancel(self, message: str | None = None) -> None:
        """Cut the work off, for a reason if there is one; what was made is kept, and no more is taken."""
        if self.running:
            self._cancelled.set()
            self._stop(message)

    def _stop(self, message: str | None) -> None:
        self.running = False
        self._timer.stop()
        self._ended(message)

    def wait(self, seconds: float = 10.0) -> None:
        """Wait until the thread has ended, as a window does that closes."""
        self._cancelled.set()
        self._thread.join(seconds)
