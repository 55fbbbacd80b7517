"""The list of named selections: how many particles each holds, how it was made, and what can be made of several."""

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QButtonGroup,
    QGridLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.named_selections import JOINED, NamedSelections, ReadSelections, read_selections
from napari_tomodrgn.viewer.session import How, Session
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.scatter import how_of
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

NAME, PARTICLES, MADE = range(3)
MOST_NAMED = 5
ALGEBRA: dict[str, tuple[str, str]] = {
    "add": ("Or", "Particles in any of the lines"),
    "intersect": ("And", "Particles in all of the lines"),
    "subtract": ("Without", "Particles of the line chosen first without those of the others"),
    "invert": ("Not", "Particles that are not in the line"),
}


class _List(QTreeWidget):
    """The lines, which keys rename and delete."""

    def __init__(self, parent: "NamedList") -> None:
        super().__init__(parent)
        self.setColumnCount(3)
        self.setHeaderLabels(["selection", "particles", "made by"])
        self.setRootIsDecorated(False)
        self.setUniformRowHeights(True)
        self.setMinimumHeight(80)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setToolTip("Double click: select its particles (Shift adds, Alt or Ctrl removes). F2: rename.")
        header = self.header()
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(PARTICLES, QHeaderView.ResizeMode.ResizeToContents)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Rename by F2, delete by Delete."""
        parent = self.parent()
        item = self.currentItem()
        if event.key() == Qt.Key.Key_F2 and item is not None:
            self.editItem(item, NAME)
        elif event.key() == Qt.Key.Key_Delete and isinstance(parent, NamedList):
            parent.delete()
        else:
            super().keyPressEvent(event)


class NamedList(QWidget):
    """The selections that have names, and buttons for sets of them."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.list, self.troubles = _List(self), QLabel()
        self.troubles.setWordWrap(True)
        self.troubles.hide()
        self.reading: Work | None = None
        self._filling = False
        self._order: list[str] = []  # in which lines were chosen
        self.select_button, self.rename_button, self.delete_button = map(QPushButton, ("Select", "Rename", "Delete"))
        self.select_button.setToolTip("Select the particles of the lines")
        self.delete_button.setToolTip("Delete the selections and their files; it can be taken back")
        self.algebra = QButtonGroup(self)
        self.algebra_buttons: dict[str, QPushButton] = {}
        for how, (text, tip) in ALGEBRA.items():
            button = self.algebra_buttons[how] = QPushButton(text)
            button.setToolTip(tip)
            self.algebra.addButton(button)
        grid = QGridLayout()
        for place, button in enumerate((*self.algebra_buttons.values(), self.select_button, self.rename_button)):
            grid.addWidget(button, place // 4, place % 4)
        grid.addWidget(self.delete_button, 1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list, 1)
        layout.addWidget(self.troubles)
        layout.addLayout(grid)
        self.list.itemDoubleClicked.connect(self._double_clicked)
        self.list.itemChanged.connect(self._edited)
        self.list.itemSelectionChanged.connect(self._chosen)
        self.select_button.clicked.connect(self._select)
        self.rename_button.clicked.connect(self._rename)
        self.delete_button.clicked.connect(self.delete)
        self.algebra.buttonClicked.connect(self._take_algebra)
        follower = Follower(self)
        follower.follow(self.named.changed, self.refresh)
        follower.follow(session.columns_changed, self._read_again)
        self.refresh()

    @property
    def named(self) -> NamedSelections:
        """The selections."""
        return self.session.named

    def refresh(self) -> None:
        """List the selections; a folder that has not been read yet is read beside the window."""
        if self.named.unread is not None:
            self._read_again()
            return
        chosen = set(self._order)
        self._filling = True
        self.list.clear()
        for name in self.named.names:
            counts = self.named.counts(name)
            shown = f"{counts.here:,}" if not counts.missing else f"{counts.here:,} of {counts.here + counts.missing:,}"
            item = QTreeWidgetItem([name, shown, self.named.in_words(name)])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            item.setData(NAME, Qt.ItemDataRole.UserRole, name)
            item.setTextAlignment(PARTICLES, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            item.setToolTip(MADE, self.named.in_words(name))
            if counts.missing:
                item.setToolTip(PARTICLES, _not_here(self.named.missing(name)))
            self.list.addTopLevelItem(item)
            item.setSelected(name in chosen)
        self._filling = False
        self.troubles.setText("\n".join(f"⚠ {each}" for each in self.named.troubles))
        self.troubles.setVisible(bool(self.named.troubles))
        self._chosen()

    def _read_again(self) -> None:
        """Look at the folder beside the window: another program may have written there."""
        folder = self.named.folder
        if folder is None or (self.reading is not None and self.reading.running):
            return
        self._version, self._outdated = self.named.version, False
        self.reading = Work(lambda: iter([read_selections(folder)]), self._take_up, self._has_read, self)

    def _take_up(self, found: ReadSelections) -> None:
        if self.named.version == self._version:
            self.named.take_up(found)
        else:  # something was changed meanwhile
            self._outdated = True

    def _has_read(self, _message: str | None) -> None:
        if self._outdated:
            self._read_again()

    # what is chosen

    @property
    def chosen(self) -> list[str]:
        """The names of the lines that are chosen, in the order in which they were."""
        return list(self._order)

    def _chosen(self) -> None:
        if self._filling:
            return
        now = [str(item.data(NAME, Qt.ItemDataRole.UserRole)) for item in self.list.selectedItems()]
        kept = [name for name in self._order if name in now]
        self._order = [*kept, *(name for name in now if name not in kept)]
        count = len(self._order)
        for how, button in self.algebra_buttons.items():
            button.setEnabled(count == 1 if how == "invert" else count > 1)
        self.select_button.setEnabled(count > 0)
        self.rename_button.setEnabled(count == 1)
        self.delete_button.setEnabled(count > 0)

    # what a person does

    def _double_clicked(self, item: QTreeWidgetItem, _place: int) -> None:
        how = how_of(QApplication.keyboardModifiers())
        tell(lambda: self.named.take(str(item.data(NAME, Qt.ItemDataRole.UserRole)), how))

    def _select(self) -> None:
        how: How = "replace"
        for name in self.chosen:
            tell(lambda name=name, how=how: self.named.take(name, how))  # type: ignore[misc]
            how = "add"

    def _rename(self) -> None:
        for item in self.list.selectedItems():
            self.list.editItem(item, NAME)

    def _edited(self, item: QTreeWidgetItem, place: int) -> None:
        if self._filling or place != NAME:
            return
        before, after = str(item.data(NAME, Qt.ItemDataRole.UserRole)), item.text(NAME).strip()
        if before == after:
            return
        self._order = [after if name == before else name for name in self._order]
        if not tell(lambda: self.named.rename(before, after)):
            self._filling = True
            item.setText(NAME, before)
            self._filling = False
            self._order = [before if name == after else name for name in self._order]

    def delete(self) -> None:
        """Delete what is chosen."""
        names = self.chosen
        if names:
            tell(lambda: self.named.delete(names))

    def _take_algebra(self, button: Any) -> None:
        how = next(how for how, each in self.algebra_buttons.items() if each is button)
        names = self.chosen
        if how == "invert":
            name = self._unused(f"not-{names[0]}")
            done = tell(lambda: self.named.turn_round(names[0], name))
        else:
            name = self._unused(f"-{JOINED[how]}-".join(names))
            done = tell(lambda: self.named.join(how, names, name))  # type: ignore[arg-type]
        if done:
            self._order = [name]

    def _unused(self, name: str) -> str:
        """Return a name that no selection has, close to the one that is wanted."""
        tried, number = name, 1
        while tried in self.named:
            number += 1
            tried = f"{name}-{number}"
        return tried


def _not_here(missing: list[ParticleId]) -> str:
    """Return which particles of a selection the open data set lacks."""
    named = ", ".join(f"{name} of {tomogram}" for tomogram, name in missing[:MOST_NAMED])
    more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
    return f"{len(missing):,} of its particles are not in the open data set: {named}{more}"
