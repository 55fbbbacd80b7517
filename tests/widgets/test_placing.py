"""Volumes at their poses in a real viewer: what matters in colour, the others grey; two labellings side by side."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib.image
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.colouring import FADED
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.side_by_side import is_beside
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.viewer.volume_style import GREY
from napari_tomodrgn.widgets.placing import ALONE, Placing

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def placing(make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, analysed_run: Run) -> Iterator[Placing]:
    viewer, session = make_napari_viewer_proxy(show=True), Session()
    viewer.dims.ndisplay = 3
    panel = VolumePanel(session)
    panel.level = 1.0
    placing = Placing(session, AllVolumes(viewer, session, panel))
    qtbot.addWidget(placing)
    placing.show()
    session.open_run(analysed_run.path)
    yield placing
    placing.close_down()


def drawn(qtbot: Any, placing: Placing) -> None:
    qtbot.waitUntil(lambda: not placing.work.running and not placing.placed.waiting, timeout=20000)


def place(qtbot: Any, placing: Placing) -> None:
    qtbot.mouseClick(placing.place_button, LEFT)
    drawn(qtbot, placing)


def choose_beside(placing: Placing, column: str) -> None:
    placing.beside.setCurrentText(column)
    placing.beside.activated.emit(placing.beside.currentIndex())


def colours_of(layers: list[Any], group: Any) -> dict[int, np.ndarray]:
    """The colour of each particle in a group of layers."""
    (layer,) = layers
    return dict(zip(group.rows.tolist(), layer.colormap.colors, strict=True))


def test_only_the_selection_is_in_colour_and_fine(qtbot: Any, placing: Placing) -> None:
    session, view = placing.session, placing.placed.first
    chosen = session.rows_here[2:7]
    session.select_rows(chosen, {"rule": "click"})
    qtbot.mouseClick(placing.only_selected, LEFT)
    place(qtbot, placing)
    assert sorted(view.main.rows) == sorted(chosen)
    assert sorted(view.others.rows) == sorted(set(session.rows_here) - set(chosen))
    shown = placing.placed.placed
    faces = [np.mean([len(each.faces) for each in shown if each.coarse is coarse]) for coarse in (True, False)]
    assert 0 < faces[0] < 0.5 * faces[1]
    for row, colour in colours_of(view.main.layers, view.main).items():
        np.testing.assert_allclose(colour, session.colouring.rgba[row], atol=1e-6)
    for colour in colours_of(view.others.layers, view.others).values():
        np.testing.assert_allclose(colour, GREY, atol=1e-6)

    session.select_rows(chosen[:1], {"rule": "click"})  # colours follow, the surfaces stay
    greys = [row for row, colour in colours_of(view.main.layers, view.main).items() if np.allclose(colour, GREY)]
    assert sorted(greys) == sorted(chosen[1:])
    session.undo()
    session.undo()
    assert not placing.only_selected.isChecked()
    for row, colour in colours_of(view.others.layers, view.others).items():
        np.testing.assert_allclose(colour, session.colouring.rgba[row], atol=1e-6)
    session.redo()
    assert placing.only_selected.isChecked()


def test_a_faded_class_is_grey_and_coarse(qtbot: Any, placing: Placing) -> None:
    session, view = placing.session, placing.placed.first
    column = str(session.coloured_by)
    classes = session.columns[column]
    assert isinstance(classes, Classes)
    session.paint_class(column, 1, (1.0, 0.0, 0.0, FADED))
    place(qtbot, placing)
    assert set(classes.codes[view.others.rows]) == {1}
    assert 1 not in classes.codes[view.main.rows]
    session.undo()
    for row, colour in colours_of(view.others.layers, view.others).items():
        np.testing.assert_allclose(colour, session.colouring.rgba[row], atol=1e-6)


def test_two_labellings_side_by_side_with_one_camera(
    qtbot: Any, placing: Placing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, placed = placing.session, placing.placed
    viewer = placed._viewer
    grid = viewer.canvas.grid
    place(qtbot, placing)
    choose_beside(placing, "split")
    drawn(qtbot, placing)
    (left,), (right,) = placed.first.layers, placed.second.layers
    assert grid.enabled
    assert grid.position(viewer.layers.index(left), viewer.layers) == (0, 0)
    assert grid.position(viewer.layers.index(right), viewer.layers) == (0, 1)
    np.testing.assert_array_equal(left.vertices, right.vertices)
    splits = session.columns["split"]
    assert isinstance(splits, Classes)
    assert placed.colouring_beside is not None
    for row, colour in colours_of([right], placed.second.main).items():
        np.testing.assert_allclose(colour, placed.colouring_beside.rgba[row], atol=1e-6)
    viewer.add_points(np.zeros((1, 3)), name="later", units=("angstrom",) * 3)
    assert [is_beside(layer) for layer in viewer.layers] == [False, False, True]
    assert grid.position(viewer.layers.index("later"), viewer.layers) == (0, 0)

    path = tmp_path / "two.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(path), ""))
    viewer.layers["later"].visible = False
    viewer.reset_view()
    qtbot.mouseClick(placing.picture_button, LEFT)
    picture = matplotlib.image.imread(path)[..., :3]
    high, wide = viewer.canvas.size
    assert picture.shape[1] == pytest.approx(2 * wide, abs=2)
    canvas = picture[: 2 * high]
    halves = canvas[:, : wide - 4], canvas[:, -(wide - 4) :]
    for half, colouring in zip(halves, (session.colouring, placed.colouring_beside), strict=True):
        there = np.ptp(half, axis=-1) > 0.2  # the frame is grey
        assert there.sum() > 100
        hues = {tuple(np.round(each / each.max(), 1)) for each in colouring.rgba[placed.first.rows, :3]}
        found = half[there]
        matching = [np.abs(found / found.max(axis=1, keepdims=True) - hue).max(axis=1) < 0.2 for hue in hues]
        assert np.any(matching, axis=0).mean() > 0.7

    session.undo()
    assert placing.beside.currentText() == ALONE
    assert not grid.enabled
    assert placed.second.layers == []
    assert len(placed.first.rows) == len(session.rows_here)


def test_another_tomogram_ends_the_placing_of_the_last(qtbot: Any, placing: Placing) -> None:
    session, placed = placing.session, placing.placed
    choose_beside(placing, "split")
    qtbot.mouseClick(placing.place_button, LEFT)
    qtbot.waitUntil(lambda: len(placed.first.rows) > 0)
    session.open_tomogram(session.tomograms[1])
    assert placing.work is not None
    assert not placing.work.running
    qtbot.wait(100)
    assert len(placed.first.rows) == len(placed.second.rows) == 0
    assert not placed._viewer.canvas.grid.enabled
    place(qtbot, placing)
    assert sorted(placed.second.rows) == sorted(session.rows_here)
    assert placed._viewer.canvas.grid.enabled
