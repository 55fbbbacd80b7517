"""Compare: the session beside another run, epoch or labelling, on the particles that both have."""

from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QLabel, QProgressBar, QPushButton, QSizePolicy, QTabWidget, QVBoxLayout, QWidget

from napari_tomodrgn.analysis.run_comparison import RunComparison
from napari_tomodrgn.viewer.compared import Compared, agreement_in_words, summary_of
from napari_tomodrgn.viewer.comparing import Found, find
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.changed_table import ChangedTable
from napari_tomodrgn.widgets.compare_choice import CompareChoice
from napari_tomodrgn.widgets.compared_scatter import ComparedScatter
from napari_tomodrgn.widgets.confusion_table import ConfusionTable
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.losses_compared import LossesCompared
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

EMPTY = "Choose another run, or another epoch or other classes of this one, and press Compare."
NO_RUN = "Runs are compared: open one first."
CHANGED = "Changed"


class Compare(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("compare")
        self.session, self.compared = session, Compared(session)
        self.work: Work | None = None
        self._make_controls()
        self._arrange()
        self._connect()
        self._show()

    def _make_controls(self) -> None:
        self.choice = CompareChoice(self.session, self)
        self.progress = QProgressBar(self)
        self.progress.setFormat("clustering %v of %m")
        self.progress.hide()
        self.summary = QLabel(self)
        self.summary.setWordWrap(True)
        self.summary.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.scatter = ComparedScatter(self.compared, self)
        self.confusion = ConfusionTable(self)
        self.changed = ChangedTable(self.compared, self)
        self.changed_button = QPushButton(self)
        self.losses = LossesCompared(self)
        self.agreement = QLabel(self)
        self.agreement.setWordWrap(True)
        self.agreement.setToolTip(
            "1: the same classes, 0: what chance gives; intervals of 95 %.\n"
            "Over seeds: the classes of both found anew in the same latents, how far it hangs on the clustering.\n"
            "Over tomograms: these drawn anew, labels as they are, how far it hangs on which were imaged."
        )
        self.tabs = QTabWidget(self)

    def _arrange(self) -> None:
        classes, changed = QWidget(self), QWidget(self)
        for page, parts in (
            (classes, (self.agreement, self.confusion)),
            (changed, (self.changed, self.changed_button)),
        ):
            column = QVBoxLayout(page)
            column.setContentsMargins(0, 0, 0, 0)
            for part in parts:
                column.addWidget(part)
        for widget, name in (
            (self.scatter, "Latent space"),
            (classes, "Classes"),
            (changed, CHANGED),
            (self.losses, "Losses"),
        ):
            self.tabs.addTab(widget, name)
        # or napari puts empty room below it
        self.tabs.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.choice)
        box.addWidget(self.progress)
        box.addWidget(self.summary)
        box.addWidget(self.tabs, 1)

    def _connect(self) -> None:
        self.choice.opened.connect(self._forget)
        self.choice.button.clicked.connect(self._compare_or_cancel)
        self.confusion.picked.connect(self._select_cell)
        self.changed.chosen.connect(self._select_rows)
        self.changed.looked_at.connect(self._look_at)
        self.changed_button.clicked.connect(self._select_changed)
        self.follower = Follower(self)
        self.follower.follow(self.session.colouring_changed, self._show_classes)
        self.follower.follow(self.compared.changed, self._show)

    # comparing

    def _compare_or_cancel(self) -> None:
        if self.work is not None and self.work.running:
            self.work.cancel()
        else:
            tell(self.compare)

    def compare(self) -> None:
        """Compare with what is chosen.

        Raises
        ------
        InputError
            Where nothing is open, or it would be compared with itself.
        """
        asked = self.choice.asked()
        self.choice.button.setText("Cancel")
        self.progress.setRange(0, 0)
        self.progress.show()
        self.work = Work(partial(find, asked), self._take, self._ended, self)

    def _take(self, result: Any) -> None:
        if isinstance(result, Found):
            self.compared.take(result)
        elif isinstance(result, RunComparison):
            self.compared.take_seeds(result)
        else:
            done, total = result
            self.progress.setRange(0, total)
            self.progress.setValue(done + 1)

    def _ended(self, message: str | None) -> None:
        self.progress.hide()
        self.choice.button.setText("Compare")
        if message is not None:
            show_error(message)

    def _forget(self) -> None:
        """Forget what another data set was compared with."""
        if self.work is not None:
            self.work.cancel()
        self.compared.forget()
        self._show()

    # what was found

    def _show(self) -> None:
        """Show what was compared: in words, as tables and as curves."""
        comparison = self.compared.comparison
        nothing = NO_RUN if self.session.run is None else EMPTY
        self.summary.setText(nothing if comparison is None else summary_of(comparison))
        self.agreement.setText("" if comparison is None else agreement_in_words(comparison))
        self.changed.model_.refresh()
        count = len(self.changed.model_.rows)
        self.changed_button.setEnabled(bool(count))
        self.changed_button.setText(f"Select all {count:,}" if count else "No particle changed its class")
        self.tabs.setTabText(2, f"{CHANGED} ({count:,})" if count else CHANGED)
        self.losses.show_losses(comparison)
        self._show_classes()

    def _show_classes(self) -> None:
        comparison = self.compared.comparison
        names: tuple[tuple[str, ...], tuple[str, ...]] = (), ()
        if comparison is not None and comparison.a.labelling is not None and comparison.b.labelling is not None:
            names = comparison.a.labelling.names, comparison.b.labelling.names
        agreement = None if comparison is None else comparison.agreement
        self.confusion.model_.show(agreement, names, self.compared.class_colours())

    # what a person does

    def _select_cell(self, a: int | None, b: int | None, how: str) -> None:
        self.compared.select_cell(a, b, how)  # type: ignore[arg-type]

    def _select_rows(self, rows: Any) -> None:
        self.compared.select_some(rows)

    def _select_changed(self) -> None:
        self.compared.select_changed()

    def _look_at(self, row: int) -> None:
        tell(lambda: self.compared.show(row))

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Undo and redo by the system's keys."""
        if event.matches(QKeySequence.StandardKey.Undo):
            self.session.undo()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.session.redo()
        else:
            super().keyPressEvent(event)

    def close_down(self) -> None:
        """End what is under way."""
        if self.work is not None:
            self.work.cancel()
            self.work.wait()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)
