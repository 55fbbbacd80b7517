"""What colours mean: the classes with their colours, names and sizes, or a bar for numbers."""

import matplotlib
import numpy as np
from qtpy.QtCore import QModelIndex, QPoint, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QFont, QImage, QPainter, QPaintEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QColorDialog,
    QHeaderView,
    QLabel,
    QMenu,
    QStackedLayout,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.viewer.colouring import CONTINUOUS, FADED, WITHOUT, LegendEntry
from napari_tomodrgn.viewer.frame import ticks
from napari_tomodrgn.viewer.raster import DENSITY_SHARE
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.class_model import NAME, NO_VALUE, SHOWN, SIZE, SWATCH, SWATCH_SIZE, ClassModel, to_qcolor
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.scatter import how_of


class Legend(QWidget):
    """The legend of the session's colours.

    A click on a class selects it (with the modifiers of the scatter), a double click on its name renames it, a click on
    its colour changes that, and the box before it hides and shows it. A right click fades it.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.title = QLabel(self)
        self.title.setWordWrap(True)
        font = QFont(self.title.font())
        font.setBold(True)
        self.title.setFont(font)
        self.model = ClassModel(self)
        self.table = _table(self, self.model)
        self.bar = ColourBar(self)
        self.dialog: QColorDialog | None = None
        self._painted = 0  # the class whose colour is being chosen
        self._column: str | None = None
        self._density = False
        self._stack = QStackedLayout()
        self._stack.addWidget(self.table)
        self._stack.addWidget(self.bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.title)
        layout.addLayout(self._stack, 1)

        self.table.clicked.connect(self._clicked)
        self.table.doubleClicked.connect(self._double_clicked)
        self.table.customContextMenuRequested.connect(self._menu)
        self.model.renamed.connect(self._rename)
        self.model.shown.connect(self._show_class)
        follower = Follower(self)
        for signal in (session.data_changed, session.columns_changed, session.colouring_changed):
            follower.follow(signal, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what the session's colours mean now."""
        session = self.session
        self._column = session.coloured_by
        column = session.columns.get(session.coloured_by or "")
        self.title.setText("particles at a place" if self._density else session.coloured_by or "")
        if self._density:
            self.bar.show_words("few", "many")
        elif isinstance(column, Numbers):
            self.bar.show_limits(session.colouring.limits, int((~np.isfinite(column.values)).sum()))
        else:
            missing = int((column.codes < 0).sum()) if isinstance(column, Classes) else 0
            classes = session.colouring.classes
            self.model.set_entries(classes, missing)
            longest = f"{max([missing, *(entry.size for entry in classes)], default=0):,}"
            self.table.setColumnWidth(SIZE, self.fontMetrics().horizontalAdvance(longest) + 16)
        as_bar = self._density or isinstance(column, Numbers)
        self._stack.setCurrentWidget(self.bar if as_bar else self.table)

    def set_density(self, on: bool) -> None:
        """Explain the colours of a density, or those of particles."""
        self._density = on
        self.refresh()

    def _clicked(self, index: QModelIndex) -> None:
        entry = self.model.entry(index)
        if entry is None or self._column is None:
            return
        if index.column() == SWATCH:
            self.choose_colour(entry)
        elif index.column() in (NAME, SIZE):
            self.session.select_class(self._column, entry.code, how_of(QApplication.keyboardModifiers()))

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() in (NAME, SIZE) and self.model.entry(index) is not None:
            self.table.edit(index.siblingAtColumn(NAME))

    def _rename(self, code: int, name: str) -> None:
        if self._column is not None:
            self.session.name_class(self._column, code, name)

    def _show_class(self, code: int, shown: bool) -> None:
        if self._column is not None:
            colour = self.model.entries[code].colour
            self.session.paint_class(self._column, code, (*colour[:3], float(shown)))

    def _menu(self, at: QPoint) -> None:
        index = self.table.indexAt(at)
        entry = self.model.entry(index)
        if entry is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Colour…", lambda: self.choose_colour(entry))
        faded = 0 < entry.colour[3] < 1
        menu.addAction("Show fully" if faded else "Fade", lambda: self.fade(entry, not faded))
        menu.addAction("Rename", lambda: self.table.edit(index.siblingAtColumn(NAME)))
        menu.popup(self.table.viewport().mapToGlobal(at))

    def fade(self, entry: LegendEntry, faded: bool) -> None:
        """Show a class faintly, or fully again."""
        if self._column is not None:
            self.session.paint_class(self._column, entry.code, (*entry.colour[:3], FADED if faded else 1.0))

    def choose_colour(self, entry: LegendEntry) -> None:
        """Let a person choose the colour of a class."""
        self.dialog = dialog = QColorDialog(to_qcolor((*entry.colour[:3], 1.0)), self)
        dialog.setWindowTitle(f"Colour of {entry.name}")
        dialog.setOption(QColorDialog.ColorDialogOption.DontUseNativeDialog)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._painted = entry.code
        dialog.colorSelected.connect(self._paint)
        dialog.open()

    def _paint(self, colour: QColor) -> None:
        if self._column is not None:
            rgba = (colour.redF(), colour.greenF(), colour.blueF(), 1.0)
            self.session.paint_class(self._column, self._painted, rgba)


def _table(parent: QWidget, model: ClassModel) -> QTableView:
    table = QTableView(parent)
    table.setModel(model)
    table.setShowGrid(False)
    table.setWordWrap(False)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
    table.setToolTip(
        "Click: select the class (Shift adds, Alt or Ctrl removes). Double click: rename. "
        "Colour: change it. Box: hide or show."
    )
    lines, header = table.verticalHeader(), table.horizontalHeader()
    lines.hide()
    lines.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
    lines.setDefaultSectionSize(table.fontMetrics().height() + 6)
    header.hide()
    header.setMinimumSectionSize(20)
    header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)  # by contents, thousands of lines would be asked
    header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
    header.resizeSection(SHOWN, 26)
    header.resizeSection(SWATCH, SWATCH_SIZE + 10)
    return table


class ColourBar(QWidget):
    """A bar of the colours of numbers, with the limits that its ends stand for."""

    WIDTH = 18

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.limits: tuple[float, float] | None = None
        self.missing = 0
        self._words: tuple[str, str] | None = None

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that the numbers need."""
        return QSize(110, 220)

    def show_limits(self, limits: tuple[float, float] | None, missing: int) -> None:
        """Show what the ends stand for, and how many particles have no value."""
        self.limits, self.missing, self._words = limits, missing, None
        self.update()

    def show_words(self, low: str, high: str) -> None:
        """Show words at the ends, for a density."""
        self.limits, self.missing, self._words = (0.0, 1.0), 0, (low, high)
        self.update()

    def _labels(self) -> list[tuple[float, str]]:
        """Return what stands at the bar, by its share of the height."""
        if self._words is not None:
            return list(zip((0.0, 1.0), self._words, strict=True))
        assert self.limits is not None
        low, high = self.limits
        if high <= low:
            return [(0.5, f"{low:.6g}")]
        return [((value - low) / (high - low), label) for value, label in ticks(self.limits, 5)]

    def _colours(self) -> QImage:
        begin, end = DENSITY_SHARE if self._words is not None else (0.0, 1.0)
        table = matplotlib.colormaps[CONTINUOUS](np.linspace(end, begin, 256))
        return QImage((table * 255).astype(np.uint8).tobytes(), 1, 256, 4, QImage.Format.Format_RGBA8888).copy()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the bar, its numbers, and the colour of particles without a value."""
        if self.limits is None:
            return
        painter, metrics = QPainter(self), self.fontMetrics()
        high, text = metrics.height(), self.palette().text().color()
        below = 2 * high if self.missing else 0
        bar = QRectF(4, high, self.WIDTH, min(self.height() - 2 * high - below, 260))
        painter.drawImage(bar, self._colours())
        painter.setPen(text)
        painter.drawRect(bar)
        for share, label in self._labels():
            y = bar.bottom() - share * bar.height()
            painter.drawLine(int(bar.right()), int(y), int(bar.right()) + 4, int(y))
            painter.drawText(QRectF(bar.right() + 8, y - high / 2, 80, high), int(Qt.AlignmentFlag.AlignVCenter), label)
        if self.missing:
            box = QRectF(4, bar.bottom() + high, high - 4, high - 4)
            painter.fillRect(box, to_qcolor(WITHOUT))
            place = QRectF(box.right() + 6, box.top() - 2, self.width() - box.right() - 6, high)
            label = f"{NO_VALUE}: {self.missing:,}"
            painter.drawText(place, int(Qt.AlignmentFlag.AlignVCenter), label)
