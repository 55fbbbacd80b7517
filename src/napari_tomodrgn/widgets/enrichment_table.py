"""Classes beside classes as a table of log₂ of observed over expected, whose cells select particles."""

from typing import Any

import matplotlib
import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QWidget

from napari_tomodrgn.analysis.spatial.enrichment import stars
from napari_tomodrgn.analysis.spatial.stored import StoredEnrichment
from napari_tomodrgn.viewer.colouring import Colour
from napari_tomodrgn.widgets.class_table import FILL, ClassByClass, ClassTable, Index

DIVERGING = "PuOr_r"  # as in the figure: readable with any colour vision, orange more, purple less
UNTESTED = QColor(128, 128, 128, 70)
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


class EnrichmentModel(ClassByClass):
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
        self.shape = (0, 0) if enrichment is None else (len(enrichment.names),) * 2
        if enrichment is not None:
            tested = np.isfinite(enrichment.p_adjusted) & np.isfinite(enrichment.log2_ratio)
            largest = np.abs(enrichment.log2_ratio[tested]).max(initial=LEAST)
            self.limit = float(np.ceil(2 * largest) / 2)
        self.endResetModel()

    def header(self, section: int, across: bool) -> tuple[str, Colour | None, str]:
        """Return the name of a class, its colour where it has one, and whether it is counted or counted beside."""
        assert self.enrichment is not None
        name = self.enrichment.names[section]
        colour = self._colours[section] if section < len(self._colours) else None
        return name, colour, f"{name}, as a neighbour" if across else f"{name}, whose neighbours are counted"

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the effect with its stars, or what was found in words."""
        own, a, b = self.enrichment, index.row(), index.column()
        if own is None:
            return None
        ratio, p = float(own.log2_ratio[a, b]), float(own.p_adjusted[a, b])
        if role == Qt.ItemDataRole.DisplayRole:
            text = signed(ratio) if np.isfinite(ratio) else "none" if ratio == -np.inf else ""
            return text + stars(p)
        if role == FILL:
            tested = np.isfinite(p) and not np.isnan(ratio)
            effect = float(np.clip(ratio / self.limit, -1, 1))
            return QColor.fromRgbF(*matplotlib.colormaps[DIVERGING]((effect + 1) / 2)) if tested else UNTESTED
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{in_words(own, a, b)}.\nClick to select them."
        return None


class EnrichmentTable(ClassTable):
    """The table."""

    model_: EnrichmentModel

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(EnrichmentModel(), NARROWEST_PX, parent)
        self.setObjectName("enrichment")
