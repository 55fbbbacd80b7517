"""The tomograms of the session as Qt's views ask for them: counts as arrays, and text only of what is seen."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.viewer.colouring import LegendEntry
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.session import PLAIN, Session
from napari_tomodrgn.viewer.tomogram_layers import TomogramLayers
from napari_tomodrgn.widgets.class_model import swatch

NAME, FILE, PARTICLES = range(3)
FIRST_CLASS = 3
HEADS = ("tomogram", "file", "particles")
NONE, GONE = "none", "not there"

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


class TomogramModel(QAbstractTableModel):
    """A line a tomogram: its name, its files, how many particles it has, and how many of each class of the colouring.

    Attributes
    ----------
    names
        (T,) of the tomograms, as the data set writes them.
    counts
        (T, 1 + classes) of particles, in all and of each class.
    order
        (T,) which tomogram is in which line.
    """

    def __init__(self, session: Session, tomograms: TomogramLayers, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session, self.tomograms = session, tomograms
        self.names: tuple[str, ...] = ()
        self.classes: tuple[LegendEntry, ...] = ()
        self.counts: npt.NDArray[np.int64] = np.zeros((0, 1), np.int64)
        self.order: npt.NDArray[np.int64] = np.zeros(0, np.int64)
        self._sorted_by = (NAME, ASCENDING)

    def refresh(self) -> None:
        """Take up what the session says; lines stay where they are if none came or went."""
        session = self.session
        column = session.columns.get("tomogram")
        names = column.names if isinstance(column, Classes) else ()
        classes = session.colouring.classes if names and session.coloured_by != PLAIN else ()
        if names == self.names and len(classes) == len(self.classes):
            self.classes, self.counts = classes, self._count(column, len(classes))
            self._arrange()
            self.files_changed()
            self.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, self.columnCount() - 1)
            return
        self.beginResetModel()
        self.names, self.classes, self.counts = names, classes, self._count(column, len(classes))
        self._arrange()
        self.endResetModel()

    def _count(self, tomograms: Any, classes: int) -> npt.NDArray[np.int64]:
        if not isinstance(tomograms, Classes):
            return np.zeros((0, 1), np.int64)
        column = self.session.columns.get(self.session.coloured_by or "")
        count = len(tomograms.names)
        if not classes or not isinstance(column, Classes):
            return tomograms.sizes[:, None]
        known = (column.codes >= 0) & (tomograms.codes >= 0)
        both = tomograms.codes[known] * classes + column.codes[known]
        return np.hstack([tomograms.sizes[:, None], np.bincount(both, minlength=count * classes).reshape(count, -1)])

    def files_changed(self) -> None:
        """Show the cells anew."""
        if len(self.order):
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.order) - 1, self.columnCount() - 1))

    def name_at(self, row: int) -> str:
        """Return the tomogram in a line, as the data set writes it."""
        return self.names[int(self.order[row])]

    def row_of(self, name: str | None) -> int | None:
        """Return the line of a tomogram."""
        if name not in self.names:
            return None
        return int(np.flatnonzero(self.order == self.names.index(name))[0])

    def files_at(self, row: int) -> dict[str, Path]:
        """Return the versions and files of the tomogram in a line."""
        return self.tomograms.files.versions(self.name_at(row))

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return how many tomograms there are."""
        return 0 if parent is not None and parent.isValid() else len(self.order)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return that there are a name, files, and counts."""
        return 0 if parent is not None and parent.isValid() else FIRST_CLASS + len(self.classes)

    def headerData(self, section: int, orientation: Any, role: int = Role.DisplayRole) -> Any:  # noqa: N802
        """Return the heads of columns: a class's name and its colour."""
        if orientation == Qt.Orientation.Vertical or not 0 <= section < self.columnCount():
            return None
        entry = self.classes[section - FIRST_CLASS] if section >= FIRST_CLASS else None
        if role in (Role.DisplayRole, Role.ToolTipRole):
            return HEADS[section] if entry is None else entry.name
        if role == Role.DecorationRole and entry is not None:
            return swatch(entry.colour)
        return None

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        if column >= PARTICLES:
            if role == Role.DisplayRole:
                return str(self.counts[self.order[row], column - PARTICLES])
            return RIGHT if role == Role.TextAlignmentRole else None
        if column == NAME and role in (Role.DisplayRole, Role.ToolTipRole):
            name = self.name_at(row)
            return tomogram_label(name) if role == Role.DisplayRole else name
        if column == FILE and role == Role.DisplayRole:
            return _short(self.files_at(row))
        if column == FILE and role == Role.ToolTipRole:
            files = self.files_at(row)
            return "\n".join(f"{version}: {path}{_gone(path)}" for version, path in files.items()) or HINT
        return None

    def sort(self, column: int, order: Any = ASCENDING) -> None:
        """List the tomograms in the order of a column."""
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        names = [self.name_at(index.row()) for index in before]
        self._sorted_by = (column, order)
        self._arrange()
        rows = [self.row_of(name) for name in names]
        after = [self.index(row, index.column()) for row, index in zip(rows, before, strict=True) if row is not None]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        column, order = self._sorted_by
        if column >= self.columnCount() or column < 0:
            column = NAME
        if column >= PARTICLES:
            placed = np.argsort(self.counts[:, column - PARTICLES], kind="stable")
        else:
            texts = [
                tomogram_label(name) if column == NAME else _short(self.tomograms.files.versions(name))
                for name in self.names
            ]
            placed = np.argsort(np.array(texts, dtype=str), kind="stable")
        self.order = placed[::-1] if order == DESCENDING else placed


HINT = "No file was matched by its name; double click to choose one"


def _gone(path: Path) -> str:
    return "" if path.exists() else f" ({GONE})"


def _short(files: dict[str, Path]) -> str:
    """Return the name of the first file, and how many more there are."""
    if not files:
        return NONE
    first = next(iter(files.values())).name
    return first if len(files) == 1 else f"{first} + {len(files) - 1}"
