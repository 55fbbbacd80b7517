"""What is seen at first of a data set, in a real window: particles, whichever way they were opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
import starfile

from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.first_view import fullest_slice
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session

SIZE = (2333.8, 10002.0, 7334.8)  # Å, z, y, x of the real set's tomograms


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    return make_napari_viewer_proxy(show=True)


@pytest.fixture
def tomogram(tmp_path: Path) -> Path:
    """A tomogram of the real set's size whose slices are 0 and 1 by turns."""
    path = tmp_path / "tomogram.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.broadcast_to(np.arange(23, dtype=np.float32)[:, None, None] % 2, (23, 100, 73)))
        mrc.voxel_size = 100.0
    return path


def white(viewer: Any) -> int:
    """Return how many of the canvas' pixels are white, as particles are that are not coloured."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3]
    return int((picture > 250).all(axis=-1).sum())


def lit(viewer: Any) -> int:
    """Return how many of the canvas' pixels are not black."""
    return int((viewer.screenshot(canvas_only=True, flash=False)[..., :3] > 60).any(axis=-1).sum())


def looked_at(viewer: Any) -> tuple[tuple[float, ...], float]:
    """Return the slice and the middle of what the camera sees, z, y, x in Å, and its zoom."""
    camera = viewer.scene.camera
    return (viewer.dims.point[0], *camera.center[1:]), camera.zoom


def test_the_fullest_slice_is_where_most_are_and_among_equals_in_the_middle() -> None:
    assert fullest_slice([5.0, 100.0, 101.0, 102.0, 300.0, 301.0], 3.0) in (100.0, 101.0, 102.0)
    assert fullest_slice([0.0, 40.0, 90.0], 3.0) == 40.0
    generator = np.random.default_rng(0)
    along = generator.uniform(0, 1000, 300)
    counted = [(np.abs(along - place) <= 30).sum() for place in along]
    assert (np.abs(along - fullest_slice(along, 30)) <= 30).sum() == max(counted)


@pytest.mark.parametrize("what", ["star", "run", "document"])
def test_particles_are_seen_when_they_are_opened_without_a_widget(viewer: Any, analysed_run: Run, what: str) -> None:
    path = {"star": "particles.star", "run": "", "document": "run.json"}[what]
    viewer.open(analysed_run.path / path, plugin="napari-tomodrgn")
    assert white(viewer) > 50


def test_particles_of_an_optimisation_set_are_seen_as_they_are_cut(viewer: Any, warptools_set: Path) -> None:
    """Ten in the depth of a tomogram: the middle slice has none of them."""
    points = viewer.open(warptools_set, plugin="napari-tomodrgn")[0]
    z = starfile.read(warptools_set.with_name(warptools_set.name.replace("_optimisation_set", "")))["particles"]
    z = 12.0 * z["rlnCoordinateZ"].to_numpy()[z["rlnTomoName"] == points.metadata["experiment_id"]]
    away = np.abs(z - viewer.dims.point[0])
    radius = np.sqrt((192 / 2) ** 2 - away[away < 192 / 2] ** 2)  # of the circles that a slice cuts spheres at, in Å
    expected = np.pi * ((radius * viewer.scene.camera.zoom) ** 2).sum()
    assert 0.5 * expected < white(viewer) < 1.1 * expected  # without the borders


@pytest.mark.parametrize("first", ["star", "tomogram"])
def test_particles_are_seen_in_a_tomogram_that_is_opened_beside_them(
    viewer: Any, warptools_set: Path, tomogram: Path, first: str
) -> None:
    paths = [warptools_set, tomogram] if first == "star" else [tomogram, warptools_set]
    viewer.open([str(each) for each in paths], plugin="napari-tomodrgn")
    viewer.layers["tomogram"].contrast_limits = (0, 3)  # no voxel is white
    assert white(viewer) > 30
    picture = viewer.screenshot(canvas_only=True, flash=False)
    middle = int(picture[picture.shape[0] // 2, picture.shape[1] // 2, 0])
    assert middle in (0, 84, 85, 86)  # of one slice, and no average of several
    height, width = np.array(viewer.canvas.size) / viewer.scene.camera.zoom
    assert (height, width) >= SIZE[1:]  # all of it is seen


def test_a_view_that_a_person_chose_stays_when_a_tomogram_comes(
    viewer: Any, warptools_set: Path, tomogram: Path
) -> None:
    points = viewer.open(warptools_set, plugin="napari-tomodrgn")[0]
    z, y, x = map(float, points.data[7])
    viewer.dims.set_point(0, z)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, y, x), 0.5
    viewer.open(tomogram, plugin="napari-tomodrgn")
    assert looked_at(viewer) == ((pytest.approx(z, abs=1.0), y, x), 0.5)


def test_the_sample_shows_particles_in_its_tomogram(viewer: Any) -> None:
    _, points = viewer.open_sample("napari-tomodrgn", "simulated-tomogram")
    away = np.abs(points.data[:, 0] - viewer.dims.point[0])
    assert (away < 80).sum() > 5
    with_points = viewer.screenshot(canvas_only=True, flash=False)
    points.visible = False
    assert (with_points != viewer.screenshot(canvas_only=True, flash=False)).any(axis=-1).sum() > 1000


@pytest.fixture
def scene(viewer: Any) -> Scene:
    return Scene(viewer, Session())


def test_a_scene_shows_particles_at_once_and_keeps_the_view_of_the_same_ones(
    scene: Scene, analysed_run: Run, warptools_set: Path, tmp_path: Path
) -> None:
    session, viewer = scene.session, scene.viewer
    session.open_run(analysed_run.path)
    assert lit(viewer) > 50
    assert scene.points is not None
    z, y, x = map(float, scene.points.data[2])
    viewer.dims.set_point(0, z)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, y, x), 0.77
    few = tmp_path / "few.star"
    own = read_particles(analysed_run.path / "particles.star")
    write_particles(own.take(range(len(own) - 2)), few)
    for path in (few, analysed_run.path / "particles.star"):
        session.open_star(path)
        assert looked_at(viewer) == ((pytest.approx(z, abs=1.0), y, x), 0.77)
    session.open_run(analysed_run.path)
    session.read_again()
    session.open_tomogram(session.tomograms[1])
    assert looked_at(viewer) == ((pytest.approx(z, abs=1.0), y, x), 0.77)

    session.open_star(warptools_set)
    assert lit(viewer) > 50
    assert min(viewer.dims.thickness) >= scene.diameter == 192


def test_a_tomogram_that_is_chosen_later_is_seen_whole_and_moves_no_view_that_a_person_chose(
    scene: Scene, warptools_set: Path, tomogram: Path
) -> None:
    session, viewer = scene.session, scene.viewer
    session.open_star(warptools_set)
    assert session.tomogram is not None
    assert scene.points is not None
    before = viewer.scene.camera.zoom
    scene.tomograms.assign(tomogram, session.tomogram)
    assert viewer.scene.camera.zoom < 0.9 * before
    assert np.abs(scene.points.data[:, 0] - viewer.dims.point[0]).min() < scene.diameter / 2

    scene.tomograms.unassign(tomogram)
    viewer.layers.remove(scene.tomograms.image)
    z, y, x = map(float, scene.points.data[7])
    viewer.dims.set_point(0, z)
    viewer.scene.camera.center, viewer.scene.camera.zoom = (0.0, y, x), 0.5
    scene.tomograms.assign(tomogram, session.tomogram)
    assert looked_at(viewer) == ((pytest.approx(z, abs=50.0), y, x), 0.5)  # half a slice
