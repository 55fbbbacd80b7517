"""Maps as other programs write them, as ours come out, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.project import Projector
from napari_tomodrgn.particles.maps import flip_hand, read_map, write_map

NUMBERS = np.arange(8**3).reshape(8, 8, 8) % 120
NOT_A_NUMBER = np.float32("nan").tobytes()


def written(path: Path, values: np.ndarray, change: Callable[[mrcfile.mrcfile.MrcFile], None] | None = None) -> Path:
    """Write a map with the mrcfile library and change it."""
    with mrcfile.new(path, overwrite=True) as stream:
        stream.set_data(values)
        stream.voxel_size = 2.5
        if change is not None:
            change(stream)
    return path


def patched(path: Path, offset: int, data: bytes) -> Path:
    """Overwrite bytes of a file."""
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(data)] = data
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("kind", ["int8", "int16", "float32", "uint16", "float16"])
def test_reads_every_real_mode(tmp_path: Path, kind: str) -> None:
    found = read_map(written(tmp_path / "a.mrc", NUMBERS.astype(kind)))

    np.testing.assert_array_equal(found.values, NUMBERS)
    assert found.values.dtype == np.float32
    assert (found.box, found.pixel_size) == (8, 2.5)


@pytest.mark.parametrize("stamp", [None, b"\0\0\0\0"])
def test_reads_big_endian_with_and_without_a_machine_stamp(tmp_path: Path, stamp: bytes | None) -> None:
    path = written(tmp_path / "a.mrc", NUMBERS.astype(">f4"))
    if stamp is not None:
        patched(path, 212, stamp)

    found = read_map(path)

    np.testing.assert_array_equal(found.values, NUMBERS)
    assert found.pixel_size == 2.5


def test_reads_without_map_tag_and_with_an_extended_header(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", NUMBERS.astype("f4"), lambda s: s.set_extended_header(np.zeros(100, "V1")))
    patched(path, 208, b"\0\0\0\0")

    np.testing.assert_array_equal(read_map(path).values, NUMBERS)


def test_turns_any_axis_order_into_z_y_x(tmp_path: Path) -> None:
    """Columns along z, rows along x, sections along y."""
    path = written(tmp_path / "a.mrc", NUMBERS.transpose(1, 2, 0).astype("f4"))
    patched(path, 64, np.array([3, 1, 2], dtype="<i4").tobytes())

    np.testing.assert_array_equal(read_map(path).values, NUMBERS)


def test_says_0_where_the_header_has_no_pixel_size(tmp_path: Path) -> None:
    path = patched(written(tmp_path / "a.mrc", NUMBERS.astype("f4")), 40, bytes(12))

    assert read_map(path).pixel_size == 0


def test_real_volumes_have_their_box_and_pixel_size(shared_data: Path) -> None:
    found = read_map(shared_data / "50S" / "vol_018.mrc")

    assert (found.box, found.pixel_size) == (64, pytest.approx(6.55))


def test_written_maps_are_valid_and_come_back(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((8, 8, 8))

    write_map(tmp_path / "a.mrc", values, 3.3)

    assert mrcfile.validate(tmp_path / "a.mrc")
    found = read_map(tmp_path / "a.mrc")
    np.testing.assert_array_equal(found.values, values.astype(np.float32))
    assert found.pixel_size == pytest.approx(3.3)
    assert (tmp_path / "a.mrc").read_bytes()[208:212] == b"MAP "
    assert [path.name for path in tmp_path.iterdir()] == ["a.mrc"]


def test_an_existing_map_is_kept(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", NUMBERS.astype("f4"))

    with pytest.raises(InputError, match="exists already"):
        write_map(path, np.zeros((8, 8, 8)), 1.0)
    np.testing.assert_array_equal(read_map(path).values, NUMBERS)

    write_map(path, np.zeros((8, 8, 8)), 1.0, overwrite=True)
    assert (read_map(path).values == 0).all()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: path, "a.mrc: can't be read"),
        (lambda path: path.write_text("not a map") and path, "truncated"),
        (lambda path: written(path, NUMBERS[:6].astype("f4")), "8 x 8 x 6 voxels; expected a cube"),
        (
            lambda path: written(path, NUMBERS[:7, :7, :7].astype("f4")),
            "7 x 7 x 7 voxels; expected a cube with an even",
        ),
        (
            lambda path: patched(written(path, NUMBERS.astype("f4")), 1200, np.float32("nan").tobytes()),
            "1 of 512 voxels are NaN or infinite",
        ),
        (lambda path: written(path, NUMBERS.astype("c8")), "mode 4"),
        (lambda path: patched(written(path, NUMBERS.astype("f4")), 40, np.float32(40).tobytes()), "5 x 2.5 x 2.5 Å"),
        (lambda path: patched(written(path, NUMBERS.astype("f4")), 64, np.int32(2).tobytes()), "axis numbers"),
    ],
    ids=["missing", "text", "not cubic", "odd", "NaN", "complex", "unequal voxels", "axes"],
)
def test_refuses_with_one_sentence(tmp_path: Path, make: Callable[[Path], Path], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read_map(make(tmp_path / "a.mrc"))

    assert "a.mrc" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_a_truncated_map_with_the_byte_counts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.mrc", NUMBERS.astype("f4"))
    path.write_bytes(path.read_bytes()[:-100])

    with pytest.raises(InputError, match=r"2972 bytes.* 3072"):
        read_map(path)


def test_flipping_the_hand_mirrors_z_about_voxel_half_the_box() -> None:
    values = np.random.default_rng(0).standard_normal((8, 8, 8)).astype(np.float32)

    flipped = flip_hand(values)

    for z in range(8):
        np.testing.assert_array_equal(flipped[z], values[(8 - z) % 8])
    np.testing.assert_array_equal(flip_hand(flipped), values)


def test_flipped_map_projects_like_the_map_seen_from_the_mirrored_side(chiral_map: np.ndarray) -> None:
    """With S = diag(1, 1, -1), the flipped map is V(S x): its projection along A is V's along S A S."""
    rotation = torch.from_numpy(Rotation.random(5, random_state=0).as_matrix()).float()
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0]))

    flipped = Projector(torch.from_numpy(flip_hand(chiral_map))).images(rotation, lattice(32))
    mirrored = Projector(torch.from_numpy(chiral_map)).images(mirror @ rotation @ mirror, lattice(32))

    torch.testing.assert_close(flipped, mirrored, atol=1e-3, rtol=0)
