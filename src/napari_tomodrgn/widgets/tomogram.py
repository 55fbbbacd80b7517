"""How the open tomogram is looked at: version, contrast, slab, a plane through a particle, orientations, overlays."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.viewer.orientations import STYLES
from napari_tomodrgn.viewer.preferences import preferences
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.particle_plane import PlaneBox
from napari_tomodrgn.widgets.slab_work import SlabWork
from napari_tomodrgn.widgets.telling import tell

MOST_SLICES = 50
NOTHING_OPEN = "Nothing is open."
NO_FILE = "No file of this tomogram yet: choose one in Dataset."


class Tomogram(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, scene: Scene, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("tomogram")
        self.session, self.scene, self.tomograms = session, scene, scene.tomograms
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        self.file_text = QLabel()
        self.file_text.setWordWrap(True)
        self.file_text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        box.addWidget(self.file_text)
        box.addWidget(self._question())
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("version", self._versions())
        form.addRow("contrast", self._contrast())
        form.addRow("slab", self._slab())
        form.addRow("orientations", self._orientations())
        form.addRow("show", self._overlays())
        box.addLayout(form)
        self.plane = PlaneBox(scene.plane)
        box.addWidget(self.plane, 1)
        box.addStretch(0)
        self.slabs = SlabWork(self.tomograms, self)
        self.slabs.busy.connect(self.busy.setVisible)
        follower = Follower(self)
        for signal, method in (
            (session.data_changed, self._offer_length),
            (self.tomograms.changed, self.show_tomogram),
            (scene.orientations.changed, self._show_orientations),
            (scene.overlays.changed, self._show_overlays),
            (scene.box.changed, self._show_overlays),
            (session.data_changed, self._show_overlays),
        ):
            follower.follow(signal, method)
        for show in (self._offer_length, self.show_tomogram, self._show_orientations, self._show_overlays):
            show()

    # parts

    def _question(self) -> QWidget:
        self.question = QFrame()
        self.question.setFrameShape(QFrame.Shape.StyledPanel)
        self.question_text = QLabel()
        self.question_text.setWordWrap(True)
        self.pixel_size = QDoubleSpinBox()
        self.pixel_size.setRange(0.01, 1000)
        self.pixel_size.setDecimals(3)
        self.pixel_size.setValue(10)
        self.pixel_size.setSuffix(" Å")
        self.pixel_size.setAccessibleName("pixel size")
        self.use_button = QPushButton("Use")
        self.use_button.setToolTip("For all tomograms of this version whose header says the same")
        row, box = QHBoxLayout(), QVBoxLayout(self.question)
        row.addWidget(QLabel("pixel size"))
        row.addWidget(self.pixel_size)
        row.addWidget(self.use_button)
        row.addStretch(1)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.question_text)
        box.addLayout(row)
        self.use_button.clicked.connect(self._take_pixel_size)
        return self.question

    def _versions(self) -> QHBoxLayout:
        self.version = QComboBox()
        self.version.setToolTip("Which of the tomogram's files is shown")
        self.inverted = QCheckBox("inverted")
        self.inverted.setToolTip("High values dark")
        self.version.textActivated.connect(self.tomograms.choose)
        self.inverted.toggled.connect(self.tomograms.invert)
        return _row(self.version, self.inverted)

    def _contrast(self) -> QHBoxLayout:
        self.percent = QDoubleSpinBox()
        self.percent.setRange(0, 20)
        self.percent.setSingleStep(0.5)
        self.percent.setSuffix(" %")
        self.percent.setKeyboardTracking(False)
        self.percent.setToolTip("Of the voxels that are black, and as many white")
        self.auto = QCheckBox("auto")
        self.auto.setToolTip("Take the contrast anew for each file and slab; else it stays as it is")
        self.again_button = QPushButton("Again")
        self.again_button.setToolTip("Take the contrast from the percentiles of central slices")
        self.percent.valueChanged.connect(self._take_contrast)
        self.auto.toggled.connect(self._take_contrast)
        self.again_button.clicked.connect(self.tomograms.take_contrast)
        return _row(self.percent, self.auto, self.again_button)

    def _slab(self) -> QHBoxLayout:
        self.half = QSpinBox()
        self.half.setRange(0, MOST_SLICES)
        self.half.setPrefix("± ")
        self.half.setSuffix(" slices")
        self.half.setKeyboardTracking(False)
        self.half.setToolTip("Slices averaged on either side of the one that is looked at")
        self.low_pass = QDoubleSpinBox()
        self.low_pass.setRange(0, 1000)
        self.low_pass.setDecimals(0)
        self.low_pass.setSingleStep(10)
        self.low_pass.setSuffix(" Å")
        self.low_pass.setSpecialValueText("no low-pass")
        self.low_pass.setKeyboardTracking(False)
        self.low_pass.setToolTip("Detail finer than this is taken out of what is shown")
        self.busy = QLabel("…")
        self.busy.setToolTip("The average is being made; the slice is shown as it is")
        self.busy.hide()
        self.half.valueChanged.connect(self._take_slab)
        self.low_pass.valueChanged.connect(self._take_slab)
        return _row(self.half, self.low_pass, self.busy)

    def _orientations(self) -> QHBoxLayout:
        self.style_box = QComboBox()
        self.style_box.addItem("none")
        self.style_box.addItems(STYLES)
        self.style_box.setToolTip("Along each particle's z axis; arrows have a tick along its x axis")
        self.length = QDoubleSpinBox()
        self.length.setRange(1, 10000)
        self.length.setDecimals(0)
        self.length.setSingleStep(10)
        self.length.setSuffix(" Å")
        self.length.setKeyboardTracking(False)
        self.length.setToolTip("Length of arrows and cones")
        self.style_box.activated.connect(self._take_orientations)
        self.length.valueChanged.connect(self._take_orientations)
        return _row(self.style_box, self.length)

    def _overlays(self) -> QHBoxLayout:
        self.scale_bar, self.axes, self.box = QCheckBox("scale bar"), QCheckBox("axes"), QCheckBox("box")
        self.box.setToolTip("The edges of the tomogram")
        for check in (self.scale_bar, self.axes, self.box):
            check.toggled.connect(self._take_overlays)
        return _row(self.scale_bar, self.axes, self.box)

    # what a person says

    def _take_pixel_size(self) -> None:
        tell(lambda: self.tomograms.use_pixel_size(self.pixel_size.value()))

    def _take_contrast(self) -> None:
        self.tomograms.set_contrast(self.percent.value(), self.auto.isChecked())

    def _take_slab(self) -> None:
        tell(lambda: self.tomograms.average(self.half.value(), self.low_pass.value()))

    def _take_orientations(self) -> None:
        shown = self.style_box.currentIndex() > 0
        style = STYLES[self.style_box.currentIndex() - 1] if shown else None
        self.scene.orientations.show(self.length.value() if shown else 0, style)

    def _take_overlays(self) -> None:
        overlays = self.scene.overlays
        overlays.scale_bar, overlays.axes = self.scale_bar.isChecked(), self.axes.isChecked()
        self.scene.box.show(self.box.isChecked())

    # what there is

    def show_tomogram(self) -> None:
        """Show which file is shown, and how."""
        tomograms, look = self.tomograms, self.tomograms.look
        there = tomograms.versions
        offer(self.version, list(there), tomograms.shown_version)
        self.version.setEnabled(len(there) > 1)
        controls = (self.inverted, self.percent, self.auto, self.half, self.low_pass)
        for control in controls:
            control.blockSignals(True)
        self.inverted.setChecked(look.inverted)
        self.percent.setValue(look.percent)
        self.auto.setChecked(look.auto)
        self.half.setValue(look.half)
        self.low_pass.setValue(look.low_pass)
        for control in controls:
            control.blockSignals(False)
        opened = tomograms.opened
        self.again_button.setEnabled(opened is not None)
        self.low_pass.setEnabled(opened is None or opened.pixel_size is not None)
        self.file_text.setText(self._text())
        self.file_text.setToolTip("" if opened is None else str(opened.file.path))
        self._ask()

    def _text(self) -> str:
        """Return what is to be known of the file that is shown."""
        opened = self.tomograms.opened
        if self.session.particle_set is None:
            return NOTHING_OPEN
        if opened is None:
            return self.tomograms.trouble or NO_FILE
        size = " × ".join(str(length) for length in opened.file.values.shape[::-1])
        unit = "voxels" if opened.pixel_size is None else f"voxels of {opened.pixel_size:.4g} Å"
        return "\n".join([f"{opened.file.path.name}: {size} {unit}", *opened.messages])

    def _ask(self) -> None:
        """Ask for the pixel size where the file's can't be right."""
        opened = self.tomograms.opened
        question = None if opened is None else opened.question
        if question is not None and question != self.question_text.text():
            assert opened is not None
            suggested = None if opened.fit is None else opened.fit.suggested_pixel_size
            self.pixel_size.setValue(suggested or opened.pixel_size or self.pixel_size.value())
        self.question_text.setText(question or "")
        self.question.setVisible(question is not None)

    def _offer_length(self) -> None:
        """Offer the length that suits the particles, where no orientations are shown yet."""
        if not self.scene.orientations.length:
            self.length.blockSignals(True)
            self.length.setValue(preferences().arrow_length or self.scene.diameter)
            self.length.blockSignals(False)

    def _show_orientations(self) -> None:
        orientations = self.scene.orientations
        self.style_box.setCurrentIndex(1 + STYLES.index(orientations.style) if orientations.length else 0)
        if orientations.length:
            self.length.blockSignals(True)
            self.length.setValue(orientations.length)
            self.length.blockSignals(False)

    def _show_overlays(self) -> None:
        overlays = self.scene.overlays
        shown = (overlays.scale_bar, overlays.axes, self.scene.box.shown)
        for check, is_shown in zip((self.scale_bar, self.axes, self.box), shown, strict=True):
            check.blockSignals(True)
            check.setChecked(is_shown)
            check.blockSignals(False)

    def close_down(self) -> None:
        """End what is under way."""
        self.slabs.cancel()
        self.plane.cancel()


def _row(*parts: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for part in parts:
        row.addWidget(part)
    row.addStretch(1)
    return row
