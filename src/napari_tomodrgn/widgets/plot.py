"""A small plot of curves, in the colours of the theme."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.viewer.curves import Curves, Series
from napari_tomodrgn.viewer.frame import Frame
from napari_tomodrgn.viewer.raster import Cloud, marker_size
from napari_tomodrgn.widgets.scatter_axes import draw_axes, draw_ring, plot_area

MARK, REACH = 3.0, 9.0  # px: half a mark, and how far from one a click may be
FAINT = 0.55  # opacity of a cloud


class Plot(QWidget):
    """Curves, of which one point a series may be marked.

    Signals
    -------
    picked
        The number of the point that was clicked, in the series that are numbered alike.
    """

    picked = Signal(int)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.curves = Curves(("", ""))
        self.marked: int | None = None
        self._cloud: Cloud | None = None

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows a few curves well."""
        return QSize(320, 170)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size below which nothing can be told."""
        return QSize(180, 110)

    def show_curves(self, curves: Curves) -> None:
        """Show other curves."""
        self.curves = curves
        clouds = [each for each in curves.series if each.cloud]
        self._cloud = None
        if clouds:
            self._cloud = Cloud(*(np.asarray(each, np.float64) for each in (clouds[0].x, clouds[0].y)))
            rgba = np.array([*clouds[0].colour, FAINT], np.float32)
            self._cloud.paint(np.broadcast_to(rgba, (len(clouds[0].x), 4)))
        self.update()

    def mark(self, number: int | None) -> None:
        """Put a ring around a point of each series."""
        self.marked = number
        self.update()

    @property
    def area(self) -> QRect:
        """Where in the widget the curves are drawn; above it are their names."""
        return plot_area(self).adjusted(0, self.fontMetrics().height() // 2 + 2, 0, 0)

    @property
    def frame(self) -> Frame:
        """The part of the plane that is shown."""
        area = self.area
        return Frame.around(*self.curves.ranges, area.width(), area.height())

    # drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw axes, curves, levels and names."""
        painter, area, curves = QPainter(self), self.area, self.curves
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if not curves.series:
            painter.setPen(self.palette().text().color())
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 0, -8, 0), centred, curves.message)
            painter.end()
            return
        frame = self.frame
        draw_axes(painter, self, area, frame, curves.names)
        painter.save()
        painter.setClipRect(area)
        painter.translate(area.topLeft())
        if self._cloud is not None:
            picture = self._cloud.picture(frame, max(marker_size(len(self._cloud)) - 2, 2))
            height, width = picture.shape[:2]
            image = QImage(picture.tobytes(), width, height, 4 * width, QImage.Format.Format_RGBA8888)
            painter.drawImage(0, 0, image)
        for value, text in curves.levels:
            self._draw_level(painter, frame, value, text)
        for each in curves.series:
            if not each.cloud:
                self._draw(painter, each, _pixels(frame, each))
        painter.restore()
        self._draw_names(painter, area)
        painter.end()

    def _draw(self, painter: QPainter, series: Series, pixels: npt.NDArray[np.float64]) -> None:
        colour = QColor.fromRgbF(*series.colour)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if series.line:
            painter.setPen(QPen(colour, 1.5))
            painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in pixels]))
        if series.marks:
            painter.setPen(QPen(colour, 1.5))
            single = 1.8 if len(pixels) == 1 else 1.0  # a point by itself is looked for
            for number, (x, y) in enumerate(pixels):
                ring = series.hollow is not None and bool(series.hollow[number])
                painter.setBrush(Qt.BrushStyle.NoBrush if ring else colour)
                painter.drawEllipse(QPointF(x, y), single * MARK, single * MARK)
        if self.curves.numbered and self.marked is not None and self.marked < len(pixels) > 1:
            draw_ring(painter, self, pixels[self.marked], 14)

    def _draw_level(self, painter: QPainter, frame: Frame, value: float, text: str) -> None:
        y = float(frame.to_pixels([(frame.x[0], value)])[0, 1])
        colour = self.palette().text().color()
        colour.setAlphaF(0.5)
        painter.setPen(QPen(colour, 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(0, y), QPointF(frame.width, y))
        painter.drawText(
            QRectF(4, y - 40, 100, 38), int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom), text
        )

    def _draw_names(self, painter: QPainter, area: QRect) -> None:
        """Write the names of the series above them, each in its colour, and the message after them."""
        metrics = self.fontMetrics()
        texts = [(each.name, QColor.fromRgbF(*each.colour)) for each in self.curves.series]
        texts += [(self.curves.message, self.palette().text().color())] if self.curves.message else []
        between = 2 * metrics.averageCharWidth()
        width = sum(metrics.horizontalAdvance(text) + between for text, _ in texts)
        left = max(min(area.left(), self.width() - width), 2)
        for text, colour in texts:
            painter.setPen(colour)
            where = QRect(left, 0, max(self.width() - left, 0), area.top())
            shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, where.width())
            painter.drawText(where, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, shown)
            left += metrics.horizontalAdvance(text) + between

    # mouse

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Pick the point that is clicked."""
        number = self.at(event.position() - QPointF(self.area.topLeft()))
        if number is not None:
            self.picked.emit(number)

    def at(self, place: QPointF) -> int | None:
        """Return the number of the point nearest to a pixel of the plot, ``None`` where none is near."""
        if not self.curves.numbered:
            return None
        frame, nearest, number = self.frame, REACH, None
        for each in self.curves.series:
            if each.cloud or len(each.x) < 2:
                continue
            distance = np.linalg.norm(_pixels(frame, each) - (place.x(), place.y()), axis=1)
            if distance.min() < nearest:
                nearest, number = float(distance.min()), int(distance.argmin())
        return number


class LinePlot(Plot):
    """A plot over which lines stand upright, which its kinds let a person drag.

    Signals
    -------
    released
        What was dragged was let go.
    """

    released = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.setMouseTracking(True)
        self.lines: tuple[float, ...] = ()
        self._held: Any = None

    def x_of(self, pixel: float) -> float:
        """Return the x at a pixel of the widget, from left."""
        return float(self.frame.to_data([(pixel - self.area.left(), 0.0)])[0, 0])

    def pixel_of(self, x: float) -> float:
        """Return the pixel of the widget, from left, at an x."""
        return float(self.frame.to_pixels([(x, 0.0)])[0, 0]) + self.area.left()

    def line_at(self, pixel: float) -> int | None:
        """Return the number of the line nearest to a pixel, ``None`` where none is near."""
        apart = [abs(self.pixel_of(x) - pixel) for x in self.lines]
        return int(np.argmin(apart)) if apart and min(apart) <= REACH else None

    def draw_lines(self, painter: QPainter) -> None:
        """Draw the lines so that they are seen on what is light and what is dark."""
        area = self.area
        for x in map(self.pixel_of, self.lines):
            for colour, width in ((self.palette().base().color(), 4.0), (self.palette().text().color(), 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(x, area.top() - 3), QPointF(x, area.bottom()))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        if self._held is not None:
            self._held = None
            self.released.emit()


def _pixels(frame: Frame, series: Series) -> npt.NDArray[np.float64]:
    return frame.to_pixels(np.stack([series.x, series.y], axis=1))
