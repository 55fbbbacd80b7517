"""A button that opens the report of the open run in the browser, and makes it first."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QPushButton, QWidget

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.work import Work

TEXT, BUSY = "Report", "Drawing …"


def _made(run: Run, epoch: int) -> Iterator[Path]:
    """Yield the report of an epoch, made as the run is now; the one that is there where it may not be written."""
    from napari_tomodrgn.analysis.folder import AnalysisFolder
    from napari_tomodrgn.figures.write import write_run_report

    try:
        yield write_run_report(Run.open(run.path), epoch)
    except (InputError, RunError):
        there = AnalysisFolder(run.path, epoch).report
        if not there.is_file():
            raise
        yield there


class ReportButton(QPushButton):
    """The button."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(TEXT, parent)
        self.setToolTip("Lineage, pictures and a methods paragraph of this epoch, as a page in the browser")
        self.session = session
        self.work: Work | None = None
        self.clicked.connect(self.open)
        follow_at_once(self, session.data_changed, self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self.setEnabled(self.session.run is not None and self.session.epoch is not None)

    def open(self) -> None:
        """Make the report of what is open, beside the window, and open it."""
        run, epoch = self.session.run, self.session.epoch
        if run is None or epoch is None or (self.work is not None and self.work.running):
            return
        self.setText(BUSY)
        self.work = Work(partial(_made, run, epoch), self._show, self._ended, self)

    def _show(self, report: Path) -> None:
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(report.absolute()))):
            show_error(f"{report}: no program opens it here; open it in a browser")

    def _ended(self, message: str | None) -> None:
        self.setText(TEXT)
        if message is not None:
            show_error(message)
