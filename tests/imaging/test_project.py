"""Projections against torch-fourier-slice and against rotating and summing in real space."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.ndimage import affine_transform
from scipy.ndimage import shift as move
from scipy.spatial.transform import Rotation
from torch_fourier_slice import extract_central_slices_rfft_3d, project_3d_to_2d

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector

BOX = 32
POINTS = lattice(BOX)
NEAR_AXES = Rotation.from_euler("ZYZ", [[0, 0, 0], [30, 5, 0], [0, 90, 0], [90, 85, 3], [0, 180, 0]], degrees=True)
POSES = Rotation.concatenate([Rotation.random(24, random_state=7), NEAR_AXES]).as_matrix()
SHIFTS = np.random.default_rng(7).uniform(-3, 3, (len(POSES), 2))
Volume = npt.NDArray[np.float32]


def correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(x.ravel(), y.ravel())[0, 1] for x, y in zip(a, b, strict=True)])


def rotated_and_summed(volume: Volume, rotation: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """Turn a map about voxel D/2 by ``rotation`` on (x, y, z), sum along z and move by (x, y), all in real space."""
    back = rotation.T[::-1, ::-1]
    pivot = np.full(3, BOX / 2)
    turned = affine_transform(volume.astype(float), back, offset=pivot - back @ pivot, order=5)
    return move(turned.sum(axis=0), shift[::-1], order=5)


def ours(volume: Volume) -> np.ndarray:
    projector = Projector(torch.from_numpy(volume))
    rotation, shift = torch.from_numpy(POSES).float(), torch.from_numpy(SHIFTS).float()
    return projector.images(rotation, POINTS, shift).numpy()


def test_projections_agree_with_rotating_and_summing_in_real_space(chiral_map: Volume) -> None:
    expected = [rotated_and_summed(chiral_map, *pose) for pose in zip(POSES, SHIFTS, strict=True)]

    assert correlations(ours(chiral_map), np.array(expected)).min() > 0.99


def test_projections_of_the_mirrored_map_do_not(chiral_map: Volume) -> None:
    """Mirrored through the point D/2, which, unlike a plane, leaves no view of an asymmetric map as it was."""
    mirrored = np.roll(chiral_map[::-1, ::-1, ::-1], 1, axis=(0, 1, 2))
    expected = [rotated_and_summed(chiral_map, *pose) for pose in zip(POSES, SHIFTS, strict=True)]

    assert correlations(ours(mirrored), np.array(expected)).max() < 0.9


def test_projections_agree_with_torch_fourier_slice(chiral_map: Volume) -> None:
    """That package turns the sampling grid by the inverse of the map's rotation."""
    theirs = project_3d_to_2d(torch.from_numpy(chiral_map), torch.from_numpy(POSES).float().mT).numpy()
    expected = [move(image, shift[::-1], order=5) for image, shift in zip(theirs, SHIFTS, strict=True)]

    assert correlations(ours(chiral_map), np.array(expected)).min() > 0.99


def test_projections_keep_the_densities_scale(chiral_map: Volume) -> None:
    expected = rotated_and_summed(chiral_map, POSES[0], SHIFTS[0])
    found = ours(chiral_map)[0]

    slope = np.polyfit(expected.ravel(), found.ravel(), 1)[0]
    assert slope == pytest.approx(1, abs=0.01)


def test_slices_agree_with_torch_fourier_slice(chiral_map: Volume) -> None:
    padded = torch.nn.functional.pad(torch.from_numpy(chiral_map), [BOX] * 6)
    size = padded.shape[-1]
    transform = torch.fft.fftshift(torch.fft.rfftn(torch.fft.fftshift(padded)), dim=(0, 1))
    theirs = extract_central_slices_rfft_3d(transform, torch.from_numpy(POSES).float().mT)
    # Lattice points with x < 0 stand in the half plane as the conjugate of -k.
    flipped = POINTS.k[:, 0] < 0
    k = torch.round(torch.where(flipped[:, None], -POINTS.k, POINTS.k) * size).long()
    expected = theirs[:, (k[:, 1] + size // 2) % size, k[:, 0]]
    expected = torch.where(flipped, expected.conj(), expected).numpy()

    k3 = torch.einsum("pj,njk->npk", POINTS.k, torch.from_numpy(POSES).float()[:, :2])
    found = pairs_to_complex(Projector(torch.from_numpy(chiral_map)).pairs(k3)).numpy()

    product = (found * expected.conj()).real.sum(axis=1)
    norm = np.linalg.norm(found, axis=1) * np.linalg.norm(expected, axis=1)
    assert (product / norm).min() > 0.99


def test_unrotated_slice_is_the_projections_transform(chiral_map: Volume) -> None:
    k3 = torch.cat([POINTS.k, torch.zeros(POINTS.pairs, 1)], dim=1)[None]

    found = pairs_to_complex(Projector(torch.from_numpy(chiral_map), padding=4).pairs(k3))[0].numpy()

    position = np.arange(BOX) - BOX // 2
    k = POINTS.k.double().numpy()
    wave_x, wave_y = (np.exp(-2j * np.pi * k[:, [axis]] * position) for axis in (0, 1))
    expected = np.einsum("px,py,yx->p", wave_x, wave_y, chiral_map.sum(axis=0))
    assert np.abs(found - expected).max() < 0.02 * np.abs(expected).max()


def test_opposite_points_of_a_slice_are_conjugate(chiral_map: Volume) -> None:
    k3 = torch.einsum("pj,njk->npk", POINTS.k, torch.from_numpy(POSES).float()[:, :2])
    projector = Projector(torch.from_numpy(chiral_map))

    torch.testing.assert_close(projector.pairs(-k3), projector.pairs(k3).flip(1), atol=1e-4, rtol=1e-4)
