"""Thresholds: two ends of a slider select the particles whose number lies between them."""

import numpy as np
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication, QComboBox, QHBoxLayout, QLabel, QLineEdit, QWidget
from superqt import QDoubleRangeSlider

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.scatter import how_of

FIRST = "uncertainty"  # what is offered at first where it is known
REST_MS = 150  # after the last move of a slider by wheel or keys, which have no release


class Thresholds(QWidget):
    """A column, a slider with two ends, and their values as text.

    Signals
    -------
    previewed
        Mask (N,) while an end is dragged, ``None`` when that is over.
    """

    previewed = Signal(object)

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.column = QComboBox(self)
        self.column.setToolTip("The numbers to select by")
        self.slider = QDoubleRangeSlider(Qt.Orientation.Horizontal, self)  # type: ignore[no-untyped-call]
        self.slider.setToolTip("Select what lies between (Shift adds, Alt or Ctrl removes, both intersect)")
        self.low, self.high = (QLineEdit(self) for _ in range(2))
        self._named, self._range = "", (0.0, 1.0)
        self.limits = (0.0, 1.0)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.apply)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(QLabel("Between", self))
        for widget, stretch in ((self.column, 1), (self.low, 0), (self.slider, 3), (self.high, 0)):
            layout.addWidget(widget, stretch)
        width = self.fontMetrics().horizontalAdvance("−0000.000")
        for edit in (self.low, self.high):
            edit.setFixedWidth(width)
            edit.editingFinished.connect(self._typed)
        self.column.textActivated.connect(self.take_column)
        self.slider.valueChanged.connect(self._moved)
        self.slider.sliderReleased.connect(self.apply)
        follower = Follower(self)
        follower.follow(session.data_changed, self.refresh)
        follower.follow(session.columns_changed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Offer the columns of numbers that are known now."""
        numbers = [
            name
            for name, own in self.session.columns.items()
            if isinstance(own, Numbers) and np.isfinite(own.values).any()
        ]
        offer(self.column, numbers, None if self.column.currentText() in numbers else FIRST)
        self.setEnabled(bool(numbers))
        self.take_column(self.column.currentText())

    def take_column(self, name: str) -> None:
        """Let the slider span the numbers of another column; nothing is selected yet."""
        column = self.session.columns.get(name)
        if not isinstance(column, Numbers):
            return
        finite = column.values[np.isfinite(column.values)]
        low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
        if (name, low, high) == (self._named, *self._range):
            return  # the limits that a person gave still fit
        self._named, self._range = name, (low, high)
        self.slider.blockSignals(True)
        self.slider.setRange(low, high if high > low else low + 1)
        self.slider.setSingleStep((high - low) / 100 or 1)
        self.slider.blockSignals(False)
        self._show(self._range)

    def _show(self, limits: tuple[float, float]) -> None:
        self.limits = limits
        self.slider.blockSignals(True)
        self.slider.setValue(limits if self._range[1] > self._range[0] else (limits[0], limits[0] + 1))
        self.slider.blockSignals(False)
        for edit, value in zip((self.low, self.high), limits, strict=True):
            edit.setText(f"{value:.5g}")

    def _moved(self, ends: tuple[float, float]) -> None:
        # a slider at its end means the end of the numbers, however it is rounded
        low, high = self._range
        span = 1e-6 * (high - low)
        limits = (low if ends[0] <= low + span else ends[0], high if ends[1] >= high - span else ends[1])
        self.limits = limits
        for edit, value in zip((self.low, self.high), limits, strict=True):
            edit.setText(f"{value:.5g}")
        if self.slider.isSliderDown():
            column = self.session.columns.get(self.column.currentText())
            if isinstance(column, Numbers):
                self.previewed.emit((column.values >= limits[0]) & (column.values <= limits[1]))
        else:
            self._rest.start()

    def _typed(self) -> None:
        limits = list(self.limits)
        for number, edit in enumerate((self.low, self.high)):
            if edit.isModified():
                try:
                    limits[number] = float(edit.text().replace("−", "-"))
                except ValueError:
                    continue
        changed = (limits[0], limits[1])
        if any(edit.isModified() for edit in (self.low, self.high)):
            self._show((min(changed), max(changed)))
            self.apply()

    def apply(self) -> None:
        """Select the particles between the ends."""
        self._rest.stop()
        self.previewed.emit(None)
        name = self.column.currentText()
        if isinstance(self.session.columns.get(name), Numbers):
            self.session.select_between(name, *self.limits, how_of(QApplication.keyboardModifiers()))
