"""Volumes turned by dragging the mouse, the same in every widget that shows them."""

from typing import Any

from qtpy.QtCore import QPoint

from napari_tomodrgn.figures.shaded import Matrix, turned_by_drag


class Turning:
    """Where the mouse is while it turns a widget's volumes."""

    def __init__(self) -> None:
        self._place: QPoint | None = None

    @property
    def active(self) -> bool:
        """Whether the mouse is down."""
        return self._place is not None

    def begin(self, event: Any) -> None:
        """Take note of where the mouse was pressed."""
        self._place = event.position().toPoint()

    def turned(self, turn: Matrix, event: Any) -> Matrix:
        """Return a turn as it is after the mouse moved; the same while the mouse is not down."""
        if self._place is None:
            return turn
        place = event.position().toPoint()
        moved, self._place = place - self._place, place
        return turned_by_drag(turn, moved.x(), moved.y())

    def end(self) -> None:
        """Let go."""
        self._place = None
