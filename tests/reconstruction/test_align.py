"""Fitting maps in both hands: where the answer was made up, and on real ribosomes."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.maps import Map, flip_hand, read_map
from napari_tomodrgn.reconstruction.align import HandComparison, rotation_grid, rotational_search

TURN = Rotation.from_euler("ZYZ", [100, 70, -40], degrees=True).as_matrix()
SHIFT = np.array([2.0, -1.0, 1.5])  # x, y, z voxels


def turned(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return V(Rᵀ(x - t)) about voxel D/2."""
    back = TURN.T[::-1, ::-1]
    pivot = np.full(3, values.shape[0] / 2)
    result = affine_transform(values, back, offset=pivot - back @ (pivot + SHIFT[::-1]), order=3)
    return np.asarray(result, dtype=np.float32)


@pytest.fixture(scope="module")
def search(chiral_map: npt.NDArray[np.float32]) -> HandComparison:
    """The search for a map turned and moved."""
    return rotational_search(Map(chiral_map, 5.0), Map(turned(chiral_map), 5.0))


def test_finds_the_rotation_and_shift(search: HandComparison) -> None:
    error = Rotation.from_matrix(search.keep.rotation @ TURN.T).magnitude()

    assert search.score_keep > 0.98
    assert np.rad2deg(error) < 0.5
    np.testing.assert_allclose(search.keep.shift_angstrom / 5.0, SHIFT, atol=0.1)


def test_the_mirror_image_fits_worse(search: HandComparison) -> None:
    assert search.score_flip < search.score_keep - 0.2


def test_boxes_and_pixel_sizes_may_differ(chiral_map: npt.NDArray[np.float32]) -> None:
    """The mirrored map at half the sampling: voxel D/2 stays the pivot."""
    coarse = flip_hand(chiral_map)[::2, ::2, ::2]

    result = rotational_search(Map(coarse, 10.0), Map(turned(chiral_map), 5.0))

    assert result.score_flip > result.score_keep + 0.2


def test_the_supplied_ribosome_has_the_hand_of_the_50s_maps(warptools_set: Path, shared_data: Path) -> None:
    ribosome = read_map(warptools_set.with_name("warptools_test_box-32_angpix-12_reconstruct.mrc"))

    result = rotational_search(ribosome, read_map(shared_data / "50S" / "vol_385.mrc"))

    assert result.score_keep > result.score_flip + 0.15


def test_rotations_are_spread_evenly() -> None:
    """No random rotation is farther than 16 degrees from the grid of the coarse search."""
    grid = Rotation.from_matrix(rotation_grid(5000))
    for each in Rotation.random(200, random_state=0):
        assert np.rad2deg((grid * each.inv()).magnitude().min()) < 16
