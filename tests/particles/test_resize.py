"""Smaller boxes: images, pixel sizes, coordinates, and what is refused."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
import starfile
from star_builders import noise, write_nextpyp, write_relion5, write_stack, write_warp

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.particles import resize
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.resize import CropOptions, DownsampleOptions, crop, downsample, fourier_crop
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.stacks import ImageStacks

NAME = "warptools_test_4-tomos_10-ptcls_box-32_angpix-12"


def gaussian(box: int, pixel: float, centre: tuple[float, float] = (5.0, -7.0), width: float = 9.0) -> np.ndarray:
    """A band-limited image [y, x] of a Gaussian at ``centre`` (x, y) Å from pixel box/2."""
    axis = (np.arange(box) - box // 2) * pixel
    return np.exp(-((axis - centre[0]) ** 2 + (axis[:, None] - centre[1]) ** 2) / (2 * width**2))


@pytest.mark.parametrize(("box", "small"), [(64, 32), (64, 48), (48, 34), (32, 30)])
def test_fourier_crop_samples_the_same_image_with_larger_pixels(box: int, small: int) -> None:
    pixel = 96 / box
    found = fourier_crop(gaussian(box, pixel)[None], small)
    np.testing.assert_allclose(found[0], gaussian(small, 96 / small), atol=2e-5)


def test_fourier_crop_keeps_the_mean() -> None:
    images = noise(3, 32) + 7
    np.testing.assert_allclose(fourier_crop(images, 20).mean(axis=(1, 2)), images.mean(axis=(1, 2)), rtol=1e-5)


def test_downsampled_warp_star(tmp_path: Path) -> None:
    star = write_warp(tmp_path, box=24)
    before = read_particles(star)
    written = downsample(DownsampleOptions(particles=star, output=tmp_path / "out" / "small.star", box=16))
    after = read_particles(written[0])
    assert (after.box, after.pixel_size) == (16, pytest.approx(5.31))
    np.testing.assert_allclose(after.tilt_images["shift_x"], before.tilt_images["shift_x"], atol=1e-5)
    np.testing.assert_array_equal(after.rotations, before.rotations)
    images = ImageStacks(before).read(np.arange(20))
    np.testing.assert_allclose(ImageStacks(after).read(np.arange(20)), fourier_crop(images, 16), atol=1e-6)
    with mrcfile.open(written[1]) as stack:
        assert stack.voxel_size.x == pytest.approx(5.31)
        assert stack.is_image_stack()
    table = starfile.read(written[0], parse_as_string=["rlnGroupName"])
    assert table["rlnImageName"][0] == "000001@small.mrcs"


def test_downsampled_nextpyp_star_changes_its_optics(tmp_path: Path) -> None:
    star = write_nextpyp(tmp_path)
    after = read_particles(downsample(DownsampleOptions(particles=star, output=tmp_path / "s.star", box=10))[0])
    assert (after.box, after.pixel_size) == (10, 4.0)
    np.testing.assert_allclose(after.tilt_images["shift_x"], read_particles(star).tilt_images["shift_x"])


def test_downsampled_warptools_set_keeps_positions_and_type(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "warptools_insitu" / f"{NAME}_optimisation_set.star"
    before = read_particles(path)
    Selection("some", frozenset(before.ids[:12:5]), {"rule": "test"}).save(tmp_path / "some.json")
    options = DownsampleOptions(
        particles=path, output=tmp_path / "out" / "small.star", box=24, selection=tmp_path / "some.json"
    )
    written = downsample(options)
    after = read_particles(tmp_path / "out" / "small_optimisation_set.star")
    part = before.take([0, 5, 10])
    assert after.ids == part.ids
    assert (after.box, after.pixel_size) == (24, 16.0)
    np.testing.assert_allclose(after.particles[["z", "y", "x"]], part.particles[["z", "y", "x"]], atol=1e-4)
    np.testing.assert_allclose(after.tilt_images["defocus_u"], part.tilt_images["defocus_u"], atol=1e-3)
    stacks = [each for each in written if each.suffix == ".mrcs"]
    assert len(stacks) == 3
    with mrcfile.mmap(stacks[0]) as stack:
        assert stack.data.dtype == np.float16
        assert stack.data.shape == (37, 24, 24)
    images = ImageStacks(part).read([0, 40, 100])
    np.testing.assert_allclose(ImageStacks(after).read([0, 40, 100]), fourier_crop(images, 24), atol=2e-3)


def test_downsampled_relion5_set(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    before = read_particles(path)
    after = read_particles(downsample(DownsampleOptions(particles=path, output=tmp_path / "s.star", box=8))[0])
    assert (after.box, after.pixel_size) == (8, 8.0)
    np.testing.assert_allclose(after.particles[["z", "y", "x"]], before.particles[["z", "y", "x"]])
    np.testing.assert_allclose(after.tilt_images["shift_x"], before.tilt_images["shift_x"])


def test_cropped_images_are_the_middle_ones(tmp_path: Path) -> None:
    star = write_warp(tmp_path, box=24)
    images = (noise(20, 24) * 30).astype(np.int16)
    write_stack(tmp_path / "stacks" / "warp.mrcs", images)
    after = read_particles(crop(CropOptions(particles=star, output=tmp_path / "c.star", box=16))[0])
    assert (after.box, after.pixel_size) == (16, 3.54)
    np.testing.assert_array_equal(ImageStacks(after).read(np.arange(20)), images[:, 4:20, 4:20])
    np.testing.assert_allclose(after.tilt_images["shift_y"], read_particles(star).tilt_images["shift_y"])
    with mrcfile.mmap(tmp_path / "c.mrcs") as stack:
        assert stack.data.dtype == np.int16
        assert stack.voxel_size.x == pytest.approx(3.54)


def test_cropped_relion5_set_has_the_new_image_size(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    after = read_particles(crop(CropOptions(particles=path, output=tmp_path / "c.star", box=12))[0])
    assert (after.box, after.pixel_size) == (12, 4.0)


@pytest.mark.parametrize("box", [16, 15, 64])
def test_boxes_that_make_no_sense_are_refused(tmp_path: Path, box: int) -> None:
    star = write_warp(tmp_path)
    with pytest.raises(InputError, match=f"--box {box}: must be even and smaller than the present 16"):
        crop(CropOptions(particles=star, output=tmp_path / "c.star", box=box))
    assert not (tmp_path / "c.star").exists()


def test_existing_output_is_kept(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    (tmp_path / "c.mrcs").write_bytes(b"mine")
    with pytest.raises(InputError, match=r"c\.mrcs: exists already"):
        crop(CropOptions(particles=star, output=tmp_path / "c.star", box=8))
    assert (tmp_path / "c.mrcs").read_bytes() == b"mine"
    assert not (tmp_path / "c.star").exists()
    crop(CropOptions(particles=star, output=tmp_path / "c.star", box=8, overwrite=True))
    assert read_particles(tmp_path / "c.star").box == 8


def test_the_source_is_never_its_own_output(tmp_path: Path) -> None:
    star = write_warp(tmp_path, rlnImageName=[f"{image + 1}@warp.mrcs" for image in range(20)])
    (tmp_path / "stacks" / "warp.mrcs").rename(tmp_path / "warp.mrcs")
    with pytest.raises(InputError, match="its stacks would replace those of"):
        crop(CropOptions(particles=star, output=star, box=8, overwrite=True))


def test_nothing_is_left_behind_where_a_stack_is_broken(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    stack = tmp_path / "Subtomograms" / "01" / "3_stack2d.mrcs"
    stack.write_bytes(stack.read_bytes()[:-10])
    with pytest.raises(InputError, match="is truncated"):
        crop(CropOptions(particles=path, output=tmp_path / "out" / "c.star", box=8))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
def test_a_set_that_is_replaced_stays_whole_until_the_new_one_is(
    shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException] | OSError
) -> None:
    star = next((shared_data / "warptools_insitu").glob("*_optimisation_set.star"))
    first = CropOptions(particles=star, output=tmp_path / "small.star", box=24)
    crop(first)
    before = {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()}
    assert sum(path.suffix == ".mrcs" for path in before) > 1
    whole, calls = resize._resize_stack, []

    def interrupted(*arguments: object) -> None:
        calls.append(arguments)
        if len(calls) == 2:
            raise error
        whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(resize, "_resize_stack", interrupted)
    with pytest.raises((KeyboardInterrupt, RunError)):
        crop(first.model_copy(update={"box": 16, "overwrite": True}))
    assert {path: path.read_bytes() for path in sorted(tmp_path.rglob("*")) if path.is_file()} == before


def test_a_partner_that_exists_is_told_before_any_stack_is_written(shared_data: Path, tmp_path: Path) -> None:
    star = next((shared_data / "warptools_insitu").glob("*_optimisation_set.star"))
    (tmp_path / "small_optimisation_set.star").write_text("mine")
    with pytest.raises(InputError, match=r"small_optimisation_set\.star: exists already"):
        crop(CropOptions(particles=star, output=tmp_path / "small.star", box=24))
    assert [path.name for path in tmp_path.iterdir()] == ["small_optimisation_set.star"]
