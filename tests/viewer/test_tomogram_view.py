"""What is shown of a tomogram, and whether it fits its data set."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.viewer.oblique_plane import oblique_plane
from napari_tomodrgn.viewer.slab import SlabVolume, low_passed
from napari_tomodrgn.viewer.tomogram_fit import check_fit
from napari_tomodrgn.viewer.tomogram_view import open_tomogram


@pytest.fixture(scope="module")
def real_set(warptools_set: Path) -> ParticleSet:
    return read_particles(warptools_set)


@pytest.fixture(scope="module")
def sized(real_set: ParticleSet) -> tuple[str, npt.NDArray[np.float64]]:
    """The name and the size (z, y, x) in Å of a real tomogram."""
    row = real_set.tomograms.iloc[0]
    return str(row["name"]), row[["size_z", "size_y", "size_x"]].to_numpy(np.float64)


def shape_at(size: npt.NDArray[np.float64], pixel_size: float) -> tuple[int, ...]:
    return tuple(int(length / pixel_size) for length in size)  # programs cut off the rest


@pytest.mark.parametrize("pixel_size", [1.5, 10.0, 13.48])
def test_a_tomogram_fits_at_any_binning(real_set: ParticleSet, sized: Any, pixel_size: float) -> None:
    name, size = sized
    fit = check_fit("t.mrc", shape_at(size, pixel_size), pixel_size, real_set, name)
    assert fit.messages == ()
    assert fit.particles == 10
    assert len(fit.outside) == 0


def test_the_pixel_size_that_a_header_lacks_or_has_wrong_is_suggested(real_set: ParticleSet, sized: Any) -> None:
    name, size = sized
    shape = shape_at(size, 10.0)
    for given in (None, 2.5):
        fit = check_fit("t.mrc", shape, given, real_set, name)
        assert fit.suggested_pixel_size == pytest.approx(10.0, rel=0.01)
        assert "asks for 10" in fit.messages[0]


def test_turned_axes_are_named(real_set: ParticleSet, sized: Any) -> None:
    name, size = sized
    z, y, x = shape_at(size, 10.0)
    (message, *_) = check_fit("t.mrc", (y, z, x), 10.0, real_set, name).messages
    assert "with its axes taken as y, z, x" in message


def test_particles_outside_of_a_part_are_counted(real_set: ParticleSet, sized: Any) -> None:
    name, size = sized
    z, y, x = shape_at(size, 10.0)
    fit = check_fit("t.mrc", (z, y, x // 2), 10.0, real_set, name)
    own = real_set.particles[real_set.particles["tomogram"] == name]
    beyond = own.index[own["x"] > (x // 2 - 0.5) * 10.0]
    assert 0 < len(beyond) < 10
    assert fit.outside.tolist() == beyond.tolist()
    assert "check that it is that one, whole" in fit.messages[0]
    assert f"{len(beyond)} of 10 particles" in fit.messages[1]


def test_a_set_that_says_no_size_is_held_against_positions_alone(real_set: ParticleSet, sized: Any) -> None:
    name, _ = sized
    silent = replace(real_set, tomograms=real_set.tomograms.assign(size_z=np.nan))
    assert check_fit("t.mrc", (10_000,) * 3, 10.0, silent, name).messages == ()
    (message,) = check_fit("t.mrc", (2, 2, 2), 10.0, silent, name).messages
    assert "10 of 10 particles" in message


def test_a_file_opens_as_a_tomogram_of_its_set(tmp_path: Path, real_set: ParticleSet, sized: Any) -> None:
    name, size = sized
    path = tmp_path / "tomogram.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros(shape_at(size, 100.0), dtype=np.int8))
    opened = open_tomogram(path, name, real_set, inverted=True)
    assert opened.messages == ()
    assert opened.question is not None
    assert "it has no pixel size" in opened.question
    assert opened.fit is not None
    suggested = opened.fit.suggested_pixel_size
    assert suggested == pytest.approx(100, rel=0.05)
    assert opened.pixel_size == suggested  # until another one is said
    alone = open_tomogram(path, name)
    assert alone.pixel_size is None
    assert alone.question is not None
    assert "its header has no voxel size, so it is shown in voxels" in alone.question

    opened = open_tomogram(path, name, real_set, pixel_sizes={"none": suggested}, inverted=True)
    _, attributes, kind = opened.layer
    assert opened.messages == ()
    assert opened.question is None
    assert kind == "image"
    assert attributes["colormap"] == "gray_r"
    assert attributes["metadata"]["experiment_id"] == name
    np.testing.assert_allclose(attributes["scale"], 100, rtol=0.05)


def test_a_segmentation_written_as_numbers_opens_as_labels(tmp_path: Path) -> None:
    path = tmp_path / "seg.mrc"
    expected = np.arange(24).reshape(2, 3, 4) % 5
    for kind in (np.float32, np.int8, ">f4"):
        with mrcfile.new(path, overwrite=True) as mrc:
            mrc.set_data(expected.astype(kind))
        values, _, layer_kind = open_tomogram(path, "a", segmentation=True).layer
        assert layer_kind == "labels"
        assert values.dtype.kind == "i"
        np.testing.assert_array_equal(np.asarray(values), expected)
    with mrcfile.new(path, overwrite=True) as mrc:
        mrc.set_data(np.full((2, 3, 4), 0.5, dtype=np.float32))
    with pytest.raises(InputError, match="so it is no segmentation"):
        open_tomogram(path, "a", segmentation=True)


class Counted:
    """A volume that remembers which parts of it were read."""

    def __init__(self, values: npt.NDArray[np.float32]) -> None:
        self.values, self.read = values, 0
        self.shape, self.ndim, self.size, self.dtype = values.shape, values.ndim, values.size, values.dtype

    def __getitem__(self, key: Any) -> Any:
        found = self.values[key]
        self.read += found.size
        return found


@pytest.fixture
def noise() -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((20, 24, 28)).astype(np.float32)


def test_a_slab_is_the_mean_of_its_slices_along_any_axis_and_reads_no_others(noise: npt.NDArray[np.float32]) -> None:
    counted = Counted(noise)
    slabs = SlabVolume(counted, half=2)
    np.testing.assert_allclose(slabs[10], noise[8:13].mean(axis=0), rtol=1e-5, atol=1e-6)
    assert counted.read == 5 * 24 * 28
    np.testing.assert_allclose(slabs[:, 23, 3:9], noise[:, 21:, 3:9].mean(axis=1), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slabs[-1, 1:3], noise[17:, 1:3].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slabs[..., 0], noise[..., :3].mean(axis=2), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.asarray(slabs[2:4]), noise[2:4])
    np.testing.assert_allclose(slabs[:, 3:9][10], noise[8:13, 3:9].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slabs[::2, ::2, ::2][5], noise[8:13:2, ::2, ::2].mean(axis=0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(slabs[1, 2, 3], noise[1, 2, 3])


def test_a_low_pass_leaves_half_the_amplitude_at_its_resolution() -> None:
    wave = np.tile(np.cos(2 * np.pi * np.arange(240) / 12), (32, 1)).astype(np.float32)  # 12 px of 5 Å
    left = low_passed(wave, 60.0, 5.0)[:, 60:180]
    np.testing.assert_allclose(left.max(), 0.5, atol=0.01)


@pytest.mark.parametrize("arguments", [{"half": -1}, {"low_pass": 30.0}, {"low_pass": 0.0, "pixel_size": 5.0}])
def test_slabs_that_can_not_be_are_refused(noise: npt.NDArray[np.float32], arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        SlabVolume(noise, **arguments)


def test_a_plane_across_the_beam_is_a_slice(noise: npt.NDArray[np.float32]) -> None:
    plane = oblique_plane(noise, 10.0, (70.0, 100.0, 120.0), (2, 0, 0), 90.0)
    np.testing.assert_allclose(plane.image, noise[7, 6:15, 8:17], atol=1e-5)
    np.testing.assert_allclose(plane.affine @ [0, 0, 0, 1], [70, 60, 80, 1])
    np.testing.assert_allclose(plane.affine @ [0, 8, 8, 1], [70, 140, 160, 1])


def test_a_plane_at_any_angle_shows_what_is_at_its_pixels() -> None:
    z, y, x = np.mgrid[:40, :40, :40].astype(np.float32)
    values = 3 * z - 2 * y + x  # linear, so linear interpolation is exact
    normal = np.array([1.0, 2.0, -1.0])
    plane = oblique_plane(values, 4.0, (80.0, 80.0, 80.0), normal, 80.0, half=1)
    rows, columns = np.indices(plane.image.shape)
    at = np.einsum("ij,jrc->irc", plane.affine, np.stack([0 * rows, rows, columns, np.ones_like(rows)]))[:3]
    inside = np.isfinite(plane.image)
    assert inside.mean() > 0.9
    expected = np.einsum("i,irc->rc", [3, -2, 1], at / 4.0)
    middle = (slice(3, -3), slice(3, -3))
    np.testing.assert_allclose(plane.image[middle], expected[middle], atol=1e-3)
    np.testing.assert_allclose(np.einsum("i,irc->rc", normal, at - 80.0), 0, atol=1e-9)
    assert np.linalg.det(plane.affine[:3, :3]) == pytest.approx(4.0**3)


def test_a_plane_reads_its_surroundings_only() -> None:
    counted = Counted(np.zeros((256, 256, 256), dtype=np.float32))
    oblique_plane(counted, 1.0, (128, 128, 128), (1, 1, 0), 250.0)
    assert counted.read < 0.35 * counted.size


def test_a_plane_beside_the_volume_is_empty(noise: npt.NDArray[np.float32]) -> None:
    plane = oblique_plane(noise, 1.0, (500, 500, 500), (1, 0, 0), 10.0)
    assert np.isnan(plane.image).all()
    assert not plane.layer("beside")[0].any()
    with pytest.raises(InputError, match="has no direction"):
        oblique_plane(noise, 1.0, (5, 5, 5), (0, 0, 0), 10.0)
