"""The open tomogram in a real viewer: what the layers show, and what selecting and clicking in them does."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
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


def test_without_a_tomogram_particles_are_seen_in_the_slices_that_they_reach_into(scene: Scene) -> None:
    assert min(scene.viewer.dims.thickness) >= scene.diameter


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


def test_borders_follow_the_colours_too(scene: Scene) -> None:
    assert scene.points is not None
    scene.session.colour_by("z0")
    np.testing.assert_allclose(scene.points.border_color, scene.session.colouring.rgba[scene.rows])


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
    session.select_rows([0, 1, 2], {"rule": "lasso"})  # which took some work, and is not lost by looking
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
    assert np.flatnonzero(session.selected).tolist() == [0, 1, 2]
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


def z_axes(scene: Scene) -> Any:
    """The particles' z axes (n, 3) z, y, x, as scipy turns them."""
    assert scene.session.particle_set is not None
    angles = scene.session.particle_set.particles[["rot", "tilt", "psi"]].to_numpy()[scene.rows]
    # extrinsic turns about fixed axes: -rot about z, then -tilt about y, then -psi about z
    return Rotation.from_euler("zyz", -angles, degrees=True)


def test_arrows_are_the_axes_that_scipy_turns(scene: Scene) -> None:
    orientations = scene.orientations
    orientations.show(200.0, "arrows")
    turns = z_axes(scene)
    count = len(scene.rows)
    for number, (axis, share) in enumerate((((0, 0, 1), 1.0), ((1, 0, 0), 0.5))):
        expected = 200 * share * turns.apply(np.broadcast_to(axis, (count, 3)))[:, ::-1]
        arrows = orientations.arrows.data[number * count : (number + 1) * count]
        np.testing.assert_allclose(arrows[:, 1], expected, atol=1e-3)
    np.testing.assert_allclose(orientations.arrows.edge_color[:count], scene.session.colouring.rgba[scene.rows])
    scene.session.open_tomogram(scene.session.tomograms[1])
    assert len(orientations.arrows.data) == 2 * len(scene.rows)
    orientations.show(0)
    assert not orientations.arrows.visible


def test_cones_point_along_the_axes_and_are_arrows_in_two_dimensions(scene: Scene) -> None:
    orientations, viewer = scene.orientations, scene.viewer
    viewer.dims.ndisplay = 3
    orientations.show(200.0, "cones")
    vertices, faces, _ = orientations.cones.data
    assert scene.points is not None
    of_each = vertices.reshape(len(scene.rows), -1, 3)
    tips = of_each[:, 0] - scene.points.data
    np.testing.assert_allclose(tips, 200 * z_axes(scene).apply((0, 0, 1))[:, ::-1], atol=1e-2)
    across = of_each[:, 1:-1] - scene.points.data[:, None]
    np.testing.assert_allclose(np.einsum("nvi,ni->nv", across, tips), 0, atol=1.0)
    first, second, third = vertices[faces].transpose(1, 0, 2)
    volume = -np.einsum("fi,fi->f", first, np.cross(second, third)).sum() / 6  # z, y, x is left-handed
    round_cone = np.pi * (200 / 3) ** 2 * 200 / 3
    assert volume / len(scene.rows) == pytest.approx(round_cone, rel=0.06)  # of twelve sides
    colours = scene.session.colouring.rgba[scene.rows]
    np.testing.assert_allclose(orientations.cones.vertex_colors.reshape(*of_each.shape[:2], 4)[:, 3], colours)

    scene.session.open_tomogram(scene.session.tomograms[1])
    assert len(orientations.cones.data[0]) == of_each.shape[1] * len(scene.rows)
    viewer.dims.ndisplay = 2
    assert orientations.arrows.visible
    assert not orientations.cones.visible
    viewer.dims.ndisplay = 3
    assert orientations.cones.visible
    assert not orientations.arrows.visible


def test_the_slider_goes_by_slices_and_particles_are_seen_in_them(scene: Scene, tmp_path: Path) -> None:
    viewer, points = scene.viewer, scene.points
    assert points is not None
    tomogram = scene.session.tomogram
    assert tomogram is not None
    with mrcfile.new(tmp_path / "one.mrc") as file:
        file.set_data(np.zeros((30, 40, 40), np.float32))
        file.voxel_size = 50.0
    scene.tomograms.assign(tmp_path / "one.mrc", tomogram)
    assert viewer.dims.range[0].step == 50.0
    layer_added = viewer.add_points(np.zeros((1, 3)), units=("angstrom",) * 3)
    assert viewer.dims.range[0].step == 50.0
    viewer.layers.remove(layer_added)
    viewer.dims.set_point(0, float(points.data[0, 0]))
    z = viewer.dims.point[0]
    assert z % 50 == 0
    away = np.abs(points.data[:, 0] - z) / scene.diameter
    seen = {points.get_value((z, *place[1:]), world=True) for place in points.data} - {None}
    assert 1 < len(seen) < len(points.data)
    assert set(np.flatnonzero(away < 0.45)) <= seen <= set(np.flatnonzero(away < 0.55))


def test_the_box_is_that_of_the_file_or_of_the_set(scene: Scene, warptools_set: Path, tmp_path: Path) -> None:
    scene.session.open_star(warptools_set)
    scene.box.show(True)
    (outline,) = (each for each in scene.viewer.layers if each.name == "outline")
    table = scene.session.particle_set.tomograms.set_index("name")  # type: ignore[union-attr]
    corners = np.concatenate([outline.data[:, 0], outline.data.sum(axis=1)])
    np.testing.assert_allclose(corners.max(axis=0), table.loc[scene.session.tomogram, ["size_z", "size_y", "size_x"]])
    with mrcfile.new(tmp_path / "one.mrc") as file:
        file.set_data(np.zeros((4, 5, 6), np.int8))
        file.voxel_size = 100.0
    scene.tomograms.assign(tmp_path / "one.mrc", str(scene.session.tomogram))
    np.testing.assert_allclose(outline.data.sum(axis=1).max(axis=0), [300, 400, 500])
    scene.box.show(False)
    assert not outline.visible


def test_a_star_without_positions_leaves_the_scene_empty(scene: Scene, class_e_star: Any) -> None:
    scene.session.open_star(class_e_star)
    assert scene.points is not None
    assert len(scene.points.data) == 0
    scene.session.select_rows([0, 1], {"rule": "click"})
    assert scene.session.selected.sum() == 2
