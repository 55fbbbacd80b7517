"""Tomograms of any size, type and byte order, opened without being read."""

from pathlib import Path

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer import mrc_volume
from napari_tomodrgn.viewer.mrc_volume import ConvertedVolume, contrast_limits, open_mrc, pyramid


def write(path: Path, values: npt.NDArray[np.generic], voxel_size: object = 10.0) -> Path:
    with mrcfile.new(path) as mrc:
        mrc.set_data(values)
        mrc.voxel_size = voxel_size
    return path


def edit(path: Path, word: int, value: int) -> None:
    """Change the 4-byte word of a header at a place counted from 1, as the format's tables count."""
    words = np.memmap(path, "<i4", "r+", 0, (256,))
    words[word - 1] = value
    words.flush()


def sparse_tomogram(path: Path, shape: tuple[int, int, int]) -> Path:
    """A file of the size of a tomogram in float32, of which only the header takes space on disk."""
    write(path, np.zeros((1, 1, 1), dtype=np.float32))
    x, y, z = shape[::-1]
    for word, value in enumerate((x, y, z), 1):
        edit(path, word, value)
    for word, value in enumerate((x, y, z), 8):
        edit(path, word, value)
    lengths = np.memmap(path, "<f4", "r+", 40, (3,))
    lengths[:] = 10.0 * np.array([x, y, z])
    lengths.flush()
    with open(path, "r+b") as stream:
        stream.truncate(1024 + 4 * x * y * z)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["i1", "i2", "f4", "u2", "f2"])
def test_every_type_of_either_byte_order_is_seen_in_the_machines(tmp_path: Path, order: str, kind: str) -> None:
    expected = np.arange(24).reshape(2, 3, 4).astype(order + kind)
    volume = open_mrc(write(tmp_path / "tomogram.mrc", expected))
    assert volume.values.dtype == np.dtype(kind)
    assert volume.pixel_size == pytest.approx(10.0)
    np.testing.assert_array_equal(np.asarray(volume.values), expected)
    np.testing.assert_array_equal(volume.values[1, :, 2:], expected[1, :, 2:])
    assert volume.values[1, 2, 3] == 23


def test_big_endian_voxels_are_converted_slice_by_slice(tmp_path: Path) -> None:
    values = open_mrc(write(tmp_path / "big.mrc", np.zeros((4, 3, 2), dtype=">f4"))).values
    assert isinstance(values, ConvertedVolume)
    assert isinstance(values.stored, np.memmap)
    part = values[1:, :2]
    assert isinstance(part, ConvertedVolume)
    assert isinstance(part.stored, np.memmap)
    assert np.asarray(part).shape == (3, 2, 2)
    assert values[2].shape == (3, 2)
    assert values[2].dtype.isnative
    assert (values.shape, values.ndim, values.size) == ((4, 3, 2), 3, 24)


def test_bytes_that_imod_wrote_without_a_sign_are_read_so(tmp_path: Path) -> None:
    path = write(tmp_path / "bytes.rec", np.array([[[0, 127, -128, -1]]], dtype=np.int8))
    assert open_mrc(path).values[0, 0].tolist() == [0, 127, -128, -1]
    edit(path, 39, 1146047817)  # IMOD's stamp, its flags 0: bytes have no sign
    assert open_mrc(path).values[0, 0].tolist() == [0, 127, 128, 255]
    edit(path, 40, 1)
    assert open_mrc(path).values[0, 0].tolist() == [0, 127, -128, -1]


def test_other_orders_of_axes_are_turned(tmp_path: Path) -> None:
    stored = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    path = write(tmp_path / "turned.map", stored)
    for word, axis in zip((17, 18, 19), (3, 2, 1), strict=True):  # columns along z, sections along x
        edit(path, word, axis)
    np.testing.assert_array_equal(np.asarray(open_mrc(path).values), stored.transpose(2, 1, 0))


def test_a_header_without_map_tag_or_machine_stamp_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "old.mrc", np.ones((2, 3, 4), dtype=np.float32))
    edit(path, 53, 0)
    edit(path, 54, 0)
    assert np.asarray(open_mrc(path).values).sum() == 24


@pytest.mark.parametrize(
    ("voxel_size", "says"),
    [(0.0, "its header has no voxel size"), ((10.0, 10.0, 15.0), "voxels of 10 x 10 x 15 Å and not cubes")],
)
def test_a_voxel_size_that_can_not_be_right_leaves_voxels(tmp_path: Path, voxel_size: object, says: str) -> None:
    volume = open_mrc(write(tmp_path / "strange.mrc", np.zeros((2, 3, 4), dtype=np.float32), voxel_size))
    assert volume.pixel_size is None
    assert volume.trouble is not None
    assert says in volume.trouble
    assert "set its pixel size" in volume.trouble


def test_missing_and_truncated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.mrc: can't be read \(No such file or directory\)"):
        open_mrc(tmp_path / "gone.mrc")
    path = write(tmp_path / "cut.mrc", np.zeros((8, 8, 8), dtype=np.float32))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"cut\.mrc: is truncated"):
        open_mrc(path)


def test_ten_gigabytes_open_without_being_read(tmp_path: Path) -> None:
    path = sparse_tomogram(tmp_path / "huge.mrc", (1000, 1600, 1600))
    assert path.stat().st_size > 10e9
    blocks = path.stat().st_blocks
    volume = open_mrc(path)
    assert volume.values.shape == (1000, 1600, 1600)
    assert contrast_limits(volume.values) == (0.0, 1.0)
    assert volume.values[999, 1599, 1599] == 0
    assert path.stat().st_blocks == blocks


def test_contrast_is_that_of_the_middle_and_ignores_gold() -> None:
    values = np.random.default_rng(0).standard_normal((40, 64, 64)).astype(np.float32)
    values[0], values[-1] = 1e4, -1e4
    values[20, 5, 5:8] = 1e6
    values[19, 0, 0] = np.nan
    low, high = contrast_limits(values)
    # percentiles 0.5 and 99.5 of a normal distribution
    np.testing.assert_allclose([low, high], [-2.576, 2.576], atol=0.15)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16])
def test_contrast_of_few_voxels_or_one_value(dtype: type) -> None:
    assert contrast_limits(np.full((1, 2, 3), 7, dtype=dtype)) == (7.0, 8.0)
    assert contrast_limits(np.full((2, 2, 2), np.nan)) == (0.0, 1.0)


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_is_too_large_for_3d_has_levels_that_are_not_read_either(
    tmp_path: Path, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mrc_volume, "LARGEST", 1000)
    monkeypatch.setattr(mrc_volume, "LARGEST_IN_3D", 100)
    stored = np.arange(12**3).reshape(12, 12, 12).astype(f"{order}i2")
    values = open_mrc(write(tmp_path / "large.mrc", stored)).values
    levels = pyramid(values)
    assert [level.shape for level in levels] == [(12, 12, 12), (6, 6, 6), (3, 3, 3)]
    np.testing.assert_array_equal(np.asarray(levels[2]), stored[::4, ::4, ::4])
    for level in levels:
        assert isinstance(level.stored if isinstance(level, ConvertedVolume) else level, np.memmap)
    assert len(pyramid(values[:2])) == 1
