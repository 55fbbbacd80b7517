"""Class gallery: the volumes in the middles of all classes side by side, labelled by keys."""

from typing import Any, get_args

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QBoxLayout,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import FRONT
from napari_tomodrgn.viewer.class_labels import named
from napari_tomodrgn.viewer.gallery import MOST_CLASSES, ClassGallery, Order, View
from napari_tomodrgn.viewer.meshes import Volume
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.contact_sheet import ContactSheet
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.label_list import CLASSES, LabelList
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.volume_look import LEVELS, STEPS
from napari_tomodrgn.widgets.work import Work

SIDE_PX, NARROW_SIDE_PX, NARROW_PX = 220, 150, 560
KEYS = (
    "Arrows move. 1 to 9 label the class, 0 takes its label away. Enter looks at the particle in its middle. "
    "R compares all with it. Drag turns all, Ctrl and wheel change their size."
)


class Gallery(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("class gallery")
        self.session, self.panel = session, panel
        self.gallery = ClassGallery(session, panel)
        self.work: Work | None = None
        self._look: tuple[object, ...] = ()
        self._room = (False, False)  # whether the widget is narrow, and the labels below the classes
        self.sheet = ContactSheet(self.gallery, self)
        self.labels = LabelList(self)
        self._make_controls()
        self._arrange()
        self._connect()
        self._show_level()

    # parts

    def _make_controls(self) -> None:
        self.title = QLabel(self)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.order_box, self.view_box = QComboBox(self), QComboBox(self)
        for order in get_args(Order):
            self.order_box.addItem(f"by {order}", order)
        self.order_box.setToolTip("What the classes are sorted by")
        for view in get_args(View):
            self.view_box.addItem(f"{view}s", view)
        self.view_box.setToolTip("Surfaces at one level, or the middle planes of the turned volumes")
        self.front_button = QPushButton("Front", self)
        self.front_button.setToolTip("Turn all back")
        self.level = QSlider(Qt.Orientation.Horizontal, self)
        self.level.setRange(0, STEPS)
        self.level.setAccessibleName("level")
        self.level.setToolTip("Where surfaces lie, here and in the Volumes widget")
        self.level_text = QLabel(self)
        self.progress = QProgressBar(self)
        self.progress.setFormat("%v of %m")
        self.progress.hide()
        self.decode_button = QPushButton("Cancel", self)
        self.decode_button.hide()
        self.advance = QCheckBox("go on after a key", self)
        self.advance.setToolTip("Go to the next class once one is labelled")
        self.rename_button = QPushButton("Rename", self)
        self.rename_button.setToolTip("Give another word to the label (F2)")
        self.colour_button = QPushButton("Colour by labels", self)
        self.colour_button.setToolTip("Colour the particles by their labels, in every view; again: by their classes")
        self.hint = QLabel(KEYS, self)
        self.hint.setWordWrap(True)
        self.sheet.setToolTip(KEYS)
        self.status = QLabel(self)
        self.status.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def _arrange(self) -> None:
        top, level = QHBoxLayout(), QHBoxLayout()
        top.addWidget(self.title, 1)
        for each in (self.order_box, self.view_box, self.front_button):
            top.addWidget(each)
        level.addWidget(QLabel("level", self))
        level.addWidget(self.level, 1)
        level.addWidget(self.level_text)
        level.addWidget(self.progress, 1)
        level.addWidget(self.decode_button)
        self.side = QWidget(self)
        column = QVBoxLayout(self.side)
        column.setContentsMargins(0, 0, 0, 0)
        self.buttons = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self.buttons.addWidget(self.rename_button)
        self.buttons.addWidget(self.colour_button, 1)
        column.addWidget(self.labels, 1)
        column.addLayout(self.buttons)
        column.addWidget(self.advance)
        column.addWidget(self.hint)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.sheet)
        self.splitter.addWidget(self.side)
        # or napari puts empty room below it
        self.splitter.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setSizes([3 * SIDE_PX, SIDE_PX])
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(top)
        box.addLayout(level)
        box.addWidget(self.splitter, 1)
        box.addWidget(self.status)

    def _connect(self) -> None:
        self.order_box.activated.connect(self._sort)
        self.view_box.activated.connect(self._take_view)
        self.front_button.clicked.connect(self._turn_to_front)
        self.level.valueChanged.connect(self._take_level)
        self.decode_button.clicked.connect(self._decode_or_cancel)
        self.rename_button.clicked.connect(self.labels.edit_current)
        self.colour_button.clicked.connect(self._colour_by_labels)
        self.labels.renamed.connect(self._rename)
        self.labels.selected.connect(self._select)
        self.sheet.digit.connect(self._label)
        self.sheet.moved.connect(self._say)
        self.sheet.looked_at.connect(self._look_at)
        self.sheet.compared.connect(self._compare)
        self.follower = Follower(self)
        session = self.session
        for signal in (
            session.data_changed,
            session.columns_changed,
            session.labels_changed,
            session.colouring_changed,
        ):
            self.follower.follow(signal, self.refresh)
        self.follower.follow(self.panel.changed, self._follow_look)

    # what is shown

    def refresh(self) -> None:
        """Show the classes that the session has now; their volumes are decoded while the widget can be seen."""
        if not self.isVisible():
            return
        try:
            anew = self.gallery.refresh()
        except InputError as error:
            self._cancel()
            self.sheet.forget_pictures()
            self.sheet.show_classes([], str(error))
            self._show_labels()
            self.title.setText("")
            self.decode_button.hide()
            return
        if anew:
            self._cancel()
            self.sheet.forget_pictures()
            self.sheet.current = None
            self._sort()
            self._decode()
        self._follow_look()
        self._show_labels()
        left_out = f", the {MOST_CLASSES} largest" if self.gallery.left_out else ""
        count, labelled = len(self.gallery.classes), len(self.gallery.labels)
        classes = f"{count:,} class{'' if count == 1 else 'es'}{left_out}"
        self.title.setText(f"{self.gallery.column}: {classes}, {labelled:,} labelled")
        self.title.setToolTip(self.title.text())
        self._say()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Show what came while the widget was hidden."""
        super().showEvent(event)
        self.follower.soon(self.refresh)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Put the labels below the classes, or make them small, where there is no room beside them."""
        super().resizeEvent(event)
        narrow = self.width() < NARROW_PX
        below = narrow and self.height() > self.width()
        room = narrow, below
        if room != self._room:
            self._room = room
            self.splitter.setOrientation(Qt.Orientation.Vertical if below else Qt.Orientation.Horizontal)
            self.hint.setVisible(not narrow)
            self.labels.setColumnHidden(CLASSES, narrow and not below)
            self.labels.setHeaderHidden(narrow and not below)
            ways = QBoxLayout.Direction
            self.buttons.setDirection(ways.TopToBottom if narrow and not below else ways.LeftToRight)
            self.follower.soon(self._share_room)

    def _share_room(self) -> None:
        narrow, below = self._room
        whole = sum(self.splitter.sizes())
        labels = whole // 3 if below else NARROW_SIDE_PX if narrow else SIDE_PX
        self.splitter.setSizes([max(whole - labels, 1), labels])

    def _sort(self) -> None:
        self.sheet.show_classes(self.gallery.in_order(self.order_box.currentData()))

    def _take_view(self) -> None:
        self.sheet.set_view(self.view_box.currentData())

    def _turn_to_front(self) -> None:
        self.sheet.set_turn(FRONT)

    def _take_level(self) -> None:
        self.panel.set_level(LEVELS[0] + (LEVELS[1] - LEVELS[0]) * self.level.value() / STEPS)

    def _show_level(self) -> None:
        before = self.level.blockSignals(True)
        self.level.setValue(round((self.panel.level - LEVELS[0]) / (LEVELS[1] - LEVELS[0]) * STEPS))
        self.level.blockSignals(before)
        self.level_text.setText(f"{self.panel.level:.2f} σ")

    def _follow_look(self) -> None:
        """Draw all anew where their level or their colours changed."""
        colours = tuple(own.colour for own in self.gallery.classes.values())
        look = (self.panel.level, self.panel.shared_level, self.panel.treatment, colours)
        if look != self._look:
            self._look = look
            self._show_level()
            self.sheet.redraw()
        else:
            self.sheet.viewport().update()

    def _say(self) -> None:
        code = self.sheet.current
        if code is None or code not in self.gallery.classes:
            self.status.setText("")
            return
        own, alike = self.gallery.classes[code], self.gallery.correlation_of(code)
        share = own.size / max(len(self.session), 1)
        cc = "" if alike is None or code == self.gallery.reference else f", CC {alike:.3f}"
        particles = f"{own.size:,} particle{'' if own.size == 1 else 's'}"
        self.status.setText(f"{own.name}: {particles} ({share:.1%}) in {own.spread}{cc}")

    # decoding

    def _decode_or_cancel(self) -> None:
        if self.work is not None and self.work.running:
            self._cancel()
        else:
            self._decode()

    def _decode(self) -> None:
        codes = self.gallery.undecoded(self.sheet.in_sight())
        if not codes:
            self.decode_button.hide()
            return
        made = self.gallery.decode(codes)
        self.progress.setRange(0, len(codes))
        self.progress.setValue(0)
        self.progress.show()
        self.decode_button.setText("Cancel")
        self.decode_button.show()
        self.work = Work(lambda: made, self._take, self._decoded, self)

    def _take(self, result: tuple[int, Volume]) -> None:
        self.gallery.take(*result)
        self.progress.setValue(self.progress.value() + 1)
        self.sheet.draw_soon()

    def _decoded(self, message: str | None) -> None:
        self.progress.hide()
        rest = bool(self.gallery.undecoded([]))
        self.decode_button.setText("Decode the rest")
        self.decode_button.setVisible(rest)
        if self.order_box.currentData() == "CC":
            self._sort()
        self._say()
        if message is not None:
            show_error(message)

    def _cancel(self) -> None:
        if self.work is not None:
            self.work.cancel()

    # labels

    def _label(self, digit: int) -> None:
        code = self.sheet.current
        if code is None:
            return
        name = self.labels.name_of(digit) if digit else ""
        if tell(lambda: self.gallery.label(code, name)) and self.advance.isChecked():
            self.sheet.go_on(1)

    def _show_labels(self) -> None:
        labels = self.session.labels.get(self.gallery.column or "")
        counts: dict[str, tuple[int, int]] = {}
        for code, name in self.gallery.labels.items():
            classes, particles = counts.get(name, (0, 0))
            own = self.gallery.classes.get(code)
            counts[name] = classes + 1, particles + (own.size if own else 0)
        self.labels.take_names(labels.names if labels is not None else ())
        self.labels.show_counts(counts, self.gallery.label_colours)
        self.colour_button.setEnabled(bool(counts))

    def _rename(self, before: str, after: str) -> None:
        self.gallery.rename(before, after)

    def _select(self, label: str, how: str) -> None:
        self.gallery.select(label, how)  # type: ignore[arg-type]

    def _colour_by_labels(self) -> None:
        column = self.gallery.column
        if column is not None:
            by_label = self.session.coloured_by == named(column)
            tell(lambda: self.session.colour_by(column if by_label else named(column)))

    # the current class

    def _look_at(self) -> None:
        code = self.sheet.current
        if code is not None:
            tell(lambda: self.gallery.look_at(code))

    def _compare(self) -> None:
        code = self.sheet.current
        if code is not None and tell(lambda: self.gallery.compare_with(code)):
            self.sheet.redraw()
            if self.order_box.currentData() == "CC":
                self._sort()
            self._say()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Undo and redo by the system's keys."""
        if event.matches(QKeySequence.StandardKey.Undo):
            tell(self.session.undo)
        elif event.matches(QKeySequence.StandardKey.Redo):
            tell(self.session.redo)
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
