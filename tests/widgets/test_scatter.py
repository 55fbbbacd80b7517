"""The scatter under mouse and keys."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path
from mouse import ALT, CTRL, LEFT, MIDDLE, PLAIN, SHIFT, around, drag, place_of, places_of, turn_wheel
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor, QPalette
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QToolTip

from napari_tomodrgn.widgets.scatter import Scatter, Tool, how_of
from napari_tomodrgn.widgets.scatter_axes import plot_area

COUNT = 60


@pytest.fixture
def scatter(shown: Callable[..., None]) -> Scatter:
    widget = Scatter()
    x, y = np.random.default_rng(0).normal(size=(2, COUNT))
    widget.set_points(x, y, ("PC 1", "PC 2"))
    widget.set_colours(np.ones((COUNT, 4), np.float32))
    shown(widget, 500, 400)
    widget.setFocus()
    return widget


@pytest.fixture
def picks(scatter: Scatter) -> Iterator[list[tuple[list[int], dict[str, Any], str]]]:
    found: list[tuple[list[int], dict[str, Any], str]] = []
    scatter.picked.connect(lambda mask, rule, how: found.append((np.flatnonzero(mask).tolist(), rule, how)))
    return found


Picks = list[tuple[list[int], dict[str, Any], str]]
WHOLE = [(-4.0, -4.0), (4.0, -4.0), (4.0, 4.0), (-4.0, 4.0)]


def test_a_lasso_picks_what_lies_in_it_and_says_how_in_data_coordinates(scatter: Scatter, picks: Picks) -> None:
    angle = np.linspace(0, 2 * np.pi, 40)
    drag(scatter, places_of(scatter, np.stack([np.cos(angle), np.sin(angle)], axis=1)))

    ((rows, rule, how),) = picks
    assert how == "replace"
    assert rule["rule"] == "lasso"
    assert rule["columns"] == ["PC 1", "PC 2"]
    polygon = rule["polygon"]
    points = np.stack([scatter.cloud.x, scatter.cloud.y], axis=1)
    assert rows == np.flatnonzero(Path([*polygon, polygon[0]], closed=True).contains_points(points)).tolist()
    assert 5 < len(rows) < COUNT
    np.testing.assert_allclose(np.linalg.norm(polygon, axis=1), 1, atol=0.05)


@pytest.mark.parametrize("order", [(0, 2), (2, 0), (1, 3)])
def test_a_rectangle_picks_what_lies_in_it_from_any_corner(
    scatter: Scatter, picks: Picks, order: tuple[int, int]
) -> None:
    scatter.set_tool("rectangle")
    corners = places_of(scatter, [(-1, -0.5), (0.5, -0.5), (0.5, 1), (-1, 1)])
    drag(scatter, [corners[order[0]], corners[order[1]]])

    ((rows, rule, _),) = picks
    (left, right), (bottom, top) = rule["x"], rule["y"]
    x, y = scatter.cloud.x, scatter.cloud.y
    assert rows == np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top)).tolist()
    np.testing.assert_allclose((left, right, bottom, top), (-1, 0.5, -0.5, 1), atol=0.05)


@pytest.mark.parametrize("tool", ["lasso", "rectangle", "click"])
def test_a_click_picks_the_particle_under_the_mouse_with_any_tool(scatter: Scatter, picks: Picks, tool: Tool) -> None:
    scatter.set_tool(tool)
    clicked: list[int] = []
    scatter.clicked.connect(clicked.append)
    QTest.mouseClick(scatter, LEFT, PLAIN, place_of(scatter, 7))
    assert [(rows, how) for rows, _, how in picks] == [([7], "replace")]
    assert clicked == [7]
    QTest.mouseClick(scatter, LEFT, PLAIN, plot_area(scatter).topLeft() + QPoint(1, 1))
    assert len(picks) == 1


@pytest.mark.parametrize(
    ("modifiers", "how"),
    [
        (PLAIN, "replace"),
        (SHIFT, "add"),
        (ALT, "subtract"),
        (CTRL, "subtract"),
        (SHIFT | ALT, "intersect"),
        (SHIFT | CTRL, "intersect"),
    ],
)
def test_modifiers_say_how_selections_combine(
    scatter: Scatter, picks: Picks, modifiers: Qt.KeyboardModifier, how: str
) -> None:
    assert how_of(modifiers) == how
    drag(scatter, around(scatter, [3]), modifiers)
    assert picks[0][2] == how
    assert 3 in picks[0][0]


def test_escape_cancels_a_lasso(scatter: Scatter, picks: Picks) -> None:
    corners = places_of(scatter, WHOLE)
    drag(scatter, corners, let_go=False)
    assert scatter.drawing
    QTest.keyClick(scatter, Qt.Key.Key_Escape)
    assert not scatter.drawing
    QTest.mouseRelease(scatter, LEFT, PLAIN, corners[-1])
    assert picks == []
    drag(scatter, corners)
    assert len(picks[0][0]) == COUNT


def test_zooming_between_the_clicks_of_a_path_keeps_its_corners(scatter: Scatter) -> None:
    scatter.set_tool("path")
    QTest.mouseClick(scatter, LEFT, PLAIN, places_of(scatter, [(-0.3, -0.2)])[0])
    turn_wheel(scatter, plot_area(scatter).center(), 2)
    scatter.resize(450, 380)
    QTest.mouseClick(scatter, LEFT, PLAIN, places_of(scatter, [(0.3, 0.2)])[0])
    QTest.keyClick(scatter, Qt.Key.Key_Return)
    np.testing.assert_allclose(scatter.line, [(-0.3, -0.2), (0.3, 0.2)], atol=0.03)
    QTest.keyClick(scatter, Qt.Key.Key_Escape)
    assert not len(scatter.line)
    assert not len(scatter.stops)


def test_the_wheel_zooms_at_the_mouse_within_limits_and_a_double_click_shows_all(scatter: Scatter) -> None:
    whole, at = scatter.frame, place_of(scatter, 11)
    turn_wheel(scatter, at, 5)
    assert scatter.frame.scale[0] == pytest.approx(whole.scale[0] * 1.25**5)
    assert (place_of(scatter, 11) - at).manhattanLength() <= 2
    for _ in range(200):
        turn_wheel(scatter, at, 5)
    assert scatter.frame.scale[0] < 2_001 * whole.scale[0]
    for _ in range(200):
        turn_wheel(scatter, at, -5)
    assert scatter.frame.scale[0] > whole.scale[0] / 11
    QTest.mouseDClick(scatter, LEFT, PLAIN, plot_area(scatter).center())
    assert scatter.frame == whole


@pytest.mark.parametrize("by", ["middle", "space"])
def test_dragging_by_the_middle_button_or_space_moves_the_view(scatter: Scatter, picks: Picks, by: str) -> None:
    before, start = place_of(scatter, 4), plot_area(scatter).center()
    path = [start, start + QPoint(10, 3), start + QPoint(30, -20)]
    if by == "space":
        QTest.keyPress(scatter, Qt.Key.Key_Space)
    drag(scatter, path, button=MIDDLE if by == "middle" else LEFT)
    if by == "space":
        QTest.keyRelease(scatter, Qt.Key.Key_Space)
    assert (place_of(scatter, 4) - before - QPoint(30, -20)).manhattanLength() <= 2
    assert picks == []
    assert scatter.cursor().shape() == Qt.CursorShape.CrossCursor


def test_a_lasso_beyond_the_plot_ends_at_its_edge_and_unseen_particles_are_not_picked(
    scatter: Scatter, picks: Picks
) -> None:
    turn_wheel(scatter, plot_area(scatter).center(), 4)
    drag(scatter, [QPoint(-50, -50), QPoint(900, -50), QPoint(900, 900), QPoint(-50, 900)])
    (left, right), (bottom, top) = scatter.frame.x, scatter.frame.y
    x, y = scatter.cloud.x, scatter.cloud.y
    seen = (x > left) & (x < right) & (y > bottom) & (y < top)
    assert 0 < seen.sum() < COUNT
    assert picks[0][0] == np.flatnonzero(seen).tolist()


def test_hovering_tells_which_particle_it_is(scatter: Scatter, qtbot: QtBot) -> None:
    scatter.describe = "particle {}".format
    QTest.mouseMove(scatter, place_of(scatter, 9))
    qtbot.waitUntil(lambda: QToolTip.text() == "particle 9")
    QTest.mouseMove(scatter, plot_area(scatter).topLeft() + QPoint(1, 1))
    qtbot.waitUntil(lambda: not QToolTip.isVisible())


def test_a_path_by_dragging_gives_the_particles_along_it_in_its_order(scatter: Scatter) -> None:
    scatter.set_tool("path")
    paths: list[np.ndarray] = []
    scatter.path_drawn.connect(paths.append)
    drag(scatter, places_of(scatter, np.stack([np.linspace(-1.5, 1.5, 30), np.zeros(30)], axis=1)))

    (rows,) = paths
    assert len(rows) == len(set(rows.tolist()))
    x, y = scatter.cloud.x, scatter.cloud.y
    across, up = scatter.frame.scale
    expected = [
        int(np.hypot((x - at) * across, (y - line) * up).argmin())
        for at, line in zip(np.linspace(*scatter.line[[0, -1], 0], scatter.steps), [0.0] * scatter.steps, strict=True)
    ]
    assert len(set(expected) ^ set(rows.tolist())) <= 2
    assert np.corrcoef(x[rows], np.arange(len(rows)))[0, 1] > 0.9


@pytest.mark.parametrize("ending", ["double click", "enter"])
def test_a_path_of_clicks_ends_by_a_double_click_or_enter(scatter: Scatter, ending: str) -> None:
    scatter.set_tool("path")
    paths: list[np.ndarray] = []
    scatter.path_drawn.connect(paths.append)
    corners = places_of(scatter, [(-1, -1), (0, 1), (1, -1)])
    for corner in corners:
        QTest.mouseClick(scatter, LEFT, PLAIN, corner)
    QTest.mouseMove(scatter, corners[0])
    scatter.grab()
    assert paths == []
    if ending == "enter":
        QTest.keyClick(scatter, Qt.Key.Key_Return)
    else:
        QTest.mouseDClick(scatter, LEFT, PLAIN, corners[-1])
    assert len(paths) == 1
    assert scatter.line.shape == (3, 2)
    np.testing.assert_allclose(scatter.line, [(-1, -1), (0, 1), (1, -1)], atol=0.05)
    assert not scatter.drawing


@pytest.mark.parametrize("density", [False, True])
@pytest.mark.parametrize("theme", ["dark", "light"])
def test_particles_are_told_from_the_background_in_both_themes(scatter: Scatter, theme: str, density: bool) -> None:
    palette = QPalette()
    for role, dark, light in (
        (QPalette.ColorRole.Base, "#1a1c20", "#ffffff"),
        (QPalette.ColorRole.Text, "#f0f1f2", "#101010"),
    ):
        palette.setColor(role, QColor(dark if theme == "dark" else light))
    scatter.setPalette(palette)
    scatter.set_colours(np.tile(np.float32([0, 0.45, 0.7, 1]), (COUNT, 1)))
    scatter.set_density(density)
    scatter.set_marker_size(9)
    scatter.set_selected(np.arange(COUNT) == 5)
    image = scatter.grab().toImage()
    ratio = image.devicePixelRatio()

    def lightness(row: int) -> int:
        at = place_of(scatter, row)
        return image.pixelColor(int(at.x() * ratio), int(at.y() * ratio)).lightness()

    ground = palette.base().color().lightness()
    alone = [row for row in range(COUNT) if _distance_to_next(scatter, row) > 15 and row != 5]
    dimmed = np.median([abs(lightness(row) - ground) for row in alone])
    assert abs(lightness(5) - ground) > 1.5 * dimmed
    assert dimmed > 8


def _distance_to_next(scatter: Scatter, row: int) -> float:
    at = scatter.frame.to_pixels(np.stack([scatter.cloud.x, scatter.cloud.y], axis=1))
    distance = np.linalg.norm(at - at[row], axis=1)
    return float(np.sort(distance)[1])


@pytest.mark.parametrize("count", [0, 1, 10])
def test_few_particles_and_none_are_drawn_and_clicked(shown: Callable[..., None], count: int) -> None:
    scatter = Scatter()
    shown(scatter, 300, 250)
    values = np.arange(count, dtype=float)
    scatter.set_points(values, values, ("z0", "z0"))
    scatter.set_colours(np.ones((count, 4), np.float32))
    found: list[int] = []
    scatter.picked.connect(lambda mask, rule, how: found.append(int(mask.sum())))
    scatter.grab()
    area = plot_area(scatter)
    drag(scatter, [area.topLeft(), area.topRight(), area.bottomRight(), area.bottomLeft()])
    QTest.mouseClick(scatter, LEFT, PLAIN, area.center())
    scatter.take_path([(0, 0), (1, 1)])
    scatter.grab()
    assert found[0] == count
    assert len(scatter.stops) == min(count, 2)


def test_the_smallest_size_is_drawn(shown: Callable[..., None], qapp: QApplication) -> None:
    scatter = Scatter()
    shown(scatter, 20, 10)
    scatter.resize(1, 1)
    assert not scatter.grab().isNull()


def test_new_points_forget_the_gesture_and_the_path(scatter: Scatter) -> None:
    scatter.take_path([(0, 0), (1, 1)])
    drag(scatter, places_of(scatter, WHOLE), let_go=False)
    scatter.set_points(np.zeros(3), np.zeros(3), ("a", "b"))
    assert not scatter.drawing
    assert not len(scatter.line)
    QTest.mouseRelease(scatter, LEFT, PLAIN, QPoint(5, 5))
