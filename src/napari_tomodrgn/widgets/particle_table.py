"""The particles of the open tomogram as a table that is linked to every other view."""

from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractTableModel, QItemSelection, QItemSelectionModel, Qt
from qtpy.QtGui import QColor, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QApplication, QLabel, QTableView, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.viewer.geometry import relation
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.following import follow_at_once

NUMBER = ".5g"


class ParticleModel(QAbstractTableModel):
    """The particles of the open tomogram, a row each, in an order that a person chose."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.order: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # rows of the set, as they are listed
        self.names: list[str] = []
        self._sorted_by = (-1, Qt.SortOrder.AscendingOrder)
        self.refresh()

    def refresh(self) -> None:
        """Take up what the session says."""
        self.beginResetModel()
        self.order = self.session.rows_in_tomogram
        self.names = [name for name in self.session.columns if name != "tomogram"]
        self._arrange()
        self.endResetModel()

    def rowCount(self, parent: Any = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else len(self.order)

    def columnCount(self, parent: Any = None) -> int:  # noqa: N802, D102 - Qt's name
        return 0 if parent is not None and parent.isValid() else 1 + len(self.names)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        if orientation == Qt.Orientation.Vertical:
            return str(section + 1)
        return "particle" if section == 0 else self.names[section - 1]

    def text(self, row: int, column: int) -> str:
        """Return what a cell says, given the row of the set and the column of the table."""
        if column == 0:
            assert self.session.particle_set is not None
            return str(self.session.particle_set.particles["name"].iat[row])
        name = self.names[column - 1]
        values = self.session.columns[name]
        if isinstance(values, Classes):
            code = int(values.codes[row])
            style = self.session.styles.get(name)
            given = None if style is None else style.names.get(code)
            return "" if code < 0 else given or values.names[code]
        number = float(values.values[row])
        return format(number, NUMBER) if np.isfinite(number) else ""

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what Qt asks of a cell: its text, its alignment, or the particle's colour beside its name."""
        if not index.isValid():
            return None
        row = int(self.order[index.row()])
        if role == Qt.ItemDataRole.DisplayRole:
            return self.text(row, index.column())
        if role == Qt.ItemDataRole.DecorationRole and index.column() == 0:
            return QColor.fromRgbF(*map(float, self.session.colouring.rgba[row]))
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() > 0:
            number = not isinstance(self.session.columns[self.names[index.column() - 1]], Classes)
            side = Qt.AlignmentFlag.AlignRight if number else Qt.AlignmentFlag.AlignLeft
            return side | Qt.AlignmentFlag.AlignVCenter
        return None

    def sort(self, column: int, order: Any = Qt.SortOrder.AscendingOrder) -> None:
        """List the particles in the order of a column; those without a value come last."""
        self.layoutAboutToBeChanged.emit()
        self._sorted_by = (column, order)
        self._arrange()
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._sorted_by
        if column < 0 or column > len(self.names):
            return
        rows = np.sort(self.order)
        if column == 0:
            keys: Any = np.array([self.text(row, 0) for row in rows.tolist()])
            missing = np.zeros(len(rows), dtype=bool)
        else:
            values = self.session.columns[self.names[column - 1]]
            keys = values.codes[rows] if isinstance(values, Classes) else values.values[rows]
            missing = keys < 0 if isinstance(values, Classes) else ~np.isfinite(keys)
        placed = np.argsort(keys[~missing], kind="stable")
        if order == Qt.SortOrder.DescendingOrder:
            placed = placed[::-1]
        self.order = np.concatenate([rows[~missing][placed], rows[missing]])

    def colours_changed(self) -> None:
        """Show the particles' colours and classes' names anew."""
        if len(self.order):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.order) - 1, len(self.names)))


class ParticleTable(QWidget):
    """The table, and below it how two selected particles stand to one another."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("particles")
        self.session, self.model = session, ParticleModel(session, self)
        self.view = QTableView()
        self.view.setModel(self.model)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.setSortingEnabled(True)
        self.view.verticalHeader().setDefaultSectionSize(20)
        self.view.installEventFilter(self)
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.view)
        layout.addWidget(self.summary)
        self._taking_over = False
        self.view.selectionModel().selectionChanged.connect(self._take_selection)
        self.view.doubleClicked.connect(self._look_at)
        self.model.layoutChanged.connect(self._show_selection)
        for signal in (
            session.data_changed,
            session.columns_changed,
            session.labels_changed,
            session.tomogram_changed,
        ):
            follow_at_once(self, signal, self._refresh)
        follow_at_once(self, session.colouring_changed, self.model.colours_changed)
        follow_at_once(self, session.selection_changed, self._show_selection)
        self._refresh()

    def _look_at(self, index: Any) -> None:
        self.session.look_at(int(self.model.order[index.row()]))

    def _refresh(self) -> None:
        self._taking_over = True
        self.model.refresh()
        self._taking_over = False
        self._show_selection()

    def _show_selection(self) -> None:
        """Mark the rows of selected particles and bring the first one into view."""
        if self._taking_over:
            return
        chosen = np.flatnonzero(self.session.selected[self.model.order]) if len(self.session) else np.zeros(0, int)
        selection = QItemSelection()
        last = self.model.columnCount() - 1
        # ranges instead of rows: Qt takes a long time for many of them
        for run in np.split(chosen, np.flatnonzero(np.diff(chosen) > 1) + 1):
            if len(run):
                selection.select(self.model.index(int(run[0]), 0), self.model.index(int(run[-1]), last))
        self._taking_over = True
        self.view.selectionModel().select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        self._taking_over = False
        if len(chosen):
            self.view.scrollTo(self.model.index(int(chosen[0]), 0))
        self._say()

    def _take_selection(self) -> None:
        """Tell the session which rows were selected; particles of other tomograms are left out of the selection."""
        if self._taking_over:
            return
        rows = {index.row() for index in self.view.selectionModel().selectedRows()}
        self._taking_over = True
        self.session.select_rows(
            self.model.order[sorted(rows)].tolist(), {"rule": "table", "tomogram": self.session.tomogram}
        )
        self._taking_over = False
        self._say()

    def _say(self) -> None:
        chosen = np.flatnonzero(self.session.selected)
        here = int(self.session.selected[self.model.order].sum()) if len(self.model.order) else 0
        text = f"{len(self.model.order)} particles here, {here} selected; {len(chosen)} selected in all"
        if len(chosen) == 2 and self.session.particle_set is not None:
            found = relation(self.session.particle_set, *map(int, chosen))
            if np.isfinite(found.distance):
                text += f" · {found.distance / 10:.1f} nm apart"
            if np.isfinite(found.rotation):
                text += f", turned by {found.rotation:.1f}°"
        self.summary.setText(text)

    def selected_text(self) -> str:
        """Return the selected rows as text, a line each, with the names of the columns before them."""
        columns = range(self.model.columnCount())
        lines = ["\t".join(self.model.headerData(column, Qt.Orientation.Horizontal) for column in columns)]
        for index in sorted(self.view.selectionModel().selectedRows(), key=lambda each: each.row()):
            row = int(self.model.order[index.row()])
            lines.append("\t".join(self.model.text(row, column) for column in columns))
        return "\n".join(lines)

    def eventFilter(self, watched: Any, event: Any) -> bool:  # noqa: N802 - Qt's name
        """Copy the selected rows where that is asked for."""
        if event.type() == event.Type.KeyPress and event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(self.selected_text())
            return True
        return bool(super().eventFilter(watched, event))
