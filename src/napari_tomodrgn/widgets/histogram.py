"""A histogram with lines that are dragged along it, in the colours of the theme."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPointF, QRect, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPalette, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_tomodrgn.viewer.frame import Frame
from napari_tomodrgn.widgets.scatter_axes import draw_axes, plot_area

REACH = 9.0  # px: how far from a line it may be taken hold of
THUMBNAIL = QSize(56, 26)
Colour = tuple[float, float, float, float]


class Histogram(QWidget):
    """Bars, and lines that stand on the axis below them.

    Signals
    -------
    dragged
        The number of a line, and where on the axis it was dragged to.
    released
        A line was let go.
    """

    dragged = Signal(int, float)
    released = Signal()

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.message = ""
        self.names = ("", "")
        self.counts: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self.edges: npt.NDArray[np.float64] = np.zeros(0)
        self.colours: Sequence[Colour] = ()
        self.lines: tuple[float, ...] = ()
        self.said: tuple[str, ...] = ()  # on the sides of the lines, from left to right
        self._held: int | None = None

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows two hills well."""
        return QSize(320, 200)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size below which nothing can be told."""
        return QSize(180, 120)

    def show_bars(
        self,
        counts: npt.NDArray[np.int64],  # (k,)
        edges: npt.NDArray[np.float64],  # (k + 1,)
        names: tuple[str, str],
    ) -> None:
        """Show other bars, and what the axes are; none shows the message instead."""
        self.counts, self.edges, self.names = counts, edges, names
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

    def place_of(self, value: float) -> float:
        """Return where across the widget a value of the axis is, px."""
        return self.area.left() + float(self.frame.to_pixels([(value, 0)])[0, 0])

    # drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw axes, bars, lines and numbers."""
        painter = QPainter(self)
        if not len(self.counts):
            painter.setPen(self.palette().text().color())
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.rect().adjusted(8, 0, -8, 0), int(centred), self.message)
            painter.end()
            return
        area, frame = self.area, self.frame
        draw_axes(painter, self, area, frame, self.names)
        painter.save()
        painter.translate(area.topLeft())
        _draw_bars(painter, frame, self.counts, self.edges, self.colours)
        painter.restore()
        for value in self.lines:
            x = self.place_of(value)
            for colour, width in ((self.palette().base().color(), 4.0), (self.palette().text().color(), 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawLine(QPointF(x, area.top() - 3), QPointF(x, area.bottom()))
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

    def at(self, x: float) -> int | None:
        """Return the number of the line nearest to a pixel, ``None`` where none is near."""
        if not len(self.counts) or not self.lines:
            return None
        apart = [abs(self.place_of(value) - x) for value in self.lines]
        nearest = int(np.argmin(apart))
        return nearest if apart[nearest] <= REACH else None

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take hold of a line."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self.at(event.position().x())

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Drag the line that is held, or show that one can be."""
        x = event.position().x()
        if self._held is None:
            near = self.at(x) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            return
        area = self.area
        within = min(max(x, area.left()), area.right())
        self.dragged.emit(self._held, float(self.frame.to_data([(within - area.left(), 0)])[0, 0]))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Let go."""
        if self._held is not None:
            self._held = None
            self.released.emit()


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
