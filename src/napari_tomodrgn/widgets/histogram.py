"""A histogram with lines that are dragged along it, in the colours of the theme."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPixmap
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.viewer.curves import Curves
from napari_tomodrgn.viewer.frame import Frame
from napari_tomodrgn.widgets.plot import LinePlot
from napari_tomodrgn.widgets.scatter_axes import draw_axes, plot_area

THUMBNAIL = QSize(56, 26)
Colour = tuple[float, float, float, float]


class Histogram(LinePlot):
    """Bars, and lines that stand on the axis below them.

    Signals
    -------
    dragged
        The number of a line, and where on the axis it was dragged to.
    """

    dragged = Signal(int, float)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(name, parent)
        self.counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.edges: npt.NDArray[np.float64] = np.zeros(0)
        self.colours: Sequence[Colour] = ()
        self.said: tuple[str, ...] = ()  # on the sides of the lines, from left to right

    def say(self, message: str) -> None:
        """Say what is to be done where there are no bars."""
        self.curves = Curves(("", ""), message=message)
        self.update()

    def show_bars(
        self,
        counts: npt.NDArray[np.int64],  # (k,)
        edges: npt.NDArray[np.float64],  # (k + 1,)
        names: tuple[str, str],
    ) -> None:
        """Show other bars, and what the axes are; none shows the message instead."""
        self.counts, self.edges = counts, edges
        self.curves = Curves(names, message=self.curves.message)
        self.update()

    def show_lines(self, lines: tuple[float, ...], said: tuple[str, ...], colours: Sequence[Colour]) -> None:
        """Show the lines, what is said on their sides, and the colours of the bars (k,)."""
        self.lines, self.said, self.colours = lines, said, colours
        self.update()

    @property
    def area(self) -> QRect:
        """Where in the widget the bars are drawn; above it is what is said."""
        return plot_area(self).adjusted(0, self.fontMetrics().height() + 2, 0, 0)

    @property
    def frame(self) -> Frame:
        """The part of the plane that is shown: bars stand on its lower edge."""
        area, most = self.area, float(self.counts.max(initial=1))
        around = Frame.around((float(self.edges[0]), float(self.edges[-1])), (0, most), area.width(), area.height())
        return Frame(around.x, (0.0, around.y[1]), around.width, around.height)

    # drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw axes, bars, lines and numbers."""
        if not len(self.counts):
            super().paintEvent(event)
            return
        painter = QPainter(self)
        area, frame = self.area, self.frame
        draw_axes(painter, self, area, frame, self.curves.names)
        painter.save()
        painter.translate(area.topLeft())
        _draw_bars(painter, frame, self.counts, self.edges, self.colours)
        painter.restore()
        self.draw_lines(painter)
        self._draw_sides(painter, area)
        painter.end()

    def _draw_sides(self, painter: QPainter, area: QRect) -> None:
        """Write what is said above the bars: the first at the left, the last at the right, another between them."""
        where = QRect(area.left(), 0, area.width(), area.top() - 3)
        aligned = [Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignRight]
        if len(self.said) == 2:
            del aligned[1]
        painter.setPen(self.palette().text().color())
        for text, side in zip(self.said, aligned, strict=False):
            painter.drawText(where, int(side | Qt.AlignmentFlag.AlignVCenter), text)

    # mouse

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of a line."""
        if event.button() == Qt.MouseButton.LeftButton and len(self.counts):
            self._held = self.line_at(event.position().x())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Drag the line that is held, or show that one can be."""
        x = event.position().x()
        if self._held is None:
            near = len(self.counts) and self.line_at(x) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            return
        area = self.area
        within = min(max(x, area.left()), area.right())
        self.dragged.emit(self._held, self.x_of(within))


def thumbnail(counts: npt.NDArray[np.int64], edges: npt.NDArray[np.float64], palette: QPalette) -> QPixmap:
    """Return a histogram as a small picture, for a list."""
    pixmap = QPixmap(THUMBNAIL)
    pixmap.fill(palette.base().color())
    most = float(counts.max(initial=1))
    frame = Frame((float(edges[0]), float(edges[-1])), (0.0, most), THUMBNAIL.width(), THUMBNAIL.height())
    colour = palette.text().color()
    painter = QPainter(pixmap)
    _draw_bars(painter, frame, counts, edges, [(colour.redF(), colour.greenF(), colour.blueF(), 0.75)] * len(counts))
    painter.end()
    return pixmap


def _draw_bars(
    painter: QPainter,
    frame: Frame,
    counts: npt.NDArray[np.int64],
    edges: npt.NDArray[np.float64],
    colours: Sequence[Colour],
) -> None:
    left = frame.to_pixels(np.stack([edges, np.zeros(len(edges))], axis=1))
    tops = frame.to_pixels(np.stack([edges[:-1], counts], axis=1))[:, 1]
    for number, top in enumerate(tops):
        colour = QColor.fromRgbF(*colours[number]) if number < len(colours) else QColor("gray")
        (begin, bottom), (end, _) = left[number], left[number + 1]
        painter.fillRect(QRectF(begin, top, max(end - begin - 0.5, 1.0), bottom - top), colour)
