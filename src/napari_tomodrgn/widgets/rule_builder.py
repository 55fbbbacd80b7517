"""A rule chosen, its count while it is told, and buttons that apply it to the selection."""

from collections.abc import Iterator
from functools import partial

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.losses import measure_losses
from napari_tomodrgn.analysis.rules import TOMOGRAM
from napari_tomodrgn.viewer.curation import Asked, Meant, meant
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.regions import Regions
from napari_tomodrgn.viewer.session import How
from napari_tomodrgn.widgets.drawing_page import DrawingPage
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.rule_pages import (
    ApartPage,
    ClassPage,
    FacePage,
    NumberPage,
    OutlierPage,
    RandomPage,
    RulePage,
)
from napari_tomodrgn.widgets.selection_page import SelectionPage
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

REST_MS = 120  # after the last change, before particles are counted
TOLD = "Choose above what the rule goes by."
HOW: dict[How, tuple[str, str]] = {
    "replace": ("Select", "Select these particles and no others"),
    "add": ("Add", "Add them to the selection"),
    "subtract": ("Take away", "Take them out of the selection; only selected particles are looked at"),
    "intersect": ("Keep within", "Keep of the selection what the rule means; only selected particles are looked at"),
}


class RuleBuilder(QWidget):
    """The rules, one shown at a time."""

    def __init__(self, regions: Regions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.regions, self.session = regions, regions.scene.session
        self.pages: dict[str, RulePage] = {
            "Class or label": ClassPage(),
            "Number between limits": NumberPage(),
            "Drawn in the tomogram": DrawingPage(regions),
            "Tomograms": ClassPage(TOMOGRAM),
            "Outliers of the latents": OutlierPage(),
            "Minimum distance, the best kept": ApartPage(),
            "Away from the tomogram's faces": FacePage(),
            "At random": RandomPage(),
            "As a selection was made": SelectionPage(),
        }
        self.meant: Meant | None = None
        self.work: Work | None = None
        self.measuring: Work | None = None
        self._pending: How | None = None
        self._again = False
        self._make_controls()
        self._arrange()
        self._connect()
        self._refresh()

    def _make_controls(self) -> None:
        self.kind, self.stack = QComboBox(), QStackedWidget()
        self.kind.addItems(list(self.pages))
        self.kind.setToolTip("What particles are chosen by")
        for page in self.pages.values():
            self.stack.addWidget(page)
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.count.setObjectName("count")
        self.buttons: dict[How, QPushButton] = {}
        self.ways = QButtonGroup(self)
        for how, (text, tip) in HOW.items():
            button = self.buttons[how] = QPushButton(text)
            button.setToolTip(tip)
            button.setMinimumWidth(button.fontMetrics().horizontalAdvance(text) + 14)
            self.ways.addButton(button)
        self.losses_button = QPushButton("Measure losses")
        self.losses_button.setToolTip(
            "How well the decoder explains each particle: its loss, and the correlation (CC) with its tilt images,\n"
            "which have to be there. Takes about as long as an epoch."
        )
        self.progress = QProgressBar()
        self.progress.setTextVisible(True)
        self.progress.setFormat("losses: %p %")
        self.progress.hide()
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.work_out)

    def _arrange(self) -> None:
        buttons, losses = QHBoxLayout(), QHBoxLayout()
        for button in self.buttons.values():
            buttons.addWidget(button)
        losses.addWidget(self.losses_button)
        losses.addWidget(self.progress, 1)
        losses.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.kind)
        layout.addWidget(self.stack, 1)
        layout.addWidget(self.count)
        layout.addLayout(buttons)
        layout.addLayout(losses)

    def _connect(self) -> None:
        self.kind.currentIndexChanged.connect(self._show_page)
        for page in self.pages.values():
            page.changed.connect(self._soon)
        self.ways.buttonClicked.connect(self._take_way)
        self.losses_button.clicked.connect(self._measure_or_stop)
        follower = Follower(self)
        for signal in (self.session.data_changed, self.session.columns_changed, self.session.colouring_changed):
            follower.follow(signal, self._refresh)
        follower.follow(self.session.named.changed, self._refresh)
        follower.follow(self.session.selection_changed, self._soon)

    @property
    def page(self) -> RulePage:
        """The rule that is shown."""
        return self.pages[self.kind.currentText()]

    def _show_page(self, index: int) -> None:
        self.stack.setCurrentIndex(index)
        self._soon()

    def _refresh(self) -> None:
        if self.session.particle_set is not None:
            for page in self.pages.values():
                page.refresh(self.session)
        self.losses_button.setVisible(self.session.run is not None)
        self.losses_button.setEnabled(self.session.epoch is not None)
        self._soon()

    # counting

    def _soon(self) -> None:
        self._pending = None
        self._show()
        self._rest.start()

    def showEvent(self, event: object) -> None:  # noqa: N802 - Qt's name
        """Count once it is seen."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._rest.start()

    def work_out(self) -> None:
        """Count the particles that the rule means, beside the window."""
        self._rest.stop()
        if not self.isVisible() or self._current() is not None:
            return
        if self.work is not None and self.work.running:
            self._again = True  # one at a time: outliers take a second
            return
        tree = self.page.tree
        if tree is None or self.session.particle_set is None:
            return
        asked = Asked.of(self.session, tree, self.regions.scene.tomograms.files)
        self._trouble: str | None = None
        self.work = Work(partial(_worked_out, asked), self._take, self._ended, self)

    def _take(self, found: Meant) -> None:
        self.meant = found

    def _ended(self, message: str | None) -> None:
        if message is not None:
            self.meant = None
        again, self._again = self._again, False
        if again:
            self.work_out()
            return
        if self._current() is None and message is None:
            self._rest.start()  # something changed meanwhile
            return
        self._show(message)
        if self._pending is not None:
            how, self._pending = self._pending, None
            if message is None:
                self.apply(how)
            else:
                show_error(message)

    def _current(self) -> Meant | None:
        """Return what was worked out, where it is of this rule and of what the session has now."""
        found = self.meant
        if found is None or not found.asked.is_current(self.session) or found.asked.tree != self.page.tree:
            return None
        return found

    def _show(self, message: str | None = None) -> None:
        found = self._current()
        there = self.page.tree is not None and self.session.particle_set is not None
        text = message or ("…" if there else TOLD if self.session.particle_set is not None else "Nothing is open.")
        self.count.setText(found.sentence() if found is not None else text)
        for how, button in self.buttons.items():
            button.setEnabled(there and (how in ("replace", "add") or bool(self.session.selected.any())))

    # what a person does

    def _take_way(self, button: QPushButton) -> None:
        self.apply(next(how for how, each in self.buttons.items() if each is button))

    def apply(self, how: How) -> None:
        """Change the selection by the rule, once it is worked out."""
        found = self._current()
        if found is None:
            self._pending = how
            self.work_out()
            return
        found.choose(self.session, how)
        self.regions.clear()

    def _measure_or_stop(self) -> None:
        if self.measuring is not None and self.measuring.running:
            self.measuring.cancel()
            return
        run, epoch, particle_set = self.session.run, self.session.epoch, self.session.particle_set
        if run is None or epoch is None or particle_set is None:
            return
        self.progress.setValue(0)
        self.progress.show()
        self.losses_button.setText("Stop")
        self.measuring = Work(partial(measure_losses, run, epoch, particle_set), self._show_share, self._measured, self)

    def _show_share(self, share: float) -> None:
        self.progress.setValue(round(100 * share))

    def _measured(self, message: str | None) -> None:
        self.progress.hide()
        self.losses_button.setText("Measure losses")
        if message is not None:
            show_error(message)
            return
        tell(self.session.read_again)


def _worked_out(asked: Asked) -> Iterator[Meant]:
    yield meant(asked)
