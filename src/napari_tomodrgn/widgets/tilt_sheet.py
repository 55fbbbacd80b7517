"""A particle's tilt images in rows: image, projection of its volume, residual, and the numbers of each tilt."""

from typing import Any

from qtpy.QtCore import QRect, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractScrollArea, QWidget

from napari_tomodrgn.analysis.particle_evidence import PARTS
from napari_tomodrgn.figures.shaded import BACKGROUND
from napari_tomodrgn.viewer.tilt_sheet import TiltSheet
from napari_tomodrgn.widgets.contact_sheet import CURRENT, FAINT, TEXT
from napari_tomodrgn.widgets.volume_view import image_of

LEAST_SIDE, MOST_SIDE = 48, 200  # px of a picture
GAP = 4
WIDEST = "mean volume 0.00000"


class TiltSheetView(QAbstractScrollArea):
    """The rows of a sheet, of which those in sight are drawn.

    Signals
    -------
    picked
        The place in the order of the tilt that was clicked.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tilt sheet")
        self.setAccessibleName("tilt images")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumHeight(120)
        self.message = ""
        self.marked: int | None = None
        self._sheet: TiltSheet | None = None
        self._order: list[int] = []
        self._pixmaps: dict[int, list[QPixmap]] = {}

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Return the size that shows a few rows."""
        return QSize(460, 420)

    def show_sheet(self, sheet: TiltSheet | None, order: list[int], message: str = "") -> None:
        """Show the tilts of a sheet in an order, or a message where there is none."""
        self._sheet, self._order, self.message = sheet, order, message
        self._pixmaps.clear()
        self._fit_bar()
        self.viewport().update()

    def mark(self, place: int | None) -> None:
        """Mark the tilt at a place in the order, and bring it into sight."""
        self.marked = place
        if place is not None and place < len(self._order):
            where, bar = self.place_of(place), self.verticalScrollBar()
            if where.top() < self._head():
                bar.setValue(bar.value() + where.top() - self._head())
            elif where.bottom() > self.viewport().height():
                bar.setValue(bar.value() + where.bottom() - self.viewport().height())
        self.viewport().update()

    # places

    @property
    def side(self) -> int:
        """The width of a picture, px."""
        beside = self.viewport().width() - self.fontMetrics().horizontalAdvance(WIDEST) - 6 * GAP
        two_rows = (self.viewport().height() - self._head()) // 2 - 2 * GAP
        return min(max(min(beside // 3, two_rows), LEAST_SIDE), MOST_SIDE)

    def _head(self) -> int:
        return self.fontMetrics().height() + 2 * GAP

    def _row_height(self) -> int:
        lines = 6 if self._sheet is not None and not self._sheet.evidence.trained.all() else 5
        return max(self.side, lines * self.fontMetrics().height()) + 2 * GAP

    def place_of(self, place: int) -> QRect:
        """Return where in the viewport the tilt at a place in the order is."""
        top = self._head() + place * self._row_height() - self.verticalScrollBar().value()
        return QRect(0, top, self.viewport().width(), self._row_height())

    def picture_at(self, place: int, column: int) -> QRect:
        """Return where in the viewport a picture is, of which a row has three."""
        row = self.place_of(place)
        return QRect(GAP + column * (self.side + GAP), row.top() + GAP, self.side, self.side)

    def _in_sight(self) -> range:
        high, top = self._row_height(), self.verticalScrollBar().value()
        return range(max(top // high, 0), min((top + self.viewport().height()) // high + 1, len(self._order)))

    def _fit_bar(self) -> None:
        bar, high = self.verticalScrollBar(), self.viewport().height() - self._head()
        bar.setRange(0, max(len(self._order) * self._row_height() - high, 0))
        bar.setPageStep(high)
        bar.setSingleStep(self._row_height() // 3)

    # drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw what is in sight, under the names of the columns."""
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor.fromRgbF(*BACKGROUND))
        if self._sheet is None:
            painter.setPen(TEXT)
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(12, 0, -12, 0), centred, self.message)
            painter.end()
            return
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for place in self._in_sight():
            self._paint_row(painter, self._sheet, place)
        head = QRect(0, 0, self.viewport().width(), self._head())
        painter.fillRect(head, QColor.fromRgbF(*BACKGROUND))
        painter.setPen(TEXT)
        for column, name in enumerate(PARTS.values()):
            where = QRect(column * (self.side + GAP), 0, self.side + 2 * GAP, self._head())
            shown = self.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, where.width())
            painter.drawText(where, Qt.AlignmentFlag.AlignCenter, shown)
        painter.end()

    def _paint_row(self, painter: QPainter, sheet: TiltSheet, place: int) -> None:
        tilt = self._order[place]
        if tilt not in self._pixmaps:
            self._pixmaps[tilt] = [QPixmap.fromImage(image_of(each)) for each in sheet.pictures(tilt)]
        for column, pixmap in enumerate(self._pixmaps[tilt]):
            painter.drawPixmap(self.picture_at(place, column), pixmap)
        metrics, last = self.fontMetrics(), self.picture_at(place, 2)
        for number, text in enumerate(sheet.numbers(tilt)):
            painter.setPen(FAINT if number in (1, 3) else TEXT)
            top = last.top() + number * metrics.height()
            line = QRect(last.right() + 2 * GAP, top, self.viewport().width(), metrics.height())
            painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, text)
        if place == self.marked:
            painter.setPen(CURRENT)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(self.place_of(place).adjusted(1, 1, -2, -2))

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Fit the rows to the room."""
        super().resizeEvent(event)
        self._fit_bar()

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Pick the tilt that is clicked."""
        at = event.position().toPoint()
        place = next((each for each in self._in_sight() if self.place_of(each).contains(at)), None)
        if place is not None and at.y() > self._head():
            self.picked.emit(place)
