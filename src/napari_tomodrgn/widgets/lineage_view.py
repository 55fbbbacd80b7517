"""The family of the open run as an indented tree: runs, selections made in them, and runs trained on those."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QStandardItem, QStandardItemModel
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QPushButton, QTreeView, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.rule_trees import in_words
from napari_tomodrgn.runs.lineage import Descent, lineage
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

NAME, PARTICLES, MADE = range(3)
NO_RUN = "Open a run to see which runs it came from, and what was made of it."


class LineageView(QWidget):
    """The tree, read beside the window."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.work: Work | None = None
        self._again = False
        self.model = QStandardItemModel(self)
        self.view, self.message = QTreeView(), QLabel(NO_RUN)
        self.view.setModel(self.model)
        self.view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.view.setUniformRowHeights(True)
        self.view.setToolTip("Double click: open a run, or select the particles of a selection of the open run")
        self.message.setWordWrap(True)
        self.again_button = QPushButton("Read again")
        self.again_button.setToolTip("Look for runs and selections that were not there before")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.message)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.again_button)
        self.view.doubleClicked.connect(self._open)
        self.again_button.clicked.connect(self.read)
        follower = Follower(self)
        for signal in (session.data_changed, session.named.changed):
            follower.follow(signal, self.read)
        self.read()

    def read(self) -> None:
        """Read the family of the open run anew."""
        run = self.session.run
        self.view.setVisible(run is not None)
        self.again_button.setVisible(run is not None)
        if run is None:
            self.message.setText(NO_RUN)
            self.message.show()
            self.model.clear()
            return
        if self.work is not None and self.work.running:
            self._again = True
            return
        self.work = Work(partial(_read, run.path), self._take, self._ended, self)

    def _take(self, tree: Descent) -> None:
        self.message.hide()
        self.model.clear()
        self.model.setHorizontalHeaderLabels(["run or selection", "particles", "made by"])
        self.model.appendRow(self._row(tree))
        self.view.expandAll()
        header = self.view.header()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(PARTICLES, QHeaderView.ResizeMode.ResizeToContents)

    def _ended(self, message: str | None) -> None:
        if message is not None:
            self.message.setText(message)
            self.message.show()
        again, self._again = self._again, False
        if again:
            self.read()

    def _row(self, each: Descent) -> list[QStandardItem]:
        """Return the line of a run or selection, with those below it."""
        name = QStandardItem(each.name)
        name.setData(each.name if each.kind == "selection" else None, Qt.ItemDataRole.UserRole)
        name.setToolTip(str(each.path) if each.path is not None else each.name)
        counted = "not there" if each.missing else "" if each.particles is None else f"{each.particles:,}"
        particles = QStandardItem(counted)
        particles.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        text = f"run, {each.status}" if each.kind == "run" else in_words(each.made)
        made = QStandardItem("" if each.missing else text)
        made.setToolTip(made.text())
        run = self.session.run
        font = name.font()
        font.setItalic(each.kind == "selection")
        if each.kind == "run" and each.path is not None:
            name.setData(None if each.missing else str(each.path), Qt.ItemDataRole.UserRole + 1)
            font.setBold(run is not None and each.path == run.path.resolve())
        name.setFont(font)
        for item in (name, particles, made):
            item.setEnabled(not each.missing)
        for child in each.children:
            name.appendRow(self._row(child))
        return [name, particles, made]

    def _open(self, index: QModelIndex) -> None:
        first = index.siblingAtColumn(NAME)
        folder, selection = first.data(Qt.ItemDataRole.UserRole + 1), first.data(Qt.ItemDataRole.UserRole)
        run = self.session.run
        if folder and (run is None or Path(folder) != run.path.resolve()):
            tell(lambda: self.session.open_run(Path(folder)))
        elif selection and selection in self.session.named:
            tell(lambda: self.session.named.take(selection))


def _read(run: Path) -> Iterator[Descent]:
    yield lineage(run)
