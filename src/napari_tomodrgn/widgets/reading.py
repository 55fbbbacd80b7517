"""Reading files beside the window: what is read, that it goes on, and a button that ends it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QWidget

from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.widgets.work import Work


class Reading(QWidget):
    """A line that is seen while something is read; one thing at a time: another takes the place of the first."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.work: Work | None = None
        self.what = QLabel()
        self.what.setTextFormat(Qt.TextFormat.PlainText)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)  # how long it takes is not known
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.clicked.connect(self.cancel)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.what, self.bar, self.cancel_button):
            row.addWidget(part)
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether something is being read."""
        return self.work is not None and self.work.running

    def read(self, what: str, make: Callable[[], Any], take: Callable[[Any], None]) -> None:
        """Read something in a thread; what comes is taken in the window's own, what goes wrong is said.

        Parameters
        ----------
        what
            What it is called.
        make
            Reads it.
        take
            Is given what was read, unless another thing was asked for meanwhile.
        """
        self.cancel()
        self.what.setText(f"reading {what}")
        self.show()
        self.work = Work(partial(_one, make), take, self._ended, self)

    def cancel(self) -> None:
        """Take nothing of what is being read."""
        if self.work is not None:
            self.work.cancel()

    def _ended(self, message: str | None) -> None:
        self.hide()
        if self.work is not None:
            self.work.deleteLater()
            self.work = None
        if message is not None:
            show_error(message)


def _one(make: Callable[[], Any]) -> Iterator[Any]:
    yield make()
