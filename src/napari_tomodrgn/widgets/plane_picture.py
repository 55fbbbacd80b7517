"""The picture of a plane through a tomogram, grey, with a mark at the particle in its middle."""

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPoint, QRect, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter
from qtpy.QtWidgets import QSizePolicy, QWidget

MARK_PX, MARK_GAP_PX = 9, 4
SMALLEST_PX = 100


class PlanePicture(QWidget):
    """Draws a plane as large as there is room, and a caption below it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.image: QImage | None = None
        self.caption = ""
        self.setMinimumSize(QSize(SMALLEST_PX, SMALLEST_PX))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_plane(
        self,
        plane: npt.NDArray[np.floating] | None,  # (h, w), NaN outside the tomogram
        limits: tuple[float, float] = (0.0, 1.0),
        caption: str = "",
        *,
        inverted: bool = False,
    ) -> None:
        """Draw a plane between what is black and what is white, or with ``None`` the caption alone."""
        self.caption = caption
        self.image = None if plane is None else to_image(plane, limits, inverted=inverted)
        self.update()

    def paintEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        height = self.fontMetrics().height() + 4
        below = self.rect()
        if self.image is not None:
            room = self.rect().adjusted(0, 0, 0, -height)
            place = QRect(QPoint(0, 0), self.image.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio))
            place.moveLeft((self.width() - place.width()) // 2)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawImage(place, self.image)
            painter.setPen(QColor("#E69F00"))
            centre = place.center()
            for along in (QPoint(1, 0), QPoint(0, 1), QPoint(-1, 0), QPoint(0, -1)):
                painter.drawLine(centre + along * MARK_GAP_PX, centre + along * MARK_PX)
            below = QRect(0, place.bottom() + 1, self.width(), height)
        painter.setPen(self.palette().windowText().color())
        text = self.fontMetrics().elidedText(self.caption, Qt.TextElideMode.ElideMiddle, self.width())
        painter.drawText(below, Qt.AlignmentFlag.AlignCenter, text)
        painter.end()


def to_image(plane: npt.NDArray[np.floating], limits: tuple[float, float], *, inverted: bool = False) -> QImage:
    """Return a plane (h, w) as grey values between two limits; what is NaN is not seen."""
    low, high = limits
    outside = ~np.isfinite(plane)
    share = np.clip((np.where(outside, low, plane) - low) / (high - low), 0, 1)
    grey = np.round(255 * (1 - share if inverted else share)).astype(np.uint8)
    pixels = np.dstack([grey, grey, grey, np.where(outside, 0, 255).astype(np.uint8)])
    height, width = plane.shape
    return QImage(pixels.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888).copy()
