"""Drawing over the tomogram in a viewer without a window: what lies inside is worked out by other libraries."""

from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from matplotlib.path import Path as Outline
from napari.components import ViewerModel
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks

from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.rule_trees import particles_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import curation
from napari_tomodrgn.viewer.curation import Asked
from napari_tomodrgn.viewer.regions import Regions
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session


class Mouse:
    """An event as napari gives it to callbacks, whose fields change as the mouse moves."""

    def __init__(self, modifiers: tuple[str, ...]) -> None:
        self.type, self.button, self.modifiers, self.handled = "mouse_press", 1, list(modifiers), False
        self.is_dragging = True
        self.position: tuple[float, ...] = ()
        self.pos = np.zeros(2)
        self.view_direction = None


def stroke(viewer: ViewerModel, places: np.ndarray, *modifiers: str) -> None:
    event = Mouse(modifiers)
    event.position = tuple(places[0])
    mouse_press_callbacks(viewer, event)
    event.type = "mouse_move"
    for place in places[1:]:
        event.position, event.pos = tuple(place), event.pos + 50
        mouse_move_callbacks(viewer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(viewer, event)


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def regions(viewer: ViewerModel, analysed_run: Run) -> Regions:
    session = Session()
    scene = Scene(viewer, session)
    session.open_run(analysed_run.path)
    session.open_tomogram(session.tomograms[1])
    return Regions(scene)


def positions(regions: Regions) -> np.ndarray:
    assert regions.scene.session.particle_set is not None
    return regions.scene.session.particle_set.particles[["z", "y", "x"]].to_numpy()


def here(regions: Regions) -> np.ndarray:
    return np.isin(np.arange(len(regions.scene.session)), regions.scene.session.rows_here)


def meant(regions: Regions) -> np.ndarray:
    session = regions.scene.session
    assert session.particle_set is not None
    assert regions.tree is not None
    return particles_of(regions.tree, Known(session.particle_set, session.columns))


def in_span(regions: Regions, corners: list[tuple[float, float]], axes: tuple[int, int], place: float) -> np.ndarray:
    """Return corners given as shares of where the tomogram's particles are, as vertices in a plane."""
    own = positions(regions)[here(regions)]
    low, size = own.min(axis=0), np.ptp(own, axis=0)
    vertices = np.full((len(corners), 3), place)
    for axis, shares in zip(axes, np.transpose(corners), strict=True):
        vertices[:, axis] = low[axis] + shares * size[axis]
    return vertices


STAR = [(0.0, 0.0), (1.1, 0.2), (0.5, 0.5), (0.9, 1.1), (-0.1, 0.8)]


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_a_lasso_in_any_plane_takes_what_matplotlib_finds_inside(
    viewer: ViewerModel, regions: Regions, order: tuple[int, int, int]
) -> None:
    viewer.dims.order = order
    aside, upwards, across = order
    regions.draw("lasso")
    assert viewer.layers.selection.active is regions.shapes
    assert regions.shapes.mode == "add_polygon_lasso"
    vertices = in_span(regions, STAR, (upwards, across), 500.0)
    regions.shapes.add_polygons(vertices)

    inside = Outline(vertices[:, [upwards, across]]).contains_points(positions(regions)[:, [upwards, across]])
    assert (meant(regions) == (inside & here(regions))).all()
    assert 0 < meant(regions).sum() < here(regions).sum()
    regions.depth = 400.0
    deep = np.abs(positions(regions)[:, aside] - 500) <= 400
    assert (meant(regions) == (inside & deep & here(regions))).all()
    viewer.dims.order = (0, 1, 2)  # after it was drawn
    assert (meant(regions) == (inside & deep & here(regions))).all()


def test_boxes_and_ellipses_together(regions: Regions) -> None:
    regions.draw("box")
    box = in_span(regions, [(-0.1, -0.1), (-0.1, 0.5), (0.4, 0.5), (0.4, -0.1)], (1, 2), 0.0)
    frame = in_span(regions, [(0.4, 0.4), (0.4, 1.1), (1.1, 1.1), (1.1, 0.4)], (1, 2), 0.0)
    regions.shapes.add_rectangles(box)
    assert regions.tree is not None
    assert regions.tree["rule"] == "rectangle"
    regions.shapes.add_ellipses(frame)

    _, y, x = positions(regions).T
    inside = (y >= box[:, 1].min()) & (y <= box[:, 1].max()) & (x >= box[:, 2].min()) & (x <= box[:, 2].max())
    middle, half = frame.mean(axis=0), np.ptp(frame, axis=0) / 2
    radius = np.hypot((y - middle[1]) / half[1], (x - middle[2]) / half[2])
    assert (np.abs(radius - 1) > 0.01)[here(regions)].all()  # so that 64 corners are round enough
    assert (meant(regions) == ((inside | (radius < 1)) & here(regions))).all()
    regions.clear()
    assert regions.tree is None
    assert regions.scene.viewer.layers.selection.active is regions.scene.points


def test_a_brush_adds_what_it_passes_over_as_one_change(viewer: ViewerModel, regions: Regions) -> None:
    session = regions.scene.session
    first, last = positions(regions)[session.rows_here[[0, 5]]]
    regions.radius, regions.depth = 60.0, None
    before = list(viewer.mouse_drag_callbacks)
    regions.paint()
    assert not viewer.scene.camera.mouse_pan
    places = np.linspace(first, last, 40)

    stroke(viewer, places)

    gap = np.linalg.norm(positions(regions)[:, None, 1:] - places[:, 1:], axis=2).min(axis=1)
    step = np.linalg.norm(places[1] - places[0])
    assert session.selected[session.rows_here[[0, 5]]].all()
    assert session.selected[here(regions) & (gap < 60 - step)].all()
    assert not session.selected[~here(regions) | (gap > 60 + step)].any()
    assert session.particle is None  # it was no click
    painted = session.selected.copy()
    assert session.particle_set is not None
    assert (particles_of(session.rule, Known(session.particle_set, session.columns)) == painted).all()
    stroke(viewer, places[-1:], "Control")
    assert not session.selected[session.rows_here[5]]
    session.undo()
    assert (session.selected == painted).all()
    session.undo()
    assert not session.selected.any()
    regions.stop_painting()
    assert viewer.mouse_drag_callbacks == before
    assert viewer.scene.camera.mouse_pan


def test_a_brush_reaches_as_deep_as_it_should(viewer: ViewerModel, regions: Regions) -> None:
    session = regions.scene.session
    middle = positions(regions)[session.rows_here[2]]
    regions.radius, regions.depth = 1e5, 300.0
    regions.paint()

    stroke(viewer, middle[None])

    near = np.abs(positions(regions)[:, 0] - middle[0]) <= 300
    assert (session.selected == (near & here(regions))).all()


def test_nothing_is_drawn_in_3d_or_without_a_tomogram(viewer: ViewerModel, regions: Regions) -> None:
    regions.paint()
    viewer.dims.ndisplay = 3
    assert viewer.scene.camera.mouse_pan
    assert not regions.scene.painting
    for action in (regions.paint, lambda: regions.draw("box")):
        with pytest.raises(InputError, match="shown in 3D, where nothing can be drawn"):
            action()
    empty = Regions(Scene(ViewerModel(), Session()))
    with pytest.raises(InputError, match="no tomogram is open"):
        empty.paint()


def test_sizes_come_from_the_files_where_the_set_has_none(regions: Regions, tmp_path: Path) -> None:
    session, files = regions.scene.session, regions.scene.tomograms.files
    for name in session.tomograms:
        with mrcfile.new(tmp_path / f"{name}.mrc") as stream:
            stream.set_data(np.zeros((60, 90, 80), np.int8))
            stream.voxel_size = 50.0
    tree: dict[str, Any] = {"rule": "faces", "angstrom": 200.0}
    with pytest.raises(InputError, match="does not say how large"):
        curation.meant(Asked.of(session, tree, files))
    files.add([tmp_path])

    found = curation.meant(Asked.of(session, tree, files))

    size = np.array([60, 90, 80]) * 50.0
    expected = ((positions(regions) >= 200) & (positions(regions) <= size - 200)).all(axis=1)
    assert (found.everywhere == expected).all()
    assert 0 < expected.sum() < len(session)
    session.select_class("tomogram", 0)
    again = curation.meant(Asked.of(session, tree, files))
    again.choose(session, "intersect")
    assert (session.selected == (expected & (np.arange(len(session)) < 12))).all()
    assert f"{int(expected.sum())} of 24 particles · {int(session.selected.sum())} within the 12" in again.sentence()
