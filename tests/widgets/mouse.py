"""The mouse as a person moves it over a scatter."""

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QWidget

from napari_tomodrgn.widgets.scatter import Scatter
from napari_tomodrgn.widgets.scatter_axes import plot_area

LEFT, MIDDLE = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton
PLAIN, SHIFT = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ShiftModifier
ALT, CTRL = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier


def place_of(scatter: Scatter, row: int) -> QPoint:
    """Return where in the widget a particle is drawn."""
    return places_of(scatter, [(scatter.cloud.x[row], scatter.cloud.y[row])])[0]


def places_of(scatter: Scatter, points: npt.ArrayLike) -> list[QPoint]:
    """Return where in the widget some x and y (n, 2) are."""
    corner = plot_area(scatter).topLeft()
    return [corner + QPoint(int(column), int(row)) for column, row in scatter.frame.to_pixels(points)]


def around(scatter: Scatter, rows: list[int], reach: int = 6) -> list[QPoint]:
    """Return corners of an upright rectangle around particles."""
    places = np.array([(place.x(), place.y()) for place in (place_of(scatter, row) for row in rows)])
    (left, top), (right, bottom) = places.min(axis=0) - reach, places.max(axis=0) + reach
    return [QPoint(int(x), int(y)) for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]


def everything(scatter: Scatter) -> list[QPoint]:
    """Return the corners of the plot."""
    area = plot_area(scatter)
    return [area.topLeft(), area.topRight(), area.bottomRight(), area.bottomLeft()]


def drag(
    widget: QWidget,
    points: list[QPoint],
    modifiers: Qt.KeyboardModifier = PLAIN,
    button: Qt.MouseButton = LEFT,
    *,
    let_go: bool = True,
) -> None:
    """Press at the first point, move over the others, and let go at the last."""
    QTest.mousePress(widget, button, modifiers, points[0])
    for point in points[1:]:
        QTest.mouseMove(widget, point)
    if let_go:
        QTest.mouseRelease(widget, button, modifiers, points[-1])


def turn_wheel(widget: QWidget, at: QPoint, notches: int) -> None:
    """Turn the wheel over a point, away from oneself for positive notches."""
    event = QWheelEvent(
        QPointF(at),
        QPointF(widget.mapToGlobal(at)),
        QPoint(),
        QPoint(0, 120 * notches),
        Qt.MouseButton.NoButton,
        PLAIN,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)
