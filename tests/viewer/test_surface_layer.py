"""Placed volumes in a napari window."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.viewer import surface_layer
from napari_tomodrgn.viewer.meshes import EMPTY, Mesh
from napari_tomodrgn.viewer.placed_volumes import build
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.surface_layer import VolumeLayers

TETRAHEDRON = Mesh(
    np.array([[-1, -1, -1], [1, 1, -1], [1, -1, 1], [-1, 1, 1]], dtype=np.float32),
    np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], dtype=np.int32),
)


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    viewer = make_napari_viewer_proxy(show=True)
    viewer.dims.ndisplay = 3
    return viewer


def in_a_grid(count: int, spacing: float = 100.0) -> Poses:
    """Particles side by side in y and x."""
    side = int(np.ceil(np.sqrt(count)))
    numbers = np.arange(count)
    position = np.stack([np.zeros(count), numbers // side * spacing, numbers % side * spacing], axis=1)
    return Poses(position, np.zeros((count, 3)))


def within(count: int) -> np.ndarray:
    """Bounds of the particles of a grid, with their surfaces."""
    place = in_a_grid(count).position_angstrom
    return np.stack([place.min(axis=0) - 45, place.max(axis=0) + 45])


def draw(layers: VolumeLayers) -> None:
    while layers.waiting:
        layers.draw()


def fill(layers: VolumeLayers, count: int, mesh: Mesh = TETRAHEDRON) -> None:
    for placed in build(range(count), in_a_grid(count), lambda *_: mesh, 45.0):
        layers.add(placed)
    draw(layers)


def distinct(count: int) -> np.ndarray:
    """As many colours as asked for, no two the same in 8 bits."""
    numbers = np.arange(count)
    return np.stack([numbers % 16 * 17, numbers // 16 % 16 * 17, numbers // 256 * 85, np.full(count, 255)], 1) / 255


def seen(viewer: Any) -> set[tuple[int, ...]]:
    picture = viewer.screenshot(canvas_only=True, flash=False)
    return {tuple(colour) for colour in np.unique(picture.reshape(-1, 4)[:, :3], axis=0).tolist()}


@pytest.mark.parametrize("count", [1, 7, 512])
def test_every_particle_has_its_colour_exactly_and_recolouring_touches_no_geometry(viewer: Any, count: int) -> None:
    layers = VolumeLayers(viewer)
    first = distinct(count)
    layers.begin("TS_01", first, within(count))
    fill(layers, count)
    (layer,) = layers.layers
    layer.shading = "none"
    viewer.reset_view()
    assert {tuple(each) for each in np.round(first[:, :3] * 255).astype(int).tolist()} - seen(viewer) <= {(0, 0, 0)}

    vertices = layer.vertices
    other = first[::-1].copy()
    other[::3, 3] = 0
    layers.recolour(other)
    assert layer.vertices is vertices
    shown = {tuple(each) for each in np.round(other[other[:, 3] > 0, :3] * 255).astype(int).tolist()}
    hidden = {tuple(each) for each in np.round(other[other[:, 3] == 0, :3] * 255).astype(int).tolist()}
    found = seen(viewer)
    assert shown - found <= {(0, 0, 0)}
    assert not (hidden - {(0, 0, 0)}) & found


def test_more_faces_than_a_layer_takes_have_another_and_the_next_tomogram_the_same_ones(
    viewer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(surface_layer, "FACES_IN_A_LAYER", 128 * 4)
    layers = VolumeLayers(viewer)
    rgba = distinct(200)
    layers.begin("TS_01", rgba, within(200))
    fill(layers, 200)
    assert [layer.name for layer in layers.layers] == ["volumes of TS_01", "volumes of TS_01 (2)"]
    assert layers.rows.tolist() == list(range(200))
    used = [layer.unique_id for layer in layers.layers]

    layers.begin("TS_02.tomostar", rgba, within(3))
    assert layers.layers == []
    assert not any(layer.visible for layer in viewer.layers)
    assert all(len(layer.faces) == 1 for layer in viewer.layers)  # no memory held
    fill(layers, 3)
    (layer,) = layers.layers
    assert layer.unique_id == used[0]
    assert len(viewer.layers) == 2
    assert layer.name == "volumes of TS_02"
    assert layer.metadata["experiment_id"] == "TS_02.tomostar"
    assert str(layer.units[0]) == "angstrom"
    assert len(layer.faces) == 12
    np.testing.assert_allclose(layer.extent.world[:, 2], [-45, 145], atol=0.1)


def test_a_surface_does_not_become_the_active_layer(viewer: Any) -> None:
    points = viewer.add_points(np.zeros((1, 3)), name="particles")
    layers = VolumeLayers(viewer)
    layers.begin("TS_01", distinct(2), within(2))
    fill(layers, 2)
    assert viewer.layers.selection.active.name == points.name


def test_layers_that_were_removed_by_hand_come_back(viewer: Any) -> None:
    layers = VolumeLayers(viewer)
    layers.begin("TS_01", distinct(2), within(2))
    fill(layers, 2)
    viewer.layers.clear()
    layers.recolour(distinct(2))
    layers.begin("TS_01", distinct(2), within(2))
    fill(layers, 2)
    assert [layer.name for layer in viewer.layers] == ["volumes of TS_01"]


def test_what_is_drawn_has_napari_look_at_no_other_layer(viewer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surface_layer, "FACES_IN_A_LAYER", 4 * 4)
    layers = VolumeLayers(viewer)
    layers.begin("TS_01", distinct(12), within(12))
    placed = list(build(range(12), in_a_grid(12), lambda *_: TETRAHEDRON, 45.0))
    for each in placed[:4]:
        layers.add(each)
    draw(layers)
    (drawn,) = layers.layers
    seen_again: list[object] = []
    drawn.events.set_data.connect(seen_again.append)
    for each in placed[4:]:
        layers.add(each)
    draw(layers)
    assert len(layers.layers) == 3
    assert seen_again == []


def test_bounds_are_those_of_what_is_shown(viewer: Any) -> None:
    viewer.add_points(np.zeros((1, 3)), name="particles", size=2, units=("angstrom",) * 3)
    layers = VolumeLayers(viewer)
    for count in (9, 4):
        layers.begin("TS_01", distinct(count), within(count))
        fill(layers, count)
        np.testing.assert_allclose(viewer.layers.extent.world, within(count), atol=0.1)
    layers.clear()
    np.testing.assert_allclose(viewer.layers.extent.world, np.zeros((2, 3)), atol=0.1)


def test_a_layer_that_was_hidden_while_volumes_come_stays_hidden(viewer: Any) -> None:
    layers = VolumeLayers(viewer)
    for tomogram in ("TS_01", "TS_02"):
        layers.begin(tomogram, distinct(4), within(4))
        first, *others = build(range(4), in_a_grid(4), lambda *_: TETRAHEDRON, 45.0)
        layers.add(first)
        draw(layers)
        (layer,) = layers.layers
        assert layer.visible
        layer.visible = False
        for placed in others:
            layers.add(placed)
        draw(layers)
        assert not layer.visible
        assert len(layer.faces) == 16


def test_particles_without_a_surface_are_no_error(viewer: Any) -> None:
    layers = VolumeLayers(viewer)
    layers.begin("TS_01", distinct(3), within(3))
    fill(layers, 3, EMPTY)
    layers.recolour(distinct(3)[::-1])
    assert layers.rows.tolist() == [0, 1, 2]
    layers.clear()
    assert layers.rows.tolist() == []
