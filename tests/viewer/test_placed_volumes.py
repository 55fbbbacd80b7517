"""Order, fineness, merging, colours and picking of placed volumes."""

import numpy as np
import pytest

from napari_tomodrgn.viewer.meshes import EMPTY, Look, Mesh, isosurface
from napari_tomodrgn.viewer.placed_volumes import (
    COARSEST_STEP,
    MOST_IN_BATCH,
    ClassVolumes,
    PlacedMesh,
    build,
    colour_table,
    decoding_order,
    merge,
    particle_on_ray,
)
from napari_tomodrgn.viewer.placement import Poses


def poses_of(count: int, seed: int = 0) -> Poses:
    generator = np.random.default_rng(seed)
    return Poses(generator.uniform(0, 2000, (count, 3)), generator.uniform(0, 180, (count, 3)))


def ball(step: int = 1) -> Mesh:
    z, y, x = np.mgrid[:64, :64, :64] - 32.0
    return isosurface((20 - np.sqrt(z**2 + y**2 + x**2)).astype(np.float32), 0.0, step)


class Counted:
    """Makes balls, and knows for which particles at which steps."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []
        self.balls = {step: ball(step) for step in range(1, COARSEST_STEP + 1)}

    def __call__(self, row: int, step: int) -> Mesh:
        self.asked.append((row, step))
        return self.balls[step]


def test_selected_particles_come_first_and_then_the_nearest() -> None:
    poses = Poses(np.array([[0, 0, 9.0], [0, 0, 2], [0, 0, 5], [0, 0, 1], [0, 0, 3]]), np.zeros((5, 3)))
    selected = np.array([True, False, True, False, False])
    assert decoding_order([0, 1, 2, 3], poses, selected, [0, 0, 0]).tolist() == [2, 0, 3, 1]


def test_a_build_that_is_stopped_makes_no_more() -> None:
    counted = Counted()
    building = build(range(10), poses_of(10), counted, 2.0)
    assert [next(building).row, next(building).row] == [0, 1]
    building.close()
    assert {row for row, _ in counted.asked} == {0, 1}


def test_particles_whose_pose_is_not_known_are_left_out() -> None:
    poses = poses_of(4)
    poses.position_angstrom[1] = np.nan
    poses.angles[2] = np.nan
    assert [each.row for each in build([3, 2, 1, 0], poses, Counted(), 2.0)] == [3, 0]


@pytest.mark.parametrize("most", [10_000_000, 60_000, 20_000, 3_000, 100])
def test_all_together_keep_to_the_number_of_faces(most: int) -> None:
    counted = Counted()
    placed = list(build(range(40), poses_of(40), counted, 2.0, most_faces=most))
    faces = [len(each.faces) for each in placed]
    assert len(placed) == 40
    assert sum(faces) <= most
    assert faces == sorted(faces, reverse=True)
    if most >= 20_000:
        assert min(faces) > 0
        assert sum(faces) > 0.3 * min(most, 40 * len(ball(2).faces))
    assert len(counted.asked) <= 40 + COARSEST_STEP  # no steps tried again for every particle


def test_a_merged_surface_holds_every_particles_own() -> None:
    placed = list(build([2, 0, 1], poses_of(3), lambda row, _: EMPTY if row == 0 else ball(4), 2.0))
    batch = merge(placed)
    assert batch.rows.tolist() == [2, 0, 1]
    assert batch.limits == (-0.5, 2.5)
    assert batch.vertices.dtype == batch.numbers.dtype == np.float32
    for number, each in enumerate(placed):
        own = batch.numbers[batch.faces[:, 0]] == number
        np.testing.assert_array_equal(batch.vertices[batch.faces[own]], each.vertices[each.faces])
        assert (batch.numbers[batch.faces[own]] == number).all()


@pytest.mark.parametrize("count", [0, MOST_IN_BATCH + 1])
def test_more_than_a_table_of_colours_holds_are_not_merged(count: int) -> None:
    with pytest.raises(ValueError, match="can't be merged"):
        merge([PlacedMesh(0, EMPTY.vertices, EMPTY.faces)] * count)


def test_a_colour_is_opaque_or_not_there() -> None:
    rgba = np.array([[0.1, 0.2, 0.3, 0.6], [1, 1, 1, 0], [0, 0, 1, 1]])
    table = colour_table(rgba)
    np.testing.assert_allclose(table[:, :3], rgba[:, :3].astype(np.float32))
    assert table[:, 3].tolist() == [1, 0, 1]


def test_classes_are_decoded_once_each() -> None:
    class Source:
        asked: list[tuple[float, int]] = []  # noqa: RUF012

        def mesh(self, latent: np.ndarray, _look: Look, step: int) -> Mesh:
            self.asked.append((float(latent[0]), step))
            return ball(4)

    source = Source()
    meshes = ClassVolumes(source, Look(), [[0.5], [1.5]], np.array([0, 1, 1, -1, 0]))  # type: ignore[arg-type]
    placed = list(build(range(5), poses_of(5), meshes, 2.0))
    assert [len(each.faces) > 0 for each in placed] == [True, True, True, False, True]
    assert source.asked == [(0.5, 2), (1.5, 2)]


def first_by_steps(origin: np.ndarray, direction: np.ndarray, centres: np.ndarray, radius: float) -> int | None:
    """The ball that a walk along the ray in small steps enters first."""
    unit = direction / np.linalg.norm(direction)
    for distance in np.arange(0, 4000, 0.5):
        away = np.linalg.norm(centres - (origin + distance * unit), axis=1)
        if (away <= radius).any():
            return int(away.argmin())
    return None


def test_a_ray_finds_the_particle_that_a_walk_along_it_comes_to_first() -> None:
    generator = np.random.default_rng(4)
    centres = generator.uniform(0, 1000, (60, 3))
    found = []
    for _ in range(40):
        origin = generator.uniform(-300, 1300, 3)
        direction = generator.uniform(0, 1000, 3) - origin
        found.append(particle_on_ray(origin, direction, centres, 50.0))
        assert found[-1] == first_by_steps(origin, direction, centres, 50.0)
    assert None in found
    assert len(set(found)) > 10


def test_particles_behind_the_eye_and_of_no_place_are_not_met() -> None:
    centres = np.array([[0, 0, -100.0], [np.nan, 0, 0], [0, 0, 100], [0, 0, 200]])
    assert particle_on_ray([0, 0, 0], [0, 0, 5], centres, 20.0) == 2
    assert particle_on_ray([0, 0, 0], [0, 0, -1], centres, 20.0) == 0
    assert particle_on_ray([0, 0, 0], [1, 0, 0], centres, 20.0) is None
    assert particle_on_ray([0, 0, 0], [1, 0, 0], np.zeros((0, 3)), 20.0) is None
