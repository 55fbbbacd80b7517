"""The chains of neighbours as a table: rows select their particles."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    Qt,
    Signal,
)
from qtpy.QtWidgets import QAbstractItemView, QTableView, QWidget

from napari_tomodrgn.viewer.colouring import Colours
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.spatial_context import SpatialContext
from napari_tomodrgn.widgets.class_model import swatch

Index = QModelIndex | QPersistentModelIndex
COLUMNS = ("chain", "particles", "tomogram", "winds")
CHAIN, PARTICLES, TOMOGRAM, WINDS = range(4)
MEANING = (
    "Its number, as in chains.csv, and the colour of its lines",
    "How many particles it has",
    "Where it is",
    "Which way it winds, by the median torsion of every four in a row: of three particles and fewer nothing is said",
)


class ChainModel(QAbstractTableModel):
    """A row for each chain."""

    def __init__(self, context: SpatialContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.places = np.zeros(0, np.int64)  # of the chains in the result's list, as they are listed here
        self._colours: Colours = np.zeros((0, 4), np.float32)
        self._lengths = np.zeros(0, np.int64)
        self._tomograms: list[str] = []

    def refresh(self, colours: Colours) -> None:
        """List the chains of the result; ``colours`` (C, 4) are those of their lines."""
        self.beginResetModel()
        found, particle_set = self.context.found, self.context.session.particle_set
        self.places, self._lengths, self._tomograms = np.zeros(0, np.int64), np.zeros(0, np.int64), []
        if found is not None and found.chains is not None and particle_set is not None:
            chains = found.chains
            self.places, self._lengths = np.arange(len(chains.numbers)), chains.lengths
            self._tomograms = [tomogram_label(particle_set.ids[int(own[0])][0]) for own in chains.members]
        self._colours = colours
        self.endResetModel()

    def recolour(self, colours: Colours) -> None:
        """Show other colours of the same chains."""
        if len(colours) == len(self._colours) and len(self.places):
            self._colours = colours
            self.dataChanged.emit(self.index(0, CHAIN), self.index(len(self.places) - 1, CHAIN))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.places)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.ToolTipRole:
            return MEANING[section]
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        return section + 1 if orientation == Qt.Orientation.Vertical else COLUMNS[section]

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says; a chain's number stands beside the colour of its lines."""
        found, place, column = self.context.found, int(self.places[index.row()]), index.column()
        if found is None or found.chains is None:
            return None
        if role == Qt.ItemDataRole.DecorationRole and column == CHAIN and place < len(self._colours):
            red, green, blue, alpha = map(float, self._colours[place])
            return swatch((red, green, blue, alpha))
        if role == Qt.ItemDataRole.DisplayRole:
            texts = (int(found.chains.numbers[place]), int(self._lengths[place]), self._tomograms[place])
            return texts[column] if column < WINDS else found.chains.winds(place)
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """List the chains by a column."""
        found = self.context.found
        if column < 0 or found is None or found.chains is None or not len(self.places):
            return
        self.layoutAboutToBeChanged.emit()
        keys: Any = {
            CHAIN: found.chains.numbers,
            PARTICLES: self._lengths,
            TOMOGRAM: np.array(self._tomograms),
            WINDS: np.array([found.chains.winds(place) for place in range(len(self.places))]),
        }[column]
        placed = np.argsort(keys, kind="stable")
        self.places = placed[::-1] if order == Qt.SortOrder.DescendingOrder else placed
        self.layoutChanged.emit()


class ChainTable(QTableView):
    """The table.

    Signals
    -------
    chosen
        Places of the chains that were selected in the table, in the result's list.
    looked_at
        The place of the chain that was double-clicked.
    """

    chosen = Signal(object)
    looked_at = Signal(int)

    def __init__(self, context: SpatialContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("chains")
        self.model_ = ChainModel(context, self)
        self.setModel(self.model_)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.horizontalHeader().setStretchLastSection(True)
        self.setSortingEnabled(True)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 6)
        self.setToolTip("Select rows to select the particles of these chains; double click to look at one")
        self._taking_over = False
        self.selectionModel().selectionChanged.connect(self._choose)
        self.doubleClicked.connect(self._look_at)

    def mark(self, places: npt.NDArray[np.int64]) -> None:
        """Mark the rows of chains, given by their places, and bring the first into view; nothing is chosen by that."""
        rows = np.flatnonzero(np.isin(self.model_.places, places))
        selection, last = QItemSelection(), self.model_.columnCount() - 1
        # ranges instead of rows: Qt takes a long time for many of them
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
            if len(run):
                selection.select(self.model_.index(int(run[0]), 0), self.model_.index(int(run[-1]), last))
        self._taking_over = True
        self.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._taking_over = False
        if len(rows):
            self.scrollTo(self.model_.index(int(rows[0]), 0))

    def _choose(self) -> None:
        if self._taking_over:
            return
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        if rows:
            self.chosen.emit(self.model_.places[rows])

    def _look_at(self, index: QModelIndex) -> None:
        self.looked_at.emit(int(self.model_.places[index.row()]))
