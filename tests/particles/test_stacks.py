"""Image stacks: types and headers of this field, and what is refused."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest
from star_builders import noise, write_relion5, write_stack, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.mrc_header import read_header
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stack_paths import resolve
from napari_tomodrgn.particles.stacks import ImageStacks


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float32, np.uint16, np.float16])
def test_every_mode_is_read_in_any_order(tmp_path: Path, dtype: type) -> None:
    star = write_warp(tmp_path)
    images = (noise(20) * 20 + 60).astype(dtype)
    write_stack(tmp_path / "stacks" / "warp.mrcs", images)
    rows = np.array([19, 0, 7, 7, 3])
    found = ImageStacks(read_particles(star)).read(rows)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images[rows].astype(np.float32))


def test_big_endian_and_extended_headers(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    images = noise(20)
    path = tmp_path / "stacks" / "warp.mrcs"
    with mrcfile.new(path, images, overwrite=True) as stack:
        stack.set_extended_header(np.zeros(160, dtype=np.uint8))
    np.testing.assert_array_equal(ImageStacks(read_particles(star)).read([4]), images[[4]])
    raw = path.read_bytes()
    words = np.frombuffer(raw[:1024], "<i4").astype(">i4").tobytes()
    path.write_bytes(words + raw[1024:1184] + images.astype(">f4").tobytes())
    assert read_header(path).dtype == np.dtype(">f4")
    np.testing.assert_array_equal(ImageStacks(read_particles(star)).read([4]), images[[4]])


def test_no_stamp_and_no_map_tag(shared_data: Path) -> None:
    path = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.mrcs"
    with pytest.warns(RuntimeWarning), mrcfile.mmap(path, permissive=True) as stack:
        expected = np.array(stack.data[[0, 719]])
    particles = read_particles(path.with_suffix(".star"))
    np.testing.assert_array_equal(ImageStacks(particles).read([0, 719]), expected)


def break_header(path: Path, word: int, value: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[4 * word : 4 * word + 4] = np.int32(value).tobytes()
    path.write_bytes(bytes(raw))


def test_truncated_stacks_are_refused_with_the_bytes(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    path = tmp_path / "stacks" / "warp.mrcs"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"is truncated: 21404 bytes, but its header promises 21504 \(20 images of 16"):
        ImageStacks(read_particles(star))
    path.write_bytes(b"short")
    with pytest.raises(InputError, match="is truncated: 5 bytes, less than the 1024"):
        ImageStacks(read_particles(star, box=16))


def test_stacks_shorter_than_their_index_are_refused(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    write_stack(tmp_path / "stacks" / "warp.mrcs", noise(19))
    with pytest.raises(InputError, match=r"holds 19 images, but .*warp\.star asks for image 20"):
        ImageStacks(read_particles(star))


def test_odd_and_non_square_images_are_refused(tmp_path: Path) -> None:
    star = write_warp(tmp_path)
    path = tmp_path / "stacks" / "warp.mrcs"
    write_stack(path, noise(20, 15))
    with pytest.raises(InputError, match="images of 15 px; square images of even size"):
        read_particles(star)
    write_stack(path, noise(20)[:, :, :14])
    with pytest.raises(InputError, match="14 x 16 px; square images of even size"):
        read_particles(star)


def test_mixed_boxes_are_refused(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    write_stack(tmp_path / "Subtomograms" / "01" / "2_stack2d.mrcs", noise(5, 32))
    with pytest.raises(InputError, match=r"2_stack2d\.mrcs: its images are 32 x 32 px, but .*set\.star says 16"):
        ImageStacks(read_particles(path))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused_where_they_are(tmp_path: Path, value: float) -> None:
    star = write_warp(tmp_path)
    pixels = np.memmap(tmp_path / "stacks" / "warp.mrcs", "<f4", "r+", 1024, (20, 16, 16))
    pixels[7, 3, 3] = value
    stacks = ImageStacks(read_particles(star))
    stacks.read([6, 8])
    with pytest.raises(InputError, match=r"warp\.mrcs: image 8 \(particle 000001 of tomogram 001\) holds pixels"):
        stacks.read([6, 7, 8])


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        (3, 4, "has MRC mode 4"),
        (3, 500, "is not an MRC stack"),
        (0, 0, "is not an MRC stack"),
        (2, -4, "is not an MRC"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, word: int, value: int, message: str) -> None:
    star = write_warp(tmp_path)
    break_header(tmp_path / "stacks" / "warp.mrcs", word, value)
    with pytest.raises(InputError, match=message):
        ImageStacks(read_particles(star, box=16))


def test_a_set_opens_without_its_stacks_and_says_where_it_looked(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    missing = tmp_path / "Subtomograms" / "01" / "2_stack2d.mrcs"
    missing.unlink()
    particles = read_particles(path, datadir=tmp_path / "data")
    assert [bool(stack) for stack in particles.stacks] == [True, False, True]
    assert any("1 of 3 image stacks were not found" in warning for warning in particles.warnings)
    with pytest.raises(InputError) as error:
        ImageStacks(particles)
    for place in (missing, tmp_path.parent / "Subtomograms" / "01" / missing.name, tmp_path / "data" / missing.name):
        assert str(place) in str(error.value)
    ImageStacks(particles.take([0, 2]))  # the others can be used


def test_stacks_must_hold_all_or_only_visible_frames(tmp_path: Path) -> None:
    path = write_relion5(tmp_path)
    write_stack(tmp_path / "Subtomograms" / "01" / "3_stack2d.mrcs", noise(4))
    with pytest.raises(InputError, match=r"particle TS_1/3, has 5 frames, 3 of them visible, but its stack .* holds 4"):
        read_particles(path)


def test_one_rule_finds_every_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    star = tmp_path / "project" / "job" / "x.star"
    names = ["a/1.mrcs", "b/2.mrcs"]
    for folder in (tmp_path / "project" / "job", tmp_path / "project", tmp_path / "data", tmp_path / "flat"):
        for name in names:
            target = folder / (Path(name).name if folder.name == "flat" else name)
            write_stack(target, noise(1))
    assert resolve(names, star) == tuple(str(star.parent / name) for name in names)
    (star.parent / "a" / "1.mrcs").unlink()
    assert resolve(names, star) == tuple(str(star.parent.parent / name) for name in names)
    (star.parent.parent / "b" / "2.mrcs").unlink()
    assert resolve(names, star, tmp_path / "data") == tuple(str(tmp_path / "data" / name) for name in names)
    assert resolve(names, star, tmp_path / "flat") == tuple(str(tmp_path / "flat" / Path(name).name) for name in names)
    monkeypatch.chdir(tmp_path / "data")
    assert resolve(names, star) == tuple(str(tmp_path / "data" / name) for name in names)


def test_base_names_are_not_mixed_up(tmp_path: Path) -> None:
    write_stack(tmp_path / "1.mrcs", noise(1))
    assert resolve(["a/1.mrcs", "b/1.mrcs"], tmp_path / "x.star") == ("", "")


def test_many_stacks_are_read_in_one_go(tmp_path: Path) -> None:
    count = 200
    for number in range(count):
        write_stack(tmp_path / f"{number}.mrcs", np.full((1, 16, 16), number, np.int16))
    star = write_warp(tmp_path, particles=40, rlnImageName=[f"1@{number}.mrcs" for number in range(count)])
    found = ImageStacks(read_particles(star)).read(np.arange(count)[::-1])
    np.testing.assert_array_equal(found[:, 0, 0], np.arange(count)[::-1])
