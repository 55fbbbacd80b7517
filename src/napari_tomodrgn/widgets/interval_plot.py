"""A plot of curves over which an interval of x is drawn with the mouse."""

from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.viewer.frame import Range
from napari_tomodrgn.widgets.plot import Plot

NEAR_PX = 8.0  # of an end, within which it is dragged
SHADE = 0.15  # opacity
WORDS_PX = 130  # of a mark, that they take at most


class IntervalPlot(Plot):
    """Curves, a shaded interval of x, and a mark at one x.

    Signals
    -------
    moved
        Its ends, while it is dragged.
    released
        That it is dragged no longer.
    """

    moved = Signal(float, float)
    released = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.interval: Range = (0.0, 0.0)
        self.mark_at: tuple[float, str] | None = None
        self._held: str | None = None  # low, high or both
        self._from = 0.0
        self.setMouseTracking(True)
        self.setToolTip("Drag an end of the shaded interval, or all of it; draw a new one beside it")

    def set_interval(self, low: float, high: float) -> None:
        """Shade another interval."""
        self.interval = (min(low, high), max(low, high))
        self.update()

    def mark_x(self, x: float | None, text: str = "") -> None:
        """Draw a line upright at an x, with words beside it, or none."""
        self.mark_at = None if x is None else (x, text)
        self.update()

    def x_of(self, pixel: float) -> float:
        """Return the x at a pixel of the widget, from left."""
        return float(self.frame.to_data([(pixel - self.area.left(), 0.0)])[0, 0])

    def pixel_of(self, x: float) -> float:
        """Return the pixel of the widget, from left, at an x."""
        return float(self.frame.to_pixels([(x, 0.0)])[0, 0]) + self.area.left()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the curves, and over them the interval and the mark."""
        super().paintEvent(event)
        if not self.curves.series:
            return
        painter, area = QPainter(self), self.area
        painter.setClipRect(area)
        low, high = map(self.pixel_of, self.interval)
        colour = self.palette().text().color()
        fill = QColor(colour)
        fill.setAlphaF(SHADE)
        painter.fillRect(QRectF(low, area.top(), high - low, area.height()), fill)
        painter.setPen(QPen(colour, 1.5))
        for x in (low, high):
            painter.drawLine(QPointF(x, area.top()), QPointF(x, area.bottom()))
        if self.mark_at is not None:
            self._draw_mark(painter, *self.mark_at)
        painter.end()

    def _draw_mark(self, painter: QPainter, x: float, text: str) -> None:
        area, pixel = self.area, self.pixel_of(x)
        painter.setPen(QPen(self.palette().text().color(), 1, Qt.PenStyle.DashLine))
        painter.drawLine(QPointF(pixel, area.top()), QPointF(pixel, area.bottom()))
        left = pixel + 4 if pixel + WORDS_PX < area.right() else pixel - WORDS_PX - 4
        side = Qt.AlignmentFlag.AlignLeft if left > pixel else Qt.AlignmentFlag.AlignRight
        painter.drawText(
            QRectF(left, area.top() + 2, WORDS_PX, self.fontMetrics().height()),
            int(side | Qt.AlignmentFlag.AlignTop),
            text,
        )

    # mouse

    def held_at(self, pixel: float) -> str | None:
        """Return what is dragged from a pixel: an end, both, or nothing, where a new interval begins."""
        low, high = map(self.pixel_of, self.interval)
        near = min((abs(pixel - low), "low"), (abs(pixel - high), "high"))
        if near[0] <= NEAR_PX:
            return near[1]
        return "both" if low < pixel < high else None

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of the interval, or begin a new one."""
        if not self.curves.series or event.button() != Qt.MouseButton.LeftButton:
            return
        pixel = event.position().x()
        self._held, self._from = self.held_at(pixel), self.x_of(pixel)
        if self._held is None:
            self._held = "high"
            self._move(self._from, self._from)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move what is held; else show with the pointer what would be."""
        pixel = event.position().x()
        if self._held is None:
            over = self.held_at(pixel) if self.curves.series else None
            shapes = {"low": Qt.CursorShape.SizeHorCursor, "high": Qt.CursorShape.SizeHorCursor,
                      "both": Qt.CursorShape.OpenHandCursor}  # fmt: skip
            self.setCursor(shapes.get(over or "", Qt.CursorShape.ArrowCursor))
            return
        x, (low, high) = self.x_of(pixel), self.interval
        if self._held == "both":
            by = max(x - self._from, -low)
            self._from += by
            self._move(low + by, high + by)
            return
        other = high if self._held == "low" else low
        self._held = "low" if x < other else "high"  # an end that is dragged past the other is that one then
        self._move(min(x, other), max(x, other))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        if self._held is not None:
            self._held = None
            self.released.emit()

    def _move(self, low: float, high: float) -> None:
        self.set_interval(max(low, 0.0), max(high, 0.0))
        self.moved.emit(*self.interval)
