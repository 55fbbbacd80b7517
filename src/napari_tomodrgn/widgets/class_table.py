"""A table of classes by classes whose cells are coloured, as the two of them that there are look."""

from typing import Any

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

from napari_tomodrgn.viewer.colouring import Colour
from napari_tomodrgn.widgets.class_model import swatch
from napari_tomodrgn.widgets.scatter import how_of

Index = QModelIndex | QPersistentModelIndex
FILL = Qt.ItemDataRole.UserRole  # the colour of a cell


class ClassByClass(QAbstractTableModel):
    """A row for each class, and a column for each class; what they are is for its kinds to say."""

    shape = (0, 0)

    def column_class(self, section: int) -> int:
        """Return the class that a column stands for."""
        return section

    def header(self, section: int, across: bool) -> tuple[str, Colour | None, str]:
        """Return the name of a column's class (across) or a row's, its colour, and what the tip says."""
        raise NotImplementedError

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else self.shape[0]

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else self.shape[1]

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        across = orientation == Qt.Orientation.Horizontal
        name, colour, tip = self.header(section, across)
        if role == Qt.ItemDataRole.DisplayRole:
            return name.removeprefix("class ") if across else name  # so that many columns can be seen at once
        if role == Qt.ItemDataRole.DecorationRole and colour is not None:
            return swatch(colour)
        return tip if role == Qt.ItemDataRole.ToolTipRole else None


class _Cell(QStyledItemDelegate):
    """Draws a cell in its colour: style sheets would hide a background that the model gives."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        fill, rect = index.data(FILL), QRect(option.rect)
        painter.setPen(option.palette.text().color())
        if fill is not None:
            painter.fillRect(rect, fill)
            if fill.alpha() == 255:
                painter.setPen(Qt.GlobalColor.black if _is_light(fill) else Qt.GlobalColor.white)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), index.data())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(option.palette.text().color(), 2))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))


def _is_light(colour: QColor) -> bool:
    return 0.299 * colour.redF() + 0.587 * colour.greenF() + 0.114 * colour.blueF() > 0.5


class ClassTable(QTableView):
    """The table.

    Signals
    -------
    picked
        The class of a row and that of a column (``None``: any), and how the selection is to be changed.
    """

    picked = Signal(object, object, str)

    def __init__(self, model: ClassByClass, narrowest: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_ = model
        self.setModel(model)
        self.setItemDelegate(_Cell(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setMinimumSectionSize(narrowest)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        self.clicked.connect(self._pick_cell)

    def _pick_cell(self, index: QModelIndex) -> None:
        self.pick(index.row(), index.column())

    def pick(self, row: int | None, column: int | None) -> None:
        """Tell what was clicked: a cell, or a whole row or column."""
        of_column = None if column is None else self.model_.column_class(column)
        self.picked.emit(row, of_column, how_of(QApplication.keyboardModifiers()))
