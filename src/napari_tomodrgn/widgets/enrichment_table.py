"""Classes beside classes as a table of log₂ of observed over expected, whose cells select particles."""

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

from napari_tomodrgn.analysis.spatial.enrichment import stars
from napari_tomodrgn.analysis.spatial.stored import StoredEnrichment
from napari_tomodrgn.viewer.colouring import Colour
from napari_tomodrgn.widgets.class_model import swatch
from napari_tomodrgn.widgets.scatter import how_of

Index = QModelIndex | QPersistentModelIndex
EFFECT = Qt.ItemDataRole.UserRole
DIVERGING = "PuOr_r"  # as in the figure: readable with any colour vision, orange more, purple less
UNTESTED = QColor(128, 128, 128, 70)
PALE = 0.62  # of the largest effect, up to which a background is light
LEAST = 0.5  # log₂ that the colours span to either side at least
NARROWEST_PX = 52


def in_words(own: StoredEnrichment, a: int, b: int) -> str:
    """Return what was found of class ``b`` beside class ``a``."""
    ratio, p = float(own.log2_ratio[a, b]), float(own.p_adjusted[a, b])
    text = (
        f"{own.names[b]} among {own.counted} of {own.names[a]}: {own.observed[a, b]:.0f} times, "
        f"{own.expected[a, b]:.1f} by chance"
    )
    if np.isfinite(ratio):
        text += f"; log₂ of the ratio {signed(ratio)}"
        if np.isfinite([own.low[a, b], own.high[a, b]]).all():
            text += f", 95 % interval {signed(own.low[a, b])} to {signed(own.high[a, b])}"
    if not np.isfinite(p):
        return f"{text}; too rare to be tested"
    return f"{text}; family-wise p = {p:.2g}, p by itself = {own.p[a, b]:.2g}"


def signed(value: float) -> str:
    """Return a number with its sign."""
    return f"{value:+.2f}".replace("-", "−")


class EnrichmentModel(QAbstractTableModel):
    """A row for each class, a column for each class beside it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.enrichment: StoredEnrichment | None = None
        self.limit = LEAST  # log₂ at the ends of the colours
        self._colours: list[Colour] = []

    def show(self, enrichment: StoredEnrichment | None, colours: list[Colour]) -> None:
        """Show another result, or none."""
        self.beginResetModel()
        self.enrichment, self._colours = enrichment, colours
        if enrichment is not None:
            tested = np.isfinite(enrichment.p_adjusted) & np.isfinite(enrichment.log2_ratio)
            largest = np.abs(enrichment.log2_ratio[tested]).max(initial=LEAST)
            self.limit = float(np.ceil(2 * largest) / 2)
        self.endResetModel()

    def _count(self, parent: Index | None) -> int:
        nothing = self.enrichment is None or (parent is not None and parent.isValid())
        return 0 if nothing or self.enrichment is None else len(self.enrichment.names)

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return self._count(parent)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802, D102 - Qt's name
        return self._count(parent)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802, D102
        if self.enrichment is None:
            return None
        name = self.enrichment.names[section]
        across = orientation == Qt.Orientation.Horizontal
        if role == Qt.ItemDataRole.DisplayRole:
            return name.removeprefix("class ") if across else name  # so that many columns can be seen at once
        if role == Qt.ItemDataRole.DecorationRole and section < len(self._colours):
            return swatch(self._colours[section])
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{name}, as a neighbour" if across else f"{name}, whose neighbours are counted"
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the effect with its stars, or what was found in words."""
        own, a, b = self.enrichment, index.row(), index.column()
        if own is None:
            return None
        ratio, p = float(own.log2_ratio[a, b]), float(own.p_adjusted[a, b])
        if role == Qt.ItemDataRole.DisplayRole:
            text = signed(ratio) if np.isfinite(ratio) else "none" if ratio == -np.inf else ""
            return text + stars(p)
        if role == EFFECT:
            return float(np.clip(ratio / self.limit, -1, 1)) if np.isfinite(p) and not np.isnan(ratio) else None
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{in_words(own, a, b)}.\nClick to select them."
        return None


class _Cell(QStyledItemDelegate):
    """Draws a cell in the colour of its effect: style sheets would hide a background that the model gives."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        effect, rect = index.data(EFFECT), QRect(option.rect)
        if effect is None:
            painter.fillRect(rect, UNTESTED)
            painter.setPen(option.palette.text().color())
        else:
            painter.fillRect(rect, QColor.fromRgbF(*matplotlib.colormaps[DIVERGING]((effect + 1) / 2)))
            painter.setPen(Qt.GlobalColor.black if abs(effect) < PALE else Qt.GlobalColor.white)
        painter.drawText(rect, int(Qt.AlignmentFlag.AlignCenter), index.data())
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(option.palette.text().color(), 2))
            painter.drawRect(rect.adjusted(1, 1, -2, -2))


class EnrichmentTable(QTableView):
    """The table.

    Signals
    -------
    picked
        The class of a row and that of a column, and how the selection is to be changed.
    """

    picked = Signal(int, int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("enrichment")
        self.model_ = EnrichmentModel(self)
        self.setModel(self.model_)
        self.setItemDelegate(_Cell(self))
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.horizontalHeader().setMinimumSectionSize(NARROWEST_PX)
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 10)
        self.clicked.connect(self._pick)

    def _pick(self, index: QModelIndex) -> None:
        self.picked.emit(index.row(), index.column(), how_of(QApplication.keyboardModifiers()))
