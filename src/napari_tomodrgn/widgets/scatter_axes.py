"""What is painted around and over the picture of a scatter, in the colours of the theme."""

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.viewer.frame import Frame, ticks

WIDEST_TICK = "−00000"
GAP = 4


def plot_area(widget: QWidget) -> QRect:
    """Return where in the widget the particles are drawn; the rest is for axes."""
    metrics = widget.fontMetrics()
    left = metrics.height() + metrics.horizontalAdvance(WIDEST_TICK) + 3 * GAP
    bottom = 2 * metrics.height() + 3 * GAP
    area = widget.rect().adjusted(left, metrics.height() // 2 + GAP, -metrics.averageCharWidth() * 2, -bottom)
    return QRect(area.topLeft(), area.size().expandedTo(QSize(1, 1)))


def draw_axes(painter: QPainter, widget: QWidget, area: QRect, frame: Frame, names: tuple[str, str]) -> None:
    """Paint the background, the ticks with their numbers, and the names of the axes."""
    palette, metrics = widget.palette(), widget.fontMetrics()
    text, line = palette.text().color(), QColor(palette.text().color())
    line.setAlphaF(0.12)
    painter.fillRect(area, palette.base())
    height = metrics.height()
    across, up = frame.scale
    for value, label in ticks(frame.x, max(2, area.width() // 60)):
        x = area.left() + (value - frame.x[0]) * across
        painter.setPen(line)
        painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        painter.setPen(text)
        painter.drawText(QRectF(x - 50, area.bottom() + GAP, 100, height), int(Qt.AlignmentFlag.AlignCenter), label)
    for value, label in ticks(frame.y, max(2, area.height() // 50)):
        y = area.top() + (frame.y[1] - value) * up
        painter.setPen(line)
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y))
        painter.setPen(text)
        flags = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        painter.drawText(QRectF(height, y - height / 2, area.left() - height - GAP, height), flags, label)
    strong = QColor(text)
    strong.setAlphaF(0.5)
    painter.setPen(strong)
    painter.drawRect(area.adjusted(0, 0, -1, -1))
    painter.setPen(text)
    below = QRect(area.left(), widget.height() - height - GAP, area.width(), height)
    shown = metrics.elidedText(names[0], Qt.TextElideMode.ElideRight, area.width())
    painter.drawText(below, int(Qt.AlignmentFlag.AlignCenter), shown)
    painter.save()
    painter.translate(0, area.bottom())
    painter.rotate(-90)
    shown = metrics.elidedText(names[1], Qt.TextElideMode.ElideRight, area.height())
    painter.drawText(QRect(0, GAP, area.height(), height), int(Qt.AlignmentFlag.AlignCenter), shown)
    painter.restore()


def draw_gesture(painter: QPainter, widget: QWidget, tool: str, pixels: npt.NDArray[np.float64]) -> None:
    """Paint the lasso, rectangle or path (k, 2) that is being drawn."""
    colour, fill = widget.palette().text().color(), QColor(widget.palette().highlight().color())
    fill.setAlphaF(0.2)
    painter.setPen(QPen(colour, 1.5, Qt.PenStyle.DashLine))
    painter.setBrush(fill)
    if tool == "lasso":
        painter.drawPolygon(_polygon(pixels))
    elif tool == "rectangle":
        painter.drawRect(QRectF(QPointF(*pixels[0]), QPointF(*pixels[-1])).normalized())
    elif tool == "path":
        painter.setBrush(colour)
        painter.drawPolyline(_polygon(pixels))
        painter.drawEllipse(QPointF(*pixels[-1]), 3, 3)


def draw_path(
    painter: QPainter, widget: QWidget, pixels: npt.NDArray[np.float64], stops: npt.NDArray[np.float64]
) -> None:
    """Paint a path (k, 2) and the particles (n, 2) along it, in two colours that stand out from any other."""
    colour, around = widget.palette().text().color(), widget.palette().base().color()
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(around, 4), QPen(colour, 1.5)):
        painter.setPen(pen)
        painter.drawPolyline(_polygon(pixels))
    painter.setPen(QPen(around, 1.5))
    painter.setBrush(colour)
    for x, y in stops:
        painter.drawEllipse(QPointF(x, y), 4.5, 4.5)


def draw_ring(painter: QPainter, widget: QWidget, centre: npt.NDArray[np.float64], size: int) -> None:
    """Paint a ring around a particle."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for colour, width in ((widget.palette().base().color(), 4), (widget.palette().text().color(), 2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(QPointF(*centre), size / 2, size / 2)


def _polygon(pixels: npt.NDArray[np.float64]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in pixels])
