"""Going on with a run: from its newest state or an epoch, or as a branch with its weights."""

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMessageBox, QPushButton, QSpinBox, QWidget

from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.widgets.telling import tell

MOST_EPOCHS = 1_000_000
FURTHER = 10  # epochs that a finished run is suggested to go on for


class ResumeRow(QWidget):
    """Resumes the run that is watched, or branches off from it.

    Signals
    -------
    branched
        A branch was set up.
    """

    branched = Signal()

    def __init__(self, panel: TrainingPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self._known: object = None
        self.resume_button = QPushButton("Resume")
        self.resume_button.setToolTip("Go on with this run (--resume)")
        self.epochs = QSpinBox()
        self.epochs.setRange(1, MOST_EPOCHS)
        self.epochs.setToolTip("The epoch that it is to end with")
        self.origin = QComboBox()
        self.origin.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.origin.setToolTip("An earlier epoch: those after it are trained anew, and what they wrote is removed")
        self.branch_button = QPushButton("Branch")
        self.branch_button.setToolTip("Set up a training in another folder that begins with this run's weights")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for part in (self.resume_button, QLabel("to"), self.epochs, QLabel("from"), self.origin):
            row.addWidget(part)
        row.addStretch(1)
        row.addWidget(self.branch_button)
        self.resume_button.clicked.connect(self._resume)
        self.branch_button.clicked.connect(self._branch)

    def refresh(self) -> None:
        """Offer what the run that is watched has."""
        glance = self.panel.glance
        run = None if glance is None else glance.run
        idle = glance is not None and run is not None and glance.trainer is None and not self.panel.works
        self.resume_button.setEnabled(idle)
        self.branch_button.setEnabled(glance is not None and bool(glance.checkpoints))
        if glance is None or run is None:
            return
        known = (glance.path, glance.status, glance.finished_epochs, glance.checkpoints)
        if known == self._known:
            return
        self._known = known
        done = glance.finished_epochs
        self.epochs.setValue(glance.epochs if done < glance.epochs else done + FURTHER)
        self.origin.clear()
        self.origin.addItem("newest", None)
        for epoch in reversed(glance.checkpoints[:-1]):
            self.origin.addItem(f"epoch {epoch}", epoch)

    def _resume(self) -> None:
        epoch = self.origin.currentData()
        if epoch is not None:
            text = f"The epochs after {epoch} are trained anew, and what they wrote is removed. Go on?"
            buttons = QMessageBox.StandardButton.Yes | QMessageBox.StandardButton.Cancel
            if QMessageBox.question(self, "Resume", text, buttons) != QMessageBox.StandardButton.Yes:
                return
        tell(lambda: self.panel.resume(self.epochs.value(), epoch))

    def _branch(self) -> None:
        glance = self.panel.glance
        if glance is not None and glance.run is not None:
            self.panel.branch_off(glance.run)
            self.branched.emit()
