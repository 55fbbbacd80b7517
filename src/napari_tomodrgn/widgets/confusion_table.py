"""The confusion of two labellings as a table whose cells select the particles that they count."""

from typing import Any

import matplotlib
import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QRect, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from napari_tomodrgn.analysis.label_agreement import Agreement
from napari_tomodrgn.viewer.colouring import CONTINUOUS, Colour
from napari_tomodrgn.widgets.class_model import swatch
from napari_tomodrgn.widgets.scatter import how_of

Index = QModelIndex | QPersistentModelIndex
SHARE = Qt.ItemDataRole.UserRole
LIGHT = 0.55  # shares above it have a light background
NARROWEST_PX = 34


class ConfusionModel(QAbstractTableModel):
    """A row for each class of A, a column for each class of B, in the order of their partners."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counts = np.zeros((0, 0), np.int64)
        self.order = np.zeros(0, np.int64)  # of the columns
        self._shares = np.zeros((0, 0))
        self._names: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        self._colours: tuple[list[Colour], list[Colour]] = [], []

    def show(
        self,
        agreement: Agreement | None,
        names: tuple[tuple[str, ...], tuple[str, ...]],
        colours: tuple[list[Colour], list[Colour]],
    ) -> None:
        """Show another confusion, or none."""
        self.beginResetModel()
        self.order = np.zeros(0, np.int64) if agreement is None else agreement.order_of_second
        self.counts = np.zeros((0, 0), np.int64) if agreement is None else agreement.counts[:, self.order]
        self._shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        self._names, self._colours = names, colours
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else self.counts.shape[0]

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else self.counts.shape[1]

    def code(self, section: int, orientation: Qt.Orientation) -> int:
        """Return the class that a row or a column stands for."""
        return section if orientation == Qt.Orientation.Vertical else int(self.order[section])

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        side = int(orientation == Qt.Orientation.Horizontal)
        code = self.code(section, orientation)
        if role == Qt.ItemDataRole.DisplayRole:
            name = self._names[side][code]
            return name.removeprefix("class ") if side else name  # so that many columns can be seen at once
        if role == Qt.ItemDataRole.DecorationRole:
            return swatch(self._colours[side][code])
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{self._names[side][code]} of {'AB'[side]}: click to select its particles"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a count, the share of its row that it is, or what both are in words."""
        count, share = int(self.counts[index.row(), index.column()]), self._shares[index.row(), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{count:,}" if count else ""
        if role == SHARE:
            return float(share)
        if role == Qt.ItemDataRole.ToolTipRole:
            a, b = self._names[0][index.row()], self._names[1][int(self.order[index.column()])]
            return f"{count:,} particles are {a} in A and {b} in B: {share:.0%} of {a}"
        return None


class _Cell(QStyledItemDelegate):
    """Draws a cell in the colour of its share: style sheets would hide a background that the model gives."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        share = index.data(SHARE)
        rect: QRect = option.rect
        if share > 0:
            painter.fillRect(rect, QColor.fromRgbF(*matplotlib.colormaps[CONTINUOUS](share)))
            painter.setPen(Qt.GlobalColor.black if share > LIGHT else Qt.GlobalColor.white)
            painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), index.data())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(option.palette.text().color(), 2))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))


class ConfusionTable(QTableView):
    """The table.

    Signals
    -------
    picked
        Class of A and class of B (``None``: any), and how the selection is to be changed.
    """

    picked = Signal(object, object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_ = ConfusionModel(self)
        self.setModel(self.model_)
        self.setItemDelegate(_Cell(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setToolTip("Click a cell, or a class, to select its particles. Shift adds, Alt or Ctrl removes.")
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.setSectionsClickable(True)
        self.horizontalHeader().setMinimumSectionSize(NARROWEST_PX)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        self.clicked.connect(self._pick)
        self.horizontalHeader().sectionClicked.connect(self._pick_second)
        self.verticalHeader().sectionClicked.connect(self._pick_first)

    def _pick(self, index: QModelIndex) -> None:
        self.picked.emit(index.row(), self.model_.code(index.column(), Qt.Orientation.Horizontal), _how())

    def _pick_first(self, section: int) -> None:
        self.picked.emit(section, None, _how())

    def _pick_second(self, section: int) -> None:
        self.picked.emit(None, self.model_.code(section, Qt.Orientation.Horizontal), _how())


def _how() -> str:
    return how_of(QApplication.keyboardModifiers())
