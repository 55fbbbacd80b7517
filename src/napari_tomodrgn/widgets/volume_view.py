"""One volume's surface in a widget, turned by dragging, with the three central slices beside it."""

from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.viewer.shaded import Matrix, Picture, shaded, shaded_difference, turned_by_drag

FRONT = np.eye(3)
BACKGROUND = (0.10, 0.11, 0.13)
MORE, LESS = (0.34, 0.71, 0.91), (0.90, 0.62, 0.0)  # sky blue and orange
LARGEST_PX = 256  # of the surface's picture before it is stretched
GREYS = (1.0, 99.5)  # percentiles that slices span

Volume = npt.NDArray[np.float32]


def image_of(picture: Picture) -> QImage:
    """Return a picture (H, W, 3) or (H, W) as an image of its own memory."""
    kind = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    height, width = picture.shape[:2]
    return QImage(picture.tobytes(), width, height, width * (3 if picture.ndim == 3 else 1), kind).copy()


class VolumeView(QWidget):
    """The surface of a volume at a level; what stands in ``caption`` is written below it."""

    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("volume view")
        self.setMinimumSize(160, 160)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.turn: Matrix = FRONT
        self.caption = ""
        self.slices = False
        self._volume: Volume | None = None
        self._density = 0.0
        self._less = False
        self._colour = (0.8, 0.8, 0.8)
        self._pixmap: QPixmap | None = None
        self._pressed: QPoint | None = None

    @property
    def volume(self) -> Volume | None:
        """What is shown."""
        return self._volume

    def show_volume(
        self,
        volume: Volume | None,
        density: float,
        colour: tuple[float, float, float],
        caption: str = "",
        *,
        less: bool = False,
    ) -> None:
        """Show a volume (D, D, D), z, y, x, at a density; ``None`` shows nothing.

        With ``less`` it is a difference: in one colour where it is above the density, in another where below its
        negative.
        """
        self._volume, self._density, self._colour, self.caption = volume, density, colour, caption
        self._less = less
        self._draw()

    def set_turn(self, turn: Matrix) -> None:
        """Show the volume from another side."""
        self.turn = turn
        self._draw()
        self.turned.emit()

    def show_slices(self, shown: bool) -> None:
        """Show the central slices beside the surface, or not."""
        self.slices = shown
        self._draw()

    def picture(self) -> Picture | None:
        """Return the surface as it is drawn, and the slices z, y, x to the right of it where they are shown."""
        if self._volume is None:
            return None
        scale = max(1, min(4, LARGEST_PX // len(self._volume)))
        if self._less:
            surface = shaded_difference(self._volume, self._density, self.turn, MORE, LESS, BACKGROUND, scale)
        else:
            surface = shaded(self._volume, self._density, self.turn, self._colour, BACKGROUND, scale)
        if not self.slices:
            return surface
        side = len(surface) // 3
        column = [self._slice(axis, side) for axis in range(3)]
        rest = len(surface) - 3 * side
        strip = np.concatenate([*column, np.zeros((rest, side, 3), np.uint8)])
        return np.concatenate([surface, strip], axis=1)

    def _slice(self, axis: int, side: int) -> Picture:
        assert self._volume is not None
        plane = np.take(self._volume, len(self._volume) // 2, axis=axis)[::-1]
        low, high = np.percentile(plane, GREYS)
        grey = (255 * np.clip((plane - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
        index = (np.arange(side) * len(plane)) // max(side, 1)
        return np.repeat(grey[np.ix_(index, index)][..., None], 3, axis=2)

    def _draw(self) -> None:
        picture = self.picture()
        self._pixmap = None if picture is None else QPixmap.fromImage(image_of(picture))
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the picture, as large as fits, and the caption."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor.fromRgbF(*BACKGROUND))
        if self._pixmap is not None:
            text = 18 if self.caption else 0
            room = self.rect().adjusted(0, 0, 0, -text)
            fitted = self._pixmap.scaled(
                room.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            corner = QPoint((room.width() - fitted.width()) // 2, (room.height() - fitted.height()) // 2)
            painter.drawPixmap(corner, fitted)
        painter.setPen(QColor(225, 225, 225))
        if self.caption:
            painter.drawText(
                self.rect().adjusted(4, 0, -4, -3),
                Qt.AlignmentFlag.AlignBottom | Qt.AlignmentFlag.AlignHCenter,
                self.caption,
            )
        elif self._pixmap is None:
            painter.drawText(
                self.rect(),
                Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap,
                "Click a particle to see its volume",
            )
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Begin to turn the volume."""
        self._pressed = event.position().toPoint()

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Turn the volume with the mouse."""
        if self._pressed is None:
            return
        place = event.position().toPoint()
        moved, self._pressed = place - self._pressed, place
        self.set_turn(turned_by_drag(self.turn, moved.x(), moved.y()))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End to turn the volume."""
        self._pressed = None

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look from the front again."""
        self.set_turn(FRONT)
