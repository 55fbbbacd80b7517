"""Half-sets: balanced, repeatable, and neighbours in one half."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.reconstruction.half_sets import half_sets

MakeSet = Callable[..., ParticleSet]
BOX, PIXEL_SIZE = 8, 10.0  # a box of 80 Å


def set_at(make_set: MakeSet, positions: np.ndarray | None, particles: int = 40) -> ParticleSet:
    images = np.zeros((particles, 2, BOX, BOX))
    rotations = np.broadcast_to(np.eye(3), (particles, 2, 3, 3))
    return make_set(images, rotations, pixel_size=PIXEL_SIZE, positions=positions)


def test_are_balanced_without_positions(make_set: MakeSet) -> None:
    half = half_sets(set_at(make_set, None))

    assert np.bincount(half).tolist() == [20, 20]


def test_are_fixed_by_the_seed(make_set: MakeSet) -> None:
    particle_set = set_at(make_set, None)

    np.testing.assert_array_equal(half_sets(particle_set, 1), half_sets(particle_set, 1))
    assert (half_sets(particle_set, 1) != half_sets(particle_set, 2)).any()


def test_keep_particles_that_share_images_together(make_set: MakeSet) -> None:
    positions = np.random.default_rng(0).uniform(0, 500, (40, 3))
    touching = cdist(positions, positions) < BOX * PIXEL_SIZE
    assert touching.sum() > 40 + 10

    half = half_sets(set_at(make_set, positions))

    assert (half[:, None] == half[None, :])[touching].all()
    assert 0.3 <= half.mean() <= 0.7


def test_far_particles_of_different_tomograms_are_no_neighbours(make_set: MakeSet) -> None:
    particle_set = set_at(make_set, np.zeros((40, 3)))
    particle_set.particles["tomogram"] = [str(number) for number in range(40)]

    assert np.bincount(half_sets(particle_set)).tolist() == [20, 20]


def test_crowded_particles_are_parted_with_a_warning(make_set: MakeSet, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="napari_tomodrgn"):
        half = half_sets(set_at(make_set, np.zeros((40, 3))))

    assert np.bincount(half).tolist() == [20, 20]
    assert "too close" in caplog.text


def test_two_particles_make_two_halves(make_set: MakeSet) -> None:
    assert sorted(half_sets(set_at(make_set, np.zeros((2, 3)), 2))) == [0, 1]
