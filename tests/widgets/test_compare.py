"""Another run beside the open one, with the mouse: one selection on both sides, by particle."""

import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import compare as compare_module
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets.compare import Compare
from napari_tomodrgn.widgets.compare_choice import NONE
from napari_tomodrgn.widgets.docks import CompareDock

from .mouse import LEFT, PLAIN, SHIFT, around, drag

MOVED = [1, 20, 40]  # rows of the other labels
Shown = Callable[..., None]


@pytest.fixture(scope="module")
def pair(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The run, and beside it a copy of which three particles are in other classes."""
    folder = tmp_path_factory.mktemp("compared")
    one, other = (Path(shutil.copytree(run_folder, folder / name)) for name in ("one", "other"))
    path = AnalysisFolder(other, 1).labels("kmeans-3")
    labels = read_labels(path)
    codes = np.array(list(labels.values()))
    codes[MOVED] = (codes[MOVED] + 1) % 3
    write_labels(path, list(labels), codes)
    return one, other


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, compare_module):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(pair: tuple[Path, Path], shown: Shown, told: list[str]) -> Iterator[Compare]:
    session = Session()
    widget = Compare(session)
    shown(widget, 520, 600)
    session.open_run(pair[0])
    settle()
    yield widget
    widget.close_down()


def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()


def compare(widget: Compare, other: Path, qtbot: QtBot, seeds: int = 0) -> None:
    """Choose the other run and press the button."""
    box = widget.choice.run_box
    box.setCurrentIndex(box.findData(str(other)))
    box.activated.emit(box.currentIndex())
    widget.choice.seeds.setValue(seeds)
    QTest.mouseClick(widget.choice.button, LEFT)
    qtbot.waitUntil(lambda: widget.work is not None and not widget.work.running, timeout=60_000)
    settle()


def ids_of(session: Session) -> set[ParticleId]:
    assert session.particle_set is not None
    return {session.particle_set.ids[row] for row in np.flatnonzero(session.selected)}


def test_a_lasso_in_the_other_run_lights_up_in_the_tomogram(
    make_napari_viewer_proxy: Callable[..., Any], pair: tuple[Path, Path], qtbot: QtBot
) -> None:
    viewer = make_napari_viewer_proxy(show=True)
    scene, session = scene_of(viewer), session_of(viewer)
    session.open_run(pair[0])  # first, as napari then looks at this frame's variables, and Python keeps what it showed
    widget = CompareDock(viewer)
    dock = viewer.window.add_dock_widget(widget, name="Compare")
    settle()
    dock.setFloating(True)
    dock.resize(560, 640)
    settle()
    compare(widget, pair[1], qtbot)
    scatter = widget.scatter.scatter
    comparison = widget.compared.comparison
    assert comparison is not None

    rows = [row for row, particle in enumerate(comparison.b.ids) if particle[0] == session.tomogram][:2]
    drag(scatter, around(scatter, rows))
    settle()

    assert {comparison.b.ids[row] for row in rows} <= ids_of(session)
    np.testing.assert_array_equal(scatter.cloud.selected, widget.compared.selected)
    assert session.particle_set is not None
    shown = {session.particle_set.ids[scene.rows[index]] for index in scene.points.selected_data}
    assert shown == {particle for particle in ids_of(session) if particle[0] == session.tomogram}
    scatter.setFocus()
    QTest.keyClick(scatter, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not session.selected.any()

    listeners = len(session.selection_changed)
    viewer.window.remove_dock_widget(widget)
    gone = weakref.ref(widget)
    del widget, dock, scatter
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert gone() is None
    assert len(session.selection_changed) < listeners


def test_what_is_compared_is_counted_and_clicked(widget: Compare, pair: tuple[Path, Path], qtbot: QtBot) -> None:
    """Words agree with the files; a cell, a class and the rows of changed particles select those they stand for."""
    compare(widget, pair[1], qtbot, seeds=1)
    session, ids = widget.session, list(read_labels(AnalysisFolder(pair[0], 1).labels("kmeans-3")))
    theirs, own = (
        np.array(list(read_labels(AnalysisFolder(run, 1).labels("kmeans-3")).values())) for run in pair[::-1]
    )
    assert f"Rand index {adjusted_rand_score(own, theirs):.3f}" in widget.summary.text()
    assert "3 of 48 changed class" in widget.summary.text()
    assert "over seeds" in widget.agreement.text()
    assert widget.losses.note.text().startswith("Comparable, but")

    widget.tabs.setCurrentIndex(1)
    settle()
    table, model = widget.confusion, widget.confusion.model_
    row, column = (int(each[0]) for each in np.nonzero(model.counts - np.diag(np.diag(model.counts))))
    b = model.column_class(column)
    place = table.visualRect(model.index(row, column)).center()
    QTest.mouseClick(table.viewport(), LEFT, PLAIN, place)
    expected = {ids[each] for each in np.flatnonzero((own == row) & (theirs == b))}
    assert ids_of(session) == expected
    assert expected
    header = table.verticalHeader()
    other = (row + 1) % 3
    middle = header.sectionViewportPosition(other) + header.sectionSize(other) // 2
    QTest.mouseClick(header.viewport(), LEFT, SHIFT, QPoint(4, middle))
    assert ids_of(session) == expected | {ids[each] for each in np.flatnonzero(own == other)}

    widget.tabs.setCurrentIndex(2)
    settle()
    changed = widget.changed
    assert changed.model_.rowCount() == len(MOVED)
    QTest.mouseClick(widget.changed_button, LEFT)
    assert ids_of(session) == {ids[each] for each in MOVED}
    assert session.particle_set is not None
    line = next(line for line in range(3) if session.particle_set.ids[changed.model_.rows[line]][0] != session.tomogram)
    place = changed.visualRect(changed.model_.index(line, 0)).center()
    QTest.mouseClick(changed.viewport(), LEFT, PLAIN, place)
    meant = int(changed.model_.rows[line])
    assert ids_of(session) == {session.particle_set.ids[meant]}
    QTest.mouseDClick(changed.viewport(), LEFT, PLAIN, place)
    assert (session.particle, session.tomogram) == (meant, session.particle_set.ids[meant][0])
    for column, expected_order in ((0, lambda row: session.particle_set.ids[row][1]), (3, lambda row: theirs[row])):
        changed.sortByColumn(column, Qt.SortOrder.AscendingOrder)
        keys = [expected_order(row) for row in changed.model_.rows.tolist()]
        assert keys == sorted(keys)


def test_the_second_scatter_is_coloured_by_change(widget: Compare, pair: tuple[Path, Path], qtbot: QtBot) -> None:
    compare(widget, pair[1], qtbot)
    box = widget.scatter.colour_box
    box.setCurrentText("colour: changed")
    box.textActivated.emit("colour: changed")
    rgba = widget.scatter.scatter.cloud.rgba
    assert len(np.unique(rgba, axis=0)) == 2
    box.setCurrentText("colour: here")
    box.textActivated.emit("colour: here")
    np.testing.assert_array_equal(widget.scatter.scatter.cloud.rgba, widget.session.colouring.rgba)
    assert widget.scatter.describe(0).startswith(str(widget.compared.comparison.b.ids[0][1]))  # type: ignore[union-attr]
    for number in range(4):
        widget.tabs.setCurrentIndex(number)
        settle()
        assert len(np.unique(np.frombuffer(widget.grab().toImage().constBits(), np.uint8))) > 20


def test_work_is_cut_off_and_what_was_found_stays(widget: Compare, pair: tuple[Path, Path], qtbot: QtBot) -> None:
    widget.choice.choose(pair[1])
    widget.choice.seeds.setValue(100)
    QTest.mouseClick(widget.choice.button, LEFT)
    assert widget.choice.button.text() == "Cancel"
    qtbot.waitUntil(lambda: widget.compared.comparison is not None, timeout=30_000)
    QTest.mouseClick(widget.choice.button, LEFT)

    assert widget.work is not None
    assert not widget.work.running
    assert widget.choice.button.text() == "Compare"
    settle()
    assert "3 of 48 changed class" in widget.summary.text()

    widget.session.open_run(pair[1])
    settle()
    assert widget.compared.comparison is None
    assert widget.choice.run_box.itemData(0) == str(pair[1])
    assert widget.changed.model_.rowCount() == 0


def test_what_can_not_be_compared_is_said_and_nothing_is_lost(
    widget: Compare, pair: tuple[Path, Path], qtbot: QtBot, told: list[str], tmp_path: Path
) -> None:
    lost = Path(shutil.copytree(pair[1], tmp_path / "lost"))
    compare(widget, pair[1], qtbot)
    widget.choice.choose(lost)
    shutil.rmtree(lost)
    QTest.mouseClick(widget.choice.button, LEFT)
    settle()
    assert len(told) == 1
    assert "is not a run" in told[0]
    widget.choice.run_box.setCurrentIndex(0)
    widget.choice.run_box.activated.emit(0)
    assert widget.choice.labels_box.currentText() == "kmeans-3"  # the only one
    QTest.mouseClick(widget.choice.button, LEFT)
    assert "these are the same" in told[1]
    assert widget.compared.comparison is not None


def test_without_a_run_there_is_nothing_to_compare(
    shown: Shown, star_of: Callable[[int], Path], told: list[str]
) -> None:
    session = Session()
    session.open_star(star_of(1))
    widget = Compare(session)
    shown(widget)
    settle()
    assert not widget.choice.isEnabled()
    assert widget.choice.labels_box.currentText() == NONE
    assert "open one first" in widget.summary.text()
