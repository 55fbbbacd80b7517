"""Chains of neighbours: their lines in the tomogram, and the table of them."""

from typing import Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.neighbour_links import NeighbourLinks
from napari_tomodrgn.widgets.chain_table import ChainTable
from napari_tomodrgn.widgets.following import Follower

BY = {"one colour each": "chain", "colour by length": "length"}


class ChainPage(QWidget):
    """The page."""

    def __init__(self, links: NeighbourLinks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.links, self.context, self.session = links, links.context, links.scene.session
        self._make_controls()
        self._arrange()
        self.chains.toggled.connect(self._show_chains)
        self.nearest.toggled.connect(self._show_nearest)
        self.by.activated.connect(self._colour)
        self.table.chosen.connect(self.context.select_chains)
        self.table.looked_at.connect(self._look_at)
        self.whole_button.clicked.connect(self._select_whole)
        self.follower = Follower(self)
        self.follower.follow(self.context.changed, self.refresh)
        self.follower.follow(self.links.changed, self._show_links)
        self.follower.follow(self.session.selection_changed, self._show_selection)
        self.refresh()

    def _make_controls(self) -> None:
        self.chains, self.nearest = QCheckBox("Chains"), QCheckBox("Nearest")
        self.chains.setToolTip("Draw chains as lines in the tomogram: a click on one selects its particles")
        self.nearest.setToolTip("Draw a line from each particle to its nearest neighbour")
        self.by = QComboBox()
        for text, name in BY.items():
            self.by.addItem(text, name)
        self.by.setToolTip("What gives the lines of chains their colour")
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.table = ChainTable(self.context, self)
        self.whole_button = QPushButton("Select chains of the selected particles")
        self.whole_button.setToolTip("Select all particles of each chain that has a selected one in it")

    def _arrange(self) -> None:
        lines = QHBoxLayout()
        lines.addWidget(QLabel("Lines:"))
        for part in (self.chains, self.by, self.nearest):
            lines.addWidget(part)
        lines.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addLayout(lines)
        column.addWidget(self.message)
        column.addWidget(self.table, 1)
        column.addWidget(self.whole_button)

    def refresh(self) -> None:
        """Take up the result."""
        self.table.model_.refresh(self.links.chain_colours())
        self.message.setText(self.context.why_no_chains or "")
        self.message.setVisible(bool(self.message.text()))
        self._show_links()
        self._show_selection()

    def _show_links(self) -> None:
        style = self.links.style
        for box, shown in ((self.chains, style.chains), (self.nearest, style.nearest)):
            blocked = box.blockSignals(True)
            box.setChecked(shown)
            box.blockSignals(blocked)
        self.by.setCurrentIndex(self.by.findData(style.by))
        self.table.model_.recolour(self.links.chain_colours())

    def _show_selection(self) -> None:
        self.table.mark(self.context.selected_chains())
        self.whole_button.setEnabled(bool(len(self.context.chains_of_selected())))

    # what a person does

    def _show_chains(self, shown: bool) -> None:
        self.links.show("chains", shown)

    def _show_nearest(self, shown: bool) -> None:
        self.links.show("nearest", shown)

    def _colour(self) -> None:
        by: Any = self.by.currentData()
        self.links.colour_by(by)

    def _select_whole(self) -> None:
        self.context.select_chains(self.context.chains_of_selected().tolist())

    def _look_at(self, place: int) -> None:
        found = self.context.found
        if found is not None and found.chains is not None:
            self.context.look_at(int(found.chains.members[place][0]))
