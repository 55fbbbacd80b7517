"""Many particles as their tomograms show them, side by side: a click looks at one."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QRect, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_tomodrgn.viewer.colouring import Colour
from napari_tomodrgn.widgets.class_model import to_qcolor
from napari_tomodrgn.widgets.volume_view import image_of

MOST = 50
GAP = 3
BACKGROUND, NOTHING, CURRENT = QColor("#191c21"), QColor("#2a2e35"), QColor("white")


class CutoutSheet(QWidget):
    """At most 50 pictures in a grid that fills the widget; a frame shows which one is looked at, a bar its mark.

    Signals
    -------
    picked
        The number of the picture that was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumHeight(120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMouseTracking(True)
        self.names: list[str] = []
        self.pictures: list[QImage | None] = []
        self.bars: list[Colour | None] = []
        self.current = -1

    def begin(self, names: list[str]) -> None:
        """Make room for pictures, by their names, which come one after the other."""
        self.names = names[:MOST]
        self.pictures = [None] * len(self.names)
        self.bars = [None] * len(self.names)
        self.update()

    def show_picture(self, number: int, picture: npt.NDArray[np.uint8]) -> None:
        """Show a picture (h, w)."""
        self.pictures[number] = image_of(np.ascontiguousarray(picture))
        self.update(self.place_of(number))

    def show_marks(self, bars: list[Colour | None], current: int) -> None:
        """Show the marks' colours, and which picture is looked at."""
        self.bars, self.current = bars, current
        self.update()

    def _grid(self) -> tuple[int, int]:
        """Return the columns and the side of a picture that fill the widget best."""
        count = max(len(self.names), 1)
        best = (1, 0)
        for columns in range(1, count + 1):
            lines = -(-count // columns)
            side = min((self.width() - GAP) // columns, (self.height() - GAP) // lines) - GAP
            if side > best[1]:
                best = (columns, side)
        return best[0], max(best[1], 8)

    def place_of(self, number: int) -> QRect:
        """Return where a picture is."""
        columns, side = self._grid()
        line, column = divmod(number, columns)
        return QRect(GAP + column * (side + GAP), GAP + line * (side + GAP), side, side)

    def number_at(self, x: float, y: float) -> int:
        """Return the number of the picture at a place, -1 where there is none."""
        return next((each for each in range(len(self.names)) if self.place_of(each).contains(int(x), int(y))), -1)

    def paintEvent(self, _event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the pictures that are there."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), BACKGROUND)
        for number, picture in enumerate(self.pictures):
            place = self.place_of(number)
            if picture is None:
                painter.fillRect(place, NOTHING)
            else:
                painter.drawImage(place, picture)
            bar = self.bars[number]
            if bar is not None:
                painter.fillRect(QRect(place.left(), place.bottom() - 4, place.width(), 5), to_qcolor(bar))
            if number == self.current:
                painter.setPen(CURRENT)
                painter.drawRect(place.adjusted(-2, -2, 1, 1))
                painter.drawRect(place.adjusted(-1, -1, 0, 0))
        painter.end()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell which picture was clicked."""
        number = self.number_at(event.position().x(), event.position().y())
        if number >= 0 and event.button() == Qt.MouseButton.LeftButton:
            self.picked.emit(number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Name the particle below the mouse."""
        number = self.number_at(event.position().x(), event.position().y())
        QToolTip.showText(event.globalPosition().toPoint(), self.names[number] if number >= 0 else "", self)
