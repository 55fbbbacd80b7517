"""Import: a run of tomoDRGN becomes one of this program's, in a process of its own, and is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDialog, QHBoxLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.command_panel import IMPORT, CommandPanel
from napari_tomodrgn.viewer.importing import outdir_for
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.option_form import OptionForm
from napari_tomodrgn.widgets.telling import tell

LOOK_MS = 200
ABOUT = (
    "<b>{}</b> was written by tomoDRGN. Its latents and decoder become a run, in a new folder; its files stay as they "
    "are, and nothing that is pickled in them is run."
)


class ImportDialog(QDialog):
    """Asks where the run is to be written, and imports it.

    Parameters
    ----------
    folder
        That tomoDRGN wrote.
    imported
        Is given the run once it is there.
    """

    def __init__(
        self, session: Session, folder: Path, imported: Callable[[Path], None], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("import")
        self.setWindowTitle("Import a run of tomoDRGN")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.panel, self._imported = CommandPanel(session, (IMPORT,)), imported
        self.panel.values.take({"folder": str(folder), "outdir": str(outdir_for(folder))})
        self.about = QLabel(ABOUT.format(folder.name))
        self.about.setWordWrap(True)
        self.form = OptionForm(self.panel.values, IMPORT.common)
        self.status, self.bar = QLabel(), QProgressBar()
        self.status.setWordWrap(True)
        self.status.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.bar.setRange(0, 0)
        self.import_button, self.cancel_button = QPushButton("Import"), QPushButton("Cancel")
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._arrange()
        self._looking.timeout.connect(self._look)
        self.import_button.clicked.connect(self._start)
        self.cancel_button.clicked.connect(self.reject)
        follow_at_once(self, self.panel.changed, self._show)
        self._show()

    def _arrange(self) -> None:
        options, buttons = QScrollArea(), QHBoxLayout()
        options.setWidgetResizable(True)
        options.setWidget(self.form)
        buttons.addStretch(1)
        buttons.addWidget(self.import_button)
        buttons.addWidget(self.cancel_button)
        box = QVBoxLayout(self)
        box.addWidget(self.about)
        box.addWidget(options, 1)
        box.addWidget(self.bar)
        box.addWidget(self.status)
        box.addLayout(buttons)
        self.resize(560, 380)

    def _start(self) -> None:
        if tell(self.panel.start, self.status):
            self._looking.start()

    def _look(self) -> None:
        if not self.panel.look():
            return
        self._looking.stop()
        if not self.panel.failed:
            self._imported(Path(self.panel.values["outdir"]))
            self.accept()

    def _show(self) -> None:
        works = self.panel.works
        self.bar.setVisible(works)
        self.import_button.setEnabled(not works)
        self.form.setEnabled(not works)
        self.status.setText("importing …" if works else f"⚠ {self.panel.ended}" if self.panel.failed else "")

    def done(self, result: int) -> None:
        """End what is under way: what was not finished is not there then."""
        self._looking.stop()
        if self.panel.works:
            self.panel.cancel()
        super().done(result)

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.done(QDialog.DialogCode.Rejected)
        super().closeEvent(event)
