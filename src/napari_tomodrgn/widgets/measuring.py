"""A sphere in the volume that is looked at, or a mask, and how much all volumes have within it."""

from functools import partial
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere
from napari_tomodrgn.viewer.measured_parts import MeasuredParts
from napari_tomodrgn.viewer.measuring import MASK, SPHERE, Measuring
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.opening import Opened, read_anew
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.reading import Reading
from napari_tomodrgn.widgets.telling import tell

AXES = ("x", "y", "z", "radius")
ALL = "all particles"
LOOK_MS = 200


class MeasuringBox(QWidget):
    """Moves the sphere by numbers, and begins to measure; seen while a sphere is drawn."""

    def __init__(self, measuring: Measuring, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measuring, self.session, self.drawn = measuring, measuring.session, measuring.drawn
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._make_controls()
        self._arrange()
        for axis, box in self.boxes.items():
            box.valueChanged.connect(partial(_set, self.drawn, axis))
        self.measure_button.clicked.connect(self._measure)
        self.mask_button.clicked.connect(self._ask_mask)
        self.cancel_button.clicked.connect(measuring.cancel)
        self._looking.timeout.connect(self._look)
        for signal, method in (
            (self.drawn.changed, self._show_sphere),
            (measuring.changed, self._show),
            (self.session.columns_changed, self._offer),
            (self.session.data_changed, self._offer),
        ):
            follow_at_once(self, signal, method)
        self._offer()
        self._show_sphere()
        self._show()
        if measuring.works:
            self._looking.start()

    def _make_controls(self) -> None:
        self.boxes: dict[str, QDoubleSpinBox] = {}
        for axis in AXES:
            box = self.boxes[axis] = QDoubleSpinBox()
            box.setDecimals(1)
            box.setRange(1.0 if axis == "radius" else 0.0, 100_000)
            box.setSingleStep(2.0)
            box.setKeyboardTracking(False)
            box.setMaximumWidth(box.fontMetrics().horizontalAdvance("0000.0") + 44)
            box.setToolTip("Å; 0 is the first voxel. In the volume: drag the circle, turn the wheel over it")
        self.of = QComboBox()
        self.of.setToolTip("Whose volumes are measured: those of class centres take a moment, all particles longer")
        self.name = QLineEdit()
        self.name.setToolTip("Name of the result: lower-case letters")
        self.measure_button, self.mask_button = QPushButton("Measure"), QPushButton("Mask …")
        self.measure_button.setToolTip("How much is within the sphere, as `occupancy --sphere` says, beside the window")
        self.mask_button.setToolTip("Measure within a mask from an MRC file, as `occupancy --mask` does")
        self.cancel_button = QPushButton("Cancel")
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)  # how long it takes is not known
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.reading = Reading()

    def _arrange(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for axis, box in self.boxes.items():
            first.addWidget(QLabel("r" if axis == "radius" else axis))
            first.addWidget(box)
        first.addStretch(1)
        for part in (QLabel("of"), self.of, QLabel("as"), self.name, self.measure_button, self.mask_button):
            second.addWidget(part)
        second.addWidget(self.bar, 1)  # in the place of the buttons, or the dock would grow
        second.addWidget(self.cancel_button)
        box_ = QVBoxLayout(self)
        box_.setContentsMargins(0, 0, 0, 0)
        for row in (first, second):
            box_.addLayout(row)
        box_.addWidget(self.status)
        box_.addWidget(self.reading)

    # what is known

    def _offer(self) -> None:
        columns = self.session.columns
        labellings = [
            name for name, own in columns.items() if isinstance(own, Classes) and f"{name} distance" in columns
        ]
        offer(self.of, [ALL, *(f"centres of {name}" for name in labellings)])
        if self.name.text() in ("", *self.measuring.panel.names()):
            self.name.setText(self.measuring.free_name(SPHERE))

    def _show_sphere(self) -> None:
        sphere = self.drawn.sphere
        self.setVisible(sphere is not None)
        if sphere is None:
            return
        for axis, box in self.boxes.items():
            blocked = box.blockSignals(True)
            box.setMaximum(self.drawn.extent)
            box.setValue(getattr(sphere, axis))
            box.blockSignals(blocked)

    def _show(self) -> None:
        measuring = self.measuring
        for button in (self.measure_button, self.mask_button):
            button.setVisible(not measuring.works)
        for part in (self.of, self.name):
            part.setEnabled(not measuring.works)
        self.cancel_button.setVisible(measuring.works)
        self.bar.setVisible(measuring.works)
        self.bar.setToolTip(measuring.log.strip().rpartition("\n")[2] or "begins")
        self.status.setText(measuring.ended or "" if measuring.failed else "")
        self.status.setVisible(measuring.failed)

    # what a person does

    def _measure(self) -> None:
        self._begin(None)

    def _ask_mask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Measure within a mask", "", "MRC (*.mrc *.map)")
        if path:
            self.measure_mask(Path(path))

    def measure_mask(self, path: Path) -> None:
        """Measure within a mask from a file, or say why that can't be done."""
        if self.name.text() == self.measuring.free_name(SPHERE):
            self.name.setText(self.measuring.free_name(MASK))
        self._begin(path)

    def _begin(self, mask: Path | None) -> None:
        chosen = self.of.currentText()
        centres = "" if chosen == ALL else chosen.removeprefix("centres of ")
        if tell(partial(self.measuring.start, self.name.text().strip(), centres=centres, mask=mask)):
            self._looking.start()

    def _look(self) -> None:
        if not self.measuring.look():
            return
        self._looking.stop()
        session = self.session
        if self.measuring.failed:
            show_error(self.measuring.ended or "")
        elif self.measuring.concerns_open_run and session.particle_set is not None and session.run is not None:
            make = partial(read_anew, session.particle_set, session.run, session.epoch)
            name = self.measuring.name
            self.reading.read(name, lambda: (make(), self.measuring.panel.read(name)), self._renew)

    def _renew(self, found: tuple[Opened, MeasuredParts]) -> None:
        opened, measured = found
        self.session.renew(opened)
        self.measuring.show(measured)
        self._offer()

    def close_down(self) -> None:
        """End what is under way, apart from a measurement: what it writes is found when the run is opened again."""
        self._looking.stop()
        self.reading.cancel()


def _set(drawn: DrawnSphere, axis: str, value: float) -> None:
    drawn.set(**{axis: value})
