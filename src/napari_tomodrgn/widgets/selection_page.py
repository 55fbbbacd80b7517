"""The rules of a named selection as a rule: made again of what is open now, as of another epoch."""

from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton

from napari_tomodrgn.analysis.rule_trees import in_words
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.rule_pages import RulePage
from napari_tomodrgn.widgets.telling import tell


class SelectionPage(RulePage):
    """A selection of the run, or of a file."""

    def __init__(self) -> None:
        super().__init__()
        self._session: Session | None = None
        self._opened: dict[str, Selection] = {}
        self.name, self.file_button, self.words = QComboBox(), QPushButton("File …"), QLabel()
        self.name.setToolTip("The selection whose rules are applied; which particles it holds does not matter")
        self.file_button.setToolTip("A selection of another run")
        self.words.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.name, 1)
        row.addWidget(self.file_button)
        form = self._form()
        form.addRow("as", row)
        form.addRow("by", self.words)
        self.name.textActivated.connect(self._take_name)
        self.file_button.clicked.connect(self._ask_file)

    def refresh(self, session: Session) -> None:
        """Offer the selections there are."""
        self._session = session
        offer(self.name, [*([] if session.named.unread else session.named.names), *self._opened])
        self._describe()

    def _take_name(self) -> None:
        self._describe()
        self.changed.emit()

    def _describe(self) -> None:
        tree = self.tree
        self.words.setText("" if tree is None else in_words(tree))

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a selection", "", "Selection (*.json)")
        if path:
            tell(lambda: self.open(Path(path)))

    def open(self, path: Path) -> None:
        """Take the rules of a selection's file; raises InputError where it can't be read."""
        self._opened[str(path)] = Selection.load(path)
        if self._session is not None:
            self.refresh(self._session)
        self.name.setCurrentText(str(path))
        self._take_name()

    @property
    def tree(self) -> dict[str, Any] | None:
        """The rules of the selection that is chosen."""
        name = self.name.currentText()
        if name in self._opened:
            return dict(self._opened[name].created_from)
        named = None if self._session is None else self._session.named
        return dict(named[name].created_from) if named is not None and name and name in named else None
