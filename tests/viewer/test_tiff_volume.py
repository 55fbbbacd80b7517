"""Tomograms in TIFF files, held against what napari's own reader and the TIFF library give."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from napari_builtins.io import imread

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.mrc_volume import pyramid
from napari_tomodrgn.viewer.tiff_volume import TiffPages, open_tiff

OME = {f"PhysicalSize{axis}": 1.35 for axis in "XYZ"} | {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
IMAGEJ = {"imagej": True, "resolution": (1 / 1.35, 1 / 1.35)}


@pytest.fixture
def noise() -> npt.NDArray[np.float32]:
    return np.random.default_rng(1).standard_normal((6, 20, 30)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "written", "pixel_size"),
    [
        ("imagej.tif", {**IMAGEJ, "metadata": {"spacing": 1.35, "unit": "nm", "axes": "ZYX"}}, 13.5),
        ("micrometres.tif", {"imagej": True, "resolution": (1000, 1000), "metadata": {"unit": "\\u00B5m"}}, 10.0),
        ("ome.ome.tif", {"metadata": {"axes": "ZYX", **OME}}, 13.5),
        ("centimetres.tif", {"resolution": (1e7, 1e7), "resolutionunit": "CENTIMETER"}, 10.0),
        ("printer.tif", {"resolution": (300, 300), "resolutionunit": "INCH"}, None),
        ("plain.tif", {}, None),
        ("big.tiff", {"byteorder": ">"}, None),
        ("compressed.tif", {"compression": "zlib"}, None),
        ("whole.tif", {"dtype": "uint8"}, None),
    ],
)
def test_voxels_are_those_that_naparis_own_reader_gives_in_angstrom(
    tmp_path: Path, noise: Any, name: str, written: dict[str, Any], pixel_size: float | None
) -> None:
    values = (noise * 20).astype(written.pop("dtype", np.float32))
    tifffile.imwrite(tmp_path / name, values, **written)
    file = open_tiff(tmp_path / name)
    expected = imread(str(tmp_path / name))
    assert file.values.shape == expected.shape
    assert file.values.dtype.isnative
    np.testing.assert_array_equal(np.asarray(file.values), expected)
    np.testing.assert_array_equal(np.asarray(file.values[2]), expected[2])
    np.testing.assert_array_equal(np.asarray(file.values[1:5, 3, ::2]), expected[1:5, 3, ::2])
    np.testing.assert_array_equal(np.asarray(file.values[..., 7]), expected[..., 7])
    assert file.pixel_size == (None if pixel_size is None else pytest.approx(pixel_size, rel=1e-6))
    assert (file.trouble is None) == (pixel_size is not None)


def test_voxels_that_are_no_cubes_are_shown_as_they_are(tmp_path: Path, noise: Any) -> None:
    path = tmp_path / "flat.tif"
    tifffile.imwrite(path, noise, **IMAGEJ, metadata={"spacing": 4.0, "unit": "nm", "axes": "ZYX"})
    file = open_tiff(path)
    assert file.pixel_size is None
    assert file.trouble is not None
    assert "voxels of 13.5 x 13.5 x 40 Å and not cubes" in file.trouble


def test_of_compressed_pages_only_those_looked_at_are_read(
    tmp_path: Path, noise: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tifffile.imwrite(tmp_path / "z.tif", noise, compression="zlib")
    file = open_tiff(tmp_path / "z.tif")
    assert isinstance(file.values, TiffPages)
    read: list[int] = []
    page = TiffPages._page

    def counted(self: TiffPages, index: int) -> Any:
        read.append(index)
        return page(self, index)

    monkeypatch.setattr(TiffPages, "_page", counted)
    coarse = file.values[::2, ::2, ::2]
    assert read == []
    np.testing.assert_array_equal(coarse[1], noise[2, ::2, ::2])
    np.testing.assert_array_equal(np.asarray(coarse[1:, 2:4]), noise[2::2, 4:8:2, ::2])
    assert len(read) == 3
    assert len(pyramid(file.values)) == 1


def test_pages_written_one_by_one_and_a_single_one_are_volumes(tmp_path: Path, noise: Any) -> None:
    with tifffile.TiffWriter(tmp_path / "pages.tif") as writer:
        for page in noise:
            writer.write(page, contiguous=False)
    np.testing.assert_array_equal(np.asarray(open_tiff(tmp_path / "pages.tif").values), noise)
    tifffile.imwrite(tmp_path / "one.tif", noise[0])
    assert open_tiff(tmp_path / "one.tif").values.shape == (1, 20, 30)


def test_what_is_no_volume_is_refused(tmp_path: Path, noise: Any) -> None:
    tifffile.imwrite(tmp_path / "colour.tif", np.zeros((20, 30, 3), np.uint8), photometric="rgb")
    tifffile.imwrite(tmp_path / "four.tif", np.zeros((2, 3, 20, 30), np.uint8), photometric="minisblack")
    (tmp_path / "text.tif").write_text("no tomogram")
    tifffile.imwrite(tmp_path / "z.tif", noise, compression="zlib")
    for name, message in (
        ("colour.tif", "not a volume of grey values"),
        ("four.tif", "not a volume of grey values"),
        ("text.tif", "can't be read as TIFF"),
        ("nothing.tif", "no such file"),
    ):
        with pytest.raises(InputError, match=message):
            open_tiff(tmp_path / name)
    values = open_tiff(tmp_path / "z.tif").values
    whole = (tmp_path / "z.tif").read_bytes()
    (tmp_path / "z.tif").write_bytes(whole[: len(whole) // 3])
    with pytest.raises(InputError, match=r"page 5 can't be read"):
        np.asarray(values[5])
