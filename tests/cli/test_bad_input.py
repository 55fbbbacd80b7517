"""Input with exactly one fault: one clear sentence, the documented exit code, no traceback, nothing half-written.

Every case spoils a sound data set of 6 particles in one place and runs the real command on it.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

import mrcfile
import numpy as np
import pytest

from .conftest import SMALL, Cli, TinySet, check, listing


@dataclass(frozen=True)
class Case:
    """One fault: what is spoiled, the command's further options, and what the sentence has to name."""

    name: str
    says: tuple[str, ...]
    spoil: Callable[[TinySet], object] = lambda tiny: tiny.write()
    options: tuple[str, ...] = ()
    code: int = 2

    def __str__(self) -> str:
        return self.name


def spoiled(change: Callable[[TinySet], object]) -> Callable[[TinySet], object]:
    """Change the rows or the images before they are written."""

    def spoil(tiny: TinySet) -> None:
        change(tiny)
        tiny.write()

    return spoil


def afterwards(change: Callable[[TinySet], object]) -> Callable[[TinySet], object]:
    """Change the files after they were written."""

    def spoil(tiny: TinySet) -> None:
        tiny.write()
        change(tiny)

    return spoil


def _value(column: str, value: str, row: int = 7) -> Callable[[TinySet], object]:
    return spoiled(lambda tiny: tiny.set(column, value, slice(row, row + 1)))


def _pixel(value: float) -> Callable[[TinySet], object]:
    def change(tiny: TinySet) -> None:
        tiny.images[7, 3, 4] = value

    return spoiled(change)


def _images(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[TinySet], object]:
    def spoil(tiny: TinySet) -> None:
        tiny.images = np.ascontiguousarray(change(tiny.images))

    return spoiled(spoil)


def _second_stack_of_another_box(tiny: TinySet) -> None:
    with mrcfile.new(tiny.folder / "other.mrcs") as stack:
        stack.set_data(np.zeros((5, 18, 18), np.float32))
    for row in tiny.rows[:5]:
        row["rlnImageName"] = row["rlnImageName"].replace("tiny", "other")


def _truncated(tiny: TinySet) -> None:
    whole = tiny.stack.read_bytes()
    tiny.stack.write_bytes(whole[: len(whole) // 2])


def _replaced(text: str | bytes) -> Callable[[TinySet], object]:
    data = text if isinstance(text, bytes) else text.encode()
    return afterwards(lambda tiny: tiny.star.write_bytes(data))


def _header_only(tiny: TinySet) -> None:
    lines = tiny.star.read_text().splitlines()
    tiny.star.write_text("\n".join(line for line in lines if "@" not in line) + "\n")


def _last_value_lost(tiny: TinySet) -> None:
    tiny.star.write_text(tiny.star.read_text().rstrip().rpartition(" ")[0] + "\n")


def _column_twice(tiny: TinySet) -> None:
    tiny.star.write_text(tiny.star.read_text().replace("_rlnDefocusV #", "_rlnDefocusU #"))


def _one_tilt_each(tiny: TinySet) -> None:
    tiny.rows = tiny.rows[::5]


TOMOGRAM_STAR = "data_global\n\nloop_\n_rlnTomoName #1\n_rlnTomoSizeX #2\nTS_01 4000\n"
CLASS_STAR = "data_model_classes\n\nloop_\n_rlnReferenceImage #1\n_rlnClassDistribution #2\n1@a.mrcs 0.5\n"
CISTEM_STAR = "data_\n\nloop_\n_cisTEMPositionInStack #1\n_cisTEMAnglePsi #2\n1 30.0\n"

DATA = (
    Case("no column of the psi angle", ("tiny.star", "rlnAnglePsi"), spoiled(lambda tiny: tiny.drop("rlnAnglePsi"))),
    Case("no column of image names", ("tiny.star", "rlnImageName"), spoiled(lambda tiny: tiny.drop("rlnImageName"))),
    Case("no column of particles", ("tiny.star", "rlnGroupName"), spoiled(lambda tiny: tiny.drop("rlnGroupName"))),
    Case(
        "no pixel size",
        ("tiny.star", "--pixel-size"),
        spoiled(lambda tiny: (tiny.drop("rlnDetectorPixelSize"), tiny.drop("rlnMagnification"))),
    ),
    Case("a column twice", ("tiny.star", "rlnDefocusU"), afterwards(_column_twice)),
    Case("a row cut short", ("tiny.star", "row 30", "18 values", "19"), afterwards(_last_value_lost)),
    Case("a word for a number", ("tiny.star", "row 8", "rlnDefocusU", "abc"), _value("rlnDefocusU", "abc")),
    Case("a defocus that is no number", ("tiny.star", "row 8", "rlnDefocusU"), _value("rlnDefocusU", "nan")),
    Case("a zero voltage", ("tiny.star", "row 8", "rlnVoltage", "0"), _value("rlnVoltage", "0.0")),
    Case("volts for kilovolts", ("tiny.star", "row 8", "rlnVoltage", "300000"), _value("rlnVoltage", "300000.0")),
    Case(
        "an amplitude contrast of 7",
        ("tiny.star", "row 8", "rlnAmplitudeContrast"),
        _value("rlnAmplitudeContrast", "7"),
    ),
    Case("a negative dose", ("tiny.star", "row 8", "rlnCtfBfactor", "4800"), _value("rlnCtfBfactor", "4800.0")),
    Case("a negative pixel size", ("tiny.star", "PixelSize", "-8"), _value("rlnDetectorPixelSize", "-8.0")),
    Case("a zero magnification", ("tiny.star", "rlnMagnification", "0"), _value("rlnMagnification", "0.0")),
    Case("two pixel sizes", ("tiny.star", "pixel size", "8", "9"), _value("rlnDetectorPixelSize", "9.0")),
    Case(
        "a particle's image twice",
        ("tiny.star", "row 9", "row 8", "TS_01.tomostar_000001"),
        spoiled(lambda tiny: tiny.set("rlnImageName", "000008@tiny.mrcs", slice(8, 9))),
    ),
    Case("an image name without a number", ("tiny.star", "row 8", "tiny.mrcs"), _value("rlnImageName", "tiny.mrcs")),
    Case("an image number of zero", ("tiny.star", "row 8", "000000@"), _value("rlnImageName", "000000@tiny.mrcs")),
    Case("an image past the stack's end", ("tiny.mrcs", "30 images", "31"), _value("rlnImageName", "31@tiny.mrcs")),
    Case("no stack", ("tiny.star", "tiny.mrcs", "--datadir"), afterwards(lambda tiny: tiny.stack.unlink())),
    Case("a stack cut in half", ("tiny.mrcs", "bytes"), afterwards(_truncated)),
    Case("a stack that is no MRC file", ("tiny.mrcs",), afterwards(lambda tiny: tiny.stack.write_text("no MRC"))),
    Case("an empty stack", ("tiny.mrcs",), afterwards(lambda tiny: tiny.stack.write_bytes(b""))),
    Case("a pixel that is NaN", ("tiny.mrcs", "image 8", "000001", "TS_01", "NaN"), _pixel(np.nan)),
    Case("a pixel that is infinite", ("tiny.mrcs", "image 8", "infinite"), _pixel(np.inf)),
    Case("an odd box", ("tiny.star", "15 px", "even"), _images(lambda images: images[:, :15, :15])),
    Case("images that are not square", ("tiny.mrcs", "14 x 16", "square"), _images(lambda images: images[:, :, :14])),
    Case("stacks of two boxes", ("18", "16", "one box size"), spoiled(_second_stack_of_another_box)),
    Case("an empty file", ("tiny.star", "empty"), _replaced("")),
    Case("a star without rows", ("tiny.star", "no rows"), afterwards(_header_only)),
    Case("a file that is no star", ("tiny.star",), _replaced(bytes(range(256)) * 8)),
    Case("a star of tomograms", ("tiny.star", "rlnImageName"), _replaced(TOMOGRAM_STAR)),
    Case("a star of class averages", ("tiny.star",), _replaced(CLASS_STAR)),
    Case("a cisTEM star", ("tiny.star", "cisTEM"), _replaced(CISTEM_STAR)),
    Case("no star", ("tiny.star", "no such file"), lambda tiny: None),
    Case("a folder for a star", ("tiny.star",), lambda tiny: tiny.star.mkdir()),
    Case("one-tilt particles with concatenate", ("--pooling",), spoiled(_one_tilt_each), ("--pooling", "concatenate")),
)


STRANGERS = {"format": 1, "name": "odd", "particles": [["TS_09", "000000"]]}
CHOSEN = '{"format": 1, "particles": %s}'
NUMBERED = '{"format": 1, "name": 5, "particles": []}'
WORDED = '{"format": "one", "particles": []}'
SERIES = """data_

loop_
_rlnMicrographName #1
_rlnCoordinateX #2
_rlnCoordinateY #3
_rlnCoordinateZ #4
_rlnGroupName #5
_rlnMagnification #6
_rlnDetectorPixelSize #7
TS_09.tomostar 1 2 3 TS_09.tomostar_000000 10000 8
"""


def _beside(name: str, text: str) -> Callable[[TinySet], object]:
    return afterwards(lambda tiny: (tiny.folder / name).write_text(text))


OPTIONS = (
    Case("an unknown option", ("--betta", "--beta"), options=("--betta", "1")),
    Case("a word for epochs", ("--epochs", "whole number", "many"), options=("--epochs", "many")),
    Case("no epochs", ("--epochs", "1 or more", "0"), options=("--epochs", "0")),
    Case("half an epoch", ("--epochs", "whole number", "1.5"), options=("--epochs", "1.5")),
    Case("a negative beta", ("--beta", "0 or more", "-1"), options=("--beta", "-1")),
    Case("a learning rate that is no number", ("--learning-rate", "nan"), options=("--learning-rate", "nan")),
    Case("an infinite learning rate", ("--learning-rate", "inf"), options=("--learning-rate", "inf")),
    Case("a negative latent dimension", ("--latent-dim", "0 or more"), options=("--latent-dim", "-8")),
    Case("layers without a number", ("--encoder-a", "256x3", "got 256"), options=("--encoder-a", "256")),
    Case("a decoder without nodes", ("--decoder", "0x3"), options=("--decoder", "0x3")),
    Case("a seed of 23 digits", ("--seed", "4294967295 or less"), options=("--seed", "9" * 23)),
    Case("an unknown pooling", ("--pooling", "concatenate", "sum"), options=("--pooling", "sum")),
    Case("an unknown dialect", ("--dialect", "warptools", "eman"), options=("--dialect", "eman")),
    Case("another dialect", ("tiny.star", "relion5", "rlnTomoName"), options=("--dialect", "relion5")),
    Case("an unknown device", ("--device", "tpu"), options=("--device", "tpu")),
    Case("all particles held out", ("--held-out-fraction", "below 1"), options=("--held-out-fraction", "1")),
    Case("no tilts", ("--tilts-per-particle", "0"), options=("--tilts-per-particle", "0")),
    Case("first no tilts", ("--first-tilts", "1 or more"), options=("--first-tilts", "0")),
    Case("a box that is not the stack's", ("tiny.mrcs", "16 x 16", "32"), options=("--box", "32")),
    Case("a pixel size that is not the star's", ("--pixel-size", "9", "8"), options=("--pixel-size", "9")),
    Case("--resume and --overwrite", ("--resume", "--overwrite"), options=("--resume", "--overwrite")),
    Case("--json without --dry-run", ("--json", "--dry-run"), options=("--json",)),
    Case("a selection that is not there", ("none.json", "no such"), options=("--selection", "none.json")),
    Case("no selection but other text", ("s.json", "selection"), _beside("s.json", "[1"), ("--selection", "s.json")),
    Case("a selection of other JSON", ("s.json", "format"), _beside("s.json", "{}"), ("--selection", "s.json")),
    Case("no particles selected", ("no particles",), _beside("s.json", CHOSEN % "[]"), ("--selection", "s.json")),
    Case("a selection of a number", ("s.json", "list"), _beside("s.json", CHOSEN % "5"), ("--selection", "s.json")),
    Case(
        "a selection of halves",
        ("s.json", "particle 1"),
        _beside("s.json", CHOSEN % '[["a"]]'),
        ("--selection", "s.json"),
    ),
    Case(
        "a selection of numbers", ("s.json", "text"), _beside("s.json", CHOSEN % "[[1, 2]]"), ("--selection", "s.json")
    ),
    Case("a selection named by a number", ("s.json", "name"), _beside("s.json", NUMBERED), ("--selection", "s.json")),
    Case("a selection too deep", ("s.json", "readable"), _beside("s.json", "[" * 100000), ("--selection", "s.json")),
    Case("a selection's format as text", ("s.json", "format"), _beside("s.json", WORDED), ("--selection", "s.json")),
    Case(
        "a selection of a newer format",
        ("s.json", "format 7", "update"),
        _beside("s.json", json.dumps({**STRANGERS, "format": 7})),
        ("--selection", "s.json"),
    ),
    Case(
        "a selection of other particles",
        ("000000", "TS_09", "selection"),
        _beside("s.json", json.dumps(STRANGERS)),
        ("--selection", "s.json"),
    ),
    Case("no volume series", ("v.star", "no such file"), options=("--volume-series", "v.star")),
    Case("a volume series of others", ("v.star", "TS_0"), _beside("v.star", SERIES), ("--volume-series", "v.star")),
)


@pytest.mark.parametrize("case", [*DATA, *OPTIONS], ids=str)
def test_one_fault_is_one_sentence(case: Case, tiny: TinySet, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    case.spoil(tiny)
    monkeypatch.chdir(tiny.folder)
    before = listing(tiny.folder)
    outcome = cli("train", "tiny.star", "--outdir", "run", *SMALL, *case.options)
    check(outcome, case.code, case.says)
    assert listing(tiny.folder) == before
    assert not (tiny.folder / "run").exists()


def test_names_that_look_like_numbers_stay_names(tiny: TinySet, cli: Cli) -> None:
    for row in tiny.rows:
        row["rlnGroupName"] = row["rlnGroupName"].replace("TS_01.tomostar", "001").replace("TS_02.tomostar", "1e5")
    facts = json.loads(cli("info", tiny.write(), "--json").stdout)
    assert [(each["name"], each["particles"]) for each in facts["tomograms"]] == [("001", 3), ("1e5", 3)]


def test_the_sound_set_trains(tiny: TinySet, cli: Cli) -> None:
    outcome = cli("train", tiny.write(), "--outdir", tiny.folder / "run", *SMALL)
    assert (outcome.code, outcome.sentences) == (0, [])
    assert json.loads((tiny.folder / "run" / "run.json").read_text())["status"] == "finished"
