"""Who stands beside whom, more or less often than chance has it."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.spatial_context import NULLS, SpatialContext
from napari_tomodrgn.widgets.enrichment_table import EnrichmentTable, in_words
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.telling import tell

NO_CLASSES = "No classes were held against one another: there are none, or fewer than two; give --labels"
STARS = "* p ≤ 0.05, ** ≤ 0.01, *** ≤ 0.001, family-wise over all pairs; grey: too rare to be tested"


class EnrichmentPage(QWidget):
    """The page."""

    def __init__(self, context: SpatialContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.context = context
        self.about, self.cell = QLabel(self), QLabel(self)
        self.table = EnrichmentTable(self)
        self.about.setToolTip(STARS)
        self.cell.hide()
        for label in (self.about, self.cell):
            label.setWordWrap(True)
        self.cell.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.about)
        column.addWidget(self.table, 1)
        column.addWidget(self.cell)
        self.table.picked.connect(self._pick)
        self.follower = Follower(self)
        self.follower.follow(context.changed, self.refresh)
        self.follower.follow(context.session.colouring_changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Take up the result."""
        found = self.context.found
        own = None if found is None else found.enrichment
        if own is not self.table.model_.enrichment:
            self.cell.hide()
        self.table.model_.show(own, self.context.class_colours())
        if own is None:
            self.about.setText(self.context.says if found is None else NO_CLASSES)
            return
        self.about.setText(f"Columns among {own.counted} of rows: log₂ observed / expected. Null: {NULLS[own.null]}.")

    def _pick(self, a: int, b: int, how: Any) -> None:
        def select() -> None:
            self.context.select_beside(a, b, how)

        found = self.context.found
        if found is None or found.enrichment is None:
            return
        self.cell.setText(in_words(found.enrichment, a, b))
        self.cell.show()
        if tell(select, self.cell):
            own = found.enrichment
            count = len(self.context.beside(a, b))
            self.cell.setText(
                f"{count:,} particles of {own.names[a]} have {own.names[b]} beside them. {self.cell.text()}"
            )
