"""Analyse: the commands on the open run, set up in a form, run beside the window, and their pictures."""

import shlex
from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QApplication,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.cli.exits import PROGRAM
from napari_tomodrgn.viewer.command_panel import CommandPanel
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.opening import Opened, read_anew
from napari_tomodrgn.viewer.session import PLAIN
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.option_form import OptionForm
from napari_tomodrgn.widgets.picture_view import PictureView
from napari_tomodrgn.widgets.reading import Reading
from napari_tomodrgn.widgets.telling import tell

LOOK_MS = 200


class Analyse(QWidget):
    """The dock widget."""

    def __init__(self, panel: CommandPanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("analyse")
        self.panel, self.session = panel, panel.session
        self._make_controls()
        self._arrange()
        self._connect()
        self._show_form()
        self._show()

    def _make_controls(self) -> None:
        self.commands = QComboBox()
        for each in self.panel.commands:
            self.commands.addItem(each.title, each.name)
        self.commands.setToolTip("What is to be found out; each is a command of the same name")
        self.about = QLabel()
        self.about.setWordWrap(True)
        self.form: OptionForm | None = None
        self.options_area = QScrollArea()
        self.options_area.setWidgetResizable(True)
        self.options_area.setFrameShape(QFrame.Shape.NoFrame)
        self.start_button, self.cancel_button = QPushButton("Run"), QPushButton("Cancel")
        self.start_button.setToolTip("Run it beside the window; what it finds is shown in every widget")
        self.copy_button = QPushButton("Copy command")
        self.copy_button.setToolTip("The same on the command line")
        self.log_button = QPushButton("Log")
        self.log_button.setCheckable(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)  # how long it takes is not known
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.log = QPlainTextEdit()
        self.log.setReadOnly(True)
        self.log.hide()
        self.pictures, self.picture = QComboBox(), PictureView()
        self.pictures.setToolTip("Pictures that it drew")
        self.reading = Reading()
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        buttons.addWidget(self.start_button, 1)
        for button in (self.cancel_button, self.copy_button, self.log_button):
            buttons.addWidget(button)
        below = QWidget()
        lower = QVBoxLayout(below)
        lower.setContentsMargins(0, 0, 0, 0)
        for part in (self.status, self.log, self.pictures):
            lower.addWidget(part)
        lower.addWidget(self.picture, 1)
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.options_area)
        parts.addWidget(below)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.commands)
        box.addWidget(self.about)
        box.addLayout(buttons)
        box.addWidget(self.bar)
        box.addWidget(self.reading)
        box.addWidget(parts, 1)

    def _connect(self) -> None:
        self.commands.activated.connect(self._choose)
        self.start_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(self._cancel)
        self.copy_button.clicked.connect(self._copy)
        self.log_button.toggled.connect(self.log.setVisible)
        self.pictures.activated.connect(self._show_picture)
        self._looking.timeout.connect(self._look)
        follow_at_once(self, self.panel.changed, self._show)
        follow_at_once(self, self.panel.chosen_changed, self._show_form)
        follow_at_once(self, self.session.data_changed, self._show)
        if self.panel.works:
            self._looking.start()

    # what is set up

    def _choose(self) -> None:
        tell(lambda: self.panel.choose(self.commands.currentData()))

    def _show_form(self) -> None:
        offered = self.panel.offered
        self.commands.setCurrentIndex(self.commands.findData(offered.name))
        command = offered.command
        self.about.setText(offered.summary)
        self.about.setToolTip(command.details)
        self.form = OptionForm(self.panel.values, offered.common)
        self.options_area.setWidget(self.form)

    def _start(self) -> None:
        if tell(self.panel.start):
            self._looking.start()

    def _cancel(self) -> None:
        self.panel.cancel()

    def _copy(self) -> None:
        tell(self._copy_command)

    def _copy_command(self) -> None:
        clipboard = QApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(shlex.join([PROGRAM, *self.panel.values.words()]))

    # how it goes

    def _look(self) -> None:
        if not self.panel.look():
            return
        self._looking.stop()
        if self.panel.failed:
            self.log_button.setChecked(True)
            show_error(self.panel.ended or "")
            return
        self._list_pictures()
        session = self.session
        if self.panel.concerns_open_run and session.particle_set is not None and session.run is not None:
            make = partial(read_anew, session.particle_set, session.run, session.epoch)
            self.reading.read(session.run.path.name, make, self._renew)

    def _renew(self, opened: Opened) -> None:
        """Show what was found; where particles have one colour yet, in the colours of the new classes."""
        session = self.session
        before = set(session.columns)
        session.renew(opened)
        new = [name for name, own in session.columns.items() if name not in before and isinstance(own, Classes)]
        if new and session.coloured_by == PLAIN:
            session.colour_by(new[0])

    def _show(self) -> None:
        works, run = self.panel.works, self.session.run
        self.start_button.setEnabled(run is not None and not works)
        self.cancel_button.setEnabled(works)
        self.bar.setVisible(works)
        if works:
            last = self.panel.log.strip().rpartition("\n")[2]
            text = f"{self.panel.running}: {last or 'is going on'}"
        else:
            text = self.panel.ended or ("" if run is not None else "Open a run first (Dataset ▸ Open run)")
        self.status.setText(text)
        if self.log.toPlainText() != self.panel.log:
            self.log.setPlainText(self.panel.log)

    def _list_pictures(self) -> None:
        self.pictures.clear()
        for path in self.panel.pictures():
            self.pictures.addItem(f"{path.parent.name} / {path.stem}", path)
        self._show_picture()

    def _show_picture(self) -> None:
        self.picture.show_file(self.pictures.currentData())

    def close_down(self) -> None:
        """End what is under way, apart from a command: what it writes is found when the run is opened again."""
        self._looking.stop()
        self.reading.cancel()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way, apart from a command."""
        self.close_down()
        super().closeEvent(event)
