"""Validate: is what the run shows of some particles in their images? Set up, made beside the window, and shown."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QComboBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.validation_panel import CURRENT, GIVEN, ValidationPanel
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower, follow_at_once
from napari_tomodrgn.widgets.option_form import OptionForm
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.validation_result import ValidationResult

COMMON = ("against", "chosen_by", "centre", "decoder_only")
LOOK_MS = 300  # between looks at the process


class Validate(QWidget):
    """The dock widget."""

    def __init__(self, panel: ValidationPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("validate")
        self.panel, self.session = panel, panel.session
        self._make_controls()
        self._arrange()
        self._connect()
        self._offer()
        self._show()
        self.result.refresh()

    def _make_controls(self) -> None:
        self.which = QComboBox()
        self.which.setToolTip("What is selected now, or one of the run's named selections")
        self.name = QLineEdit()
        self.name.setToolTip("What is selected is kept under this name, with how it was made")
        self.count = QLabel()
        self.form = OptionForm(self.panel.values, COMMON, hidden=GIVEN)
        self.button = QPushButton("Validate")
        self.button.setToolTip("In a process of its own, which goes on when napari ends")
        self.cancel_button = QPushButton("Cancel")
        self.cancel_button.setToolTip("End it; nothing is written then")
        self.progress = QProgressBar()
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.result = ValidationResult(self.panel)
        self.tabs = QTabWidget()
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)

    def _arrange(self) -> None:
        setup, inner, scroll = QWidget(), QWidget(), QScrollArea()
        form = QFormLayout()
        form.addRow("particles", self.which)
        form.addRow("keep as", self.name)
        form.addRow("", self.count)
        column = QVBoxLayout(inner)
        column.setContentsMargins(4, 4, 4, 4)
        column.addLayout(form)
        column.addWidget(self.form)
        column.addStretch(1)
        scroll.setWidget(inner)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        whole = QVBoxLayout(setup)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(scroll, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 1)
        buttons.addWidget(self.cancel_button)
        whole.addWidget(self.progress)
        whole.addWidget(self.status)
        whole.addLayout(buttons)
        self.tabs.addTab(setup, "Set up")
        self.tabs.addTab(self.result, "Result")
        self.tabs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.tabs, 1)

    def _connect(self) -> None:
        self.which.activated.connect(self._show)
        self.button.clicked.connect(self._begin)
        self.cancel_button.clicked.connect(self.panel.cancel)
        self._looking.timeout.connect(self._look)
        self.follower = Follower(self)
        self.follower.follow(self.session.data_changed, self._opened)
        self.follower.follow(self.session.named.changed, self._offer)
        self.follower.follow(self.session.selection_changed, self._show)
        follow_at_once(self, self.panel.changed, self._show)
        if self.panel.child is not None and self.panel.ended is None:  # begun before this dock was opened again
            self._looking.start()

    # what is validated

    def _opened(self) -> None:
        self.which.setCurrentIndex(0)
        self._offer()

    def _offer(self) -> None:
        offer(self.which, self.panel.choices())
        self.name.setText(self.panel.free_name())
        self._show()

    @property
    def rows(self) -> int:
        """How many particles are validated."""
        if self.which.currentText() == CURRENT:
            return int(self.session.selected.sum())
        return self.session.named.counts(self.which.currentText()).here

    def _show(self) -> None:
        panel, current = self.panel, self.which.currentText() == CURRENT
        self.name.setEnabled(current)
        self.count.setText(f"{self.rows:,} of {len(self.session):,} particles")
        self.button.setEnabled(self.session.run is not None and not panel.works)
        self.cancel_button.setEnabled(panel.works)
        self.progress.setVisible(panel.works)
        self.status.setVisible(panel.works or panel.ended is not None)
        if not panel.works:
            self.status.setText(panel.ended or "")
            return
        progress = panel.progress
        self.status.setText("starting" if progress is None else progress.what)
        self.progress.setRange(0, 0 if progress is None or progress.total == 1 else progress.total)
        self.progress.setValue(0 if progress is None else progress.done)

    # making one

    def _begin(self) -> None:
        if tell(self.begin):
            self._looking.start()

    def begin(self) -> None:
        """Validate what is chosen.

        Raises
        ------
        InputError
            As of :meth:`ValidationPanel.begin`.
        """
        name = self.panel.begin(self.which.currentText(), self.name.text().strip())
        self._offer()
        self.which.setCurrentText(name)
        self._show()

    def _look(self) -> None:
        if not self.panel.look():
            return
        self._looking.stop()
        if self.panel.failed:
            show_error(self.panel.ended or "")
            return
        written: Path | None = self.panel.validated
        self.result.refresh()
        if written is not None and written in self.panel.earlier():
            self.result.read(written)
            self.tabs.setCurrentWidget(self.result)

    def close_down(self) -> None:
        """End what is under way, apart from a validation."""
        self._looking.stop()
        self.result.close_down()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way, apart from a validation."""
        self.close_down()
        super().closeEvent(event)
