"""Curate: particles chosen by rules and by drawing, kept under names, combined, and written as star files."""

from pathlib import Path

from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.viewer.regions import Regions
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.lineage_view import LineageView
from napari_tomodrgn.widgets.named_list import NamedList
from napari_tomodrgn.widgets.rule_builder import RuleBuilder
from napari_tomodrgn.widgets.star_row import StarRow
from napari_tomodrgn.widgets.telling import tell


class Curate(QWidget):
    """The dock widget."""

    def __init__(self, regions: Regions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("curate")
        self.regions, self.session = regions, regions.scene.session
        self.rules = RuleBuilder(regions, self)
        self.named, self.star = NamedList(self.session, self), StarRow(self.session, self)
        self.lineage = LineageView(self.session, self)
        self._make_controls()
        self._arrange()
        self._connect()
        self._show()
        self._show_history()

    def _make_controls(self) -> None:
        self.status = QLabel()
        self.status.setObjectName("selected")
        self.clear_button, self.invert_button, self.undo_button, self.redo_button = (QToolButton() for _ in range(4))
        for button, text, tip in (
            (self.clear_button, "Clear", "Select no particle"),
            (self.invert_button, "Invert", "Select the particles that are not selected"),
            (self.undo_button, "Undo", ""),
            (self.redo_button, "Redo", ""),
        ):
            button.setText(text)
            button.setToolTip(tip)
        self.name = QLineEdit()
        self.name.setPlaceholderText("name of what is selected")
        self.keep_button = QPushButton("Keep")
        self.keep_button.setToolTip("Keep what is selected under this name, beside the run")
        self.folder_button = QPushButton("Keep in folder …")
        self.folder_button.setToolTip("Write the selections of a star file into a folder, from now on")

    def _arrange(self) -> None:
        selections = QWidget()
        inner = QVBoxLayout(selections)
        inner.setContentsMargins(4, 4, 4, 4)
        inner.addWidget(self.named, 1)
        inner.addWidget(self.folder_button)
        inner.addWidget(self.star)
        self.tabs = QTabWidget()
        for name, page in (("Choose", self.rules), ("Selections", selections), ("Lineage", self.lineage)):
            self.tabs.addTab(page, name)
        state, keep = QHBoxLayout(), QHBoxLayout()
        state.addWidget(self.status, 1)
        for button in (self.clear_button, self.invert_button, self.undo_button, self.redo_button):
            state.addWidget(button)
        keep.addWidget(self.name, 1)
        keep.addWidget(self.keep_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.tabs, 1)
        layout.addLayout(state)
        layout.addLayout(keep)

    def _connect(self) -> None:
        self.clear_button.clicked.connect(self._clear)
        self.invert_button.clicked.connect(self._invert)
        self.undo_button.clicked.connect(self._undo)
        self.redo_button.clicked.connect(self._redo)
        self.keep_button.clicked.connect(self.keep)
        self.name.returnPressed.connect(self.keep)
        self.name.textChanged.connect(self._show)
        self.folder_button.clicked.connect(self._ask_folder)
        self.named.list.itemSelectionChanged.connect(self._offer_to_write)
        follower = Follower(self)
        for signal in (self.session.selection_changed, self.session.data_changed, self.session.named.changed):
            follower.follow(signal, self._show)
        follower.follow(self.session.history.changed, self._show_history)

    def _show(self) -> None:
        session = self.session
        chosen = int(session.selected.sum())
        there = session.particle_set is not None
        self.status.setText(f"{chosen:,} of {len(session):,} selected" if there else "Open a star file or a run first.")
        self.clear_button.setEnabled(chosen > 0)
        self.invert_button.setEnabled(there)
        self.keep_button.setEnabled(chosen > 0 and bool(self.name.text().strip()))
        self.folder_button.setVisible(there and session.named.folder is None and bool(session.named.names))
        self.tabs.setTabText(1, f"Selections ({len(session.named.names)})" if there and not session.named.unread else
                             "Selections")  # fmt: skip

    def _offer_to_write(self) -> None:
        """Offer the selection whose line is chosen to be written."""
        if len(self.named.chosen) == 1:
            self.star.selection.setCurrentText(self.named.chosen[0])

    def _show_history(self) -> None:
        history = self.session.history
        for button, verb, name in (
            (self.undo_button, "Undo", history.undo_name),
            (self.redo_button, "Redo", history.redo_name),
        ):
            button.setEnabled(name is not None)
            button.setToolTip(verb if name is None else f"{verb}: {name}")

    # what a person does

    def keep(self) -> None:
        """Keep what is selected under the name that is written."""
        name = self.name.text().strip()
        if name and tell(lambda: self.session.named.keep(name)):
            self.name.clear()

    def _clear(self) -> None:
        self.session.select_rows([], {"rule": "none"})

    def _invert(self) -> None:
        self.session.invert()

    def _undo(self) -> None:
        tell(self.session.undo)

    def _redo(self) -> None:
        tell(self.session.redo)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of selections")
        if path:
            tell(lambda: self.session.named.keep_in(Path(path)))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Undo and redo by the system's keys, where no text is being edited."""
        if event.matches(QKeySequence.StandardKey.Undo):
            self._undo()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self._redo()
        else:
            super().keyPressEvent(event)
