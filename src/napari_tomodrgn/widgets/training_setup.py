"""What is to be trained: the form of the options, what the training would look at and cost, and its start."""

import shlex
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_tomodrgn.cli.exits import PROGRAM
from napari_tomodrgn.viewer.retrain import source_of
from napari_tomodrgn.viewer.training_estimate import TrainingEstimate, told
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.option_form import OptionForm
from napari_tomodrgn.widgets.retrain_box import RetrainBox
from napari_tomodrgn.widgets.telling import tell

COMMON = (
    "particles", "selection", "outdir", "epochs", "latent_dim", "pooling", "batch_size", "learning_rate", "seed",
)  # fmt: skip
PAUSE_MS = 700  # after the last change, before the dry run begins
LOOK_MS = 200


class TrainingSetup(QWidget):
    """The page on which a training is set up."""

    def __init__(self, panel: TrainingPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.panel = panel
        self.estimate = TrainingEstimate(panel.values)
        self.form = OptionForm(panel.values, COMMON)
        self.retrain = RetrainBox(panel)
        self.plan = QLabel()
        self.plan.setObjectName("plan")
        self.plan.setWordWrap(True)
        self.start_button = QPushButton("Start")
        self.start_button.setToolTip("Train in a process of its own, which goes on when napari ends")
        self.copy_button = QPushButton("Copy command")
        self.copy_button.setToolTip("The same training on the command line, as for a cluster")
        self.reset_button = QPushButton("Defaults")
        self.reset_button.setToolTip("All options as they are where nothing is given")
        self._arrange()
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._connect()
        self._show_plan()

    def _arrange(self) -> None:
        inner, scroll = QWidget(), QScrollArea()
        box = QVBoxLayout(inner)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.retrain)
        box.addWidget(self.form)
        box.addStretch(1)
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button, 1)
        buttons.addWidget(self.copy_button)
        buttons.addWidget(self.reset_button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll, 1)
        whole.addWidget(self.plan)
        whole.addLayout(buttons)

    def _connect(self) -> None:
        self.start_button.clicked.connect(self._start)
        self.copy_button.clicked.connect(self._copy)
        self.reset_button.clicked.connect(self._reset)
        self._pause.timeout.connect(self._ask)
        self._looking.timeout.connect(self._look)
        follow_at_once(self, self.panel.values.changed, self._ask_soon)
        for signal in (self.panel.values.changed, self.panel.session.selection_changed):
            follow_at_once(self, signal, self._show_start)
        follow_at_once(self, self.estimate.changed, self._show_plan)
        self.destroyed.connect(self.estimate.give_up)

    def _ask_soon(self) -> None:
        self._pause.start()

    def _ask(self) -> None:
        if not self.isVisible():
            return
        self.estimate.begin()
        if self.estimate.works:
            self._looking.start()

    def _look(self) -> None:
        self.estimate.look()
        if not self.estimate.works:
            self._looking.stop()

    def _show_plan(self) -> None:
        estimate, values = self.estimate, self.panel.values
        if estimate.works:
            text = "Counting …"
        elif estimate.planned is not None:
            text = "\n".join(told(estimate.planned, values.options().epochs)) if values.ready else ""
        elif estimate.trouble is not None:
            text = f"⚠ {estimate.trouble}"
        else:
            missing = [values.fields[name].label for name in values.missing]
            text = f"Give {' and '.join(missing)} to see what a training costs" if missing else ""
        self.plan.setText(text)

    def _show_start(self) -> None:
        """Say on the button that all are trained on where some are selected: the selection has to be set up first."""
        session, values = self.panel.session, self.panel.values
        chosen = int(session.selected.sum())
        all_of_open = chosen and not values["selection"] and values["particles"] == str(source_of(session))
        self.start_button.setText(f"Start on all {len(session):,} particles" if all_of_open else "Start")

    def _start(self) -> None:
        tell(self.panel.start)

    def _copy(self) -> None:
        tell(self._copy_command)

    def _copy_command(self) -> None:
        command = shlex.join([PROGRAM, *self.panel.values.words()])
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(command)

    def _reset(self) -> None:
        self.panel.begin_anew()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Count what is set up, which is not done while nobody sees it."""
        super().showEvent(event)
        self._ask_soon()

    def close_down(self) -> None:
        """End the dry run that is under way."""
        self._pause.stop()
        self._looking.stop()
        self.estimate.give_up()
