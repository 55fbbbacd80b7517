"""The confusion of two labellings as a table whose cells select the particles that they count."""

from typing import Any

import matplotlib
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.analysis.label_agreement import Agreement
from napari_tomodrgn.viewer.colouring import CONTINUOUS, Colour
from napari_tomodrgn.widgets.class_table import FILL, ClassByClass, ClassTable, Index

NARROWEST_PX = 34


class ConfusionModel(ClassByClass):
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
        self.shape = self.counts.shape
        self._shares = self.counts / np.maximum(self.counts.sum(axis=1, keepdims=True), 1)
        self._names, self._colours = names, colours
        self.endResetModel()

    def column_class(self, section: int) -> int:
        """Return the class of B that a column stands for."""
        return int(self.order[section])

    def header(self, section: int, across: bool) -> tuple[str, Colour | None, str]:
        """Return the name of a class of B (across) or A, its colour, and what a click does."""
        code = self.column_class(section) if across else section
        name = self._names[across][code]
        return name, self._colours[across][code], f"{name} of {'AB'[across]}: click to select its particles"

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a count, the share of its row that it is, or what both are in words."""
        count, share = int(self.counts[index.row(), index.column()]), self._shares[index.row(), index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return f"{count:,}" if count else ""
        if role == FILL:
            return QColor.fromRgbF(*matplotlib.colormaps[CONTINUOUS](share)) if count else None
        if role == Qt.ItemDataRole.ToolTipRole:
            a, b = self._names[0][index.row()], self._names[1][self.column_class(index.column())]
            return f"{count:,} particles are {a} in A and {b} in B: {share:.0%} of {a}"
        return None


class ConfusionTable(ClassTable):
    """The table; a click on a class picks its particles, whatever they are on the other side."""

    model_: ConfusionModel

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(ConfusionModel(), NARROWEST_PX, parent)
        self.setToolTip("Click a cell, or a class, to select its particles. Shift adds, Alt or Ctrl removes.")
        for header in (self.horizontalHeader(), self.verticalHeader()):
            header.setSectionsClickable(True)
        self.horizontalHeader().sectionClicked.connect(self._pick_column)
        self.verticalHeader().sectionClicked.connect(self._pick_row)

    def _pick_row(self, section: int) -> None:
        self.pick(section, None)

    def _pick_column(self, section: int) -> None:
        self.pick(None, section)
