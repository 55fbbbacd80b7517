"""The maps of a validation as slices, each row with the words where its map comes from."""

from typing import Any

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.analysis.validation.maps import FloatMap
from napari_tomodrgn.analysis.validation.stored import StoredValidation
from napari_tomodrgn.figures.shaded import BACKGROUND, Picture
from napari_tomodrgn.viewer.tilt_sheet import slices
from napari_tomodrgn.viewer.volume_picture import LESS, MORE
from napari_tomodrgn.widgets.contact_sheet import FAINT, TEXT
from napari_tomodrgn.widgets.volume_view import image_of

GAP = 4
PARTS = ("slice z", "slice y", "slice x", "difference")
HINT = "Validate particles, or choose an earlier validation"


class ValidationMaps(QWidget):
    """Central slices of each way's map of the selection, and the projection of its difference to the others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("validation maps")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 150)
        self.setToolTip(
            "Difference: of the selection to the others, masked, low-passed, along z; blue is more, orange is less.\n"
            "Each map has greys and colours of its own; how much of the VAE's the images show is a page further."
        )
        self.message = HINT
        self.rows: list[tuple[str, list[QPixmap]]] = []

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows twelve slices well."""
        return QSize(440, 360)

    def show_validation(self, found: StoredValidation | None, message: str = HINT) -> None:
        """Show the maps of a validation, or a message."""
        self.message, self.rows = message, []
        if found is not None:
            for each in found.maps:
                pictures = [*slices(each.values), coloured(each.difference.sum(axis=0)[::-1])]
                self.rows.append((each.origin, [QPixmap.fromImage(image_of(picture)) for picture in pictures]))
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw all maps, or the message."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor.fromRgbF(*BACKGROUND))
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(TEXT)
        centred = Qt.AlignmentFlag.AlignCenter
        if not self.rows:
            wrapped = centred | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(12, 0, -12, 0), wrapped, self.message)
            painter.end()
            return
        for (origin, pixmaps), where in zip(self.rows, self._places(), strict=True):
            self._draw_map(painter, origin, pixmaps, where)
        painter.end()

    def _places(self) -> list[QRect]:
        """Return where each map is drawn: side by side where the widget is wide, else one below the other."""
        count, width, height = len(self.rows), self.width(), self.height()
        if width > height:
            return [QRect(number * width // count, 0, width // count, height) for number in range(count)]
        return [QRect(0, number * height // count, width, height // count) for number in range(count)]

    def _draw_map(self, painter: QPainter, origin: str, pixmaps: list[QPixmap], where: QRect) -> None:
        """Draw a map's slices, two by two or in a row, each with its name, and the map's origin above them."""
        centred, line = Qt.AlignmentFlag.AlignCenter, self.fontMetrics().height() + GAP
        columns = 2 if where.width() < 2 * where.height() else len(PARTS)
        rows = len(PARTS) // columns
        side = min((where.width() - 2 * GAP) // columns, (where.height() - line) // rows - line)
        left = where.left() + (where.width() - columns * side) // 2
        painter.setPen(TEXT)
        painter.drawText(QRect(where.left(), where.top(), where.width(), line), centred, origin)
        painter.setPen(FAINT)
        for number, (name, pixmap) in enumerate(zip(PARTS, pixmaps, strict=True)):
            row, column = divmod(number, columns)
            x, y = left + column * side, where.top() + line + row * (side + line)
            painter.drawText(QRect(x, y, side, line), centred, name)
            painter.drawPixmap(QRect(x, y + line, side - GAP, side - GAP), pixmap)


def coloured(difference: FloatMap) -> Picture:
    """Return a picture (D, D, 3) of a difference: blue where there is more than in the others, orange where less."""
    share = (difference / max(float(np.abs(difference).max()), 1e-12))[..., None]
    toward = np.where(share > 0, np.array(MORE), np.array(LESS))
    middle = np.array(BACKGROUND)
    picture: Picture = (255 * (middle + np.abs(share) * (toward - middle))).astype(np.uint8)
    return picture
