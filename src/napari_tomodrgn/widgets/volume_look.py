"""How volumes are shown: their level, low-pass, mask and dust."""

from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QSlider,
    QWidget,
)

from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.model_box import ModelBox
from napari_tomodrgn.widgets.telling import tell

LEVELS = (0.0, 10.0)  # standard deviations
STEPS = 200  # of the slider
NO_MASK, SPHERE, FILE, ASK = range(4)  # what the box of masks offers
FIRST_SPHERE = 0.3  # of the box, the radius that is offered first


class VolumeLook(QWidget):
    """Says to the panel how volumes are shown, and shows what it says."""

    def __init__(self, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self._make_controls()
        self._arrange()
        self.level.valueChanged.connect(self._take)
        self.shared.toggled.connect(self._take)
        for box in (self.low_pass, self.dust, self.radius):
            box.valueChanged.connect(self._take)
        self.slices.toggled.connect(self._take)
        self.mask_box.activated.connect(self._take_mask)
        follow_at_once(self, panel.changed, self._show)
        self._show()

    def _make_controls(self) -> None:
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setRange(0, STEPS)
        self.level.setAccessibleName("level")
        self.level_text = QLabel()
        self.shared = QCheckBox("same for all")
        self.shared.setToolTip(
            "One density for all volumes, so that weak ones look weak; else by the deviation of each"
        )
        self.low_pass, self.dust, self.radius = QDoubleSpinBox(), QDoubleSpinBox(), QDoubleSpinBox()
        for box, most in ((self.low_pass, 500), (self.dust, 1000), (self.radius, 10000)):
            box.setRange(0, most)
            box.setDecimals(1 if box is self.low_pass else 0)
            box.setSuffix(" Å")
            box.setSpecialValueText("none")
            box.setMaximumWidth(box.fontMetrics().horizontalAdvance("500.0 Å") + 52)  # all stand in one row
        self.radius.setMinimum(1)
        self.radius.setToolTip("Of the sphere about the middle of the box")
        self.mask_box = QComboBox()
        self.mask_box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.mask_box.setMinimumContentsLength(6)  # and not as long as a file's name
        self.mask_box.setToolTip("What lies outside of it is left out before the level is laid")
        self.slices = QCheckBox("slices")
        self.model = ModelBox(self.panel)

    def _arrange(self) -> None:
        part: QWidget
        form, level, filters = QFormLayout(self), QHBoxLayout(), QHBoxLayout()
        form.setContentsMargins(0, 0, 0, 0)
        level.addWidget(self.level, 1)
        for part in (self.level_text, self.shared, self.slices, self.model):
            level.addWidget(part)
        for part in (QLabel("low-pass"), self.low_pass, QLabel("dust"), self.dust, QLabel("mask")):
            filters.addWidget(part)
        filters.addWidget(self.mask_box)
        filters.addWidget(self.radius)
        filters.addStretch(1)
        form.addRow("level", level)
        form.addRow(filters)

    def _take(self) -> None:
        panel = self.panel
        panel.shared_level, panel.slices = self.shared.isChecked(), self.slices.isChecked()
        panel.low_pass, panel.dust = self.low_pass.value(), self.dust.value()
        if panel.sphere:
            panel.sphere = self.radius.value()
        panel.set_level(LEVELS[0] + (LEVELS[1] - LEVELS[0]) * self.level.value() / STEPS)

    def _take_mask(self) -> None:
        chosen, panel = self.mask_box.currentData(), self.panel
        if chosen == ASK:
            path, _ = QFileDialog.getOpenFileName(self, "Open a mask", "", "MRC (*.mrc *.map)")
            if path:
                self.load_mask(Path(path))
        elif chosen == SPHERE:
            panel.set_sphere(max(round(FIRST_SPHERE * panel.trained_extent), 1))
        elif chosen == NO_MASK:
            panel.set_sphere(0)
        self._show()  # also where no file was chosen

    def load_mask(self, path: Path) -> None:
        """Show volumes within the mask in a file, or say why that can't be done."""
        tell(lambda: self.panel.set_mask(path))

    def _show(self) -> None:
        """Show what the panel says; another widget may have changed it."""
        panel = self.panel
        before = [(part, part.blockSignals(True)) for part in (self.level, self.radius, self.shared, self.mask_box)]
        self.level.setValue(round((panel.level - LEVELS[0]) / (LEVELS[1] - LEVELS[0]) * STEPS))
        self.level_text.setText(f"{panel.level:.2f} σ")
        self.shared.setChecked(panel.shared_level)
        self.mask_box.clear()
        self.mask_box.addItem("none", NO_MASK)
        self.mask_box.addItem("sphere", SPHERE)
        if panel.mask is not None:
            self.mask_box.addItem(panel.mask.name, FILE)
        self.mask_box.addItem("file …", ASK)
        chosen = FILE if panel.mask is not None else SPHERE if panel.sphere else NO_MASK
        self.mask_box.setCurrentIndex(self.mask_box.findData(chosen))
        self.radius.setVisible(bool(panel.sphere))
        self.radius.setValue(panel.sphere or 1)
        for part, blocked in before:
            part.blockSignals(blocked)
