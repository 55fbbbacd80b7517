"""The Movie widget in a real viewer: a morph and a camera's way, recorded and read back; stops by mouse and keys."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest
from PIL import Image
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDoubleSpinBox

from napari_tomodrgn.analysis.latent_paths import along_component
from napari_tomodrgn.figures.movie import Picture
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.camera import stop_of
from napari_tomodrgn.viewer.current import panel_of, scene_of, session_of
from napari_tomodrgn.viewer.morph_movie import MorphMovie
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import movie as movie_module
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets.movie import Movie

LEFT = Qt.MouseButton.LeftButton
SEEN = ((-25.0, 30.0, 20.0), 0.05), ((10.0, 60.0, -70.0), 0.08), ((0.0, 0.0, 0.0), 0.04)  # angles and zoom


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, movie_module):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, analysed_run: Run, told: list[str]
) -> Iterator[Movie]:
    viewer = make_napari_viewer_proxy(show=True)
    session: Session = session_of(viewer)
    widget = Movie(session, scene_of(viewer), panel_of(viewer))
    qtbot.addWidget(widget)
    widget.resize(460, 500)
    widget.show()
    session.open_run(analysed_run.path)
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    yield widget
    widget.close_down()


def look(widget: Movie, number: int) -> Picture:
    """Turn the camera to one of the views, and return what the window shows then."""
    viewer = widget.scene.viewer
    viewer.scene.camera.angles, viewer.scene.camera.zoom = SEEN[number]
    picture: Picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    return picture


def add_all(qtbot: Any, widget: Movie) -> list[Picture]:
    """Add three stops, and return what the window shows at each."""
    seen = []
    for number in range(3):
        seen.append(look(widget, number))
        qtbot.mouseClick(widget.stops.add_button, LEFT)
    return seen


def finished(widget: Movie) -> bool:
    return widget.work is not None and not widget.work.running


def alike(one: Picture, other: Picture) -> float:
    return float(np.corrcoef(one.ravel().astype(float), other.ravel().astype(float))[0, 1])


def test_a_morph_is_recorded_as_it_is_shown(qtbot: Any, widget: Movie, told: list[str], tmp_path: Path) -> None:
    widget.record_morph(tmp_path / "none.gif")
    assert told == ["morph: no way is chosen yet; choose one in the Volumes widget, or move its slider"]
    panel = widget.panel
    panel.set_level(1.0)
    panel.set_path(along_component(panel.source().latents, 2))
    assert widget.way.text() == "along: PC 2"
    widget.count.setValue(6)
    widget.side.setValue(128)
    widget.fps.setValue(20)
    widget.record_morph(tmp_path / "morph.gif")
    assert not widget.stops.isEnabled()
    panel.turn = np.diag([1.0, -1, -1])  # what a person does meanwhile does not matter
    qtbot.waitUntil(lambda: finished(widget), timeout=20000)
    assert widget.status.text() == f"{tmp_path / 'morph.gif'} is written"
    assert widget.stops.isEnabled()
    assert widget.progress.isHidden()
    panel.turn = np.eye(3)
    expected = MorphMovie.of(panel, 128)
    frames = imageio.imread(tmp_path / "morph.gif")[..., :3]
    assert frames.shape == (6, 128, 128, 3)
    for frame, share in zip(frames, (0, 1 / 3, 2 / 3, 1, 2 / 3, 1 / 3), strict=True):
        assert alike(frame, expected.picture(share)) > 0.999
    widget.record_morph(tmp_path / "morph.avi")
    assert told[1:] == [f"{tmp_path / 'morph.avi'}: is neither .gif nor .mp4; choose a name that ends in one of them"]


def test_a_cameras_way_is_recorded_through_its_stops_and_the_view_is_as_before(
    qtbot: Any, widget: Movie, told: list[str], tmp_path: Path
) -> None:
    widget.record_camera(tmp_path / "none.gif")
    assert told == ["camera: needs two stops; turn to what is to be seen, add it, and again"]
    viewer = widget.scene.viewer
    seen = add_all(qtbot, widget)
    height, width = seen[0].shape[:2]
    widget.sizes.setCurrentText("as the window")
    for place in (1, 2):
        widget.session.camera_path.take_seconds(place, 1.0)
    widget.fps.setValue(4)
    viewer.scene.camera.zoom = 0.02
    before, angles = stop_of(viewer), viewer.scene.camera.angles
    widget.record_camera(tmp_path / "camera.gif")
    taken: list[int] = []
    heart = QTimer()
    heart.timeout.connect(lambda: taken.append(widget.work._next))  # type: ignore[union-attr]
    heart.start(0)
    assert not widget.stops.isEnabled()
    qtbot.waitUntil(lambda: finished(widget), timeout=60000)
    heart.stop()
    assert set(taken) >= set(range(1, 10))  # the window was free between pictures
    assert (stop_of(viewer), viewer.scene.camera.angles) == (before, angles)
    frames = imageio.imread(tmp_path / "camera.gif")[..., :3]
    assert len(frames) == 9
    for place, picture in zip((0, 4, 8), seen, strict=True):
        expected = picture[: height // 2 * 2, : width // 2 * 2]
        assert frames[place].shape == expected.shape
        assert alike(frames[place], expected) > 0.99
        assert max(alike(frames[other], expected) for other in range(9) if other != place) < 0.98

    viewer.dims.ndisplay = 2
    before = stop_of(viewer)
    widget.sizes.setCurrentText("640 × 480 px")
    widget.record_camera(tmp_path / "small.gif")
    qtbot.waitUntil(lambda: finished(widget), timeout=60000)
    assert (stop_of(viewer), viewer.scene.camera.angles) == (before, angles)
    small = imageio.imread(tmp_path / "small.gif")[4][..., :3]
    assert small.shape == (480, 640, 3)
    scale = min(480 / height, 640 / width)  # as much is seen, in the middle
    resized = np.asarray(Image.fromarray(seen[1]).resize((round(scale * width), round(scale * height))))
    top, left = (480 - len(resized)) // 2, (640 - resized.shape[1]) // 2
    assert alike(small[top : top + len(resized), left : left + resized.shape[1]], resized) > 0.9
    assert told[1:] == []


def test_a_recording_can_be_cut_off(qtbot: Any, widget: Movie, told: list[str], tmp_path: Path) -> None:
    add_all(qtbot, widget)
    before = stop_of(widget.scene.viewer)
    widget.record_camera(tmp_path / "camera.mp4")
    qtbot.waitUntil(lambda: widget.progress.value() > 1, timeout=20000)
    assert list(tmp_path.iterdir())
    qtbot.mouseClick(widget.cancel_button, LEFT)
    assert finished(widget)
    assert widget.stops.isEnabled()
    assert widget.cancel_button.isHidden()
    assert stop_of(widget.scene.viewer) == before
    assert widget.work is not None
    widget.work.wait()
    assert list(tmp_path.iterdir()) == []
    assert told == []


def test_stops_are_ordered_timed_gone_to_played_and_taken_back(qtbot: Any, widget: Movie) -> None:
    viewer, stops, path = widget.scene.viewer, widget.stops, widget.session.camera_path
    add_all(qtbot, widget)
    first, second, third = path.stops
    assert [stops.table.item(row, 0).text() for row in (0, 2)] == ["all in 3D, 1 px = 20 Å", "all in 3D, 1 px = 25 Å"]
    qtbot.mouseClick(stops.up_button, LEFT)
    assert path.stops == (first, third, second)
    assert stops.selected == 1
    qtbot.mouseClick(stops.remove_button, LEFT)
    assert path.stops == (first, second)
    widget.session.undo()
    widget.session.undo()
    assert path.stops == (first, second, third)
    assert stops.table.rowCount() == 3

    place = stops.table.visualItemRect(stops.table.item(0, 0)).center()
    qtbot.mouseClick(stops.table.viewport(), LEFT, pos=place)
    qtbot.mouseDClick(stops.table.viewport(), LEFT, pos=place)
    np.testing.assert_allclose(stop_of(viewer).towards, first.towards, atol=1e-9)
    assert viewer.scene.camera.zoom == first.zoom

    for row in (1, 2):
        stops.table.editItem(stops.table.item(row, 1))
        (editor,) = stops.table.viewport().findChildren(QDoubleSpinBox)
        editor.setValue(0.2)
        qtbot.keyClick(editor, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: not stops.table.viewport().findChildren(QDoubleSpinBox))
    assert [stop.seconds for stop in path.stops[1:]] == [0.2, 0.2]
    assert stops.total.text() == "0.4 s"
    qtbot.mouseClick(stops.play, LEFT)
    assert stops.play.text() == "Stop"
    qtbot.waitUntil(lambda: stops.play.text() == "Play")
    np.testing.assert_allclose(stop_of(viewer).towards, third.towards, atol=1e-9)
    stops.table.selectRow(0)
    qtbot.mouseClick(stops.update_button, LEFT)
    assert path.stops[0].zoom == third.zoom
    widget.session.open_star(Path(widget.session.run.path / "particles.star"))
    assert path.stops[0].zoom == third.zoom  # of the same particles
