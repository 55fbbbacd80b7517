"""The plane through a particle, in a tomogram whose values say where they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session

PIXEL_SIZE = 24.0
SLOPE = np.array([3.0, -2.0, 1.0])  # z, y, x, per voxel


@pytest.fixture
def scene(make_napari_viewer_proxy: Callable[..., Any], analysed_run: Run, tmp_path: Path) -> Scene:
    session = Session()
    scene = Scene(make_napari_viewer_proxy(show=True), session)
    session.open_run(analysed_run.path)
    assert session.particle_set is not None
    table = session.particle_set.particles
    shape = (table[["z", "y", "x"]].max().to_numpy() / PIXEL_SIZE).astype(int) + 10
    with mrcfile.new(tmp_path / "ramp.mrc") as file:
        file.set_data(np.einsum("i,izyx->zyx", SLOPE, np.indices(shape)).astype(np.float32))
        file.voxel_size = PIXEL_SIZE
    scene.tomograms.assign(tmp_path / "ramp.mrc", str(session.tomogram))
    return scene


def made(scene: Scene) -> Any:
    maker = scene.plane.maker()
    assert maker is not None
    scene.plane.take(maker())
    assert scene.plane.made is not None
    return scene.plane.made.plane


@pytest.mark.parametrize(("axis", "reference"), [("z", (0, 0, 1)), ("y", (0, 1, 0)), ("x", (1, 0, 0))])
def test_it_is_perpendicular_to_the_axis_and_shows_what_is_there(scene: Scene, axis: Any, reference: Any) -> None:
    session = scene.session
    assert session.particle_set is not None
    row = int(session.rows_here[4])
    session.look_at(row)
    scene.plane.set(shown=True, axis=axis, side=400.0)
    plane = made(scene)
    particle = session.particle_set.particles.iloc[row]
    turn = Rotation.from_euler("zyz", -particle[["rot", "tilt", "psi"]].to_numpy(float), degrees=True)
    across = turn.apply(reference)[::-1]
    np.testing.assert_allclose(np.abs(plane.affine[:3, 0] @ across), PIXEL_SIZE, rtol=1e-5)
    rows, columns = np.indices(plane.image.shape)
    places = np.einsum("ij,jrc->rci", plane.affine, [0 * rows, rows, columns, np.ones_like(rows)])[..., :3]
    np.testing.assert_allclose(places.mean(axis=(0, 1)), particle[["z", "y", "x"]].to_numpy(float), atol=1e-3)
    inside = np.isfinite(plane.image)
    assert inside.mean() > 0.3
    expected = places @ SLOPE / PIXEL_SIZE
    np.testing.assert_allclose(plane.image[inside], expected[inside], atol=0.01)


def test_it_stands_in_the_scene_in_three_dimensions_only_and_within_the_tomogram(scene: Scene) -> None:
    viewer, session = scene.viewer, scene.session
    session.look_at(int(session.rows_here[4]))
    scene.plane.set(shown=True, axis="tomogram", side=1e5)
    made(scene)
    before = viewer.layers.extent.world.copy()
    viewer.dims.ndisplay = 3
    layer = scene.plane.layer
    assert layer.visible
    assert viewer.layers.index(layer) < viewer.layers.index(scene.points)
    np.testing.assert_allclose(viewer.layers.extent.world, before, atol=PIXEL_SIZE)
    viewer.dims.ndisplay = 2
    assert not layer.visible
    scene.plane.set(axis="x", side=500.0)
    assert scene.plane.made is None
    viewer.dims.ndisplay = 3
    assert not layer.visible
    made(scene)
    assert layer.visible
    session.open_tomogram(session.tomograms[1])  # the particle is not in it
    assert scene.plane.maker() is None
    assert not layer.visible


def test_it_is_made_anew_only_where_it_is_another_one(scene: Scene) -> None:
    wanted: list[int] = []
    scene.plane.wanted.connect(lambda: wanted.append(1))
    scene.session.look_at(int(scene.session.rows_here[0]))
    assert wanted == []  # nobody asked for a plane
    scene.plane.set(shown=True)
    scene.tomograms.invert(True)
    assert len(wanted) == 1
    scene.tomograms.average(2, 0)
    scene.session.look_at(int(scene.session.rows_here[1]))
    scene.plane.set(shown=False)
    assert len(wanted) == 4
    assert scene.plane.maker() is None
