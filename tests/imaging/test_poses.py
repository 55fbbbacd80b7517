"""RELION's Euler angles against scipy."""

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.geometry import euler_matrices


def test_euler_matrix_is_relions() -> None:
    generator = np.random.default_rng(0)
    rot, psi = generator.uniform(-180, 180, (2, 50))
    tilt = generator.uniform(0, 180, 50)

    found = euler_matrices(rot, tilt, psi)

    scipys = Rotation.from_euler("ZYZ", np.stack([rot, tilt, psi], axis=1), degrees=True).as_matrix()
    np.testing.assert_allclose(found, scipys.transpose(0, 2, 1), atol=1e-12)
