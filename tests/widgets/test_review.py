"""Review in a real window: keys mark particles, the camera goes to them, and the sheet shows them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.widgets.docks import ReviewDock
from napari_tomodrgn.widgets.review import ReviewWidget

VOXEL = 40.0


@pytest.fixture
def review(make_napari_viewer_proxy: Callable[..., Any], run_folder: Path, tmp_path: Path) -> ReviewWidget:
    """A review of a run whose tomograms have a bright voxel at every other particle."""
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(1100, 800)
    widget = ReviewDock(viewer)
    viewer.window.add_dock_widget(widget, name="Review")
    session, scene = session_of(viewer), scene_of(viewer)
    session.open_run(shutil.copytree(run_folder, tmp_path / "run"))
    assert session.particle_set is not None
    table = session.particle_set.particles
    voxels = np.rint(table[["z", "y", "x"]].to_numpy() / VOXEL).astype(int)
    for tomogram in session.tomograms:
        values = np.zeros(voxels.max(axis=0) + 20, np.int8)
        own = voxels[(table["tomogram"] == tomogram) & (table.index % 2 == 0)]
        values[tuple(own.T)] = 100
        with mrcfile.new(tmp_path / f"{tomogram}.mrc") as stream:
            stream.set_data(values)
            stream.voxel_size = VOXEL
    scene.tomograms.add(sorted(tmp_path.glob("*.mrc")))
    settle()
    return widget


def settle() -> None:
    for _ in range(4):
        QApplication.processEvents()


def middle(image: Any) -> int:
    """Return the brightness at the middle of a picture, against its corner."""
    centre, corner = image.pixelColor(image.width() // 2, image.height() // 2), image.pixelColor(1, 1)
    return int(centre.red()) - int(corner.red())


def test_keys_here_and_in_the_tomogram_mark_particles_and_go_on(review: ReviewWidget, qtbot: Any) -> None:
    session, viewer = review.session, review.review.scene.viewer
    review.order.setCurrentText("uncertainty")
    qtbot.mouseClick(review.begin_button, Qt.MouseButton.LeftButton)
    order = np.argsort(-session.columns["uncertainty"].values, kind="stable")
    qtbot.keyClick(review, Qt.Key.Key_J)
    qtbot.keyClick(review, Qt.Key.Key_K)
    qtbot.keyClick(review, Qt.Key.Key_Right)
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()
    for key in (Qt.Key.Key_J, Qt.Key.Key_L, Qt.Key.Key_N):
        QTest.keyClick(canvas, key)
    settle()
    marks = [session.marks.of(int(row)) for row in order[:6]]
    assert marks == ["junk", "keep", "", "junk", "unsure", ""]
    assert review.review.place == 6
    assert "7 of 48" in review.text.text()
    qtbot.keyClick(review, Qt.Key.Key_U)
    qtbot.keyClick(review, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert session.marks.counts == {"junk": 1, "keep": 1}
    assert session.particle == order[3]
    assert review.counts.text() == "junk 1 · keep 1"
    qtbot.mouseClick(review.selections_button, Qt.MouseButton.LeftButton)
    assert session.named.names == ["junk", "keep"]

    assert session.particle_set is not None
    place = session.particle_set.particles[["z", "y", "x"]].to_numpy()[order[3]]
    qtbot.waitUntil(lambda: np.allclose(viewer.scene.camera.center[-2:], place[1:]), timeout=5000)
    assert session.tomogram == session.particle_set.ids[order[3]][0]
    qtbot.mouseClick(review.begin_button, Qt.MouseButton.LeftButton)
    QTest.keyClick(canvas, Qt.Key.Key_J)
    assert session.marks.counts == {"junk": 1, "keep": 1}


def test_pictures_are_of_the_particle_and_the_sheet_of_the_page(review: ReviewWidget, qtbot: Any) -> None:
    review.order.setCurrentText("order of the file")
    qtbot.mouseClick(review.begin_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: all(picture is not None for picture in review.pictures.pictures), timeout=20000)
    assert middle(review.pictures.pictures[0]) > 150
    qtbot.keyClick(review, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: review.pictures.pictures[0] is None)
    qtbot.waitUntil(lambda: review.pictures.pictures[0] is not None, timeout=20000)
    assert middle(review.pictures.pictures[0]) < 150

    review.tabs.setCurrentIndex(1)
    qtbot.waitUntil(lambda: len(review.sheet.pictures) == 48 and None not in review.sheet.pictures, timeout=20000)
    bright = [middle(picture) > 150 for picture in review.sheet.pictures]
    assert bright == [number % 2 == 0 for number in range(48)]
    assert review.sheet.current == 1
    place = review.sheet.place_of(17).center()
    qtbot.mouseClick(review.sheet, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    assert review.session.particle == 17
    qtbot.keyClick(review, Qt.Key.Key_J)
    settle()
    assert review.sheet.bars[17] is not None
    assert review.sheet.current == 18


def test_what_is_missing_is_written_instead(review: ReviewWidget, qtbot: Any, class_e_star: Path) -> None:
    review.session.open_star(class_e_star)
    settle()
    qtbot.mouseClick(review.begin_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: review.pictures.instead[2] == "no orientation")
    assert review.pictures.instead[0] == "no file of this tomogram"
    assert review.review.on
    review.scope.setCurrentIndex(1)
    review.review.end()
    settle()
    qtbot.mouseClick(review.begin_button, Qt.MouseButton.LeftButton)  # nothing is selected: a sentence
    assert not review.review.on
