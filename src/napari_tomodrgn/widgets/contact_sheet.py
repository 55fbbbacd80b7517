"""Pictures of all classes in rows, turned together, moved among and labelled by keys."""

import time
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFont, QKeyEvent, QPainter, QPixmap
from qtpy.QtWidgets import QAbstractScrollArea, QWidget

from napari_tomodrgn.figures.shaded import BACKGROUND, FRONT, Matrix
from napari_tomodrgn.viewer.gallery import ClassGallery, View
from napari_tomodrgn.widgets.class_model import to_qcolor
from napari_tomodrgn.widgets.turning import Turning
from napari_tomodrgn.widgets.volume_view import image_of

SIDE, LEAST_SIDE, MOST_SIDE = 116, 64, 320  # px of a picture
GAP, LINES = 5, 3  # px around a picture, lines of text below it
AT_ONCE_SECONDS = 0.03  # that pictures are drawn before the window is let go on
MOST_SCALE = 4
TEXT, FAINT, CURRENT = QColor(228, 228, 228), QColor(160, 164, 170), QColor(86, 180, 233)

Key = Qt.Key
ACROSS = {Key.Key_Left: -1, Key.Key_Right: 1}
ROWS = {Key.Key_Up: -1, Key.Key_Down: 1}
DIGITS = {getattr(Key, f"Key_{number}"): number for number in range(10)}
OTHERS = {Key.Key_Home, Key.Key_End, Key.Key_PageUp, Key.Key_PageDown, Key.Key_Return, Key.Key_Enter, Key.Key_R}
KEYS = {*ACROSS, *ROWS, *DIGITS, *OTHERS}
WITHOUT_MEANING = Qt.KeyboardModifier.KeypadModifier


class ContactSheet(QAbstractScrollArea):
    """The classes of a gallery.

    Only pictures that are in sight are drawn, the one under the mouse first and then those that were drawn longest ago.

    Signals
    -------
    digit
        A key from 0 to 9 was pressed, for the current class.
    moved
        Another class is the current one.
    looked_at
        The current class is to be looked at: Enter, or a double click.
    compared
        Others are to be compared with the current class: R.
    """

    digit = Signal(int)
    moved = Signal()
    looked_at = Signal()
    compared = Signal()

    def __init__(self, gallery: ClassGallery, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("contact sheet")
        self.setAccessibleName("classes")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumSize(SIDE + 40, SIDE + 60)
        self.gallery = gallery
        self.order: list[int] = []
        self.current: int | None = None  # a class's code
        self.turn: Matrix = FRONT
        self.view: View = "surface"
        self.message = ""
        self.side = SIDE
        self._pictures: dict[int, QPixmap] = {}
        self._drawn: dict[int, tuple[int, bool]] = {}  # at which pose and look, and whether in full
        self._now = 0
        self._turning = Turning()
        self._drawing = QTimer(self)
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(0)
        self._drawing.timeout.connect(self._draw_some)

    # what is shown

    def show_classes(self, order: list[int], message: str = "") -> None:
        """Show classes, by code, in an order, or a message where there are none."""
        self.order, self.message = order, message
        if self.current not in order:
            self.current = order[0] if order else None
        for code in set(self._pictures) - set(order):
            del self._pictures[code]
            self._drawn.pop(code, None)
        self._fit_bar()
        self._show_current()
        self.draw_soon()
        self.moved.emit()

    def forget_pictures(self) -> None:
        """Draw all anew: they are of other volumes."""
        self._pictures.clear()
        self._drawn.clear()

    def redraw(self) -> None:
        """Draw all pictures again, those in sight first."""
        self._now += 1
        self.draw_soon()

    def draw_soon(self) -> None:
        """Draw what is not drawn yet."""
        self.viewport().update()
        self._drawing.start()

    def set_turn(self, turn: Matrix) -> None:
        """Show all from another side."""
        self.turn = turn
        self.redraw()

    def set_view(self, view: View) -> None:
        """Show surfaces or slabs."""
        self.view = view
        self.redraw()

    def set_side(self, side: int) -> None:
        """Show pictures at a size, px."""
        self.side = min(max(side, LEAST_SIDE), MOST_SIDE)
        self._fit_bar()
        self._show_current()
        self.redraw()

    def _draw_some(self) -> None:
        until = time.monotonic() + AT_ONCE_SECONDS
        fine, window = not self._turning.active, self.gallery.window
        waiting = [
            code
            for code in self.in_sight()
            if code in self.gallery.volumes
            and (self._drawn.get(code, (-1, False))[0] != self._now or (fine and not self._drawn[code][1]))
        ]
        waiting.sort(key=lambda code: (code != self.current, self._drawn.get(code, (-1, False))))
        while waiting and time.monotonic() < until:
            code = waiting.pop(0)
            seen = window * len(self.gallery.volumes[code])
            scale = max(1, min(MOST_SCALE, round(self.side / seen))) if fine else 1
            picture = self.gallery.picture(code, self.turn, self.view, scale)
            if picture is not None:
                self._pictures[code] = QPixmap.fromImage(image_of(picture))
                self._drawn[code] = self._now, fine
        self.viewport().update()
        if waiting:
            self._drawing.start()

    @property
    def drawing(self) -> bool:
        """Whether pictures in sight wait to be drawn."""
        return self._drawing.isActive()

    # places

    @property
    def columns(self) -> int:
        """How many pictures stand in a row."""
        return max(1, self.viewport().width() // (self.side + 2 * GAP))

    def _row_height(self) -> int:
        return self.side + 3 * GAP + LINES * self.fontMetrics().height()

    def place_of(self, code: int) -> QRect:
        """Return where in the viewport a class's picture and text are."""
        row, column = divmod(self.order.index(code), self.columns)
        width = self.viewport().width() // self.columns
        top = row * self._row_height() - self.verticalScrollBar().value()
        return QRect(column * width, top, width, self._row_height())

    def in_sight(self) -> list[int]:
        """Return the codes of the classes that can be seen."""
        high, top = self._row_height(), self.verticalScrollBar().value()
        first, last = top // high, (top + self.viewport().height()) // high
        return self.order[first * self.columns : (last + 1) * self.columns]

    def _at(self, place: QPoint) -> int | None:
        return next((code for code in self.in_sight() if self.place_of(code).contains(place)), None)

    def _fit_bar(self) -> None:
        rows = -(-len(self.order) // self.columns)
        bar, high = self.verticalScrollBar(), self.viewport().height()
        bar.setRange(0, max(rows * self._row_height() - high, 0))
        bar.setPageStep(high)
        bar.setSingleStep(self._row_height() // 3)

    def make_current(self, code: int) -> None:
        """Go to a class."""
        if code != self.current and code in self.order:
            self.current = code
            self._show_current()
            self.viewport().update()
            self.moved.emit()

    def go_on(self, by: int) -> None:
        """Go to the class that stands so many places further on."""
        if self.current is not None:
            place = self.order.index(self.current) + by
            if 0 <= place < len(self.order):
                self.make_current(self.order[place])

    def _show_current(self) -> None:
        if self.current is None:
            return
        place, bar = self.place_of(self.current), self.verticalScrollBar()
        if place.top() < 0:
            bar.setValue(bar.value() + place.top())
        elif place.bottom() > self.viewport().height():
            bar.setValue(bar.value() + place.bottom() - self.viewport().height())

    # drawing

    def paintEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw what is in sight."""
        painter = QPainter(self.viewport())
        painter.fillRect(self.viewport().rect(), QColor.fromRgbF(*BACKGROUND))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for code in self.in_sight():
            self._paint(painter, code)
        if not self.order:
            painter.setPen(TEXT)
            centred = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(self.viewport().rect().adjusted(12, 0, -12, 0), centred, self.message)
        painter.end()

    def _paint(self, painter: QPainter, code: int) -> None:
        place, own = self.place_of(code), self.gallery.classes.get(code)
        if own is None:
            return
        picture = QRect(0, 0, self.side, self.side)
        picture.moveTo(place.left() + (place.width() - self.side) // 2, place.top() + GAP)
        if code in self._pictures:
            pixmap = self._pictures[code]
            inner = round(pixmap.width() * self.gallery.window)
            corner = (pixmap.width() - inner) // 2
            painter.drawPixmap(picture, pixmap, QRect(corner, corner, inner, inner))
        else:
            painter.setPen(FAINT)
            text = "…" if own.centre >= 0 else "no latent"
            painter.drawText(picture, Qt.AlignmentFlag.AlignCenter, text)
        label = self.gallery.label_of(code)
        if label:
            self._paint_label(painter, picture, label)
        if code == self.current:
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(CURRENT if self.hasFocus() else FAINT)
            for inset in (0, 1) if self.hasFocus() else (0,):
                painter.drawRect(place.adjusted(1 + inset, 1 + inset, -2 - inset, -2 - inset))
        self._paint_text(painter, place, picture.bottom() + GAP, code)

    def _paint_label(self, painter: QPainter, picture: QRect, label: str) -> None:
        metrics = self.fontMetrics()
        text = metrics.elidedText(label, Qt.TextElideMode.ElideRight, self.side - 14)
        badge = QRect(0, 0, metrics.horizontalAdvance(text) + 10, metrics.height() + 2)
        badge.moveBottomLeft(picture.bottomLeft())
        colour = to_qcolor(self.gallery.label_colours.get(label, (0.5, 0.5, 0.5, 1.0)))
        colour.setAlpha(255)
        painter.setBrush(colour)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.drawRoundedRect(badge, 4, 4)
        painter.setPen(QColor("black") if colour.lightness() > 110 or colour.green() > 130 else QColor("white"))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)

    def _paint_text(self, painter: QPainter, place: QRect, top: int, code: int) -> None:
        own, metrics = self.gallery.classes[code], self.fontMetrics()
        alike = self.gallery.correlation_of(code)
        third = "" if alike is None else f"CC {alike:.3f}"
        if code == self.gallery.reference:
            third = "reference"
        second = f"{own.size:,} in {own.spread}"
        if metrics.horizontalAdvance(second) > place.width() - 8:
            second = f"{own.size:,} in {own.tomograms:,} tomo."
        plain, bold = QFont(self.font()), QFont(self.font())
        bold.setBold(True)
        for number, (text, colour) in enumerate(((own.name, TEXT), (second, FAINT), (third, FAINT))):
            painter.setFont(plain if number else bold)
            painter.setPen(colour)
            line = QRect(place.left() + 4, top + number * metrics.height(), place.width() - 8, metrics.height())
            text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, line.width())
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, text)
        painter.setFont(plain)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Put the pictures in other rows."""
        super().resizeEvent(event)
        self._fit_bar()
        self.draw_soon()

    def scrollContentsBy(self, dx: int, dy: int) -> None:  # noqa: N802 - Qt's name
        """Draw what comes into sight."""
        self.draw_soon()

    # mouse and keys

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Go to a class, and begin to turn all."""
        place = event.position().toPoint()
        code = self._at(place)
        if code is not None and event.button() == Qt.MouseButton.LeftButton:
            self._turning.begin(event)
            self.make_current(code)

    def mouseMoveEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Turn all with the mouse."""
        if self._turning.active:
            self.set_turn(self._turning.turned(self.turn, event))

    def mouseReleaseEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Draw all in full."""
        self._turning.end()
        self.draw_soon()

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Look at a class."""
        code = self._at(event.position().toPoint())
        if code is not None:
            self.make_current(code)
            self.looked_at.emit()

    def wheelEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Scroll, or with Ctrl make pictures larger or smaller."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self.set_side(round(self.side * (1.15 if event.angleDelta().y() > 0 else 1 / 1.15)))
            event.accept()
        else:
            super().wheelEvent(event)

    def event(self, event: Any) -> bool:
        """Take the keys that mean something here before shortcuts of the window do."""
        if event.type() == QEvent.Type.ShortcutOverride and _meant(event):
            event.accept()
            return True
        return bool(super().event(event))

    def focusInEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Show that keys are heard."""
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Show that keys are not heard."""
        super().focusOutEvent(event)
        self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Move with the arrows, label with numbers, look with Enter, compare with R."""
        key = Key(event.key())
        if not _meant(event) or self.current is None:
            event.ignore()
            return
        page = self.columns * max(self.viewport().height() // self._row_height(), 1)
        if key in ACROSS:
            self.go_on(ACROSS[key])
        elif key in ROWS:
            self.go_on(ROWS[key] * self.columns)
        elif key in DIGITS:
            self.digit.emit(DIGITS[key])
        elif key in (Key.Key_Home, Key.Key_End):
            self.make_current(self.order[0 if key == Key.Key_Home else -1])
        elif key in (Key.Key_PageUp, Key.Key_PageDown):
            place = self.order.index(self.current) + (page if key == Key.Key_PageDown else -page)
            self.make_current(self.order[min(max(place, 0), len(self.order) - 1)])
        elif key == Key.Key_R:
            self.compared.emit()
        else:
            self.looked_at.emit()


def _meant(event: QKeyEvent) -> bool:
    """Return whether a key means something here: by itself, also on the keypad."""
    return event.key() in KEYS and not event.modifiers() & ~WITHOUT_MEANING
