"""Averages of slices that take long, made beside the window once the slider rests."""

from collections.abc import Iterator
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal

from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.work import Work

REST_MS = 60  # after the last slice that was asked for


class SlabWork(QObject):
    """Makes the averages that the tomogram's layer waits for.

    Signals
    -------
    busy
        Whether one is being made.
    """

    busy = Signal(bool)

    def __init__(self, tomograms: TomogramLayers, parent: QObject) -> None:
        super().__init__(parent)
        self.tomograms = tomograms
        self.work: Work | None = None
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._make)
        follow_at_once(self, tomograms.averages.asked, self._rest_a_while)

    def _rest_a_while(self) -> None:
        self._rest.start()

    def _make(self) -> None:
        self.cancel()
        wanted = self.tomograms.averages.wanted
        if not wanted:
            return

        def make() -> Iterator[Any]:
            for key, average in wanted:
                yield key, average()

        self.busy.emit(True)
        self.work = Work(make, self._take, self._ended, self)

    def _take(self, made: Any) -> None:
        self.tomograms.take_average(*made)

    def _ended(self, message: str | None) -> None:
        self.busy.emit(False)
        if message is not None:
            show_error(message)

    def cancel(self) -> None:
        """Take no more of what is being made."""
        if self.work is not None:
            self.work.cancel()
            self.work.deleteLater()
            self.work = None
