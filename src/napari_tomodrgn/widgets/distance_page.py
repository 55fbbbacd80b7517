"""Distances to the nearest neighbour by class, and the particles in an interval of them."""

from qtpy.QtWidgets import QApplication, QDoubleSpinBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.neighbour_distances import count_in_words, distance_curves, first_interval
from napari_tomodrgn.viewer.neighbour_links import NeighbourLinks
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.interval_plot import IntervalPlot
from napari_tomodrgn.widgets.scatter import how_of

MOST_PREVIEWED = 20_000  # points of a tomogram that are lit up while the interval is dragged
FARTHEST = 1e6  # Å


class DistancePage(QWidget):
    """The page."""

    def __init__(self, links: NeighbourLinks, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.scene, self.context, self.session = links.scene, links.context, links.scene.session
        self.plot = IntervalPlot("distances to the nearest", self)
        self.low, self.high = QDoubleSpinBox(self), QDoubleSpinBox(self)
        self.count = QLabel(self)
        self.count.setWordWrap(True)
        self.select_button = QPushButton("Select them")
        self.select_button.setToolTip("Select these particles (Shift adds, Ctrl or Alt takes away, both keep)")
        self._read: object = None  # the result that the interval is of
        self._arrange()
        self.plot.moved.connect(self._dragged)
        self.plot.released.connect(self._let_go)
        for box in (self.low, self.high):
            box.editingFinished.connect(self._typed)
        self.select_button.clicked.connect(self._select)
        self.follower = Follower(self)
        self.follower.follow(self.context.changed, self.refresh)
        self.follower.follow(self.session.colouring_changed, self._draw)
        self.refresh()

    def _arrange(self) -> None:
        ends = QHBoxLayout()
        ends.addWidget(QLabel("From"))
        for box, text in ((self.low, "to"), (self.high, "")):
            box.setRange(0, FARTHEST)
            box.setDecimals(0)
            box.setSuffix(" Å")
            box.setKeyboardTracking(False)
            ends.addWidget(box)
            if text:
                ends.addWidget(QLabel(text))
        ends.addStretch(1)
        ends.addWidget(self.select_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 4, 0, 0)
        column.addWidget(self.plot, 1)
        column.addLayout(ends)
        column.addWidget(self.count)

    def refresh(self) -> None:
        """Take up the result; an interval that was set stays while it is the same one."""
        self._draw()
        found = self.context.found
        if found is not self._read:
            self._read = found
            self._take(*(self.session.neighbours.style.interval or first_interval(self.context)))
        self.select_button.setEnabled(found is not None)

    def _draw(self) -> None:
        curves, found = distance_curves(self.context), self.context.found
        self.plot.show_curves(curves)
        box = None if found is None else found.box_diameter
        self.plot.mark_x(box, "" if box is None else f"box: {box:.0f} Å")

    def _take(self, low: float, high: float) -> None:
        """Show an interval everywhere."""
        self.plot.set_interval(low, high)
        for box, value in zip((self.low, self.high), self.plot.interval, strict=True):
            blocked = box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(blocked)
        self.count.setText(count_in_words(self.context, *self.plot.interval))

    # what a person does

    def _dragged(self, low: float, high: float) -> None:
        self._take(low, high)
        if len(self.scene.rows) <= MOST_PREVIEWED:
            self.scene.preview(self.context.between(low, high))

    def _let_go(self) -> None:
        self.session.neighbours.set(interval=self.plot.interval)
        if len(self.scene.rows) <= MOST_PREVIEWED:
            self.scene.preview(self.session.selected)

    def _typed(self) -> None:
        ends = self.low.value(), self.high.value()
        if ends != tuple(map(round, self.plot.interval)):
            self._take(*ends)
            self.session.neighbours.set(interval=self.plot.interval)

    def _select(self) -> None:
        self.context.select_between(*self.plot.interval, how_of(QApplication.keyboardModifiers()))
