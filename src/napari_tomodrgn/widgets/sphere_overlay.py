"""The sphere that is drawn over a volume: dragged in the plane that is seen, and larger by the wheel."""

from typing import Any

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen

from napari_tomodrgn.figures.shaded import Matrix
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere

COLOUR = QColor(240, 228, 66)  # the palette's yellow: no surface has it before seven classes
PER_NOTCH = 1.08  # larger, by a notch of the wheel


class SphereOverlay:
    """Paints a sphere as the circle that it is seen as, and takes the mouse where it is over that."""

    def __init__(self, drawn: DrawnSphere) -> None:
        self.drawn = drawn
        self._held: QPointF | None = None

    @property
    def active(self) -> bool:
        """Whether the mouse holds the sphere."""
        return self._held is not None

    def circle(self, square: QRectF, turn: Matrix) -> QRectF | None:
        """Return the circle's bounds in a widget whose picture of a volume fills a square; ``None`` without a sphere.

        The middle of the box is its voxel D/2, in the middle of the picture.
        """
        if self.drawn.sphere is None or not self.drawn.extent:
            return None
        right, up, radius = self.drawn.seen(turn)
        side = square.width()
        middle = square.center() + QPointF(right * side, -up * side)
        return QRectF(middle.x() - radius * side, middle.y() - radius * side, 2 * radius * side, 2 * radius * side)

    def draw(self, painter: QPainter, square: QRectF, turn: Matrix) -> None:
        """Paint the circle, and a cross in its middle."""
        circle = self.circle(square, turn)
        if circle is None:
            return
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        fill = QColor(COLOUR)
        fill.setAlphaF(0.15)
        painter.setBrush(fill)
        painter.setPen(QPen(COLOUR, 1.5))
        painter.drawEllipse(circle)
        middle = circle.center()
        for across in (QPointF(4, 0), QPointF(0, 4)):
            painter.drawLine(middle - across, middle + across)
        painter.restore()

    # mouse

    def over(self, place: QPointF, square: QRectF, turn: Matrix) -> bool:
        """Return whether a place is over the sphere."""
        circle = self.circle(square, turn)
        if circle is None:
            return False
        away = place - circle.center()
        return bool(away.x() ** 2 + away.y() ** 2 <= (circle.width() / 2) ** 2)

    def begin(self, event: Any, square: QRectF, turn: Matrix) -> bool:
        """Take hold of the sphere where the mouse was pressed over it, and return whether it was."""
        if event.button() == Qt.MouseButton.LeftButton and self.over(event.position(), square, turn):
            self._held = event.position()
        return self.active

    def drag(self, event: Any, square: QRectF, turn: Matrix) -> None:
        """Move the sphere with the mouse."""
        if self._held is not None:
            moved, self._held = event.position() - self._held, event.position()
            self.drawn.move(moved.x() / square.width(), -moved.y() / square.width(), turn)

    def end(self) -> None:
        """Let go."""
        self._held = None

    def turn_wheel(self, event: Any, square: QRectF, turn: Matrix) -> bool:
        """Make the sphere under the mouse larger or smaller, and return whether there is one."""
        if self.drawn.sphere is None or not self.over(event.position(), square, turn):
            return False
        self.drawn.set(radius=self.drawn.sphere.radius * PER_NOTCH ** (event.angleDelta().y() / 120))
        return True
