"""A sphere drawn into a volume: where it is, and what all volumes have within it."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.regions import sphere_region
from napari_tomodrgn.cli import main as programs
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import shaded
from napari_tomodrgn.particles.maps import flip_hand
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere, Sphere
from napari_tomodrgn.viewer.measuring import Measuring
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.viewer.opening import read_anew
from napari_tomodrgn.viewer.session import Session

EXTENT = 16 * 12.0


@pytest.fixture
def measuring(analysed_run: Run, tmp_path: Path) -> Measuring:
    session = Session()
    session.open_run(Path(shutil.copytree(analysed_run.path, tmp_path / "run")))
    measuring = Measuring(OccupancyPanel(session), DrawnSphere())
    measuring.drawn.begin(EXTENT)
    return measuring


def finish(measuring: Measuring) -> None:
    while not measuring.look():
        time.sleep(0.05)
    assert not measuring.failed, measuring.ended
    session = measuring.session
    assert session.particle_set is not None
    assert session.run is not None
    session.renew(read_anew(session.particle_set, session.run, session.epoch))
    measuring.show(measuring.panel.read(measuring.name))


def test_a_sphere_lies_in_flipped_maps_where_the_flip_takes_it() -> None:
    sphere, frame = Sphere(60.0, 96.0, 84.0, 30.0), Frame(16, 12.0)
    kept, flipped = (sphere_region(sphere.as_option(EXTENT, hand), frame).mask for hand in ("keep", "flip"))
    steps = 12.0 * np.arange(16)
    inside = (steps[:, None, None] - 60) ** 2 + (steps[:, None] - 96) ** 2 + (steps - 84) ** 2 <= 30**2
    assert (kept[inside] >= 0.5).all()
    np.testing.assert_array_equal(flipped, flip_hand(kept))


def test_the_circle_is_seen_where_the_volume_has_something() -> None:
    """A ball in a volume that is turned: its picture has its middle and its radius where the sphere's are said."""
    box, drawn = 48, DrawnSphere()
    drawn.begin(box * 4.0)
    drawn.set(z=130.0, y=84.0, x=116.0, radius=28.0)
    steps = 4.0 * np.arange(box)
    away = np.sqrt((steps[:, None, None] - 130) ** 2 + (steps[:, None] - 84) ** 2 + (steps - 116) ** 2)
    ball = np.clip((28 - away) / 4 + 0.5, 0, 1).astype(np.float32)
    turn = Rotation.from_euler("xyz", [30, -50, 20], degrees=True).as_matrix()

    picture = shaded(ball, 0.5, turn, (1.0, 1.0, 1.0), scale=4).sum(axis=2) > 0

    right, up, radius = drawn.seen(turn)
    rows, columns = np.nonzero(picture)
    assert columns.mean() / picture.shape[1] - 0.5 == pytest.approx(right, abs=0.01)
    assert 0.5 - rows.mean() / picture.shape[0] == pytest.approx(up, abs=0.01)
    assert np.sqrt(picture.mean() / np.pi) == pytest.approx(radius, abs=0.01)


def test_a_sphere_moves_in_the_plane_that_is_seen_and_stays_in_the_box() -> None:
    drawn = DrawnSphere()
    drawn.begin(100.0)
    turn = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    before = drawn.seen(turn)
    drawn.move(0.1, 0.2, turn)
    after = drawn.seen(turn)
    np.testing.assert_allclose(np.subtract(after, before), [0.1, 0.2, 0], atol=0.01)
    assert drawn.sphere == Sphere(60.0, 70.0, 50.0, 12.0)
    drawn.move(5, 0, np.eye(3))
    drawn.set(radius=1000)
    assert drawn.sphere == Sphere(60.0, 70.0, 100.0, 50.0)


def test_all_particles_have_what_the_command_says(measuring: Measuring, analysed_run: Run, tmp_path: Path) -> None:
    measuring.drawn.set(z=60.0, y=96.0, x=84.0, radius=30.0)
    measuring.start(measuring.free_name("sphere"))
    with pytest.raises(InputError, match="sphere: is being measured"):
        measuring.start("other")
    finish(measuring)

    session, copy = measuring.session, Path(shutil.copytree(analysed_run.path, tmp_path / "copy"))
    assert session.run is not None
    hand = session.run.document["data"]["forward_model"]["map_hand"]
    z = 60 if hand == "keep" else EXTENT - 60
    with pytest.raises(SystemExit) as ending:
        programs.main(
            ["occupancy", str(copy), "--sphere", f"{z:g},96,84,30", "--name", "sphere", "--no-figures", "--quiet"]
        )
    assert ending.value.code == 0
    place = "analysis/epoch-0002/occupancy/sphere/occupancy.csv"
    assert (session.run.path / place).read_bytes() == (copy / place).read_bytes()
    assert session.coloured_by == f"sphere sphere {z:g} 96 84 30"
    assert isinstance(session.columns[session.coloured_by], Numbers)
    assert measuring.free_name("sphere") == "sphereb"


def test_what_can_not_be_measured_is_said_and_nothing_is_written(measuring: Measuring, tmp_path: Path) -> None:
    assert measuring.options("mask", mask=tmp_path / "of.mrc").mask == (tmp_path / "of.mrc",)
    measuring.start("Mask 1", mask=tmp_path / "of.mrc")
    while not measuring.look():
        time.sleep(0.05)
    assert measuring.failed
    assert measuring.ended == "--name Mask 1: expected lower-case letters only, as occupancy"
    assert measuring.panel.names() == []
    measuring.drawn.end()
    with pytest.raises(InputError, match="Draw a sphere"):
        measuring.start("sphere")
    session = Session()
    with pytest.raises(InputError, match="open one"):
        Measuring(OccupancyPanel(session), measuring.drawn).start("sphere")
