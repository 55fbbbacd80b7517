"""Cutouts about particles, held against planted densities and scipy's rotations."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.cutouts import Cut, cutouts, grey, slab_at, slab_of_volume, tomogram_file
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.tomogram_files import TomogramFiles

VOXEL = 20.0
CUT = Cut(side=400.0, thickness=200.0)


def blob(shape: tuple[int, ...], centre: np.ndarray, width: float) -> np.ndarray:
    grid = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"))
    distance = ((grid - np.asarray(centre)[:, None, None, None]) ** 2).sum(axis=0)
    return np.exp(-distance / (2 * width**2)).astype(np.float32)


def peak(picture: np.ndarray) -> np.ndarray:
    """Return the centre of mass of what is bright, from the picture's middle."""
    weight = np.clip(np.nan_to_num(picture), 0, None)
    rows, columns = np.indices(picture.shape) - (np.array(picture.shape)[:, None, None] - 1) / 2
    return np.array([(rows * weight).sum(), (columns * weight).sum()]) / weight.sum()


def test_a_particle_stands_in_the_middle_of_its_slab() -> None:
    volume = blob((30, 40, 50), np.array([12, 20, 31]), 1.5)

    picture = slab_at(volume, VOXEL, np.array([12, 20, 31]) * VOXEL, CUT)

    assert picture.shape == (21, 21)
    np.testing.assert_allclose(picture, volume[7:18, 10:31, 21:42].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(peak(picture), 0, atol=1e-3)


def test_beyond_a_face_there_is_nothing() -> None:
    volume = np.ones((30, 40, 50), np.float32)

    picture = slab_at(volume, VOXEL, [5 * VOXEL, 2 * VOXEL, 49 * VOXEL], CUT)

    assert np.isnan(picture[:8]).all()
    assert np.isnan(picture[:, 11:]).all()
    assert (picture[8:, :11] == 1).all()
    assert np.isnan(slab_at(volume, VOXEL, [-5000, 0, 0], CUT)).all()
    assert (grey(picture)[:8] == 8).all()


@pytest.mark.parametrize("angles", [(0, 0, 0), (30, 70, -20), (110, 150, 45), (-80, 20, 160)])
def test_a_volume_lies_as_its_particle_is_turned(angles: tuple[float, float, float]) -> None:
    offset = np.array([4.0, -3.0, 2.0])  # px x, y, z from voxel D/2
    volume = blob((32, 32, 32), 16 + offset[::-1], 1.2)
    poses = Poses(np.zeros((1, 3)), np.array([angles], dtype=float))

    picture = slab_of_volume(volume, 10.0, poses.rotations(0), Cut(side=200.0, thickness=160.0), 81)

    expected = 10.0 * Rotation.from_euler("zyz", -np.array(angles), degrees=True).apply(offset)
    np.testing.assert_allclose(peak(picture) * 200 / 80, expected[[1, 0]], atol=2.0)


def test_each_particles_cutout_is_of_its_own_tomogram(analysed_run: Run, tmp_path: Path) -> None:
    particle_set = analysed_run.particle_set()
    position = particle_set.particles[["z", "y", "x"]].to_numpy()
    tomograms = particle_set.particles["tomogram"].unique().tolist()
    shape = tuple(np.ceil(position.max(axis=0) / VOXEL).astype(int) + 15)
    files = TomogramFiles([*tomograms, "third"])
    for number, name in enumerate(tomograms, 1):
        with mrcfile.new(tmp_path / f"{name}.mrc") as stream:
            stream.set_data(np.full(shape, number, np.int8))
            stream.voxel_size = VOXEL
    files.add([tmp_path])
    rows = [20, 3, 11, 12]

    found = list(cutouts(particle_set, rows, files, "raw", CUT))

    assert [each.row for each in found] == rows
    for each in found:
        assert each.picture is not None
        expected = 1 + tomograms.index(particle_set.particles["tomogram"][each.row])
        assert set(each.picture[np.isfinite(each.picture)]) == {expected}
    files.remove(tmp_path / f"{tomograms[1]}.mrc")
    assert [each.picture is None for each in cutouts(particle_set, rows, files, "denoised", CUT)] == [
        particle_set.particles["tomogram"][row] == tomograms[1] for row in rows
    ]
    assert tomogram_file(files, "third", "raw") is None


def test_a_tomogram_without_a_voxel_size_is_said(analysed_run: Run, tmp_path: Path) -> None:
    particle_set = analysed_run.particle_set()
    files = TomogramFiles(particle_set.particles["tomogram"].unique().tolist())
    with mrcfile.new(tmp_path / "001.mrc") as stream:
        stream.set_data(np.zeros((4, 4, 4), np.int8))
    files.add([tmp_path])

    with pytest.raises(InputError, match=r"001\.mrc: its header has no voxel size"):
        list(cutouts(particle_set, [0], files, "raw", CUT))
    files.set_pixel_size("raw", None, VOXEL)
    assert next(cutouts(particle_set, [0], files, "raw", CUT)).picture is not None
