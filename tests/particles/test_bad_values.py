"""Values that can't be worked with: one sentence with the row and the value."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from star_builders import TILTS, write_nextpyp, write_relion5, write_warp

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.reading import read_particles

COUNT = 4 * len(TILTS)


def with_value(column: str, values: list[str], row: int, value: str) -> Callable[[Path], Path]:
    changed = list(values)
    changed[row] = value
    return lambda folder: write_warp(folder, **{column: changed})


IMAGES = [f"{image + 1:06d}@stacks/warp.mrcs" for image in range(COUNT)]
CASES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "zero voltage": (with_value("rlnVoltage", ["300"] * COUNT, 3, "0"), "row 4 has rlnVoltage 0; expected kilovolts"),
    "negative voltage": (with_value("rlnVoltage", ["300"] * COUNT, 0, "-300"), "row 1 has rlnVoltage -300"),
    "text as voltage": (with_value("rlnVoltage", ["300"] * COUNT, 2, "high"), "row 3 has rlnVoltage 'high'"),
    "negative pixel size": (
        with_value("rlnDetectorPixelSize", ["3.54"] * COUNT, 5, "-3.54"),
        "row 6 has rlnDetectorPixelSize -3.54; expected a size above 0",
    ),
    "zero pixel size": (
        with_value("rlnDetectorPixelSize", ["3.54"] * COUNT, 0, "0"),
        "row 1 has rlnDetectorPixelSize 0",
    ),
    "mixed pixel sizes": (
        with_value("rlnDetectorPixelSize", ["3.54"] * COUNT, 12, "2"),
        "mixes pixel sizes: 3.54 in particle 001_000000 and 2 in particle 1e5_000002",
    ),
    "zero magnification": (with_value("rlnMagnification", ["10000"] * COUNT, 1, "0"), "row 2 has rlnMagnification 0"),
    "nan angle": (
        with_value("rlnAngleTilt", ["10"] * COUNT, 7, "nan"),
        "row 8 has rlnAngleTilt nan; expected a finite",
    ),
    "infinite defocus": (with_value("rlnDefocusU", ["1e4"] * COUNT, 7, "inf"), "row 8 has rlnDefocusU inf"),
    "nan dose": (with_value("rlnCtfBfactor", ["-4"] * COUNT, 7, "nan"), "row 8 has rlnCtfBfactor nan"),
    "image zero": (with_value("rlnImageName", IMAGES, 3, "000000@stacks/warp.mrcs"), "row 4 has rlnImageName '000000@"),
    "no image number": (with_value("rlnImageName", IMAGES, 3, "stacks/warp.mrcs"), "row 4 .*expected NUMBER@STACK"),
    "odd image number": (with_value("rlnImageName", IMAGES, 3, "x1@stacks/warp.mrcs"), "row 4 .*expected NUMBER@STACK"),
    "repeated image": (with_value("rlnImageName", IMAGES, 3, IMAGES[1]), "row 4 repeats row 2: image 000002@"),
    "no pixel size": (
        lambda folder: write_warp(folder, rlnDetectorPixelSize=None),
        "gives no pixel size .*--pixel-size",
    ),
    "empty star": (lambda folder: emptied(write_warp(folder)), "holds no rows"),
    "folder": (lambda folder: folder, "is a folder"),
    "absent": (lambda folder: folder / "absent.star", "no such file; give the path of a star file"),
    "a map": (lambda folder: write_warp(folder).with_name("stacks") / "warp.mrcs", "is not a star file"),
    "unknown optics group": (
        lambda folder: replaced(write_nextpyp(folder), "\n2  'the", "\n7  'the"),
        "no row for optics group 2",
    ),
    "duplicate particle": (
        lambda folder: write_relion5(folder, names=("TS_1/1", "TS_1/2", "TS_1/1")),
        "row 3 repeats particle TS_1/1 of tomogram 01",
    ),
    "short mask": (
        lambda folder: write_relion5(folder, masks=("[1,1,0,1,1]", "[1,1,1]", "[0,1,1,1,0]")),
        "row 2, particle TS_1/2, lists 3 frames, but its tilt series has 5",
    ),
    "mask of twos": (
        lambda folder: write_relion5(folder, masks=("[1,1,0,1,1]", "[1,1,2,1,1]", "[0,1,1,1,0]")),
        "row 2 has rlnTomoVisibleFrames .* of 0 and 1",
    ),
    "all hidden": (
        lambda folder: write_relion5(folder, masks=("[1,1,0,1,1]", "[0,0,0,0,0]", "[0,1,1,1,0]"), visible_only=False),
        "row 2, particle TS_1/2, hides every frame",
    ),
    "nan frame defocus": (
        lambda folder: write_relion5(folder, tilt_rows={"rlnDefocusU": ["3e4", "nan", "3e4", "3e4", "3e4"]}),
        r"01\.star, block data_01: row 2 has rlnDefocusU nan in a visible frame",
    ),
    "negative dose": (
        lambda folder: write_relion5(folder, tilt_rows={"rlnMicrographPreExposure": ["0", "-3", "3", "6", "9"]}),
        "row 2 has rlnMicrographPreExposure -3",
    ),
    "nan coordinate": (
        lambda folder: write_relion5(folder, particle_columns={"rlnCenteredCoordinateYAngst": ["1", "nan", "2"]}),
        "row 2 has rlnCenteredCoordinateYAngst nan",
    ),
    "unknown tomogram": (
        lambda folder: write_relion5(folder, particle_columns={"rlnTomoName": ["01", "02", "01"]}),
        "has no tomogram 02, which the particles use",
    ),
    "missing tilt-series star": (
        lambda folder: removed(write_relion5(folder), "tilt_series/01.star"),
        r"refers to tilt_series/01\.star, which was not found \(looked for",
    ),
    "missing tomograms star": (
        lambda folder: removed(write_relion5(folder), "set_tomograms.star"),
        r"refers to set_tomograms\.star, which was not found",
    ),
    "particles star without a set": (
        lambda folder: removed(write_relion5(folder), "set_optimisation_set.star").with_name("set.star"),
        "open the optimisation set instead",
    ),
    "3D subtomograms": (
        lambda folder: replaced(write_relion5(folder).with_name("set.star"), "2DStacks   1", "2DStacks   0"),
        "rlnTomoSubTomosAre2DStacks 0, so its particles are 3D subtomograms",
    ),
    "zero pixel size of images": (
        lambda folder: replaced(write_relion5(folder).with_name("set.star"), "2.0  4.0  16", "2.0  0.0  16"),
        "row 1 has rlnImagePixelSize 0; expected",
    ),
}


def emptied(star: Path) -> Path:
    lines = star.read_text().splitlines(keepends=True)
    star.write_text("".join(line for line in lines if "@" not in line))
    return star


def replaced(star: Path, *pairs: str) -> Path:
    text = star.read_text()
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text
        text = text.replace(old, new)
    star.write_text(text)
    return star


def removed(star: Path, name: str) -> Path:
    (star.parent / name).unlink()
    return star


@pytest.mark.parametrize(("write", "message"), CASES.values(), ids=CASES.keys())
def test_bad_input_is_refused_in_one_sentence(tmp_path: Path, write: Callable[[Path], Path], message: str) -> None:
    path = write(tmp_path)
    with pytest.raises(InputError, match=message) as error:
        read_particles(path)
    assert "\n" not in str(error.value)
    assert str(tmp_path) in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": 32}, "says 16, but --box is 32"),
        ({"pixel_size": 2.0}, "says 2.5, but --pixel-size is 2"),
        ({"dialect": "star"}, "--dialect star: is not known"),
        ({"selection": "missing.json"}, "no such selection file"),
        ({"defocus_height": "plus"}, "--defocus-height must stay none"),
    ],
)
def test_options_that_do_not_fit(tmp_path: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DataOptions.model_validate({"particles": write_nextpyp(tmp_path), **options}).open()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a, b, c: f"[{b},{c},0]", r"row 1 has rlnTomoProjY '\[.*\]'; expected \[a,b,c,d\]"),
        (lambda a, b, c: "[0,0,0,0]", "row 1 has rlnTomoProjX, Y and Z that are no rotation .* determinant is 0,"),
        (lambda a, b, c: f"[{-a},{-b},{-c},0]", "row 1 has rlnTomoProjX, Y and Z .* determinant is -1,"),
    ],
    ids=["an entry lost", "zeros", "a mirror image"],
)
def test_projections_that_are_no_rotation_are_refused(
    warptools_set: Path, tmp_path: Path, change: Callable[[float, float, float], str], sentence: str
) -> None:
    for path in warptools_set.parent.glob("*.star"):
        shutil.copy(path, tmp_path)
    tomograms = tmp_path / warptools_set.name.replace("optimisation_set", "tomograms")
    text = tomograms.read_text()
    block = text.index("_rlnTomoProjY")
    row = re.compile(r"(\[[^\]]*\]\s+)\[([^\]]*)\]").search(text, block)
    assert row is not None
    a, b, c, _ = map(float, row[2].split(","))
    tomograms.write_text(text[: row.start()] + row[1] + change(a, b, c) + text[row.end() :])
    with pytest.raises(InputError, match=sentence):
        read_particles(tmp_path / warptools_set.name)
