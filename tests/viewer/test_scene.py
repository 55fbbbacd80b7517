"""The open tomogram in a real viewer: what the layers show, and what selecting and clicking in them does."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session


@pytest.fixture
def scene(make_napari_viewer_proxy: Callable[..., Any], analysed_run: Run) -> Scene:
    session = Session()
    scene = Scene(make_napari_viewer_proxy(show=True), session)
    session.open_run(analysed_run.path)
    return scene


def shown_ids(scene: Scene, indices: Any) -> set[tuple[str, str]]:
    assert scene.session.particle_set is not None
    ids = scene.session.particle_set.ids
    return {ids[row] for row in scene.rows[sorted(indices)]}


def test_particles_stand_where_the_star_says_in_their_colours(scene: Scene) -> None:
    session, points = scene.session, scene.points
    assert session.particle_set is not None
    assert points is not None
    here = session.rows_here
    table = session.particle_set.particles
    np.testing.assert_allclose(points.data, table[["z", "y", "x"]].to_numpy()[here], rtol=1e-6)
    np.testing.assert_allclose(points.face_color, session.colouring.rgba[here])
    assert [str(unit) for unit in points.units] == ["angstrom"] * 3
    assert points.features["particle"].tolist() == table["name"].to_numpy()[here].tolist()
    assert points.metadata["experiment_id"] == session.tomogram


def test_another_tomogram_replaces_the_data_of_the_same_layer(scene: Scene) -> None:
    layers = list(scene.viewer.layers)
    first = scene.rows.copy()
    for name in (*scene.session.tomograms[::-1], scene.session.tomograms[1]):
        scene.session.open_tomogram(name)
        assert scene.session.particle_set is not None
        assert set(scene.session.particle_set.particles["tomogram"][scene.rows]) == {name}
        assert scene.points is not None
        assert len(scene.points.data) == len(scene.rows) == len(scene.points.features)
    assert list(scene.viewer.layers) == layers
    assert not set(scene.rows) & set(first)


def test_one_selection_in_layer_and_session(scene: Scene) -> None:
    session, points = scene.session, scene.points
    assert points is not None
    session.select_class("kmeans-3", 0)
    ids = session.as_selection("x").ids
    assert shown_ids(scene, points.selected_data) == {each for each in ids if each[0] == session.tomogram}
    elsewhere = {each for each in ids if each[0] != session.tomogram}
    assert elsewhere

    points.selected_data = {0, 2}
    chosen = session.as_selection("x").ids
    assert chosen == shown_ids(scene, {0, 2}) | elsewhere
    assert session.rule["rule"] == "points"
    session.undo()
    assert session.as_selection("x").ids == ids
    assert shown_ids(scene, points.selected_data) == ids - elsewhere
    session.open_tomogram(session.tomograms[1])
    assert shown_ids(scene, points.selected_data) == elsewhere
    session.redo()
    assert shown_ids(scene, points.selected_data) == elsewhere


def test_hidden_classes_are_left_out_and_come_back(scene: Scene) -> None:
    session, points = scene.session, scene.points
    assert points is not None
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    session.paint_class("kmeans-3", 0, (0.0, 0.0, 0.0, 0.0))
    assert len(points.data) == (classes.codes[session.rows_here] != 0).sum() < len(session.rows_here)
    points.selected_data = {0}
    assert classes.codes[np.flatnonzero(session.selected)].tolist() != [0]
    session.undo()
    session.undo()
    assert len(points.data) == len(session.rows_here)
    np.testing.assert_allclose(points.face_color, session.colouring.rgba[session.rows_here])


def test_colours_follow(scene: Scene) -> None:
    scene.session.colour_by("z1")
    assert scene.points is not None
    np.testing.assert_allclose(scene.points.face_color, scene.session.colouring.rgba[scene.rows])


def test_a_layer_that_a_person_removed_comes_back_with_the_next_tomogram(scene: Scene) -> None:
    scene.viewer.layers.remove(scene.points)
    scene.session.select_class("kmeans-3", 0)
    scene.session.colour_by("z0")
    scene.session.open_tomogram(scene.session.tomograms[1])
    assert scene.points in scene.viewer.layers
    assert scene.points is not None
    assert len(scene.points.data) == len(scene.rows)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_a_click_with_the_mouse_looks_at_a_particle(scene: Scene, dimensions: int) -> None:
    """In the middle of the canvas, where the camera looks; whichever layer is active, and not after a drag."""
    viewer, session = scene.viewer, scene.session
    assert scene.points is not None
    viewer.dims.ndisplay = dimensions
    viewer.layers.selection.clear()
    canvas = viewer.window._qt_viewer.canvas.native
    middle = QPoint(canvas.width() // 2, canvas.height() // 2)
    for index in (3, 7):
        z, y, x = map(float, scene.points.data[index])
        viewer.dims.set_point(0, z)
        viewer.scene.camera.center = (z, y, x)
        QApplication.processEvents()
        QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
        assert session.particle is not None
        seen = scene.points.data[list(scene.rows).index(session.particle)]
        across = slice(1, 3)  # in 3D one that stands before it may be met
        assert np.abs(seen[across] - (y, x)).max() <= scene.diameter / 2
        assert np.flatnonzero(session.selected).tolist() == [session.particle]
    before = session.particle
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    QTest.mouseMove(canvas, middle + QPoint(40, 0))
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle + QPoint(40, 0))
    assert session.particle == before


def test_particles_on_a_ray_and_at_a_place(scene: Scene) -> None:
    assert scene.points is not None
    ray = np.array([1.0, 0.0, 0.0])
    row = scene.row_at(scene.points.data[3] + 123 * ray, ray)
    assert row is not None
    seen = scene.points.data[list(scene.rows).index(row)]
    assert np.linalg.norm(seen[1:] - scene.points.data[3][1:]) <= scene.diameter / 2
    assert scene.row_at(np.array([0, -1e6, -1e6]), ray) is None
    assert scene.row_at(scene.points.data[5], None) == scene.rows[5]
    assert scene.row_at(scene.points.data[5] + scene.diameter, None) != scene.rows[5]
    assert Scene(scene.viewer, Session()).row_at(np.zeros(3), None) is None


def test_arrows_are_the_axes_that_scipy_turns(scene: Scene) -> None:
    scene.show_orientations(200.0)
    assert scene.vectors is not None
    assert scene.session.particle_set is not None
    angles = scene.session.particle_set.particles[["rot", "tilt", "psi"]].to_numpy()[scene.rows]
    # extrinsic turns about fixed axes: -rot about z, then -tilt about y, then -psi about z
    turns = Rotation.from_euler("zyz", -angles, degrees=True)
    for number, (axis, share) in enumerate((((0, 0, 1), 1.0), ((1, 0, 0), 0.5))):
        expected = 200 * share * turns.apply(np.broadcast_to(axis, (len(angles), 3)))[:, ::-1]
        arrows = scene.vectors.data[number * len(angles) : (number + 1) * len(angles)]
        np.testing.assert_allclose(arrows[:, 1], expected, atol=1e-3)
    np.testing.assert_allclose(scene.vectors.edge_color[: len(angles)], scene.session.colouring.rgba[scene.rows])
    scene.session.open_tomogram(scene.session.tomograms[1])
    assert len(scene.vectors.data) == 2 * len(scene.rows)
    scene.show_orientations(0)
    assert not scene.vectors.visible


def test_a_star_without_positions_leaves_the_scene_empty(scene: Scene, class_e_star: Any) -> None:
    scene.session.open_star(class_e_star)
    assert scene.points is not None
    assert len(scene.points.data) == 0
    scene.session.select_rows([0, 1], {"rule": "click"})
    assert scene.session.selected.sum() == 2
