"""The classes of a legend as Qt's views ask for them: only what is seen is made, so there may be thousands."""

from typing import Any

from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPixmap

from napari_tomodrgn.viewer.colouring import WITHOUT, Colour, LegendEntry

SHOWN, SWATCH, NAME, SIZE = range(4)
NO_VALUE = "no value"
SWATCH_SIZE = 12
HIDDEN = "#808080"  # of the names of hidden classes, faint in dark and light themes

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole


def to_qcolor(colour: Colour) -> QColor:
    """Return a colour, 0 to 1, as Qt's."""
    return QColor.fromRgbF(*map(float, colour))


def swatch(colour: Colour, side: int = SWATCH_SIZE) -> QPixmap:
    """Return a square of a colour, ``side`` px wide, whole even where the class is hidden, with an edge."""
    pixmap = QPixmap(side, side)
    pixmap.fill(to_qcolor((*colour[:3], 1.0)))
    painter = QPainter(pixmap)
    painter.setPen(QColor(128, 128, 128))
    painter.drawRect(0, 0, side - 1, side - 1)
    painter.end()
    return pixmap


class ClassModel(QAbstractTableModel):
    """A line a class, and one for particles without a class where there are any.

    Signals
    -------
    renamed
        Code and new name.
    shown
        Code and whether the class is to be shown.
    """

    renamed = Signal(int, str)
    shown = Signal(int, bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.entries: tuple[LegendEntry, ...] = ()
        self.missing = 0

    def set_entries(self, entries: tuple[LegendEntry, ...], missing: int) -> None:
        """List these classes, and how many particles have none; the view stays where it is if it can."""
        if len(entries) == len(self.entries) and bool(missing) == bool(self.missing):
            self.entries, self.missing = entries, missing
            self.dataChanged.emit(self.index(0, 0), self.index(self.rowCount() - 1, SIZE))
            return
        self.beginResetModel()
        self.entries, self.missing = entries, missing
        self.endResetModel()

    def entry(self, index: Index) -> LegendEntry | None:
        """Return the class of a line, ``None`` where it is that of particles without one."""
        return self.entries[index.row()] if 0 <= index.row() < len(self.entries) else None

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return how many lines there are."""
        return 0 if parent is not None and parent.isValid() else len(self.entries) + bool(self.missing)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802
        """Return that there are a box, a colour, a name and a size."""
        return 4

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return that names are edited and boxes checked."""
        if self.entry(index) is None:
            return Qt.ItemFlag.ItemIsEnabled
        extra = {SHOWN: Qt.ItemFlag.ItemIsUserCheckable, NAME: Qt.ItemFlag.ItemIsEditable}
        return Qt.ItemFlag.ItemIsEnabled | extra.get(index.column(), Qt.ItemFlag.NoItemFlags)

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Return what a line shows."""
        entry, place = self.entry(index), index.column()
        if role == Role.TextAlignmentRole and place == SIZE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Role.DecorationRole and place == SWATCH:
            return swatch(WITHOUT if entry is None else entry.colour)
        if role == Role.ForegroundRole and entry is not None and entry.colour[3] == 0:
            return QColor(HIDDEN)
        if role == Role.CheckStateRole and place == SHOWN and entry is not None:
            faded = Qt.CheckState.PartiallyChecked if entry.colour[3] > 0 else Qt.CheckState.Unchecked
            return Qt.CheckState.Checked if entry.colour[3] >= 1 else faded
        if role in (Role.DisplayRole, Role.EditRole, Role.ToolTipRole) and place == NAME:
            return NO_VALUE if entry is None else entry.name
        if role == Role.DisplayRole and place == SIZE:
            return f"{self.missing if entry is None else entry.size:,}"
        return None

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:  # noqa: N802
        """Tell what a person changed; the line shows it once the session has it."""
        entry = self.entry(index)
        if entry is None:
            return False
        if role == Role.CheckStateRole:
            self.shown.emit(entry.code, Qt.CheckState(value) == Qt.CheckState.Checked)
        elif role == Role.EditRole and str(value).strip() not in ("", entry.name):
            self.renamed.emit(entry.code, str(value).strip())
        return True
