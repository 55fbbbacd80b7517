"""The maps of a validation as slices, each row with the words where its map comes from."""

from typing import Any

import numpy as np
from qtpy.QtCore import QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.analysis.validation.maps import FloatMap
from napari_tomodrgn.analysis.validation.stored import StoredValidation
from napari_tomodrgn.viewer.shaded import Picture
from napari_tomodrgn.viewer.tilt_sheet import slices
from napari_tomodrgn.viewer.volume_picture import BACKGROUND, LESS, MORE
from napari_tomodrgn.widgets.contact_sheet import FAINT, TEXT
from napari_tomodrgn.widgets.volume_view import image_of

GAP = 4
COLUMNS = ("slice z", "slice y", "slice x", "difference z")
HINT = "Validate particles, or choose an earlier validation"


class ValidationMaps(QWidget):
    """Central slices of each way's map of the selection, and of its difference to the others."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("validation maps")
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(220, 150)
        self.message = HINT
        self.rows: list[tuple[str, list[QPixmap]]] = []

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows twelve slices well."""
        return QSize(440, 360)

    def show_validation(self, found: StoredValidation | None, message: str = HINT) -> None:
        """Show the maps of a validation, or a message."""
        self.message, self.rows = message, []
        if found is not None:
            largest = max(float(np.abs(_middle(each.difference)).max()) for each in found.maps)
            for each in found.maps:
                pictures = [*slices(each.values), coloured(_middle(each.difference), largest)]
                self.rows.append((each.origin, [QPixmap.fromImage(image_of(picture)) for picture in pictures]))
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw a row of slices a map, its origin above them, and what the columns are at the top."""
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
        line, count = self.fontMetrics().height() + GAP, len(COLUMNS)
        height = (self.height() - line) // len(self.rows)
        side = min((self.width() - (count + 1) * GAP) // count, height - line - GAP)
        left = (self.width() - count * side - (count - 1) * GAP) // 2
        places = [left + column * (side + GAP) for column in range(count)]
        painter.setPen(FAINT)
        for x, name in zip(places, COLUMNS, strict=True):
            painter.drawText(QRect(x, 0, side, line), centred, name)
        for number, (origin, pixmaps) in enumerate(self.rows):
            top = line + number * height
            painter.setPen(TEXT)
            painter.drawText(QRect(left, top, self.width() - left, line), Qt.AlignmentFlag.AlignVCenter, origin)
            for x, pixmap in zip(places, pixmaps, strict=True):
                painter.drawPixmap(QRect(x, top + line, side, side), pixmap)
        painter.end()


def _middle(volume: FloatMap) -> FloatMap:
    """Return the central slice (D, D) across z, its rows going down."""
    middle: FloatMap = volume[len(volume) // 2][::-1]
    return middle


def coloured(difference: FloatMap, largest: float) -> Picture:
    """Return a picture (D, D, 3) of a difference: blue where there is more than in the others, orange where less."""
    share = np.clip(difference / max(largest, 1e-12), -1, 1)[..., None]
    toward = np.where(share > 0, np.array(MORE), np.array(LESS))
    middle = np.array(BACKGROUND)
    picture: Picture = (255 * (middle + np.abs(share) * (toward - middle))).astype(np.uint8)
    return picture
