"""Retrain on this: the selected particles, in the same box or another, as what the next training is set up with."""

from pathlib import Path

import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.retrain import Box, Wish, free_folder, next_name, source_of
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.option_form import Section
from napari_tomodrgn.widgets.telling import tell

BOXES: dict[Box, str] = {
    "same": "in the same box",
    "crop": "cropped to",
    "downsample": "downsampled to",
    "larger": "cut out anew in",
}
LOOK_MS = 200
LARGEST_BOX = 4096
DIAMETER_SHARE = 0.6  # of the present box, where nobody has said how large a particle is


class RetrainBox(QWidget):
    """Takes the session's selection, and sets a training on it up."""

    def __init__(self, panel: TrainingPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("retrain")
        self.panel, self.session = panel, panel.session
        self._open_set: object = None
        self.name = QLineEdit()
        self.name.setToolTip("The selection is saved under this name, with how it was made")
        self.boxes = QComboBox()
        for kind, text in BOXES.items():
            self.boxes.addItem(text, kind)
        self.boxes.setToolTip(
            "Cropped: fewer pixels of the same size. Downsampled: larger pixels. Anew: for a larger box the command "
            "of WarpTools or RELION 5 is written, and the star that it needs."
        )
        self.box_size = QSpinBox()
        self.box_size.setRange(2, LARGEST_BOX)
        self.box_size.setSingleStep(2)
        self.box_size.setSuffix(" px")
        self.diameter = QDoubleSpinBox()
        self.diameter.setRange(1, 100_000)
        self.diameter.setDecimals(0)
        self.diameter.setSuffix(" Å")
        self.diameter.setToolTip("Of a particle: WarpTools normalises images by what is around it")
        self.warm = QCheckBox("begin with this run's weights")
        self.warm.setToolTip("Else the network begins anew (--init-from)")
        self.set_up_button = QPushButton("Set up a training on it")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.copy_button = QPushButton("Copy its command")
        self.copy_button.hide()
        self._command = ""
        self._proposed = ""
        self.section = Section("Retrain on the selection", self._content)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.section)
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._connect()
        self._show_session()

    def _content(self) -> QWidget:
        part = QWidget()
        form = QFormLayout(part)
        form.setContentsMargins(12, 0, 0, 4)
        form.addRow("name", self.name)
        row = QHBoxLayout()
        row.addWidget(self.boxes, 1)
        row.addWidget(self.box_size)
        row.addWidget(self.diameter)
        form.addRow("images", row)
        form.addRow("", self.warm)
        form.addRow(self.set_up_button)
        form.addRow(self.status)
        form.addRow(self.copy_button)
        self._show_box()
        return part

    def _connect(self) -> None:
        self.boxes.currentIndexChanged.connect(self._show_box)
        self.set_up_button.clicked.connect(self._set_up)
        self.copy_button.clicked.connect(self._copy)
        self._looking.timeout.connect(self._look)
        self.follower = Follower(self)
        self.follower.follow(self.session.data_changed, self._show_session)
        self.follower.follow(self.session.selection_changed, self._show_count)

    def _show_session(self) -> None:
        """Show what is open; what a person has chosen stays while it does."""
        particle_set = self.session.particle_set
        if particle_set is not self._open_set:
            self._open_set = particle_set
            self.name.clear()
            if particle_set is not None:
                self.box_size.setValue(particle_set.box)
                self.diameter.setValue(DIAMETER_SHARE * particle_set.box * particle_set.pixel_size)
        self.warm.setEnabled(self.session.run is not None and self._kind == "same")
        self._show_count()

    def _show_count(self) -> None:
        count = int(self.session.selected.sum())
        self._propose_name()
        self.section.set_title(f"Retrain on the selection ({count:,} of {len(self.session):,} particles)")

    def _propose_name(self) -> None:
        """Propose the name under which what is selected is kept, or one that is free; what a person wrote stays."""
        session = self.session
        if self.name.text() not in ("", self._proposed):
            return
        kept = [] if session.named.unread is not None or not session.selected.any() else session.named.names
        same = (name for name in kept if np.array_equal(session.named.mask(name), session.selected))
        self._proposed = next(same, None) or next_name(session.run)
        self.name.setText(self._proposed)

    @property
    def _kind(self) -> Box:
        kind: Box = self.boxes.currentData()
        return kind

    def _show_box(self) -> None:
        self.box_size.setVisible(self._kind != "same")
        self.diameter.setVisible(self._kind == "larger")
        self.warm.setEnabled(self.session.run is not None and self._kind == "same")
        if self._kind != "same":
            self.warm.setChecked(False)

    def wish(self) -> Wish:
        """Return what is asked for."""
        run, source = self.session.run, source_of(self.session)
        here = run.path.parent if run is not None else Path() if source is None else source.parent
        name = self.name.text().strip()
        outdir = free_folder(here, f"{'run' if run is None else run.path.name}-{name}")
        size, diameter = self.box_size.value(), self.diameter.value()
        return Wish(name, outdir, self._kind, size, diameter, self.warm.isChecked())

    def _set_up(self) -> None:
        self.copy_button.hide()
        self.status.clear()
        tell(self._retrain, self.status)

    def _retrain(self) -> None:
        planned = self.panel.retrain(self.wish())
        if planned.words:
            self.status.setText("Writing the images …")
            self.set_up_button.setEnabled(False)
            self._looking.start()
        elif planned.extraction is not None:
            self._command = planned.extraction.command
            self.copy_button.show()
            self.status.setText(
                f"{planned.extraction.script} cuts the images out; run it, then start the training that is set up below"
            )
        else:
            self.status.setText("The training is set up below")

    def _look(self) -> None:
        """Go on when the images are written."""
        why = self.panel.look_at_images()
        if self.panel.images is not None:
            return
        self._looking.stop()
        self.set_up_button.setEnabled(True)
        self.status.setText("The training is set up below" if why is None else f"⚠ {why}")
        if why is not None:
            show_error(why)

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self._command)
