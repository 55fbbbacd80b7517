"""What is compared with what: classes of the open run, and a run, its epoch and its classes."""

from pathlib import Path

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLabel, QPushButton, QSpinBox, QWidget

from napari_tomodrgn.analysis.compare import SEEDS
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.class_labels import is_named
from napari_tomodrgn.viewer.comparing import Asked, ask, epochs_of, labellings, labellings_of, runs_beside
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.telling import tell

THIS_RUN, OTHER_RUN, NONE = "this run", "another run …", "none"


class CompareChoice(QWidget):
    """The boxes.

    Signals
    -------
    opened
        Another data set was opened, or none.
    """

    opened = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self._others: list[Path] = []  # runs that were chosen in a dialog
        self._without = False  # whether a person wants no classes compared
        self.run_box, self.epoch_box, self.column_box, self.labels_box = (QComboBox(self) for _ in range(4))
        self.seeds = QSpinBox(self)
        self.seeds.setRange(0, 100)
        self.seeds.setValue(SEEDS)
        self.seeds.setPrefix("seeds ")
        self.seeds.setToolTip("How often the classes of each side are found anew, for the interval of the Rand index")
        self.button = QPushButton("Compare", self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        for place, (text, box, tip) in enumerate(
            (
                ("with", self.run_box, "This run, one beside it, one it came from, or any other"),
                ("epoch", self.epoch_box, "Epoch of what is compared with"),
                ("classes: A", self.column_box, "Classes of what is open"),
                ("B", self.labels_box, "Classes of what it is compared with"),
            )
        ):
            row, column = divmod(place, 2)
            grid.addWidget(QLabel(text, self), row, 2 * column)
            grid.addWidget(box, row, 2 * column + 1)
            box.setToolTip(tip)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(6)
        grid.addWidget(self.seeds, 0, 4)
        grid.addWidget(self.button, 1, 4)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.run_box.activated.connect(self._take_run)
        self.epoch_box.activated.connect(self._offer_labels)
        self.column_box.activated.connect(self._take_column)
        self.follower = Follower(self)
        self.follower.follow(session.data_changed, self._opened)
        for signal in (session.columns_changed, session.labels_changed):
            self.follower.follow(signal, self._offer_columns)
        self.refresh()

    @property
    def run(self) -> Path | None:
        """The folder of the run that is chosen to be compared with."""
        chosen = self.run_box.currentData()
        return None if chosen is None else Path(chosen)

    def asked(self) -> Asked:
        """Return what is to be compared, as it is chosen.

        Raises
        ------
        InputError
            Where nothing is open, or it would be compared with itself.
        """
        column, labels = (box.currentText() for box in (self.column_box, self.labels_box))
        both = NONE not in (column, labels)
        if self.run is None:
            raise InputError("compare: no run is chosen; choose the one to compare with")
        return ask(
            self.session,
            column if both else None,
            self.run,
            self.epoch_box.currentData(),
            labels if both else None,
            self.seeds.value(),
        )

    def refresh(self) -> None:
        """Offer what may be compared with what is open now."""
        run, chosen = self.session.run, self.run_box.currentData()
        self.run_box.clear()
        if run is not None:
            self.run_box.addItem(THIS_RUN, str(run.path))  # Qt tells text apart, and no paths
            for path in (*runs_beside(run), *self._others):
                if self.run_box.findData(str(path)) < 0:
                    self.run_box.addItem(path.name, str(path))
                    self.run_box.setItemData(self.run_box.count() - 1, str(path), Qt.ItemDataRole.ToolTipRole)
            self.run_box.addItem(OTHER_RUN)
            came_from = run.document.get("parent") is not None and self.run_box.count() > 2
            first = 1 if came_from else 0  # runs that it came from are offered first
            self.run_box.setCurrentIndex(first if chosen is None else max(self.run_box.findData(chosen), 0))
        self.setEnabled(run is not None)
        self._offer_columns()
        self._offer_epochs()

    def _opened(self) -> None:
        self.column_box.clear()
        self.refresh()
        self.opened.emit()

    def _offer_columns(self) -> None:
        names, chosen, coloured = labellings(self.session), self.column_box.currentText(), self.session.coloured_by
        found = [name for name in names if not is_named(name)] or names
        kept = chosen in names or (chosen == NONE and self._without)
        first = chosen if kept else coloured if coloured in found else next(iter(found), NONE)
        offer(self.column_box, [*names, NONE], first)

    def _take_column(self) -> None:
        self._without = self.column_box.currentText() == NONE
        self._offer_labels()

    def _take_run(self) -> None:
        if self.run_box.currentText() == OTHER_RUN:
            self._ask_run()
        else:
            self._offer_epochs()

    def _ask_run(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Compare with a run")
        self.run_box.setCurrentIndex(0)
        if path:
            self.choose(Path(path))
        self._offer_epochs()

    def choose(self, run: Path) -> None:
        """Choose a run by its folder, or say why that can't be done."""
        if not tell(lambda: epochs_of(run)):
            return
        if self.run_box.findData(str(run)) < 0:
            self._others.append(run)
            self.refresh()
        self.run_box.setCurrentIndex(self.run_box.findData(str(run)))
        self._offer_epochs()

    def _offer_epochs(self) -> None:
        path = self.run
        self.epoch_box.clear()
        found: list[tuple[list[int], int | None]] = []
        if path is not None and tell(lambda: found.append(epochs_of(path))):
            epochs, chosen = found[0]
            for epoch in epochs:
                self.epoch_box.addItem(f"{epoch}", epoch)
            self.epoch_box.setCurrentIndex(self.epoch_box.findData(chosen))
        self._offer_labels()

    def _offer_labels(self) -> None:
        """Offer the labellings of the epoch, first that of the same name as A's, or any other where it is A's epoch."""
        path, epoch = self.run, self.epoch_box.currentData()
        names = [] if path is None else labellings_of(path, epoch)
        own, run = self.column_box.currentText(), self.session.run
        here = run is not None and path == run.path and epoch == self.session.epoch
        first = next((name for name in names if (name == own) != here), next(iter(names), NONE))
        offer(self.labels_box, [*names, NONE], first)
