"""Spatial context: what was found of neighbours, in the scene: lines between them, and what they select."""

from functools import partial
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.neighbour_links import NeighbourLinks
from napari_tomodrgn.viewer.spatial_context import read_or_say
from napari_tomodrgn.widgets.chain_page import ChainPage
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.distance_page import DistancePage
from napari_tomodrgn.widgets.enrichment_page import EnrichmentPage
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.reading import Reading
from napari_tomodrgn.widgets.telling import tell

AS_THEY_ARE = "as they are"
COMMAND = "neighbors"


class ContextWidget(QWidget):
    """The dock widget.

    Signals
    -------
    asked
        A person wants to look for neighbours.
    """

    asked = Signal()

    def __init__(self, links: NeighbourLinks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("spatial context")
        self.links, self.context, self.session = links, links.context, links.scene.session
        self._make_controls()
        self._arrange()
        self.results.activated.connect(self._choose)
        self.ask_button.clicked.connect(self.asked)
        self.colour_box.activated.connect(self._colour)
        self.follower = Follower(self)
        self.follower.follow(self.context.changed, self.refresh)
        for signal in (self.session.columns_changed, self.session.colouring_changed):
            self.follower.follow(signal, self._show_colours)
        self.context.refresh()
        self.refresh()

    def _make_controls(self) -> None:
        self.results = QComboBox()
        self.results.setToolTip("Results of neighbors on this epoch, by the classes that they are about")
        self.ask_button = QPushButton("Look for neighbours …")
        self.ask_button.setToolTip("Set up the command neighbors in Analyse; what it finds is shown here")
        self.says, self.caution = QLabel(), QLabel()
        for label in (self.says, self.caution):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.reading = Reading()
        self.chains, self.distances = ChainPage(self.links, self), DistancePage(self.links, self)
        self.enrichment = EnrichmentPage(self.context, self)
        self.tabs = QTabWidget(self)
        self.colour_box = QComboBox()
        self.colour_box.setToolTip("What of neighbours gives particles their colour, in every view")

    def _arrange(self) -> None:
        for page, name in ((self.chains, "Chains"), (self.distances, "Distances"), (self.enrichment, "Enrichment")):
            self.tabs.addTab(page, name)
        # or napari puts empty room below it
        self.tabs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        which, colours = QHBoxLayout(), QHBoxLayout()
        which.addWidget(self.results, 1)
        which.addWidget(self.ask_button)
        colours.addWidget(QLabel("Colour particles by"))
        colours.addWidget(self.colour_box, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(which)
        box.addWidget(self.reading)
        box.addWidget(self.says)
        box.addWidget(self.caution)
        box.addLayout(colours)
        box.addWidget(self.tabs, 1)

    # what there is

    def refresh(self) -> None:
        """Show which results there are, and read the one that is looked at where that is still to be done."""
        context = self.context
        offer(self.results, context.names, context.name or "")
        self.results.setEnabled(bool(context.names))
        self.ask_button.setEnabled(self.session.run is not None)
        self.says.setText(context.says)
        self.says.setToolTip("\n".join(context.warnings))
        self.caution.setText("" if context.caution is None else f"⚠ {context.caution}")
        self.caution.setVisible(context.caution is not None)
        self.tabs.setEnabled(context.found is not None)
        self._show_colours()
        wanted = context.wanted()
        if wanted is not None:
            self.reading.read(str(context.name), partial(read_or_say, *wanted), context.take)
        elif self.reading.busy:
            self.reading.cancel()

    def _show_colours(self) -> None:
        columns = self.context.columns
        self.colour_box.setEnabled(bool(columns))
        chosen = next((words for words, own in columns.items() if own == self.session.coloured_by), AS_THEY_ARE)
        offer(self.colour_box, [AS_THEY_ARE, *columns], chosen)

    # what a person does

    def _choose(self) -> None:
        tell(lambda: self.context.choose(self.results.currentText()))

    def _colour(self) -> None:
        column = self.context.columns.get(self.colour_box.currentText())
        if column is not None:
            tell(lambda: self.session.colour_by(column))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Undo and redo by the system's keys."""
        if event.matches(QKeySequence.StandardKey.Undo):
            self.session.undo()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.session.redo()
        else:
            super().keyPressEvent(event)

    def close_down(self) -> None:
        """Take nothing of what is being read."""
        self.reading.cancel()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Take nothing of what is being read."""
        self.close_down()
        super().closeEvent(event)
