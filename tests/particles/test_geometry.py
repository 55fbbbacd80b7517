"""Rotations, positions and shifts against scipy and against images made in real space."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation
from star_builders import BINNING, SET_TILTS, SIZE, TILT_PIXEL, write_relion5

from napari_tomodrgn.particles.geometry import euler_matrices, tilt_angles, tilt_matrices
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks

ANGLES = np.random.default_rng(3).uniform([-180, 0, -180], [180, 180, 180], (50, 3))


def test_euler_matrices_are_relions() -> None:
    scipy = Rotation.from_euler("ZYZ", ANGLES, degrees=True).as_matrix().swapaxes(1, 2)
    np.testing.assert_allclose(euler_matrices(*ANGLES.T), scipy, atol=1e-14)


def test_a_known_orientation() -> None:
    """RELION: rot 0, tilt 90, psi 0 looks along the reference's x axis; image x is then the reference's -z."""
    np.testing.assert_allclose(euler_matrices(0, 90, 0), [[0, 0, -1], [0, 1, 0], [1, 0, 0]], atol=1e-15)


def test_tilt_matrices_are_rz_ry_rx() -> None:
    scipy = Rotation.from_euler("xyz", ANGLES, degrees=True).as_matrix()
    np.testing.assert_allclose(tilt_matrices(*ANGLES.T), scipy, atol=1e-14)


def test_tilt_angles_ignore_the_axis_direction() -> None:
    tilts = np.array([-60.0, -3.0, 0.0, 45.0])
    np.testing.assert_allclose(tilt_angles(tilt_matrices(1.5, tilts, 85.3)), tilts, atol=1e-12)


BOX = 24
BLOBS = np.array([[5, 0, 0], [0, 3, 0], [0, 0, 4.5], [-3, -3, 1], [2, -4, -3], [-1, 2, -5]], dtype=np.float64)  # chiral
HEIGHTS = np.array([1.0, 0.8, 1.2, 0.9, 1.1, 0.7])
SIGMA = 1.3


def reference(size: int) -> np.ndarray:
    """The chiral object [z, y, x], origin at voxel size/2."""
    axis = np.arange(size) - size // 2
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij")[::-1], axis=-1)
    distance = ((grid[..., None, :] - BLOBS) ** 2).sum(axis=-1)
    return np.einsum("zyxb,b->zyx", np.exp(-distance / (2 * SIGMA**2)), HEIGHTS)


def moved(volume: np.ndarray, matrix: np.ndarray, origin: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Turn content by ``matrix`` (x, y, z) in real space, so that point ``origin`` comes to lie at ``target``."""
    inverse = matrix.T[::-1, ::-1]
    return ndimage.affine_transform(volume, inverse, origin[::-1] - inverse @ target[::-1], order=3)


def simulated_set(folder: Path) -> ParticleSet:
    """A RELION 5 set whose stacks are cut around the coordinate of a tomogram rotated and summed by scipy.ndimage."""
    subtomogram, angles = (15.0, 25.0, 35.0), (10.0, 40.0, 70.0)
    columns = {f"rlnTomoSubtomogram{n}": [str(v)] * 3 for n, v in zip(("Rot", "Tilt", "Psi"), subtomogram, strict=True)}
    columns |= {f"rlnAngle{n}": [str(v)] * 3 for n, v in zip(("Rot", "Tilt", "Psi"), angles, strict=True)}
    columns |= {f"rlnOrigin{axis}Angst": [value] * 3 for axis, value in zip("XYZ", ("7.0", "-9.0", "6.0"), strict=True)}
    path = write_relion5(folder, masks=("[1,1,1,1,1]",) * 3, particle_columns=columns)
    star = folder / "set.star"
    star.write_text(star.read_text().replace("4.0  16", f"4.0  {BOX}"))
    s = Rotation.from_euler("ZYZ", subtomogram, degrees=True).as_matrix().T
    a = Rotation.from_euler("ZYZ", angles, degrees=True).as_matrix().T
    origin_px = s @ np.array([7.0, -9.0, 6.0]) / (TILT_PIXEL * BINNING)
    size = 48
    centre = np.full(3, size / 2)
    coordinate = centre + np.array([3.0, -2.0, 1.0])
    tomogram = moved(reference(size), s @ a, centre, coordinate - origin_px)
    tilts = Rotation.from_euler("xyz", [(0.5, tilt, 85.0) for tilt in SET_TILTS], degrees=True).as_matrix()
    half = BOX // 2
    inner = slice(size // 2 - half, size // 2 + half)
    images = [moved(tomogram, tilt, coordinate, centre).sum(axis=0)[inner, inner] for tilt in tilts]
    from star_builders import write_stack

    for number in (1, 2, 3):
        write_stack(folder / "Subtomograms" / "01" / f"{number}_stack2d.mrcs", np.array(images, dtype=np.float32))
    return read_particles(path)


def predicted(particle_set: ParticleSet, rows: np.ndarray, blobs: np.ndarray, sign: float = 1.0) -> np.ndarray:
    """Projections of the blobs by the set's rotations, displaced by minus the shift that would centre them."""
    axis = np.arange(BOX) - BOX // 2
    shift = sign * particle_set.tilt_images[["shift_x", "shift_y"]].to_numpy()[rows] / particle_set.pixel_size
    at = np.einsum("nij,bj->nbi", particle_set.rotations[rows, :2].astype(np.float64), blobs) - shift[:, None]
    in_x = np.exp(-((axis - at[..., :1]) ** 2) / (2 * SIGMA**2))
    in_y = np.exp(-((axis - at[..., 1:]) ** 2) / (2 * SIGMA**2))
    return np.einsum("nby,nbx,b->nyx", in_y, in_x, HEIGHTS)


def correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)])


def test_rotation_and_shift_predict_images_made_in_real_space(tmp_path: Path) -> None:
    particles = simulated_set(tmp_path)
    rows = np.arange(5)
    images = ImageStacks(particles).read(rows)
    assert correlations(images, predicted(particles, rows, BLOBS)).min() > 0.99
    assert correlations(images, predicted(particles, rows, BLOBS * [1, 1, -1])).mean() < 0.9
    assert correlations(images, predicted(particles, rows, BLOBS, sign=-1.0)).mean() < 0.9
    assert correlations(images, predicted(particles, rows, BLOBS, sign=0.0)).mean() < 0.9


def test_heights_are_along_the_beam(tmp_path: Path) -> None:
    """The tomogram's centre turned by each tilt: where the particle comes to lie in z, from scipy's rotations."""
    particles = simulated_set(tmp_path)
    centre = np.array(SIZE) * TILT_PIXEL / 2
    tilts = Rotation.from_euler("xyz", [(0.5, tilt, 85.0) for tilt in SET_TILTS], degrees=True)
    position = particles.particles.loc[1, ["x", "y", "z"]].to_numpy(dtype=np.float64)
    np.testing.assert_allclose(particles.tilt_images["height"][5:10], tilts.apply(position - centre)[:, 2], atol=1e-6)


def gridded(particle_set: ParticleSet, sign: float) -> np.ndarray:
    """A plain CTF-weighted gridding reconstruction with the content moved by ``sign`` times the shift."""
    box, images = particle_set.box, particle_set.tilt_images
    axis = np.arange(box) - box // 2
    data = ImageStacks(particle_set).read(np.arange(len(images)))
    transform = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(data, axes=(1, 2))), axes=(1, 2))
    kx, ky = np.meshgrid(axis, axis)
    inside = np.hypot(kx, ky) < box // 2 - 1
    k = np.stack([kx[inside], ky[inside]], axis=1).astype(np.float64)
    shift = sign * images[["shift_x", "shift_y"]].to_numpy() / particle_set.pixel_size
    values = transform[:, inside] * np.exp(-2j * np.pi * shift @ k.T / box)
    frequency = np.hypot(*k.T) / (box * particle_set.pixel_size)
    wavelength = 12.2639 / np.sqrt(3e5 + 0.97845e-6 * 3e5**2)
    defocus = images["defocus_u"].to_numpy()[:, None]
    gamma = -np.pi * wavelength * defocus * frequency**2 + np.pi / 2 * 2.7e7 * wavelength**3 * frequency**4
    ctf = -np.sin(gamma - np.deg2rad(images["phase_shift"].to_numpy()[:, None]) - np.arcsin(0.1))
    where = np.rint(np.einsum("pj,njk->npk", k, particle_set.rotations[:, :2])).astype(int) + box // 2
    index = tuple(where.reshape(-1, 3)[:, ::-1].T)
    numerator, weight = np.zeros((box,) * 3, complex), np.zeros((box,) * 3)
    np.add.at(numerator, index, (values * ctf).ravel())
    np.add.at(weight, index, (ctf**2).ravel())
    volume = np.fft.ifftn(np.fft.ifftshift(numerator / (weight + 10))).real
    return np.asarray(np.fft.fftshift(volume))


def test_the_sign_of_the_shift_on_real_data(shared_data: Path) -> None:
    folder = shared_data / "cryosrpnt_classE"
    particles = read_particles(folder / "10076_classE_32_sim.star")
    raw = np.fromfile(folder / "10076_classE_32.mrc", "<f4")
    truth = raw[-(32**3) :].reshape(32, 32, 32)
    right, wrong = (abs(np.corrcoef(gridded(particles, sign).ravel(), truth.ravel())[0, 1]) for sign in (1.0, -1.0))
    assert right > 0.6
    assert wrong < right - 0.2


@pytest.mark.parametrize("kind", ["rotations", "shifts"])
def test_controls_fail(tmp_path: Path, kind: str) -> None:
    """Another tilt's rotation, or shifts with x and y exchanged, do not predict the images."""
    particles = simulated_set(tmp_path)
    rows = np.arange(5)
    images = ImageStacks(particles).read(rows)
    if kind == "rotations":
        wrong = predicted(particles, np.roll(rows, 2), BLOBS)
    else:
        exchanged = particles.tilt_images.rename(columns={"shift_x": "shift_y", "shift_y": "shift_x"})
        particles.tilt_images[["shift_x", "shift_y"]] = exchanged[["shift_x", "shift_y"]]
        wrong = predicted(particles, rows, BLOBS)
    assert correlations(images, wrong).mean() < 0.9
