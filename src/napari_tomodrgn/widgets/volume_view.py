"""One volume's surface in a widget, turned by dragging, with the three central slices beside it."""

from typing import Any

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPixmap, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.figures.shaded import BACKGROUND, FRONT, PLAIN, Colour, Matrix, Picture
from napari_tomodrgn.viewer.colouring import palette
from napari_tomodrgn.viewer.model_chains import Chains
from napari_tomodrgn.viewer.treatment import Volume
from napari_tomodrgn.viewer.volume_picture import Shown, beside_slices, surface_picture
from napari_tomodrgn.widgets.sphere_overlay import SphereOverlay
from napari_tomodrgn.widgets.turning import Turning

LINE_SHARE = 0.003  # of the picture, how thick chains are drawn
LARGEST_PX, TURNING_PX = 256, 128  # of the surface's picture before it is stretched, and while it is turned
TEXT_PX = 18  # below it


def image_of(picture: Picture) -> QImage:
    """Return a picture (H, W, 3) or (H, W) as an image of its own memory."""
    kind = QImage.Format.Format_RGB888 if picture.ndim == 3 else QImage.Format.Format_Grayscale8
    height, width = picture.shape[:2]
    return QImage(picture.tobytes(), width, height, width * (3 if picture.ndim == 3 else 1), kind).copy()


class VolumeView(QWidget):
    """The surface of a volume at a level; its caption is written below it."""

    turned = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("volume view")
        self.setMinimumSize(160, 120)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.turn: Matrix = FRONT
        self.slices = False
        self.chains: Chains | None = None
        self.shown: Shown | None = None
        self.colour: Colour = PLAIN
        self.empty_message = "Click a particle to see its volume"
        self._clean: Shown | None = None  # without dust
        self._pixmap: QPixmap | None = None
        self._turning = Turning()
        self.overlay: SphereOverlay | None = None

    @property
    def volume(self) -> Volume | None:
        """What is shown."""
        return None if self.shown is None else self.shown.volume

    @property
    def caption(self) -> str:
        """What is written below it."""
        return "" if self.shown is None else self.shown.caption

    def show_volume(self, shown: Shown | None, colour: Colour = PLAIN) -> None:
        """Show a volume in a colour; ``None`` shows nothing."""
        self.shown, self.colour = shown, colour
        self._clean = None if shown is None else shown.clean()
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
        if self.shown is None or self._clean is None:
            return None
        largest = TURNING_PX if self._turning.active else LARGEST_PX
        scale = max(1, min(4, largest // len(self.shown.volume)))
        surface = surface_picture(self._clean, self.turn, self.colour, scale)
        return beside_slices(surface, self.shown.volume) if self.slices else surface

    @property
    def square(self) -> QRectF:
        """Where in the widget the surface is drawn, without the slices beside it."""
        if self._pixmap is None:
            return QRectF()
        fitted = self._pixmap.size().scaled(self._room().size(), Qt.AspectRatioMode.KeepAspectRatio)
        room = self._room()
        left, top = (room.width() - fitted.width()) // 2, (room.height() - fitted.height()) // 2
        return QRectF(left, top, fitted.height(), fitted.height())

    def _room(self) -> QRect:
        return self.rect().adjusted(0, 0, 0, -TEXT_PX if self.caption else 0)

    def _draw(self) -> None:
        picture = self.picture()
        self._pixmap = None if picture is None else QPixmap.fromImage(image_of(picture))
        self.update()

    def _draw_chains(self, painter: QPainter, chains: Chains) -> None:
        """Draw lines over the surface, as if one saw through it: the near ones last."""
        assert self.shown is not None
        square, box = self.square, len(self.shown.volume)
        lines = chains.seen(self.turn, box, self.shown.pixel_size, square.width() / box)
        colours = palette(max(chains.numbers, default=0) + 1)
        painter.save()
        painter.setClipRect(square)  # and not into the slices
        painter.translate(square.topLeft())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for number in np.argsort([line[:, 2].mean() for line in lines]):
            painter.setPen(QPen(QColor.fromRgbF(*colours[chains.numbers[number]]), LINE_SHARE * square.width()))
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y, _ in lines[number].tolist()]))
        painter.restore()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the picture, as large as fits, and the caption."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor.fromRgbF(*BACKGROUND))
        if self._pixmap is not None:
            room = self._room()
            fitted = self._pixmap.scaled(
                room.size(), Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
            )
            corner = QPoint((room.width() - fitted.width()) // 2, (room.height() - fitted.height()) // 2)
            painter.drawPixmap(corner, fitted)
            if self.chains is not None:
                self._draw_chains(painter, self.chains)
            if self.overlay is not None:
                self.overlay.draw(painter, self.square, self.turn)
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
                self.empty_message,
            )
        painter.end()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Begin to turn the volume, or to move the sphere in it."""
        if self.overlay is None or not self.overlay.begin(event, self.square, self.turn):
            self._turning.begin(event)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Turn the volume with the mouse, or move the sphere."""
        if self.overlay is not None and self.overlay.active:
            self.overlay.drag(event, self.square, self.turn)
        elif self._turning.active:
            self.set_turn(self._turning.turned(self.turn, event))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End to turn the volume, and draw it in full; let go of the sphere."""
        if self.overlay is not None:
            self.overlay.end()
        if self._turning.active:
            self._turning.end()
            self._draw()

    def wheelEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Make the sphere under the mouse larger or smaller."""
        if self.overlay is None or not self.overlay.turn_wheel(event, self.square, self.turn):
            super().wheelEvent(event)

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look from the front again."""
        self.set_turn(FRONT)
