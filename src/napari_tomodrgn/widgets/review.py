"""Review: particles looked at one after the other in an order, marked by keys, and a sheet of 50 at a time."""

from functools import partial
from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.viewer.colouring import legend_of
from napari_tomodrgn.viewer.comparison_views import VIEWS, Compared, compared
from napari_tomodrgn.viewer.cutouts import Cut, Cutout, cutouts, grey
from napari_tomodrgn.viewer.marks import COLUMN
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.review import KEYS, Flight, Review
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.choices import offer
from napari_tomodrgn.widgets.cutout_sheet import MOST, CutoutSheet
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.side_by_side import SideBySide
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

FILE_ORDER = "order of the file"
FLIGHT_MS, FRAME_MS = 180, 15
REST_MS = 60  # after the last step, before pictures are made
FIRST = ("loss", "CC", "uncertainty")
TEXTS = {
    "previous": "Back",
    "keep": "Keep",
    "junk": "Junk",
    "label": "Label",
    "take_back": "Undo",
    "next": "Next",
}
ARROWS = {Qt.Key.Key_Right: "next", Qt.Key.Key_Left: "previous"}


class ReviewWidget(QWidget):
    """The dock widget."""

    def __init__(self, review: Review, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("review")
        self.review, self.panel, self.session = review, panel, review.session
        self.looking: Work | None = None
        self.cutting: Work | None = None
        self._page = -1
        self._flight: Flight | None = None
        self._flown = 0
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._make_controls()
        self._arrange()
        self._connect()
        self._refresh()
        self._show()

    def _make_controls(self) -> None:
        self.scope, self.order, self.end_box = QComboBox(), QComboBox(), QComboBox()
        self.scope.addItems(["all particles", "what is selected"])
        self.scope.setToolTip("The particles to look at")
        self.order.setToolTip("The number that gives the order")
        self.end_box.addItems(["highest first", "lowest first"])
        self.begin_button = QPushButton("Begin")
        self.begin_button.setToolTip("Look at particles one after the other; keys work here and in the tomogram")
        self.pictures, self.sheet = SideBySide(VIEWS), CutoutSheet()
        self.text = QLabel()
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.text.setWordWrap(True)
        keys = {name: key for key, name in KEYS.items()}
        self.ways = QButtonGroup(self)
        self.buttons: dict[str, QPushButton] = {}
        for name, text in TEXTS.items():
            button = self.buttons[name] = QPushButton(f"{text} ({keys[name]})")
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.ways.addButton(button)
        self.word = QLineEdit(self.review.word)
        self.word.setToolTip("The word that Label gives; any word")
        self.counts = QLabel()
        self.selections_button = QPushButton("Keep as selections")
        self.selections_button.setToolTip("A named selection of the particles of each mark")

    def _arrange(self) -> None:
        first, marks, last = QHBoxLayout(), QGridLayout(), QHBoxLayout()
        for part, stretch in ((self.scope, 1), (self.order, 1), (self.end_box, 1), (self.begin_button, 0)):
            first.addWidget(part, stretch)
        for place, name in enumerate(("previous", "keep", "junk", "next")):
            marks.addWidget(self.buttons[name], 0, place)
        marks.addWidget(self.word, 1, 0, 1, 2)
        marks.addWidget(self.buttons["label"], 1, 2)
        marks.addWidget(self.buttons["take_back"], 1, 3)
        last.addWidget(self.counts, 1)
        last.addWidget(self.selections_button)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.pictures, "One")
        self.tabs.addTab(self.sheet, f"Sheet of {MOST}")
        self.tabs.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(first)
        layout.addWidget(self.tabs, 1)
        layout.addWidget(self.text)
        layout.addLayout(marks)
        layout.addLayout(last)
        self._frames, self._rest = QTimer(self), QTimer(self)
        self._frames.setInterval(FRAME_MS)
        self._frames.timeout.connect(self._fly)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._look)

    def _connect(self) -> None:
        self.begin_button.clicked.connect(self._begin_or_end)
        self.ways.buttonClicked.connect(self._take_way)
        self.word.textChanged.connect(self._take_word)
        self.sheet.picked.connect(self._take_picture)
        self.selections_button.clicked.connect(self._keep_selections)
        self.tabs.currentChanged.connect(self._page_changed)
        follower = Follower(self)
        follower.follow(self.review.moved, self._moved)
        for signal in (self.session.columns_changed, self.session.data_changed):
            follower.follow(signal, self._refresh)
        for signal in (self.session.labels_changed, self.session.columns_changed):
            follower.follow(signal, self._show)
        self.destroyed.connect(partial(_end, self.review))

    def _refresh(self) -> None:
        names = [name for name, own in self.session.columns.items() if isinstance(own, Numbers)]
        first = next((name for name in FIRST if name in names), FILE_ORDER)
        offer(self.order, [FILE_ORDER, *names], None if self.order.currentText() in names else first)

    # what a person does

    def _begin_or_end(self) -> None:
        if self.review.on:
            self.review.end()
        else:
            tell(self.begin)
        self.setFocus()

    def begin(self) -> None:
        """Begin to look at what is chosen; raises InputError where there is nothing."""
        column = self.order.currentText()
        self.review.begin(
            None if column == FILE_ORDER else column,
            highest=self.end_box.currentIndex() == 0,
            selected=self.scope.currentIndex() == 1,
        )
        self._page = -1

    def _take_way(self, button: QPushButton) -> None:
        self._do(next(name for name, each in self.buttons.items() if each is button))

    def _do(self, name: str) -> None:
        tell(getattr(self.review, name))

    def _take_word(self, word: str) -> None:
        self.review.word = word

    def _take_picture(self, number: int) -> None:
        self.review.go_to(self._page * MOST + number)

    def _keep_selections(self) -> None:
        def keep() -> None:
            for word in self.session.marks.counts:
                self.session.marks.keep_selection(word)

        if tell(keep):
            names = ", ".join(self.session.marks.counts)
            self.counts.setText(f"kept as selections: {names}")

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Do what the keys say while there is a review."""
        name = KEYS.get(event.text().upper()) or ARROWS.get(Qt.Key(event.key()))
        if event.matches(QKeySequence.StandardKey.Undo):
            name = "take_back"
        if self.review.on and name is not None:
            self._do(name)
        else:
            super().keyPressEvent(event)

    # what is shown

    def _moved(self) -> None:
        """Fly to the particle, and make its pictures once the steps come to rest."""
        if not self.review.on:
            self._frames.stop()
            self._page = -1
            self.sheet.begin([])
        else:
            tell(self._take_off)
            self._rest.start()
        self._show()

    def _take_off(self) -> None:
        """Begin to fly; a flight that is under way ends where it is."""
        self._flight, self._flown = self.review.flight(), 0
        if self._flight is not None:
            self._frames.start()

    def _fly(self) -> None:
        viewer = self.review.scene.viewer
        self._flown += FRAME_MS
        share = min(self._flown / FLIGHT_MS, 1.0)
        if self._flight is None or viewer is None or share == 1.0:
            self._frames.stop()
        if self._flight is not None and viewer is not None:
            self._flight.show(viewer, share)

    def _look(self) -> None:
        """Make the pictures of the particle, and of the sheet where another page is seen."""
        row, particle_set = self.review.row, self.session.particle_set
        if row is None or particle_set is None:
            return
        files, version = self.review.scene.tomograms.files, self.review.scene.tomograms.shown_version
        if self.looking is not None:
            self.looking.cancel()
        for number in range(len(VIEWS)):
            self.pictures.show_picture(number, None, "…")
        make = partial(compared, particle_set, row, files, version, self.panel)
        self.looking = Work(make, self._take_compared, _told, self)
        self._make_sheet()

    def _take_compared(self, found: Compared) -> None:
        inverted = found.number == 0 and self.review.scene.tomograms.look.inverted
        picture = None if found.picture is None else grey(found.picture, inverted=inverted)
        self.pictures.show_picture(found.number, picture, found.instead)

    def _page_changed(self) -> None:
        self._make_sheet()

    def _make_sheet(self) -> None:
        """Cut out the particles of the page that is seen, beside the window."""
        page, particle_set = self.review.place // MOST, self.session.particle_set
        if page == self._page or not self.sheet.isVisible() or particle_set is None or not self.review.on:
            return
        self._page = page
        rows = self.review.rows[page * MOST : (page + 1) * MOST]
        names = particle_set.particles["name"].to_numpy(dtype=object)
        self.sheet.begin([str(names[row]) for row in rows])
        self._numbers = {int(row): number for number, row in enumerate(rows)}
        if self.cutting is not None:
            self.cutting.cancel()
        tomograms = self.review.scene.tomograms
        make = partial(
            cutouts, particle_set, rows.tolist(), tomograms.files, tomograms.shown_version, Cut.of(particle_set)
        )
        self.cutting = Work(make, self._take_cutout, _told, self)
        self._show()

    def _take_cutout(self, found: Cutout) -> None:
        number = self._numbers.get(found.row)
        if found.picture is not None and number is not None:
            self.sheet.show_picture(number, grey(found.picture, inverted=self.review.scene.tomograms.look.inverted))

    def _show(self) -> None:
        review, marks = self.review, self.session.marks
        self.begin_button.setText("End" if review.on else "Begin")
        for button in self.buttons.values():
            button.setEnabled(review.on)
        for box in (self.scope, self.order, self.end_box):
            box.setEnabled(not review.on)
        self.text.setText(self._describe())
        counts = marks.counts
        self.counts.setText(" · ".join(f"{name} {size:,}" for name, size in counts.items()))
        self.selections_button.setEnabled(bool(counts))
        if review.on and self._page >= 0:
            colours = {entry.code: entry.colour for entry in legend_of(marks.column, self.session.styles.get(COLUMN))}
            rows = review.rows[self._page * MOST : (self._page + 1) * MOST]
            bars = [colours.get(int(marks.column.codes[row])) for row in rows]
            self.sheet.show_marks(bars, review.place - self._page * MOST)

    def _describe(self) -> str:
        review, particle_set = self.review, self.session.particle_set
        if review.row is None or particle_set is None:
            return "Choose particles and an order, and begin. Marks are a column, to colour and select by."
        tomogram, name = particle_set.ids[review.row]
        parts = [f"{review.place + 1:,} of {len(review.rows):,}", f"{name} of {tomogram}"]
        column = self.session.columns.get(self.order.currentText())
        if isinstance(column, Numbers):
            parts.append(f"{self.order.currentText()} {column.values[review.row]:.4g}")
        mark = self.session.marks.of(review.row)
        return " · ".join([*parts, *([f"marked {mark}"] if mark else [])])

    def hideEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Stop a flight that nobody sees the aim of."""
        self._frames.stop()
        super().hideEvent(event)


def _told(message: str | None) -> None:
    if message is not None:
        show_error(message)


def _end(review: Review, _widget: object = None) -> None:
    review.end()
