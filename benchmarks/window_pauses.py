"""How long a window does not answer: the pauses of its event loop."""

import time

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

TICK_MS = 5


class Pauses:
    """Times between the ticks of a timer in the window's thread, while work is under way.

    Whatever keeps the loop busy, drawing included, shows as a tick that comes late.
    """

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self._last)
        self._last = now

    def __enter__(self) -> "Pauses":
        self._last = time.perf_counter()
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        QApplication.processEvents()  # what was asked for last is drawn
        self._tick()
        self._timer.stop()

    @property
    def longest_ms(self) -> float:
        """The longest pause."""
        return max(self.seconds) * 1e3

    def share_above(self, milliseconds: float) -> float:
        """Return how much of the time fell into pauses longer than that."""
        return sum(each for each in self.seconds if each * 1e3 > milliseconds) / sum(self.seconds)
