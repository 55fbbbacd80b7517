"""The labels that the keys 1 to 9 give, with how many classes and particles have them."""

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QIcon, QKeyEvent
from qtpy.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from napari_tomodrgn.viewer.colouring import Colour
from napari_tomodrgn.widgets.class_model import swatch
from napari_tomodrgn.widgets.scatter import how_of

KEY, NAME, CLASSES, PARTICLES = range(4)
SLOTS = 9
FIRST = ("good", "unsure", "junk")  # what a person finds, and calls otherwise


class LabelList(QTreeWidget):
    """Nine labels, in the order of the keys that give them.

    Signals
    -------
    renamed
        The label before and after; the first is empty where there was none yet.
    selected
        A label whose particles are to be selected, and how.
    """

    renamed = Signal(str, str)
    selected = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("labels")
        self.setAccessibleName("labels")
        self.setColumnCount(4)
        self.setHeaderLabels(["key", "label", "classes", "particles"])
        self.setRootIsDecorated(False)
        self.setMinimumHeight(90)
        self.setUniformRowHeights(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setToolTip("Double click: select the particles (Shift adds, Alt or Ctrl removes). F2: rename.")
        header = self.header()
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(20)
        for place in (KEY, CLASSES, PARTICLES):
            header.setSectionResizeMode(place, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        self.names = [*FIRST, *[""] * (SLOTS - len(FIRST))]
        self._filling = False
        for number in range(1, SLOTS + 1):
            item = QTreeWidgetItem([str(number), "", "", ""])
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
            for place in (CLASSES, PARTICLES):
                item.setTextAlignment(place, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self.addTopLevelItem(item)
            if number == 1:
                self.setCurrentItem(item)
        self.itemChanged.connect(self._edited)
        self.itemDoubleClicked.connect(self._double_clicked)
        self.show_counts({}, {})

    def name_of(self, key: int) -> str:
        """Return the label that a key from 1 to 9 gives; one without a name yet is named by its number."""
        if not self.names[key - 1]:
            self.names[key - 1] = f"label {key}"
        return self.names[key - 1]

    def take_names(self, used: tuple[str, ...]) -> None:
        """Find keys for labels that are in use, in places of labels that are not."""
        for name in used:
            if name not in self.names:
                free = [place for place, own in enumerate(self.names) if own not in used]
                if free:
                    self.names[free[0]] = name

    def show_counts(self, counts: dict[str, tuple[int, int]], colours: dict[str, Colour]) -> None:
        """Show how many classes and particles each label has, and its colour."""
        self._filling = True
        for place, name in enumerate(self.names):
            item = self.topLevelItem(place)
            assert item is not None
            classes, particles = counts.get(name, (0, 0))
            item.setText(NAME, name)
            item.setToolTip(NAME, name)
            item.setText(CLASSES, f"{classes:,}" if classes else "")
            item.setText(PARTICLES, f"{particles:,}" if particles else "")
            known = name in colours and classes > 0
            item.setIcon(KEY, swatch(colours[name], self.fontMetrics().height() - 4) if known else QIcon())
        self._filling = False

    def edit_current(self) -> None:
        """Let a person change the word."""
        item = self.currentItem()
        if item is not None:
            self.editItem(item, NAME)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Rename by F2."""
        if event.key() == Qt.Key.Key_F2:
            self.edit_current()
        else:
            super().keyPressEvent(event)

    def _edited(self, item: QTreeWidgetItem, place: int) -> None:
        if self._filling or place != NAME:
            return
        slot, name = self.indexOfTopLevelItem(item), item.text(NAME).strip()
        before = self.names[slot]
        if name != before and name and name not in self.names:
            self.names[slot] = name
            self.renamed.emit(before, name)
        self._filling = True
        item.setText(NAME, self.names[slot])  # empty, or another's word: as it was
        self._filling = False

    def _double_clicked(self, item: QTreeWidgetItem, place: int) -> None:
        name = self.names[self.indexOfTopLevelItem(item)]
        if name:
            self.selected.emit(name, how_of(QApplication.keyboardModifiers()))
