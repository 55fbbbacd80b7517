"""The particles that changed their class as a table: rows are selected, and looked at in their tomogram."""

from typing import Any

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_tomodrgn.viewer.compared import Compared
from napari_tomodrgn.viewer.layers import tomogram_label

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("particle", "tomogram", "A", "B")
_OF_SET = ("name", "tomogram")  # what the first ones are called in the particle set


class ChangedModel(QAbstractTableModel):
    """A row for each particle that changed its class."""

    def __init__(self, compared: Compared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.compared = compared
        self.rows = np.zeros(0, np.int64)  # of the session
        self._classes = np.zeros((2, 0), np.int64)
        self._names: tuple[tuple[str, ...], tuple[str, ...]] = (), ()

    def refresh(self) -> None:
        """Take up what was compared."""
        self.beginResetModel()
        comparison = self.compared.comparison
        self.rows, self._classes = self.compared.changed_rows(), np.zeros((2, 0), np.int64)
        if comparison is not None and comparison.agreement is not None:
            assert comparison.a.labelling is not None
            assert comparison.b.labelling is not None
            self._classes = np.stack(comparison.classes())[:, comparison.agreement.changed]
            self._names = comparison.a.labelling.names, comparison.b.labelling.names
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return section + 1 if orientation == Qt.Orientation.Vertical else COLUMNS[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the particle's name, its tomogram, or one of its classes."""
        particle_set = self.compared.session.particle_set
        if role != Qt.ItemDataRole.DisplayRole or particle_set is None:
            return None
        column = index.column()
        if column < len(_OF_SET):
            text = str(particle_set.particles[_OF_SET[column]].iat[int(self.rows[index.row()])])
            return text if column == 0 else tomogram_label(text)
        return self._names[column - 2][int(self._classes[column - 2, index.row()])]

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """List the particles by a column."""
        particle_set = self.compared.session.particle_set
        if column < 0 or particle_set is None:
            return
        self.layoutAboutToBeChanged.emit()
        if column < len(_OF_SET):
            keys = particle_set.particles[_OF_SET[column]].to_numpy()[self.rows].astype(str)
        else:
            keys = self._classes[column - 2]
        place = np.argsort(keys, kind="stable")
        place = place[::-1] if order == Qt.SortOrder.DescendingOrder else place
        self.rows, self._classes = self.rows[place], self._classes[:, place]
        self.layoutChanged.emit()


class ChangedTable(QTableView):
    """The table.

    Signals
    -------
    chosen
        Rows of the session that were selected in the table.
    looked_at
        The row of the session that was double-clicked.
    """

    chosen = Signal(object)
    looked_at = Signal(int)

    def __init__(self, compared: Compared, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model_ = ChangedModel(compared, self)
        self.setModel(self.model_)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setStretchLastSection(True)
        self.setSortingEnabled(True)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setToolTip("Select rows to select these particles; double click to look at one in its tomogram")
        self.selectionModel().selectionChanged.connect(self._choose)
        self.doubleClicked.connect(self._look_at)

    def _choose(self) -> None:
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        if rows:
            self.chosen.emit(self.model_.rows[rows])

    def _look_at(self, index: QModelIndex) -> None:
        self.looked_at.emit(int(self.model_.rows[index.row()]))
