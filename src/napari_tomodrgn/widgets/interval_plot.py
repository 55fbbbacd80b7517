"""A plot of curves over which an interval of x is drawn with the mouse."""

from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.viewer.frame import Range
from napari_tomodrgn.widgets.plot import LinePlot

BOTH = "both"  # ends are held, so that the interval keeps its width
ARROW, HAND, SIDEWAYS = Qt.CursorShape.ArrowCursor, Qt.CursorShape.OpenHandCursor, Qt.CursorShape.SizeHorCursor
SHADE = 0.15  # opacity
WORDS_PX = 130  # of a mark, that they take at most


class IntervalPlot(LinePlot):
    """Curves, a shaded interval of x, and a mark at one x.

    Signals
    -------
    moved
        Its ends, while it is dragged.
    """

    moved = Signal(float, float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.lines = (0.0, 0.0)
        self.mark_at: tuple[float, str] | None = None
        self._from = 0.0
        self.setToolTip("Drag an end of the shaded interval, or all of it; draw a new one beside it")

    @property
    def interval(self) -> Range:
        """Its ends."""
        low, high = self.lines
        return low, high

    def set_interval(self, low: float, high: float) -> None:
        """Shade another interval."""
        self.lines = (min(low, high), max(low, high))
        self.update()

    def mark_x(self, x: float | None, text: str = "") -> None:
        """Draw a line upright at an x, with words beside it, or none."""
        self.mark_at = None if x is None else (x, text)
        self.update()

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw the curves, and over them the interval and the mark."""
        super().paintEvent(event)
        if not self.curves.series:
            return
        painter, area = QPainter(self), self.area
        painter.setClipRect(area)
        low, high = map(self.pixel_of, self.interval)
        fill = QColor(self.palette().text().color())
        fill.setAlphaF(SHADE)
        painter.fillRect(QRectF(low, area.top(), high - low, area.height()), fill)
        self.draw_lines(painter)
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

    def held_at(self, pixel: float) -> int | str | None:
        """Return what is dragged from a pixel: an end, both, or nothing, where a new interval begins."""
        low, high = map(self.pixel_of, self.interval)
        end = self.line_at(pixel)
        return (BOTH if low < pixel < high else None) if end is None else end

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of the interval, or begin a new one."""
        if not self.curves.series or event.button() != Qt.MouseButton.LeftButton:
            return
        pixel = event.position().x()
        self._held, self._from = self.held_at(pixel), self.x_of(pixel)
        if self._held is None:
            self._held = 1
            self._move(self._from, self._from)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Move what is held; else show with the pointer what would be."""
        pixel = event.position().x()
        if self._held is None:
            over = self.held_at(pixel) if self.curves.series else None
            self.setCursor(ARROW if over is None else HAND if over == BOTH else SIDEWAYS)
            return
        x, (low, high) = self.x_of(pixel), self.interval
        if self._held == BOTH:
            by = max(x - self._from, -low)
            self._from += by
            self._move(low + by, high + by)
            return
        other = self.lines[1 - self._held]
        self._held = int(x >= other)  # an end that is dragged past the other is that one then
        self._move(min(x, other), max(x, other))

    def _move(self, low: float, high: float) -> None:
        self.set_interval(max(low, 0.0), max(high, 0.0))
        self.moved.emit(*self.interval)
