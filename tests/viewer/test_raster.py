"""Pictures of points, and points found under a lasso, against plain loops and matplotlib's paths."""

import matplotlib
import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.path import Path

from napari_tomodrgn.viewer.frame import Frame, range_of, ticks
from napari_tomodrgn.viewer.polygon import inside
from napari_tomodrgn.viewer.raster import DIMMED, Cloud, dilated, disc, marker_size, spaced

WIDTH, HEIGHT = 90, 70
RED, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 0.0, 1.0, 1.0)


def cloud_of(count: int, seed: int = 0) -> Cloud:
    x, y = np.random.default_rng(seed).normal(size=(2, count))
    cloud = Cloud(x, y)
    cloud.paint(np.tile(np.float32(RED), (count, 1)))
    return cloud


def whole(cloud: Cloud, width: int = WIDTH, height: int = HEIGHT) -> Frame:
    return Frame.around(cloud.x_range, cloud.y_range, width, height)


def pixels(cloud: Cloud, frame: Frame) -> npt.NDArray[np.float64]:
    return frame.to_pixels(np.stack([cloud.x, cloud.y], axis=1))


def star(corners: int, seed: int, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.float64]:
    """Return a polygon that crosses itself and leaves the picture."""
    return np.random.default_rng(seed).uniform(-15, 15 + np.array([width, height]), (corners, 2))


# frames


def test_data_and_pixels_are_each_others_inverse_and_y_grows_upwards() -> None:
    frame = Frame((-2.0, 6.0), (10.0, 14.0), 80, 40)
    np.testing.assert_allclose(frame.to_pixels([(-2, 14), (6, 10), (0, 12)]), [(0, 0), (80, 40), (20, 20)])
    points = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_allclose(frame.to_data(frame.to_pixels(points)), points)


def test_zoom_keeps_what_is_under_the_mouse_and_moving_shifts_by_pixels() -> None:
    frame = Frame((-2.0, 6.0), (10.0, 14.0), 80, 40)
    at = frame.to_data([(33, 7)])
    zoomed = frame.zoomed(2.5, 33, 7)
    np.testing.assert_allclose(zoomed.to_pixels(at), [(33, 7)])
    assert zoomed.x[1] - zoomed.x[0] == pytest.approx(8 / 2.5)
    np.testing.assert_allclose(frame.moved(5, -3).to_pixels(at), [(38, 4)])


@pytest.mark.parametrize("values", [[], [3.0], [7.0] * 4, [1e9] * 3, [0.0, 1e-9], [-1e300, 1e300]])
def test_a_range_is_never_empty(values: list[float]) -> None:
    low, high = range_of(np.array(values))
    assert low < high
    assert all(low <= value <= high for value in values)


@pytest.mark.parametrize(
    ("limits", "written"),
    [
        ((-1.02, 2.1), ["−1", "0", "1", "2"]),
        ((0.0, 0.1), ["0.00", "0.02", "0.04", "0.06", "0.08", "0.10"]),
        ((0.0, 3e7), ["0", "1e+07", "2e+07", "3e+07"]),
    ],
)
def test_ticks_are_round_numbers(limits: tuple[float, float], written: list[str]) -> None:
    assert [text for _, text in ticks(limits, 5)] == written


# drawing


def test_each_point_is_drawn_where_it_lies_and_nothing_else() -> None:
    cloud = cloud_of(200)
    frame = whole(cloud)
    picture = cloud.picture(frame, 1)
    expected = np.zeros((HEIGHT, WIDTH), dtype=bool)
    for column, row in pixels(cloud, frame):
        expected[int(row), int(column)] = True
    np.testing.assert_array_equal(picture[..., 3] > 0, expected)
    assert set(map(tuple, picture[expected])) == {(255, 0, 0, 255)}


@pytest.mark.parametrize("size", [2, 3, 4, 5, 9, 14])
def test_markers_are_discs_and_the_highest_value_wins(size: int) -> None:
    values = np.zeros((30, 40), np.int32)
    generator = np.random.default_rng(size)
    values[generator.integers(0, 30, 25), generator.integers(0, 40, 25)] = generator.permutation(25) + 1
    expected = np.zeros_like(values)
    for row, column in zip(*np.nonzero(values), strict=True):
        for line, length in enumerate(disc(size)):
            y = row - (size - 1) // 2 + line
            begin = column - (size - 1) // 2 + (size - length) // 2
            for x in range(begin, begin + length):
                if 0 <= y < 30 and 0 <= x < 40:
                    expected[y, x] = max(expected[y, x], values[row, column])
    np.testing.assert_array_equal(dilated(values, size), expected)


@pytest.mark.parametrize("size", [5, 8, 15, 25])
def test_a_disc_is_round(size: int) -> None:
    lines = disc(size)
    assert lines == lines[::-1]
    assert max(lines) == size
    assert sum(lines) == pytest.approx(np.pi * size**2 / 4, rel=0.15)


def test_selected_points_lie_over_the_others_which_are_dimmed() -> None:
    cloud = Cloud(np.zeros(4), np.zeros(4))
    cloud.paint(np.array([RED, BLUE, RED, RED], np.float32))
    frame = whole(cloud)
    assert tuple(cloud.picture(frame, 1).max(axis=(0, 1))) == (255, 0, 0, 255)
    cloud.select(np.array([False, True, False, False]))
    assert tuple(cloud.picture(frame, 1).max(axis=(0, 1))) == (0, 0, 255, 255)

    apart = Cloud(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    apart.paint(np.array([RED, BLUE], np.float32))
    apart.select(np.array([False, True]))
    picture = apart.picture(whole(apart), 1)
    assert sorted(picture[picture[..., 3] > 0][:, 3]) == [round(255 * DIMMED), 255]


def test_hidden_points_are_neither_drawn_nor_found() -> None:
    cloud = cloud_of(50)
    colours = np.tile(np.float32(RED), (50, 1))
    colours[:30, 3] = 0
    cloud.paint(colours)
    frame = whole(cloud)
    assert cloud.counts(frame, 1).sum() == 20
    everything = [(0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT)]
    np.testing.assert_array_equal(np.flatnonzero(cloud.in_polygon(frame, everything)), np.arange(30, 50))
    cloud.paint(np.tile(np.float32(RED), (50, 1)))
    assert cloud.in_polygon(frame, everything).all()


def test_colours_are_kept_exactly_for_any_number_of_them() -> None:
    generator = np.random.default_rng(5)
    x, y = np.divmod(np.arange(400.0), 20)
    cloud = Cloud(x, y)
    colours = generator.integers(1, 256, (400, 4))
    cloud.paint((colours / 255).astype(np.float32))
    frame = whole(cloud, 200, 200)
    picture = cloud.picture(frame, 1)
    for (column, row), colour in zip(pixels(cloud, frame).astype(int), colours, strict=True):
        np.testing.assert_array_equal(picture[row, column], colour)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_density_counts_the_points_around_each_pixel(size: int) -> None:
    cloud = cloud_of(500)
    frame = whole(cloud)
    single = np.zeros((HEIGHT, WIDTH), int)
    np.add.at(single, tuple(pixels(cloud, frame).astype(int).T[::-1]), 1)
    padded = np.pad(single, size)
    shifts = range(-(size // 2), size - size // 2)
    expected = sum(
        padded[size + dy : size + dy + HEIGHT, size + dx : size + dx + WIDTH] for dy in shifts for dx in shifts
    )
    np.testing.assert_array_equal(cloud.counts(frame, size), expected)


def test_density_is_brightest_where_most_points_lie_and_shows_the_selected_over_the_rest() -> None:
    cloud = Cloud(np.array([0.0] * 50 + [1.0] * 3), np.array([0.0] * 50 + [1.0] * 3))
    cloud.paint(np.ones((53, 4), np.float32))
    frame = whole(cloud)
    (many, few) = pixels(cloud, frame)[[0, -1]].astype(int)
    picture = cloud.density(frame, 1)
    full = (np.array(matplotlib.colormaps["cividis"](1.0)) * 255 + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(picture[many[1], many[0]], full)
    assert picture[few[1], few[0], :3].sum() < full[:3].sum()
    cloud.select(np.arange(53) >= 50)
    picture = cloud.density(frame, 1)
    np.testing.assert_array_equal(picture[few[1], few[0]], full)
    assert picture[many[1], many[0], 3] == round(255 * DIMMED)


def test_points_without_a_value_are_left_out_and_counted() -> None:
    x, y = np.array([0.0, np.nan, 1.0, np.inf, 2.0]), np.array([0.0, 1.0, np.nan, 3.0, 1.0])
    cloud = Cloud(x, y)
    cloud.paint(np.ones((5, 4), np.float32))
    assert cloud.unplaced == 3
    assert cloud.x_range == (0.0, 2.0)
    cloud.select(np.array([False, True, False, False, True]))
    frame = whole(cloud)
    assert cloud.counts(frame, 1).sum() == 2
    assert cloud.nearest(frame, (0, 0)) in (0, 4)


@pytest.mark.parametrize("count", [0, 1, 10])
@pytest.mark.parametrize("equal", [False, True])
def test_few_points_and_equal_points_are_seen(count: int, equal: bool) -> None:
    values = np.full(count, 4.2) if equal else np.arange(count, dtype=float)
    cloud = Cloud(values, values)
    cloud.paint(np.ones((count, 4), np.float32))
    frame = whole(cloud)
    for picture in (cloud.picture(frame, marker_size(count)), cloud.density(frame, marker_size(count))):
        assert picture.shape == (HEIGHT, WIDTH, 4)
        assert (picture[..., 3] > 0).any() == (count > 0)
    found = cloud.in_rectangle(frame, (0, 0), (WIDTH, HEIGHT))
    assert found.sum() == count
    assert (cloud.nearest(frame, (10, 10)) is None) == (count == 0)
    assert len(cloud.along(frame, [(0, HEIGHT), (WIDTH, 0)], 5)) == min(count, 1 if equal else 5)


def test_a_column_without_any_value_shows_nothing() -> None:
    cloud = Cloud(np.full(6, np.nan), np.arange(6.0))
    cloud.paint(np.ones((6, 4), np.float32))
    frame = whole(cloud)
    assert cloud.unplaced == 6
    assert not cloud.picture(frame, 5).any()
    assert not cloud.in_polygon(frame, [(0, 0), (WIDTH, 0), (WIDTH, HEIGHT)]).any()


def test_far_from_zero_points_are_still_told_apart() -> None:
    x = 1e7 + np.arange(50) * 1e-3
    cloud = Cloud(x, np.arange(50.0))
    cloud.paint(np.ones((50, 4), np.float32))
    frame = whole(cloud, 400, 400)
    assert (cloud.picture(frame, 1)[..., 3] > 0).sum() == 50
    zoomed = frame.zoomed(20, *pixels(cloud, frame)[25])
    assert cloud.nearest(zoomed, tuple(pixels(cloud, frame)[25]), 1) == 25


# finding


@pytest.mark.parametrize("seed", range(12))
def test_a_lasso_holds_what_matplotlib_says(seed: int) -> None:
    points = np.random.default_rng(seed).uniform(-5, 5 + np.array([WIDTH, HEIGHT]), (20_000, 2))
    polygon = star(3 + 5 * seed, seed)
    seen = (points >= 0).all(axis=1) & (points < (WIDTH, HEIGHT)).all(axis=1)
    expected = Path([*polygon, polygon[0]], closed=True).contains_points(points) & seen
    found = inside(points[:, 0], points[:, 1], polygon, WIDTH, HEIGHT)
    np.testing.assert_array_equal(found, expected)


def test_a_lasso_of_upright_and_level_edges_and_of_a_single_line() -> None:
    points = np.random.default_rng(1).uniform(0, 40, (5_000, 2))
    square = [(10, 10), (30, 10), (30, 30), (10, 30)]
    expected = ((points > 10) & (points < 30)).all(axis=1)
    np.testing.assert_array_equal(inside(points[:, 0], points[:, 1], square, 40, 40), expected)
    assert not inside(points[:, 0], points[:, 1], [(1, 1), (30, 30)], 40, 40).any()
    assert not inside(points[:, 0], points[:, 1], [(1, 1), (30, 30), (1, 1)], 40, 40).any()
    assert not inside(points[:, 0], points[:, 1], [(5, 5)] * 4, 40, 40).any()


def test_a_lasso_finds_points_of_the_cloud_after_zooming() -> None:
    cloud = cloud_of(5_000)
    frame = whole(cloud).zoomed(3, 50, 30)
    polygon = star(9, 4)
    at = pixels(cloud, frame)
    seen = (at >= 0).all(axis=1) & (at < (WIDTH, HEIGHT)).all(axis=1)
    expected = Path([*polygon, polygon[0]], closed=True).contains_points(at) & seen
    np.testing.assert_array_equal(cloud.in_polygon(frame, polygon), expected)


def test_a_rectangle_holds_what_lies_between_its_corners_in_any_order() -> None:
    cloud = cloud_of(1_000)
    frame = whole(cloud)
    column, row = pixels(cloud, frame).T
    expected = (column >= 20) & (column <= 60) & (row >= 10) & (row <= 50)
    np.testing.assert_array_equal(cloud.in_rectangle(frame, (60, 10), (20, 50)), expected)


def test_the_nearest_point_is_the_nearest_and_the_one_on_top() -> None:
    cloud = cloud_of(300)
    frame = whole(cloud)
    at = pixels(cloud, frame)
    for place in np.random.default_rng(2).uniform(0, 70, (40, 2)):
        distance = np.linalg.norm(at - place, axis=1)
        assert cloud.nearest(frame, tuple(place)) == distance.argmin()
        assert (cloud.nearest(frame, tuple(place), 3) is None) == (distance.min() > 3)
    same = Cloud(np.zeros(3), np.zeros(3))
    same.paint(np.ones((3, 4), np.float32))
    same.select(np.array([False, True, False]))
    assert same.nearest(whole(same), (0, 0)) == 1


def test_places_along_a_line_are_at_equal_distances() -> None:
    line = [(0.0, 0.0), (3.0, 4.0), (3.0, 9.0)]
    np.testing.assert_allclose(spaced(line, 5), [(0, 0), (1.5, 2), (3, 4), (3, 6.5), (3, 9)])
    np.testing.assert_allclose(spaced([(2.0, 1.0)], 3), [(2, 1)] * 3)


def test_particles_along_a_path_come_once_and_in_its_order() -> None:
    cloud = Cloud(np.array([4.0, 0.0, 2.0, 2.0]), np.array([0.0, 0.0, 0.1, 5.0]))
    cloud.paint(np.ones((4, 4), np.float32))
    frame = whole(cloud)
    line = frame.to_pixels([(0, 0), (4, 0)])
    np.testing.assert_array_equal(cloud.along(frame, line, 9), [1, 2, 0])
    np.testing.assert_array_equal(cloud.along(frame, line[::-1], 9), [0, 2, 1])
