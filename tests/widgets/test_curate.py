"""Curate in a real window: rules with counts, names, sets of them, drawing with the mouse, and stars read back."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.curate import Curate
from napari_tomodrgn.widgets.docks import CurateDock
from napari_tomodrgn.widgets.lineage_view import LineageView

LEFT, NO, CTRL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def curate(make_napari_viewer_proxy: Callable[..., Any], run_folder: Path, tmp_path: Path, qtbot: Any) -> Curate:
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1100, 800)
    widget = CurateDock(viewer)
    viewer.window.add_dock_widget(widget, name="Curate")
    (tmp_path / "data").symlink_to(run_folder.parent / "data")
    session_of(viewer).open_run(shutil.copytree(run_folder, tmp_path / "run"))
    settle()
    qtbot.waitUntil(lambda: widget.session.named.unread is None)
    return widget


def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()


def choose(curate: Curate, kind: str) -> Any:
    curate.rules.kind.setCurrentText(kind)
    settle()
    return curate.rules.page


def counted(curate: Curate, qtbot: Any) -> str:
    qtbot.waitUntil(lambda: curate.rules._current() is not None, timeout=20000)
    settle()
    return curate.rules.count.text()


def press(qtbot: Any, button: Any) -> None:
    qtbot.mouseClick(button, LEFT)
    settle()


def keep(curate: Curate, qtbot: Any, name: str) -> None:
    qtbot.keyClicks(curate.name, name)
    press(qtbot, curate.keep_button)


def line(curate: Curate, name: str) -> Any:
    (item,) = curate.named.list.findItems(name, Qt.MatchFlag.MatchExactly, 0)
    return item


def click_lines(curate: Curate, qtbot: Any, *names: str) -> None:
    view = curate.named.list
    for number, name in enumerate(names):
        place = view.visualItemRect(line(curate, name)).center()
        qtbot.mouseClick(view.viewport(), LEFT, CTRL if number else NO, place)
    settle()


def test_from_rules_to_a_star_the_numbers_are_the_same(curate: Curate, qtbot: Any, tmp_path: Path) -> None:
    """Two classes, the better half of them, kept, inverted, written: rows, JSON and star hold as many particles."""
    session = curate.session
    page = choose(curate, "Class or label")
    assert page.column.currentText() == "kmeans-3"
    for row in (0, 2):
        qtbot.mouseClick(
            page.classes.viewport(), LEFT, NO, page.classes.visualItemRect(page.classes.item(row)).center()
        )
    codes = session.columns["kmeans-3"].codes
    expected = codes != 1
    assert counted(curate, qtbot) == f"{expected.sum()} of 48 particles"
    assert not curate.rules.buttons["intersect"].isEnabled()
    press(qtbot, curate.rules.buttons["replace"])
    assert (session.selected == expected).all()

    page = choose(curate, "Number between limits")
    values = session.columns["uncertainty"].values
    assert page.column.currentText() == "uncertainty"
    middle = float(np.median(values[expected]))
    qtbot.keyClicks(page.high, repr(middle))
    better = expected & (values <= middle)
    shown = f"{(values <= middle).sum()} of 48 particles · {better.sum()} within the {expected.sum()} selected"
    assert counted(curate, qtbot) == shown
    press(qtbot, curate.rules.buttons["intersect"])
    assert (session.selected == better).all()
    keep(curate, qtbot, "better")

    curate.tabs.setCurrentIndex(1)
    settle()
    click_lines(curate, qtbot, "better")
    press(qtbot, curate.named.algebra_buttons["invert"])
    assert curate.named.chosen == ["not-better"]
    for name, mask in (("better", better), ("not-better", ~better)):
        click_lines(curate, qtbot, name)
        assert curate.star.selection.currentText() == name
        assert curate.star.button.text() == f"Write star of {mask.sum()} …"
        curate.star.write(tmp_path / f"{name}.star")
        qtbot.waitUntil(lambda: not curate.star.work.running)
        assert f"{mask.sum()} particles as selected" in curate.star.result.text()
        assert session.run is not None
        saved = json.loads((session.run.path / "selections" / f"{name}.json").read_text())
        ids = read_particles(tmp_path / f"{name}.star").ids
        assert line(curate, name).text(1) == str(len(saved["particles"])) == str(len(ids)) == str(mask.sum())
        assert session.particle_set is not None
        assert ids == [session.particle_set.ids[row] for row in np.flatnonzero(mask)]


def test_sets_names_and_deletions_and_all_of_it_taken_back(curate: Curate, qtbot: Any) -> None:
    session = curate.session
    for code in (0, 1):
        session.select_class("kmeans-3", code)
        settle()
        keep(curate, qtbot, f"class-{code}")
    curate.tabs.setCurrentIndex(1)
    settle()
    click_lines(curate, qtbot, "class-1", "class-0")
    press(qtbot, curate.named.algebra_buttons["add"])
    ids = session.named["class-1-or-class-0"].ids
    assert ids == session.named["class-0"].ids | session.named["class-1"].ids
    assert line(curate, "class-1-or-class-0").text(2) == "class-1 or class-0"

    item = line(curate, "class-0")
    curate.named.list.setCurrentItem(item)
    qtbot.keyClick(curate.named.list, Qt.Key.Key_F2)
    editor = curate.named.list.viewport().focusWidget() or QApplication.focusWidget()
    editor.selectAll()
    qtbot.keyClicks(editor, "first")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    settle()
    assert session.named.names == ["class-1", "class-1-or-class-0", "first"]
    click_lines(curate, qtbot, "first", "class-1")
    qtbot.keyClick(curate.named.list, Qt.Key.Key_Delete)
    settle()
    assert session.named.names == ["class-1-or-class-0"]
    for _ in range(3):
        press(qtbot, curate.undo_button)
    assert session.named.names == ["class-0", "class-1"]
    assert curate.named.list.topLevelItemCount() == 2
    press(qtbot, curate.redo_button)
    assert line(curate, "class-1-or-class-0").text(1) == str(len(ids))

    place = curate.named.list.visualItemRect(line(curate, "class-1")).center()
    qtbot.mouseClick(curate.named.list.viewport(), LEFT, NO, place)
    qtbot.mouseDClick(curate.named.list.viewport(), LEFT, NO, place)
    assert (session.selected == session.named.mask("class-1")).all()


def places_of(curate: Curate, points: np.ndarray) -> list[QPoint]:
    """Return where on the canvas points y, x (n, 2) of the plane shown are."""
    viewer = curate.regions.scene.viewer
    canvas = viewer.window._qt_viewer.canvas.native
    camera = viewer.scene.camera
    middle = np.array([canvas.height(), canvas.width()]) / 2
    rows = middle + (points - np.array(camera.center[-2:])) * camera.zoom
    return [QPoint(round(x), round(y)) for y, x in rows]


def drag(curate: Curate, places: list[QPoint], modifier: Qt.KeyboardModifier = NO) -> None:
    canvas = curate.regions.scene.viewer.window._qt_viewer.canvas.native
    QTest.mousePress(canvas, LEFT, modifier, places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        QApplication.processEvents()
    QTest.mouseRelease(canvas, LEFT, modifier, places[-1])
    settle()


def test_a_lasso_and_a_brush_in_the_tomogram_by_mouse(curate: Curate, qtbot: Any) -> None:
    session, viewer = curate.session, curate.regions.scene.viewer
    viewer.reset_view()
    settle()
    page = choose(curate, "Drawn in the tomogram")
    assert session.particle_set is not None
    position = session.particle_set.particles[["y", "x"]].to_numpy()
    here = session.rows_here
    low, size = position[here].min(axis=0), np.ptp(position[here], axis=0)
    corners = low + size * np.array([[0.05, 0.05], [0.2, 0.9], [0.7, 0.7], [0.8, 0.2]])
    press(qtbot, page.lasso)
    path = [corners[number % 4] + share * (corners[(number + 1) % 4] - corners[number % 4])
            for number in range(4) for share in np.linspace(0, 1, 12, endpoint=False)]  # fmt: skip
    drag(curate, places_of(curate, np.array(path)))

    inside = here[Outline(corners).contains_points(position[here])]
    edge = here[Outline(corners).contains_points(position[here], radius=60)]
    core = here[Outline(corners).contains_points(position[here], radius=-60)]
    text = counted(curate, qtbot)
    press(qtbot, curate.rules.buttons["replace"])
    chosen = np.flatnonzero(session.selected)
    clear = np.setdiff1d(here, np.setxor1d(edge, core))
    assert np.isin(clear, chosen).tolist() == np.isin(clear, inside).tolist()
    assert len(chosen) > 3
    assert text == f"{len(chosen)} of 48 particles"
    assert session.rule["rule"] == "lasso"
    assert curate.regions.tree is None
    assert viewer.layers.selection.active is curate.regions.scene.points

    session.select_rows([], {"rule": "none"})
    page.radius.setValue(150)
    press(qtbot, page.brush)
    assert curate.regions.scene.painting
    target = int(here[0])
    start, end = places_of(curate, position[[target]] + [[0, -300], [0, 300]])
    steps = [start + (end - start) * share for share in np.linspace(0, 1, 9)]
    camera = tuple(viewer.scene.camera.center)
    drag(curate, steps)
    assert session.selected[target]
    assert session.rule["rule"] == "brush"
    assert tuple(viewer.scene.camera.center) == camera
    drag(curate, steps, CTRL)
    assert not session.selected.any()
    choose(curate, "At random")  # another rule gives the mouse back
    assert not curate.regions.scene.painting
    assert not page.brush.isChecked()


def test_what_a_rule_lacks_is_said_where_its_count_would_stand(curate: Curate, qtbot: Any) -> None:
    choose(curate, "Away from the tomogram's faces")
    qtbot.waitUntil(lambda: "does not say how large tomogram" in curate.rules.count.text())
    curate.session.select_rows([0, 1], {"rule": "click"})
    page = choose(curate, "Number between limits")
    qtbot.keyClicks(page.low, "much")
    assert curate.rules.count.text() == "Choose above what the rule goes by."
    assert not curate.rules.buttons["replace"].isEnabled()


def test_outliers_are_worked_out_beside_the_window_and_losses_become_a_column(curate: Curate, qtbot: Any) -> None:
    page = choose(curate, "Outliers of the latents")
    assert page.within.currentText() == "kmeans-3"
    page.beyond.setValue(0.5)
    press(qtbot, curate.rules.buttons["replace"])  # before it was counted
    qtbot.waitUntil(lambda: bool(curate.session.selected.any()), timeout=30000)
    assert curate.session.rule == {"rule": "outliers", "beyond": 0.5, "within": "kmeans-3"}

    press(qtbot, curate.rules.losses_button)
    qtbot.waitUntil(lambda: "loss" in curate.session.columns, timeout=30000)
    values = curate.session.columns["loss"].values
    assert np.isfinite(values).all()
    page = choose(curate, "Minimum distance, the best kept")
    page.column.setCurrentText("CC")
    page._take_column("CC")
    assert page.tree["best"] == "highest"


def test_particles_that_are_gone_a_bad_file_and_an_empty_selection(curate: Curate, qtbot: Any, tmp_path: Path) -> None:
    session = curate.session
    assert session.run is not None
    assert session.particle_set is not None
    folder = session.run.path / "selections"
    ids = [*session.particle_set.ids[:5], ("gone", "1")]
    Selection("old", frozenset(ids), {"rule": "lasso"}).save(folder / "old.json")
    Selection("lost", frozenset([("gone", "1")]), {"rule": "lasso"}).save(folder / "lost.json")
    (folder / "bad.json").write_text("{")
    curate.tabs.setCurrentIndex(1)
    session.read_again()
    qtbot.waitUntil(lambda: curate.named.list.topLevelItemCount() == 2)
    assert line(curate, "old").text(1) == "5 of 6"
    assert "bad.json: is not a readable selection" in curate.named.troubles.text()
    curate.star.selection.setCurrentText("lost")
    with qtbot.captureExceptions() as raised:
        curate.star.write(tmp_path / "lost.star")
    assert not raised
    assert not (tmp_path / "lost.star").exists()
    curate.star.selection.setCurrentText("old")
    curate.star.column.setCurrentText("kmeans-3")
    curate.star.write(tmp_path / "old.star")
    qtbot.waitUntil(lambda: curate.star.work is not None and not curate.star.work.running)
    assert "5 particles as selected" in curate.star.result.text()
    assert "rlnClassNumber" in (tmp_path / "old.star").read_text()


def test_the_lineage_opens_the_runs_it_shows(
    session: Session, run_folder: Path, tmp_path: Path, qtbot: Any, shown: Callable[..., None]
) -> None:
    first = shutil.copytree(run_folder, tmp_path / "first")
    session.open_run(first)
    session.select_class("kmeans-3", 0)
    session.named.keep("clean")
    child = shutil.copytree(run_folder, tmp_path / "child")
    Run.open(child).update(parent={"run": str(first), "selection": "clean"})
    view = LineageView(session)
    shown(view)
    qtbot.waitUntil(lambda: view.model.rowCount() == 1)

    top = view.model.item(0)
    selection = top.child(0)
    below = selection.child(0)
    assert [top.text(), selection.text(), below.text()] == ["first", "clean", "child"]
    assert top.child(0, 1).text() == str(len(session.named["clean"]))
    assert top.child(0, 2).text() == "class 0 of kmeans-3"
    place = view.view.visualRect(below.index()).center()
    qtbot.mouseClick(view.view.viewport(), LEFT, NO, place)
    qtbot.mouseDClick(view.view.viewport(), LEFT, NO, place)
    assert session.run is not None
    assert session.run.path == child
