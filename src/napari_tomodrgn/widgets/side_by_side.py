"""Pictures beside one another, each with what it is below it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.widgets.volume_view import image_of

GAP = 4


class SideBySide(QWidget):
    """Pictures of the same place; one that is not there is written instead."""

    def __init__(self, captions: tuple[str, ...], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.captions = captions
        self.pictures: list[QImage | None] = [None] * len(captions)
        self.instead = [""] * len(captions)
        self.setMinimumHeight(110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_picture(self, number: int, picture: npt.NDArray[np.uint8] | None, instead: str = "") -> None:
        """Show a picture (h, w), or a word instead of it."""
        self.pictures[number] = None if picture is None else image_of(np.ascontiguousarray(picture))
        self.instead[number] = instead
        self.update()

    def paintEvent(self, _event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the pictures in a row, as large as fits."""
        painter = QPainter(self)
        line = painter.fontMetrics().height()
        count = len(self.captions)
        width = (self.width() - GAP * (count - 1)) // count
        side = max(min(width, self.height() - line - 2), 8)
        for number, caption in enumerate(self.captions):
            left = number * (width + GAP)
            place = QRect(left + (width - side) // 2, 0, side, side)
            picture = self.pictures[number]
            if picture is None:
                painter.fillRect(place, QColor("#2a2e35"))
                painter.setPen(QColor(190, 190, 190))
                wrapped = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
                painter.drawText(place.adjusted(4, 4, -4, -4), wrapped, self.instead[number])
            else:
                painter.drawImage(place, picture)
            painter.setPen(self.palette().windowText().color())
            painter.drawText(QRect(left, side, width, line + 2), Qt.AlignmentFlag.AlignCenter, caption)
        painter.end()
