"""Writing a selection as star files, and what was found in them when they were read again."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.particles.reading_back import ReadBack
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.star_export import StarExport
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.work import Work

SELECTED, NO_COLUMN = "what is selected", "no class column"


class StarRow(QWidget):
    """Which selection, with what, and the button that writes it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.work: Work | None = None
        self.selection, self.column = QComboBox(), QComboBox()
        self.selection.setToolTip("The selection to write")
        self.column.setToolTip("Classes written as rlnClassNumber, counted from 1")
        for box in (self.selection, self.column):
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
        self.per_tomogram = QCheckBox("a star each tomogram")
        self.button = QPushButton("Write star …")
        self.button.setToolTip("In the dialect of the data set, with all that belongs to a set; then it is read again")
        self.result = QLabel()
        self.result.setWordWrap(True)
        self.result.setObjectName("read back")
        self.result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.result.hide()
        grid = QGridLayout()
        grid.addWidget(self.selection, 0, 0)
        grid.addWidget(self.button, 0, 1)
        grid.addWidget(self.column, 1, 0)
        grid.addWidget(self.per_tomogram, 1, 1)
        grid.setColumnStretch(0, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(grid)
        layout.addWidget(self.result)
        self.button.clicked.connect(self._ask)
        follower = Follower(self)
        for signal in (session.named.changed, session.columns_changed, session.data_changed):
            follower.follow(signal, self.refresh)
        follower.follow(session.selection_changed, self._show_count)
        self.selection.currentTextChanged.connect(self._show_count)
        self.refresh()

    def refresh(self) -> None:
        """Offer the selections and columns there are."""
        names = [] if self.session.named.unread is not None else self.session.named.names
        offer(self.selection, [SELECTED, *names])
        columns = [
            name for name, own in self.session.columns.items() if isinstance(own, Classes) and name != "tomogram"
        ]
        offer(self.column, [NO_COLUMN, *columns])
        self.button.setEnabled(self.session.particle_set is not None)
        self._show_count()

    def _show_count(self) -> None:
        """Say on the button how many particles it would write."""
        session, name = self.session, self.selection.currentText()
        kept = name != SELECTED and name in session.named
        count = session.named.counts(name).here if kept else int(session.selected.sum())
        self.button.setText(f"Write star of {count:,} …")

    def _export(self, path: Path) -> StarExport:
        name, column = self.selection.currentText(), self.column.currentText()
        return StarExport.of(
            self.session,
            None if name == SELECTED else name,
            path,
            per_tomogram=self.per_tomogram.isChecked(),
            column=None if column == NO_COLUMN else column,
        )

    def _ask(self) -> None:
        name = self.selection.currentText()
        proposed = f"{'selected' if name == SELECTED else name}.star"
        run = self.session.run
        folder = Path() if run is None else run.path.parent
        path, _ = QFileDialog.getSaveFileName(
            self, "Write a star", str(folder / proposed), "Star files (*.star)",
            options=QFileDialog.Option.DontConfirmOverwrite,
        )  # fmt: skip
        if not path:
            return
        try:
            existing = self._export(Path(path)).existing
        except (InputError, RunError) as error:
            show_error(str(error))
            return
        if existing and not self._may_replace(existing):
            return
        self.write(Path(path), overwrite=bool(existing))

    def _may_replace(self, existing: list[Path]) -> bool:
        files = "\n".join(map(str, existing[:8])) + ("\n…" if len(existing) > 8 else "")
        answer = QMessageBox.question(self, "Replace files?", f"These files are there already:\n{files}\nReplace them?")
        return bool(answer == QMessageBox.StandardButton.Yes)

    def write(self, path: Path, *, overwrite: bool = False) -> None:
        """Write the star beside the window, read it again, and show what was found."""
        try:
            export = self._export(path)
        except (InputError, RunError) as error:
            show_error(str(error))
            return
        self.button.setEnabled(False)
        self._say("writing …")
        self.work = Work(partial(_written, export, overwrite), self._take, self._ended, self)

    def _take(self, found: ReadBack) -> None:
        self._say(("⚠ " if found.troubles else "✓ ") + found.sentence())
        self.result.setToolTip("\n".join(map(str, found.stars)))
        if found.troubles:
            show_error(found.sentence())

    def _ended(self, message: str | None) -> None:
        self.button.setEnabled(True)
        if message is not None:
            self._say(f"⚠ {message}")
            show_error(message)

    def _say(self, text: str) -> None:
        self.result.setText(text)
        self.result.show()


def _written(export: StarExport, overwrite: bool) -> Iterator[ReadBack]:
    yield export.write(overwrite=overwrite)
