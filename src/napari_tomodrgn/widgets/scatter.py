"""A scatter of particles that is drawn as a picture: axes, lasso, rectangle, click, path, zoom and pan."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_tomodrgn.viewer.colouring import Colours
from napari_tomodrgn.viewer.frame import Frame
from napari_tomodrgn.viewer.raster import Cloud, Mask, marker_size
from napari_tomodrgn.viewer.session import How
from napari_tomodrgn.widgets.scatter_axes import draw_axes, draw_gesture, draw_path, draw_ring, plot_area

Tool = Literal["lasso", "rectangle", "click", "path"]
TOOLS: tuple[Tool, ...] = get_args(Tool)

STILL = 4.0  # pixels that the mouse may move between press and release of a click
REACH = 8.0  # pixels around the mouse in which a particle is found
STRIDE = 2.0  # pixels between the corners of a lasso
CLOSEST, FARTHEST = 2_000.0, 10.0  # zoom, compared with the view of all particles
HOVER_MS = 80
STEPS = 10


def how_of(modifiers: Qt.KeyboardModifier) -> How:
    """Return how a selection is combined with the one before: Shift adds, Alt or Ctrl subtracts, both intersect."""
    shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
    less = bool(modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier))
    if shift and less:
        return "intersect"
    return "add" if shift else "subtract" if less else "replace"


class Scatter(QWidget):
    """Particles in the plane of two columns.

    Signals
    -------
    picked
        Mask (N,), rule and how: a lasso, rectangle or click ended.
    clicked
        The row of the particle that was clicked.
    path_drawn
        (n,) rows of the particles nearest to places at equal distances along a path, in its order.
    """

    picked = Signal(object, object, str)
    clicked = Signal(int)
    path_drawn = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setCursor(Qt.CursorShape.CrossCursor)
        self.describe: Callable[[int], str] = str  # what the tooltip says of a row
        self.empty_message = "Open particles or a run to see them here."
        self.tool: Tool = "lasso"
        self.density = False
        self.size_px = marker_size(0)
        self.steps = STEPS
        self.names = ("", "")
        self.cloud = Cloud(np.zeros(0), np.zeros(0))
        self.frame = self._around()
        self.particle: int | None = None
        self.line: npt.NDArray[np.float64] = np.zeros((0, 2))  # the path, x and y of its corners
        self.stops: npt.NDArray[np.int64] = np.zeros(0, np.int64)  # particles along it
        self._gesture: list[tuple[float, float]] | None = None  # pixels of the plot since the press, or clicked so far
        self._pressed = False
        self._pressed_at = 0  # number of the pixel that was pressed last
        self._panned_from: QPointF | None = None
        self._panned_by = Qt.MouseButton.NoButton
        self._space = False
        self._image: QImage | None = None
        self._hovered = QPointF()
        self._hover = QTimer(self)
        self._hover.setSingleShot(True)
        self._hover.setInterval(HOVER_MS)
        self._hover.timeout.connect(self._tell)

    def sizeHint(self) -> QSize:  # noqa: N802
        """Return the size that shows a usual set well."""
        return QSize(480, 400)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Return the size below which nothing can be told."""
        return QSize(200, 160)

    # what is shown

    def set_points(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], names: tuple[str, str], *, fit: bool = True
    ) -> None:
        """Show other points (N,), in the middle of the plot or, without ``fit``, in the part that is seen now.

        What is seen as a whole stays whole.
        """
        whole = self._around()
        fit = fit or (self.frame.x, self.frame.y) == (whole.x, whole.y)
        self.cloud, self.names = Cloud(x, y), names
        self.line, self.stops, self.particle = np.zeros((0, 2)), np.zeros(0, np.int64), None
        self._gesture = None
        if fit:
            self.frame = self._around()
        self._redraw()

    def set_colours(self, rgba: Colours) -> None:
        """Colour the points (N, 4)."""
        self.cloud.paint(rgba)
        self._redraw()

    def set_selected(self, selected: Mask) -> None:
        """Show which points (N,) are selected."""
        self.cloud.select(selected)
        self._redraw()

    def set_particle(self, row: int | None) -> None:
        """Ring the particle that is looked at by itself."""
        self.particle = row
        self.update()

    def set_density(self, on: bool) -> None:
        """Show how many particles lie at each place, or the particles."""
        self.density = on
        self._redraw()

    def set_marker_size(self, pixels: int) -> None:
        """Draw particles that large."""
        self.size_px = pixels
        self._redraw()

    def set_tool(self, tool: Tool) -> None:
        """Say what dragging with the left button does."""
        self.tool = tool
        self.cancel()

    def fit(self) -> None:
        """Show all particles."""
        self.show_part(self._around())

    def cancel(self) -> None:
        """Forget the lasso, rectangle or path that is being drawn."""
        self._gesture, self._pressed = None, False
        self.update()

    def take_path(self, line: npt.ArrayLike) -> None:
        """Show a path through x and y of its corners (k, 2) and tell which particles lie along it."""
        self.line = np.asarray(line, np.float64).reshape(-1, 2)
        self.stops = self.cloud.along(self.frame, self.frame.to_pixels(self.line), self.steps)
        self.update()
        self.path_drawn.emit(self.stops)

    def show_path(self, line: npt.NDArray[np.float64], stops: npt.NDArray[np.int64]) -> None:
        """Show a path that was chosen elsewhere, through x and y of its corners (k, 2), and the particles along it."""
        self.line, self.stops = line, stops
        self.update()

    def clear_path(self) -> None:
        """Show no path any more."""
        self.line, self.stops = np.zeros((0, 2)), np.zeros(0, np.int64)
        self.update()

    @property
    def drawing(self) -> bool:
        """Whether a lasso, rectangle or path is being drawn."""
        return self._gesture is not None

    def _around(self) -> Frame:
        area = plot_area(self)
        return Frame.around(self.cloud.x_range, self.cloud.y_range, area.width(), area.height())

    def show_part(self, frame: Frame) -> None:
        """Show another part; what is being drawn stays over the same particles."""
        if self._gesture:
            self._gesture = [(x, y) for x, y in frame.to_pixels(self.frame.to_data(self._gesture)).tolist()]
        self.frame = frame
        self._redraw()

    def _redraw(self) -> None:
        self._image = None
        self.update()  # Qt draws once for all that is updated within a turn of the event loop

    def _fill_area(self) -> None:
        area = plot_area(self)
        self.show_part(self.frame.resized(area.width(), area.height()))

    # drawing

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Show the same part on the new size."""
        self._fill_area()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        """Draw again in the colours and the font of another theme."""
        if event.type() in (QEvent.Type.PaletteChange, QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self._fill_area()
        super().changeEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the axes, the picture of the particles, and what is being drawn over them."""
        area = plot_area(self)
        painter = QPainter(self)
        draw_axes(painter, self, area, self.frame, self.names)
        if self._image is None:
            self._image = self._picture()
        painter.setClipRect(area)
        painter.drawImage(area.topLeft(), self._image)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        corner = np.array([area.left(), area.top()])
        if len(self.line):
            stops = np.stack([self.cloud.x[self.stops], self.cloud.y[self.stops]], axis=1)
            draw_path(painter, self, self.frame.to_pixels(self.line) + corner, self.frame.to_pixels(stops) + corner)
        if self.particle is not None and self.particle < len(self.cloud):
            row = self.particle
            if np.isfinite([self.cloud.x[row], self.cloud.y[row]]).all():
                (centre,) = self.frame.to_pixels([(self.cloud.x[row], self.cloud.y[row])]) + corner
                draw_ring(painter, self, centre, self.size_px + 6)
        if self._gesture:
            gesture = np.array(self._gesture) + corner
            if self.tool == "path" and not self._pressed:
                gesture = np.vstack([gesture, [self._hovered.x(), self._hovered.y()]])
            draw_gesture(painter, self, self.tool, gesture)
        painter.setClipping(False)
        message = self._message()
        if message:
            painter.setPen(self.palette().text().color())
            flags = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap
            painter.drawText(area.adjusted(20, 20, -20, -20), int(flags), message)

    def _message(self) -> str:
        if not len(self.cloud):
            return self.empty_message
        if self.cloud.unplaced == len(self.cloud):
            return f"No particle has a value of both {self.names[0]} and {self.names[1]}."
        return ""

    def _picture(self) -> QImage:
        # screens with small pixels get a picture with as many more
        ratio = self.devicePixelRatioF()
        frame = self.frame.resized(round(self.frame.width * ratio), round(self.frame.height * ratio))
        size = max(1, round(self.size_px * ratio))
        picture = self.cloud.density(frame, size) if self.density else self.cloud.picture(frame, size)
        image = QImage(picture.data, frame.width, frame.height, 4 * frame.width, QImage.Format.Format_RGBA8888).copy()
        image.setDevicePixelRatio(ratio)
        return image

    # the mouse

    def _pixel(self, event: QMouseEvent | QWheelEvent) -> tuple[float, float]:
        """Return where in the plot an event is; beyond its edges is at its edges."""
        area, at = plot_area(self), event.position()
        return (
            float(np.clip(at.x() - area.left(), 0, area.width())),
            float(np.clip(at.y() - area.top(), 0, area.height())),
        )

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to pan, or what the tool does."""
        left = event.button() == Qt.MouseButton.LeftButton
        if event.button() == Qt.MouseButton.MiddleButton or (left and self._space):
            self._panned_from, self._panned_by = event.position(), event.button()
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif left:
            self._pressed = True
            if self.tool == "path" and self._gesture:
                self._gesture.append(self._pixel(event))
            else:
                self._gesture = [self._pixel(event)]
            self._pressed_at = len(self._gesture) - 1
        else:
            super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Go on with what was begun, or find what is under the mouse."""
        if self._panned_from is not None:
            moved = event.position() - self._panned_from
            self._panned_from = event.position()
            self.show_part(self.frame.moved(moved.x(), moved.y()))
        elif self._pressed and self._gesture:
            pixel = self._pixel(event)
            if self.tool in ("rectangle", "click"):
                self._gesture[1:] = [pixel]
            elif _apart(pixel, self._gesture[-1]) >= STRIDE:
                self._gesture.append(pixel)
            self.update()
        else:
            self._hovered = event.position()
            self._hover.start()
            if self._gesture:  # the path's next stretch follows the mouse
                self.update()
        super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End what was begun."""
        if self._panned_from is not None and event.button() == self._panned_by:
            self._panned_from = None
            self.setCursor(Qt.CursorShape.OpenHandCursor if self._space else Qt.CursorShape.CrossCursor)
        elif event.button() == Qt.MouseButton.LeftButton and self._pressed and self._gesture:
            self._pressed = False
            self._finish(how_of(event.modifiers()))
        self.update()

    def _finish(self, how: How) -> None:
        gesture = self._gesture or []
        since = gesture[self._pressed_at :]
        still = max(_apart(pixel, since[0]) for pixel in since) < STILL
        if self.tool == "path":
            # a drag is a whole path; clicks are corners of one, which a double click or Enter ends
            if still:
                self._gesture = gesture[: self._pressed_at + 1]
            else:
                self._end_path()
            return
        self._gesture = None
        if still or self.tool == "click":
            self._click(gesture[-1], how)
        elif self.tool == "rectangle":
            (x0, y0), (x1, y1) = self.frame.to_data([gesture[0], gesture[-1]])
            rule = self._rule(x=sorted([float(x0), float(x1)]), y=sorted([float(y0), float(y1)]))
            self.picked.emit(self.cloud.in_rectangle(self.frame, gesture[0], gesture[-1]), rule, how)
        else:
            rule = self._rule(polygon=self.frame.to_data(gesture).tolist())
            self.picked.emit(self.cloud.in_polygon(self.frame, gesture), rule, how)

    def _rule(self, **where: Any) -> dict[str, Any]:
        return {"rule": self.tool, "columns": list(self.names), **where}

    def _click(self, pixel: tuple[float, float], how: How) -> None:
        row = self.cloud.nearest(self.frame, pixel, max(REACH, self.size_px / 2))
        if row is None:
            return
        mask = np.zeros(len(self.cloud), dtype=bool)
        mask[row] = True
        self.picked.emit(mask, {"rule": "click", "columns": list(self.names)}, how)
        self.clicked.emit(row)

    def _end_path(self) -> None:
        gesture, self._gesture = self._gesture or [], None
        if len(gesture) > 1:
            self.take_path(self.frame.to_data(gesture))
        self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End a path of clicks, or show all particles."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        if self.tool == "path" and self._gesture and len(self._gesture) > 1:
            self._end_path()
        else:
            self.cancel()
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom at the mouse."""
        frame = self.frame.zoomed(1.25 ** (event.angleDelta().y() / 120), *self._pixel(event))
        whole = self._around()
        zoom = (whole.x[1] - whole.x[0]) / (frame.x[1] - frame.x[0])
        if 1 / FARTHEST < zoom < CLOSEST:
            self.show_part(frame)
        event.accept()

    # keys, and the tooltip

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Escape cancels or clears a path, Enter ends one, Space lets the left button pan."""
        if event.key() == Qt.Key.Key_Escape and self.drawing:
            self.cancel()
        elif event.key() == Qt.Key.Key_Escape and len(self.line):
            self.clear_path()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.tool == "path" and self.drawing:
            self._end_path()
        elif event.key() == Qt.Key.Key_Space:
            self._space = True
            if not self._pressed:
                self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Space was let go."""
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self._space = False
            self.setCursor(Qt.CursorShape.CrossCursor)
        else:
            super().keyReleaseEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        """Space may be let go elsewhere."""
        self._space = False
        self.setCursor(Qt.CursorShape.CrossCursor)
        super().focusOutEvent(event)

    def leaveEvent(self, event: QEvent | QEnterEvent) -> None:  # noqa: N802
        """Nothing is under the mouse any more."""
        self._hover.stop()
        super().leaveEvent(event)

    def _tell(self) -> None:
        """Show a tooltip of the particle under the mouse."""
        area = plot_area(self)
        at = self._hovered.toPoint()
        row = None
        if area.contains(at):
            pixel = (self._hovered.x() - area.left(), self._hovered.y() - area.top())
            row = self.cloud.nearest(self.frame, pixel, max(REACH / 2, self.size_px / 2))
        if row is None:
            QToolTip.hideText()
        else:
            QToolTip.showText(self.mapToGlobal(at + QPoint(8, 8)), self.describe(row), self, QRect(at, QSize(1, 1)))


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
