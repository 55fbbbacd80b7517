"""The Occupancy page: histograms of what was measured of each part, and thresholds that are dragged over them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.measured_parts import MeasuredParts
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel, Side
from napari_tomodrgn.viewer.opening import Opened, read_anew
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower, follow_at_once
from napari_tomodrgn.widgets.histogram import THUMBNAIL, Histogram, thumbnail
from napari_tomodrgn.widgets.reading import Reading
from napari_tomodrgn.widgets.telling import tell

BINS, FEW_BINS = 60, 24
NOTHING = "No occupancies yet: measure a sphere (Volumes ▸ Sphere), or a model (Analyse ▸ Occupancy of a model's parts)"
SIDES: dict[Side, str] = {"below": "Select below", "between": "Select between", "above": "Select above"}


class OccupancyPage(QWidget):
    """Says to the panel where thresholds stand, and shows what it says."""

    def __init__(self, panel: OccupancyPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("occupancy")
        self.panel, self.session = panel, panel.session
        self._listed: MeasuredParts | None = None  # the table whose parts are listed
        self._make_controls()
        self._arrange()
        self._connect()
        self.refresh()

    def _make_controls(self) -> None:
        self.tables = QComboBox()
        self.tables.setToolTip("What was measured, by the name of its folder")
        self.parts = QListWidget()
        self.parts.setIconSize(THUMBNAIL)
        self.parts.setUniformItemSizes(True)
        self.parts.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.parts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.parts.setToolTip("Click: look at a part. Tick several: a label for each combination of their thresholds")
        self.histogram = Histogram("histogram")
        self.histogram.say(NOTHING)
        self.typed = QLineEdit()
        self.typed.setToolTip("Thresholds, one or two numbers")
        self.typed.setMaximumWidth(self.fontMetrics().horizontalAdvance("−0000.000 −0000.000"))
        self.second = QCheckBox("two")
        self.second.setToolTip("Two thresholds: below, between and above")
        self.by_occupancy, self.by_labels = QRadioButton("occupancy"), QRadioButton("labels")
        self.by_occupancy.setToolTip("Colour particles in every view by how much of the part is there")
        self.by_labels.setToolTip("Colour particles in every view by the side of the thresholds that they are on")
        self.side_buttons: dict[Side, QPushButton] = {side: QPushButton(text) for side, text in SIDES.items()}
        self.name = QLineEdit()
        self.name.setPlaceholderText("lower-case letters")
        self.name.setToolTip("The labels are stored as labels-NAME-K.csv, as `occupancy --threshold` does")
        self.replace = QCheckBox("replace")
        self.replace.setToolTip("Replace labels of the same name")
        self.keep_button = QPushButton("Keep as labels")
        self.kept = QLabel()
        self.kept.setWordWrap(True)
        self.reading = Reading()

    def _arrange(self) -> None:
        first, second, third, fourth = (QHBoxLayout() for _ in range(4))
        first.addWidget(QLabel("measured"))
        first.addWidget(self.tables, 1)
        second.addWidget(QLabel("threshold"))
        second.addWidget(self.typed)
        second.addWidget(self.second)
        second.addStretch(1)
        second.addWidget(QLabel("colours"))
        second.addWidget(self.by_occupancy)
        second.addWidget(self.by_labels)
        for button in self.side_buttons.values():
            third.addWidget(button)
        fourth.addWidget(self.name, 1)
        fourth.addWidget(self.replace)
        fourth.addWidget(self.keep_button)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self.parts)
        splitter.addWidget(self.histogram)
        splitter.setStretchFactor(1, 1)
        splitter.setSizes([200, 320])
        self.layout_ = QVBoxLayout(self)
        self.layout_.setContentsMargins(4, 4, 4, 4)
        self.layout_.addLayout(first)
        self.layout_.addWidget(splitter, 1)
        for row in (second, third, fourth):
            self.layout_.addLayout(row)
        self.layout_.addWidget(self.kept)
        self.layout_.addWidget(self.reading)

    def _connect(self) -> None:
        panel, session = self.panel, self.session
        self.tables.textActivated.connect(self.choose)
        self.parts.currentItemChanged.connect(self._take_part)
        self.parts.itemChanged.connect(self._take_tick)
        self.histogram.dragged.connect(self._drag)
        self.typed.editingFinished.connect(self._type)
        self.second.clicked.connect(self._take_second)
        self.by_occupancy.clicked.connect(self._take_colours)
        self.by_labels.clicked.connect(self._take_colours)
        for side, button in self.side_buttons.items():
            button.clicked.connect(partial(_select, panel, side))
        self.keep_button.clicked.connect(self._keep)
        follow_at_once(self, panel.changed, self._show)
        follow_at_once(self, panel.moved, self._show_lines)
        self.follower = Follower(self)
        for signal in (session.data_changed, session.epochs_changed, session.columns_changed):
            self.follower.follow(signal, self.refresh)

    # what the panel says

    def refresh(self) -> None:
        """Offer the tables that are there."""
        names = self.panel.names()
        offer(self.tables, names, None if self.panel.measured is None else self.panel.measured.name)
        self.tables.setEnabled(bool(names))
        if self.panel.measured is None:
            self.tables.setCurrentIndex(-1)
            self.histogram.say("Choose what was measured, above" if names else NOTHING)
        self._show()

    def _show(self) -> None:
        measured = self.panel.measured
        if measured is not self._listed:
            self._list_parts()
        there = measured is not None and bool(self.panel.part)
        for part in (self.typed, self.second, self.by_occupancy, self.by_labels, self.name, self.keep_button):
            part.setEnabled(there)
        self.by_occupancy.setChecked(self.panel.colours == "occupancy")
        self.by_labels.setChecked(self.panel.colours == "labels")
        if measured is None or not self.panel.part:
            self.histogram.show_bars(np.zeros(0, np.int64), np.zeros(0), ("", ""))
            for button in self.side_buttons.values():
                button.setEnabled(False)
            return
        self._mark_parts()
        unit = {"class": "class centres"}.get(measured.occupancy.unit, "particles")
        names = (f"occupancy of {self.panel.part}", unit)
        self.histogram.show_bars(*self.panel.histogram(self.panel.part, BINS), names)
        self._show_lines()

    def _list_parts(self) -> None:
        before, measured = self._listed, self.panel.measured
        self._listed = measured
        if measured is None or before is None or measured.path != before.path:  # else it was read again
            self.name.setText("" if measured is None else measured.name)
            self.kept.clear()
        blocked = self.parts.blockSignals(True)
        self.parts.clear()
        for part in () if measured is None else measured.occupancy.parts:
            picture = thumbnail(*self.panel.histogram(part, FEW_BINS), self.palette())
            item = QListWidgetItem(QIcon(picture), part)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            item.setSizeHint(QSize(0, THUMBNAIL.height() + 4))
            item.setToolTip(part)
            self.parts.addItem(item)
        self.parts.blockSignals(blocked)

    def _mark_parts(self) -> None:
        blocked = self.parts.blockSignals(True)
        for row in range(self.parts.count()):
            item = self.parts.item(row)
            ticked = item.text() in self.panel.labelled
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            if item.text() == self.panel.part:
                self.parts.setCurrentRow(row)
        self.parts.blockSignals(blocked)

    def _show_lines(self) -> None:
        panel = self.panel
        lines, counts, edges = panel.here, panel.counts(), self.histogram.edges
        total = max(sum(counts.values()), 1)
        sides: tuple[Side, ...] = ("below", "between", "above") if len(lines) > 1 else ("below", "above")
        said = tuple(f"{counts[side]:,} ({counts[side] / total:.0%})" for side in sides)
        self.histogram.show_lines(lines, said, panel.bar_colours((edges[1:] + edges[:-1]) / 2))
        self.typed.setText(" ".join(f"{line:.6g}" for line in lines))
        self.second.setChecked(len(lines) > 1)
        for side, button in self.side_buttons.items():
            button.setEnabled(side in sides)

    # what a person does

    def choose(self, name: str) -> None:
        """Look at another table, which is read beside the window."""
        self.reading.read(name, partial(self.panel.read, name), self.panel.take)

    def _take_part(self, item: QListWidgetItem | None, _: object = None) -> None:
        if item is not None:
            self.panel.choose_part(item.text())

    def _take_tick(self, item: QListWidgetItem) -> None:
        chosen = item.checkState() == Qt.CheckState.Checked
        if not tell(partial(self.panel.label_by, item.text(), chosen)):
            self._mark_parts()

    def _drag(self, number: int, value: float) -> None:
        self.panel.move(number, value)

    def _type(self) -> None:
        if self.typed.isModified():
            tell(self._take_typed)
            self.typed.setModified(False)

    def _take_typed(self) -> None:
        try:
            values = [float(each) for each in self.typed.text().replace("−", "-").replace(",", " ").split()]
        except ValueError as error:
            raise InputError(f"thresholds {self.typed.text()}: expected one or two numbers, as 0.5") from error
        self.panel.set_lines(values)

    def _take_second(self, there: bool) -> None:
        tell(partial(self.panel.second_line, there))
        self._show_lines()

    def _take_colours(self) -> None:
        self.panel.colour_by("labels" if self.by_labels.isChecked() else "occupancy")

    def _keep(self) -> None:
        tell(self.keep)

    def keep(self) -> None:
        """Store the labels, and colour particles by them.

        Raises
        ------
        InputError
            As of :meth:`OccupancyPanel.keep`.
        """
        path = self.panel.keep(self.name.text().strip(), overwrite=self.replace.isChecked())
        self.kept.setText(f"kept as {path.name}")
        session = self.session
        if session.particle_set is not None and session.run is not None:
            make = partial(read_anew, session.particle_set, session.run, session.epoch)
            self.reading.read(session.run.path.name, make, partial(self._renew, path))

    def _renew(self, path: Path, opened: Opened) -> None:
        self.session.renew(opened)
        column = path.stem.removeprefix("labels-")
        if column in self.session.columns:
            self.session.colour_by(column)
            self.panel.end()

    def close_down(self) -> None:
        """End what is under way."""
        self.reading.cancel()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)


def _select(panel: OccupancyPanel, side: Side, _: bool = False) -> None:
    tell(partial(panel.select, side))
