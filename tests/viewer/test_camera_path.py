"""A camera's way: through its stops, evenly between them, and as napari has it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from napari.components import ViewerModel
from scipy.spatial.transform import Rotation

from napari_tomodrgn.viewer.camera import show_stop, stop_of
from napari_tomodrgn.viewer.camera_path import PACES, CameraPath, Interpolation, Pace, Stop
from napari_tomodrgn.viewer.history import History

FRONT = Stop((0, 0, 0), 1.0, (-1, 0, 0), (0, -1, 0), (0, 0, 0), (0, 1, 2), 3)
FAR = replace(FRONT, centre=(300.0, 600.0, -90.0), zoom=8.0, seconds=4.0)


def turned(stop: Stop, about: tuple[float, float, float], degrees: float) -> Stop:
    """Return a stop whose camera is turned about an axis in space."""
    turn = Rotation.from_rotvec(np.radians(degrees) * np.array(about))
    return replace(stop, towards=tuple(turn.apply(stop.towards)), up=tuple(turn.apply(stop.up)))


def angle(one: Stop, other: Stop) -> float:
    return float(np.degrees((one.rotation.inv() * other.rotation).magnitude()))


@pytest.fixture
def way() -> list[Stop]:
    stops = [FRONT, turned(FAR, (0, 0.6, 0.8), 100), turned(FRONT, (1, 0, 0), -60), replace(FAR, ndisplay=2, seconds=2)]
    return [*stops, turned(replace(FAR, seconds=0.5), (0, 1, 0), 179)]


@pytest.mark.parametrize("pace", PACES)
def test_it_comes_exactly_to_its_stops(way: list[Stop], pace: Pace) -> None:
    path = Interpolation(way, pace)
    assert path.seconds == 4 + 3 + 2 + 0.5
    assert [path.at(time) for time in (0, 4, 7, 9, 9.5)] == way
    assert (path.at(-1), path.at(100)) == (way[0], way[-1])
    for time, stop in zip((4, 7, 9, 9.5), way[1:], strict=True):  # without a jump
        before = path.at(time - 1e-6)
        np.testing.assert_allclose(before.centre, stop.centre, atol=1e-2)
        assert before.zoom == pytest.approx(stop.zoom, rel=1e-4)
        assert angle(before, stop) < 1e-2


def test_an_even_leg_is_straight_grows_evenly_and_turns_at_one_speed_about_one_axis() -> None:
    axis = (0.0, 0.6, 0.8)
    path = Interpolation([FRONT, turned(FAR, axis, 100)], "steady")
    seen = [path.at(time) for time in np.linspace(0, 4, 41)]
    np.testing.assert_allclose(
        [stop.centre for stop in seen], np.linspace(0, 1, 41)[:, None] * [300, 600, -90], atol=1e-9
    )
    np.testing.assert_allclose([stop.zoom for stop in seen], 8 ** np.linspace(0, 1, 41), rtol=1e-12)
    np.testing.assert_allclose([angle(*pair) for pair in pairwise(seen)], 2.5, atol=1e-9)
    for number, stop in enumerate(seen):
        expected = turned(FRONT, axis, 2.5 * number)
        np.testing.assert_allclose(stop.towards, expected.towards, atol=1e-12)
        np.testing.assert_allclose(stop.up, expected.up, atol=1e-12)


def test_an_eased_leg_begins_and_ends_at_rest() -> None:
    path = Interpolation([FRONT, turned(FAR, (1, 0, 0), 90)], "ease")
    turns = [angle(path.at(time), path.at(time + 0.004)) for time in (0, 1.998, 3.996)]
    assert turns[0] < 0.002
    assert turns[2] < 0.002
    assert turns[1] == pytest.approx(1.5 * 90 / 1000, rel=1e-3)  # half as fast again as evenly
    np.testing.assert_allclose(path.at(2).centre, [150, 300, -45])


def test_a_flowing_way_has_no_kink() -> None:
    stops = [FRONT, turned(FAR, (1, 0, 0), 40), replace(turned(FAR, (1, 0, 0), 90), centre=(400.0, 700.0, -150.0))]
    flow, steady = Interpolation(stops, "flow"), Interpolation(stops, "steady")

    def kink(path: Interpolation) -> tuple[float, float]:
        before, at, after = (path.at(4 + step) for step in (-1e-3, 0, 1e-3))
        steps = np.diff([before.centre, at.centre, after.centre], axis=0)
        return float(np.abs(steps[1] - steps[0]).max()), abs(angle(at, after) - angle(before, at))

    assert kink(flow)[0] < 0.01 * kink(steady)[0]
    assert kink(flow)[1] < 0.01 * kink(steady)[1]


@pytest.mark.parametrize(("seconds", "fps", "count"), [(4.0, 25, 101), (0.1, 30, 4), (0.5, 7, 5)])
def test_pictures_begin_at_the_first_stop_and_end_at_the_last(seconds: float, fps: int, count: int) -> None:
    times = Interpolation([FRONT, replace(FAR, seconds=seconds)]).frames(fps)
    assert len(times) == count
    assert (times[0], times[-1]) == (0, seconds)
    np.testing.assert_allclose(np.diff(times)[:-1], 1 / fps)


def test_between_a_slice_and_all_of_it_all_is_seen() -> None:
    flat = replace(FAR, ndisplay=2, point=(300.0, 5.0, 5.0), seconds=1.0)
    there, back = Interpolation([flat, FRONT]), Interpolation([FRONT, flat])
    assert [there.at(time).ndisplay for time in (0, 0.5, 3)] == [2, 3, 3]
    assert [back.at(time).ndisplay for time in (0, 0.5, 1)] == [3, 3, 2]
    assert back.at(0.5).point == (150, 2.5, 2.5)


def test_changes_of_the_stops_are_taken_back() -> None:
    history = History()
    path = CameraPath(history)
    path.add(FRONT)
    path.add(FAR)
    assert path.add(turned(FRONT, (1, 0, 0), 30), after=0) == 1
    assert path.move(1, 1) == 2
    assert path.move(2, 1) == 2
    path.take_seconds(1, 0.0)
    path.update(1, FRONT)
    path.remove(2)
    assert path.stops == (FRONT, replace(FRONT, seconds=0.1))
    seen = []
    while history.undo():
        seen.append(len(path.stops))
    assert seen == [3, 3, 3, 3, 2, 1, 0]
    while history.redo():
        pass
    assert path.stops == (FRONT, replace(FRONT, seconds=0.1))


@pytest.mark.parametrize("angles", [(0, 0, 0), (-25, 30, 20), (10, 90, -170), (170, -40, 5)])
def test_napari_sees_what_a_stop_says(angles: tuple[float, float, float]) -> None:
    viewer = ViewerModel(ndisplay=3)
    viewer.add_image(np.zeros((10, 20, 30)), scale=(10, 10, 10))
    camera = viewer.scene.camera
    camera.angles, camera.center, camera.zoom = angles, (40, 90, 130), 0.7
    towards, up = camera.view_direction, camera.up_direction
    viewer.dims.point = (50, 100, 150)
    stop = stop_of(viewer)

    camera.angles, camera.center, camera.zoom = (5, 6, 7), (1, 2, 3), 9
    viewer.dims.ndisplay = 2
    viewer.dims.order, viewer.dims.point = (1, 0, 2), (0, 0, 0)
    show_stop(viewer, stop)
    np.testing.assert_allclose(camera.view_direction, towards, atol=1e-9)
    np.testing.assert_allclose(camera.up_direction, up, atol=1e-9)
    assert (camera.center, camera.zoom, viewer.dims.point) == ((40, 90, 130), 0.7, (50, 100, 150))
    assert (viewer.dims.ndisplay, viewer.dims.order) == (3, (0, 1, 2))


def test_a_slice_is_a_stop_at_its_depth() -> None:
    viewer = ViewerModel()
    viewer.add_image(np.zeros((10, 20, 30)), scale=(10, 10, 10))
    viewer.dims.point = (70, 0, 0)
    viewer.scene.camera.center = (0, 80, 120)
    stop = stop_of(viewer)
    assert (stop.centre, stop.ndisplay) == ((70, 80, 120), 2)
    viewer.dims.ndisplay = 3
    viewer.scene.camera.angles = (0, 0, 0)
    front = stop_of(viewer)
    assert angle(front, stop) == pytest.approx(0, abs=1e-9)
    show_stop(viewer, stop)
    assert (viewer.dims.ndisplay, viewer.dims.point[0], viewer.scene.camera.center[1:]) == (2, 70, (80, 120))
