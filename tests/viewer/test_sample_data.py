"""The simulated tomogram of the sample data menu."""

import numpy as np
from scipy.ndimage import center_of_mass, gaussian_filter
from scipy.spatial.transform import Rotation

from napari_tomodrgn.viewer.sample_data import SHAPE, add_particle, simulated_tomogram


def test_particles_lie_where_the_points_are() -> None:
    (tomogram, attributes, _), (points, _, kind) = simulated_tomogram()
    assert kind == "points"
    voxel = np.round(points / attributes["scale"]).astype(int)
    smooth = gaussian_filter(tomogram, 4)
    assert smooth[tuple(voxel.T)].mean() > smooth.mean() + 3 * smooth.std()


def test_every_particle_lies_inside_and_has_a_state() -> None:
    (_, image, _), (points, attributes, _) = simulated_tomogram()
    upper = np.array(SHAPE) * image["scale"]
    assert ((points > 0) & (points < upper)).all()
    assert sorted(set(attributes["features"]["state"])) == [0, 1, 2, 3]


def test_a_volume_is_turned_by_the_particles_matrix_about_its_origin_voxel() -> None:
    volume = np.zeros((16, 16, 16), dtype=np.float32)
    volume[10, 8, 8], volume[8, 11, 8], volume[8, 8, 12] = 1.0, 2.0, 4.0
    volume = gaussian_filter(volume, 1.0)
    rotation = Rotation.from_euler("ZYZ", [30, 50, -70], degrees=True).as_matrix().T
    position = np.array([20.0, 22.4, 18.7])
    tomogram = np.zeros((40, 40, 40), dtype=np.float32)

    add_particle(tomogram, volume, rotation, position)

    lever = np.array(center_of_mass(volume))[::-1] - 8  # x, y, z
    expected = position + (rotation @ lever)[::-1]
    np.testing.assert_allclose(center_of_mass(tomogram), expected, atol=0.05)


def test_a_particle_at_the_border_is_cut_off() -> None:
    tomogram = np.zeros((8, 8, 8), dtype=np.float32)
    add_particle(tomogram, np.ones((8, 8, 8), dtype=np.float32), np.eye(3), np.array([0.0, 4.0, 8.0]))
    assert tomogram.sum() == 4 * 8 * 4
