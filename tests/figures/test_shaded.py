"""Surfaces drawn without a graphics card: what is seen where, from which side."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.figures.shaded import shaded, shaded_difference, turned_by_drag

BOX = 32
WHITE = (1.0, 1.0, 1.0)


def ball(centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """Return a ball around a place x, y, z in px from the box's centre; its density falls evenly over its radius."""
    z, y, x = np.indices((BOX,) * 3) - BOX // 2
    distance = np.sqrt((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2)
    return (1 - distance / (2 * radius)).clip(0).astype(np.float32)


def test_a_ball_is_a_disc_of_its_radius_bright_in_the_middle() -> None:
    picture = shaded(ball((0, 0, 0), 8), 0.5, np.eye(3), WHITE)[..., 0].astype(float)
    assert (picture > 0).sum() == pytest.approx(np.pi * 8**2, rel=0.05)
    middle = picture[BOX - 1 - BOX // 2, BOX // 2]
    assert middle == picture.max() > 200
    rim = picture[BOX - 1 - BOX // 2, BOX // 2 + 7]
    assert 0 < rim < 0.75 * middle


@pytest.mark.parametrize("angles", [(0, 0, 0), (90, 0, 0), (30, 50, -70)])
def test_places_turn_as_scipy_turns_them(angles: tuple[float, float, float]) -> None:
    """x to the right, y up, seen from z."""
    turn = Rotation.from_euler("xyz", angles, degrees=True)
    place = np.array([6.0, 3.0, -2.0])
    picture = shaded(ball(tuple(place), 3), 0.5, turn.as_matrix(), WHITE)[..., 0] > 0
    down, right = np.argwhere(picture).mean(axis=0)
    x, y, _ = turn.apply(place)
    assert right - BOX // 2 == pytest.approx(x, abs=0.6)
    assert (BOX - 1 - down) - BOX // 2 == pytest.approx(y, abs=0.6)


def test_what_is_nearer_hides_what_is_behind() -> None:
    near, far = ball((0, 0, 8), 3), ball((2, 0, -8), 3)
    both = shaded(near + far, 0.5, np.eye(3), WHITE)[..., 0].astype(float)
    alone = shaded(near, 0.5, np.eye(3), WHITE)[..., 0].astype(float)
    seen = alone > 0
    np.testing.assert_allclose(both[seen], alone[seen], atol=3)
    behind = (both > 0) & ~seen
    assert behind.any()
    assert both[behind].max() < both[seen].max()


def test_pictures_of_another_size_show_the_same() -> None:
    volume = ball((5, -4, 2), 5)
    small, large = (shaded(volume, 0.5, np.eye(3), WHITE, scale=scale)[..., 0] > 0 for scale in (1, 3))
    assert large.shape == (3 * BOX, 3 * BOX)
    assert large.sum() / 9 == pytest.approx(small.sum(), rel=0.15)


def test_nothing_above_the_level_is_background() -> None:
    picture = shaded(ball((0, 0, 0), 5), 2.0, np.eye(3), WHITE, background=(0, 0, 1))
    assert (picture == (0, 0, 255)).all()


def test_a_drag_to_the_right_turns_the_front_to_the_right() -> None:
    turn = turned_by_drag(np.eye(3), 30, 0)
    assert (turn @ np.array([0, 0, 1.0]))[0] > 0.2
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert (turned_by_drag(np.eye(3), 0, 30) @ np.array([0, 0, 1.0]))[1] < -0.2


def test_of_a_difference_the_nearer_side_is_seen() -> None:
    more, less = ball((0, 0, 8), 4), ball((2, 0, -6), 6)
    picture = shaded_difference(more - less, 0.5, np.eye(3), (1, 0, 0), (0, 0, 1)).astype(int)
    red, blue = picture[..., 0] > picture[..., 2], picture[..., 2] > picture[..., 0]
    alone = shaded(more, 0.5, np.eye(3), WHITE)[..., 0] > 0
    np.testing.assert_array_equal(red, alone)
    assert blue.sum() == pytest.approx(np.pi * 36 - alone.sum(), rel=0.15)


@pytest.mark.parametrize("scale", [1, 3])
def test_what_lies_far_away_does_not_change_how_a_ball_is_drawn(scale: int) -> None:
    """Only where something is above the level is anything traced; a block beside it makes that more of the box."""
    turn = Rotation.from_euler("xyz", (20, -35, 50), degrees=True).as_matrix()
    alone = ball((4, -3, 2), 5)
    beside = alone.copy()
    beside[7:10, 23:26, 22:25] = 2
    pictures = [shaded(volume, 0.5, turn, WHITE, scale=scale) for volume in (alone, beside)]
    drawn = pictures[0].any(axis=2)
    assert drawn.sum() > 50 * scale**2
    np.testing.assert_array_equal(pictures[0][drawn], pictures[1][drawn])
    assert pictures[1].any(axis=2).sum() > drawn.sum()
