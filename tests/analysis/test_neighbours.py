"""Neighbours, directions and relative orientations, held against what is worked out one by one and with scipy."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.spatial.blocks import blocks
from napari_tomodrgn.analysis.spatial.directions import (
    Cells,
    direction_test,
    directions,
    longitude_latitude,
    relative_angles,
)
from napari_tomodrgn.analysis.spatial.nearest import nearest
from napari_tomodrgn.analysis.spatial.places import places_of
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.neighbourhoods import scattered, tomograms_of


def test_the_nearest_are_those_of_a_full_table_of_distances() -> None:
    where = scattered(3, 60, 0)

    found = nearest(where, 4)

    for row in range(len(where)):
        others = np.flatnonzero((where.tomogram == where.tomogram[row]) & (np.arange(len(where)) != row))
        distance = np.linalg.norm(where.position[others] - where.position[row], axis=1)
        order = np.argsort(distance)[:4]
        assert found.row[row].tolist() == others[order].tolist()
        np.testing.assert_allclose(found.distance[row], distance[order])


def test_few_particles_have_few_neighbours_and_the_same_place_is_a_neighbour() -> None:
    where = tomograms_of([np.zeros((1, 3)), np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [9.0, 0, 0]])])

    found = nearest(where, 3)

    assert found.row[0].tolist() == [-1, -1, -1]
    assert np.isnan(found.distance[0]).all()
    for row in range(1, 5):
        assert sorted(found.row[row].tolist()) == [other for other in range(1, 5) if other != row]
    assert found.distance[4].tolist() == [9.0, 9.0, 9.0]


def test_directions_are_those_of_scipys_rotations() -> None:
    generator = np.random.default_rng(1)
    angles = generator.uniform(-180, 180, (30, 3))
    # RELION's rot, tilt, psi as scipy's rotation of the particle onto the tomogram's axes, transposed
    into_image = Rotation.from_euler("ZYZ", angles, degrees=True).inv()
    where = tomograms_of([generator.uniform(0, 1000, (30, 3))], [into_image.as_matrix()])
    near = nearest(where, 2)

    direction, angle = directions(where, near), relative_angles(where, near)

    away = where.position[near.row] - where.position[:, None]
    for rank in range(2):
        own = into_image.inv().apply(away[:, rank] / near.distance[:, rank, None])
        np.testing.assert_allclose(direction[:, rank], own, atol=1e-12)
        turn = into_image[near.row[:, rank]] * into_image.inv()
        np.testing.assert_allclose(angle[:, rank], np.degrees(turn.magnitude()), atol=1e-5)
    np.testing.assert_allclose(directions(where, near, flipped=True), direction * [1, 1, -1])


def test_a_neighbour_at_a_landmark_of_a_real_set_is_where_its_star_says(warptools_set) -> None:
    particle_set = read_particles(warptools_set)
    where = places_of(particle_set)
    near = nearest(where, 1)
    table = particle_set.particles.set_index(["tomogram", "name"])

    direction = directions(where, near)

    for row in (0, 17, 39):
        own, other = (table.loc[where.ids[each]] for each in (row, near.row[row, 0]))
        away = np.array([other[axis] - own[axis] for axis in "xyz"])
        turned = Rotation.from_euler("ZYZ", [own["rot"], own["tilt"], own["psi"]], degrees=True).apply(away)
        np.testing.assert_allclose(direction[row, 0], turned / np.linalg.norm(away), atol=1e-6)


@pytest.mark.parametrize("count", [20, 500, 10**5])
def test_cells_are_of_equal_area_and_hold_their_centres(count: int) -> None:
    cells = Cells.for_count(count)
    uniform = np.random.default_rng(0).standard_normal((200_000, 3))
    uniform /= np.linalg.norm(uniform, axis=1, keepdims=True)

    filled = np.bincount(cells.of(uniform), minlength=len(cells))

    assert cells.of(cells.centres).tolist() == list(range(len(cells)))
    expected = len(uniform) / len(cells)
    assert ((filled - expected) ** 2 / expected).sum() < len(cells) + 5 * np.sqrt(2 * len(cells))


def test_planted_directions_peak_where_they_were_planted_and_nowhere_else() -> None:
    generator = np.random.default_rng(2)
    wanted = np.array([0.36, -0.48, 0.8])
    position, rotation = [], []
    for _ in range(6):
        single = scattered(1, 40, int(generator.integers(1 << 30)), apart=600, poses=True)
        turned = single.rotation
        spread = wanted + generator.normal(0, 0.05, (40, 3))
        partner = single.position + 200 * np.einsum("nij,nj->ni", turned, spread)
        position += [np.concatenate([single.position, partner])]
        rotation += [np.concatenate([turned, Rotation.random(40, random_state=generator).as_matrix()])]
    where = tomograms_of(position, rotation)

    test = direction_test(where, nearest(where, 1), permutations=199)

    assert test.p == pytest.approx(1 / 200)
    peak = test.cells.centres[test.peak]
    assert np.degrees(np.arccos(peak @ wanted)) < 15
    longitude, latitude = longitude_latitude(peak)
    assert longitude == pytest.approx(np.degrees(np.arctan2(-0.48, 0.36)), abs=15)
    assert latitude == pytest.approx(np.degrees(np.arcsin(0.8)), abs=15)


def test_directions_of_particles_turned_at_random_are_not_significant_more_often_than_p_says() -> None:
    p = [
        direction_test(where, nearest(where, 1), permutations=99, seed=seed).p
        for seed in range(40)
        for where in [scattered(2, 60, seed, poses=True)]
    ]
    assert np.mean(np.array(p) <= 0.1) < 0.3


def test_blocks_are_small_whole_and_of_one_tomogram() -> None:
    where = scattered(4, 101, 3)

    block = blocks(where, 8)

    sizes = np.bincount(block)
    assert sizes.min() >= 8
    assert sizes.max() < 16
    assert len(np.unique(np.stack([block, where.tomogram]), axis=1).T) == len(sizes)
    assert (np.diff(where.tomogram[np.unique(block, return_index=True)[1]]) >= 0).all()
    spread = [np.linalg.norm(where.position[block == each].std(axis=0)) for each in range(len(sizes))]
    assert np.mean(spread) < 0.5 * np.linalg.norm(where.position[:101].std(axis=0))
