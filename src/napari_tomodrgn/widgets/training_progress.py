"""A training that goes on, here or elsewhere: its losses, a particle's volume as it comes, and its log."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.pinned_volume import PinnedVolume
from napari_tomodrgn.viewer.training_curves import MEASURES, curves_of
from napari_tomodrgn.viewer.training_estimate import duration
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.viewer.training_watch import Glance
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.live_training import LiveTraining
from napari_tomodrgn.widgets.plot import Plot
from napari_tomodrgn.widgets.resume_row import ResumeRow
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.volume_view import VolumeView

CHILD_MS = 300  # between looks at the process


class TrainingProgress(QWidget):
    """The page on which a training is watched."""

    def __init__(self, panel: TrainingPanel, volumes: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel, self.session = panel, panel.session
        self._drawn: object = None  # the metrics whose curves are drawn
        self._make_controls()
        self._arrange()
        self.live = LiveTraining(panel, volumes, self)
        self._connect()
        self._show()

    def _make_controls(self) -> None:
        self.attach_button = QPushButton("Attach …")
        self.attach_button.setToolTip("Watch the training of a run's folder, which another computer may be writing")
        self.open_button = QPushButton("The open run")
        self.open_button.setToolTip("Watch the run that is open")
        self.stop_button = QPushButton("Stop")
        self.stop_button.setToolTip("Write a checkpoint and end; Resume goes on from there")
        self.title = QLabel("No training is watched. Start one, or attach to a run.")
        self.title.setWordWrap(True)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar = QProgressBar()
        self.bar.setFormat("epoch %v of %m")
        self.measure = QComboBox()
        self.measure.addItems(list(MEASURES))
        self.measure.setToolTip("What the curves show")
        self.plot = Plot("losses")
        self.follow = QCheckBox("follow")
        self.follow.setChecked(True)
        self.follow.setToolTip("Show every new epoch in all views; classes, colours, labels and selection stay")
        self.pin_button = QPushButton("Pin the particle")
        self.pin_button.setToolTip("Show the volume of the particle that is looked at, at every new epoch")
        self.view = VolumeView()
        self.view.setMinimumSize(100, 100)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.setMinimumHeight(60)
        self.log.hide()
        self.log_button = QPushButton("Log")
        self.log_button.setCheckable(True)
        self.log_button.setToolTip("Show what the training says")
        self.log.setMaximumBlockCount(2000)
        self.log.setPlaceholderText("What the training says")
        self.resume_row = ResumeRow(self.panel)

    def _arrange(self) -> None:
        buttons, looks = QHBoxLayout(), QHBoxLayout()
        for button in (self.attach_button, self.open_button, self.log_button, self.stop_button):
            buttons.addWidget(button)
        looks.addWidget(self.measure)
        looks.addStretch(1)
        looks.addWidget(self.follow)
        looks.addWidget(self.pin_button)
        self.views = QSplitter(Qt.Orientation.Horizontal)
        self.views.addWidget(self.plot)
        self.views.addWidget(self.view)
        self.views.setStretchFactor(0, 2)
        self.view.hide()
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.views)
        parts.addWidget(self.log)
        parts.setSizes([300, 120])
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(buttons)
        box.addWidget(self.title)
        box.addWidget(self.bar)
        box.addLayout(looks)
        box.addWidget(parts, 1)
        box.addWidget(self.resume_row)

    def _connect(self) -> None:
        self.attach_button.clicked.connect(self._ask_attach)
        self.open_button.clicked.connect(self._attach_open)
        self.stop_button.clicked.connect(self._stop)
        self.log_button.toggled.connect(self.log.setVisible)
        self.measure.textActivated.connect(self._show_curves)
        self.follow.toggled.connect(self.live.follow)
        self.live.volume_read.connect(self._show_volume)
        self.pin_button.clicked.connect(self._pin)
        self._child = QTimer(self)
        self._child.setInterval(CHILD_MS)
        self._child.timeout.connect(self._look_at_child)
        self._child.start()
        follow_at_once(self, self.panel.changed, self._show)

    # what a person does

    def _ask_attach(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Watch the training of a run")
        if path:
            self.attach(Path(path))

    def attach(self, path: Path) -> None:
        """Watch the training of a run, or say why that can't be done."""
        tell(lambda: self.panel.attach(Run.open(path).path))

    def _attach_open(self) -> None:
        if self.session.run is not None:
            self.attach(self.session.run.path)

    def _stop(self) -> None:
        tell(self.panel.stop)

    def _pin(self) -> None:
        row, particle_set = self.session.particle, self.session.particle_set
        if row is None or particle_set is None:
            show_error("no particle is looked at; click one in the tomogram or in the latent space, then pin it")
            return
        names = particle_set.particles.loc[row, ["tomogram", "name"]]
        self.panel.pinned = str(names["tomogram"]), str(names["name"])
        self.live.read_again()

    # what is found

    def _show_curves(self) -> None:
        if self.panel.glance is not None:
            metrics = self._drawn = self.panel.glance.metrics
            self.plot.show_curves(curves_of(metrics, self.measure.currentText()))

    def _show_volume(self, volume: PinnedVolume) -> None:
        self.view.show()
        self.view.show_volume(volume.shown)
        self.view.setToolTip(f"{volume.particle[1]} in {tomogram_label(volume.particle[0])}")

    def _look_at_child(self) -> None:
        if self.panel.look() and self.panel.failed:
            self.log_button.setChecked(True)
            show_error(self.panel.ended or "")

    def _show(self) -> None:
        panel, glance = self.panel, self.panel.glance
        self.open_button.setEnabled(self.session.run is not None)
        self.stop_button.setEnabled(panel.can_stop)
        self.resume_row.refresh()
        if glance is None:
            self.bar.hide()
            return
        self.bar.setVisible(glance.epochs > 0)
        self.bar.setRange(0, max(glance.epochs, glance.finished_epochs, 1))
        self.bar.setValue(glance.finished_epochs)
        if glance.metrics is not self._drawn:
            self._show_curves()
        own = panel.watched == panel.trained
        ended = panel.ended if own else None
        starts = own and panel.works and glance.run is None
        self.title.setText(f"<b>{glance.path.name}</b> · starting" if starts else told(glance, ended))
        self.title.setToolTip(str(glance.path))
        text = panel.log if own else glance.log
        if text != self.log.toPlainText():
            self.log.setPlainText(text)
            bar: Any = self.log.verticalScrollBar()
            bar.setValue(bar.maximum())

    def close_down(self) -> None:
        """Watch no more; a training that was begun goes on."""
        self._child.stop()
        self.live.close_down()


def told(glance: Glance, ended: str | None) -> str:
    """Return how a training is, in a few lines of rich text."""
    lines = [f"<b>{glance.path.name}</b> · {glance.status}"]
    if glance.trainer is not None:
        lines[0] += f" · {glance.trainer}"
        left = glance.epochs - glance.finished_epochs
        if len(glance.metrics) and left > 0:
            lines.append(f"about {duration(left * float(glance.metrics['seconds'].tail(3).mean()))} left")
    if glance.run is not None and glance.status == "failed" and ended is None:
        lines.append(f"⚠ {glance.run.document.get('error', '')}")
    if ended is not None:
        lines.append(ended)
    if glance.trouble is not None and (ended is None or glance.run is not None):
        lines.append(f"⚠ {glance.trouble}")
    return "<br>".join(lines)
