"""A tiny data set that each test spoils in one place, and the real programs run in process."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.cli import main as programs

BOX = 16
PARTICLES = 6
TILTS = 5
SMALL = (
    *("--encoder-a", "16x1", "--encoder-a-out", "8", "--encoder-b", "16x1", "--decoder", "16x1"),
    *("--latent-dim", "2", "--pooling", "mean", "--epochs", "1", "--device", "cpu", "--workers", "1"),
)
COLUMNS = (
    *("rlnImageName", "rlnMagnification", "rlnDetectorPixelSize", "rlnMicrographName", "rlnGroupName"),
    *("rlnCoordinateX", "rlnCoordinateY", "rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"),
    *("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast", "rlnPhaseShift"),
    *("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnCtfBfactor", "rlnCtfScalefactor"),
)


def _rows() -> list[dict[str, str]]:
    """Return one row a tilt image, as Warp's image series has them: 2 tomograms of 3 particles of 5 tilts."""
    rows = []
    for particle in range(PARTICLES):
        tomogram, number = f"TS_{particle // 3 + 1:02d}.tomostar", particle % 3
        for tilt, angle in enumerate((0, 3, -3, 6, -6)):
            values = (
                *(
                    f"{particle * TILTS + tilt + 1:06d}@tiny.mrcs",
                    "10000.0",
                    "8.0",
                    f"TS_{particle // 3 + 1:02d}_{tilt}.mrc",
                ),
                *(f"{tomogram}_{number:06d}", "100.5", "200.5"),
                *(f"{30 * particle + angle:.3f}", f"{20 * particle + 10:.3f}", f"{-50 * particle:.3f}"),
                *("300.0", "2.7", "0.07", "0.0"),
                *(f"{20000 + 100 * tilt}.0", f"{19500 + 100 * tilt}.0", "45.0"),
                *(f"{-12.0 * (tilt + 1):.3f}", f"{np.cos(np.deg2rad(angle)):.6f}"),
            )
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    return rows


def _images() -> np.ndarray:
    """Return (30, 16, 16) float32: a bright blob in noise."""
    y, x = np.mgrid[:BOX, :BOX] - BOX // 2
    blob = np.exp(-(x**2 + y**2) / 8)
    noise = np.random.default_rng(0).normal(0, 0.5, (PARTICLES * TILTS, BOX, BOX))
    return (blob + noise).astype(np.float32)


@dataclass
class TinySet:
    """The rows and images of a data set, to be changed and then written."""

    folder: Path
    rows: list[dict[str, str]] = field(default_factory=_rows)
    images: np.ndarray = field(default_factory=_images)

    @property
    def star(self) -> Path:
        return self.folder / "tiny.star"

    @property
    def stack(self) -> Path:
        return self.folder / "tiny.mrcs"

    def set(self, column: str, value: str, rows: slice = slice(None)) -> None:
        """Write ``value`` in a column of some rows."""
        for row in self.rows[rows]:
            row[column] = value

    def drop(self, column: str) -> None:
        """Leave a column out."""
        for row in self.rows:
            del row[column]

    def write(self) -> Path:
        """Write the stack and the star and return the star's path."""
        columns = list(self.rows[0]) if self.rows else list(COLUMNS)
        lines = ["", "data_", "", "loop_", *(f"_{name} #{i}" for i, name in enumerate(columns, 1))]
        lines += ["  ".join(row.values()) for row in self.rows]
        self.star.write_text("\n".join([*lines, "", ""]))
        with warnings.catch_warnings(), mrcfile.new(self.stack, overwrite=True) as stack:
            warnings.simplefilter("ignore", RuntimeWarning)  # mrcfile tells of NaN, which some tests want
            stack.set_data(self.images)
        return self.star


@pytest.fixture
def tiny(tmp_path: Path) -> TinySet:
    """Return a sound data set of 6 particles with 5 tilt images each, not yet written."""
    folder = tmp_path / "data"
    folder.mkdir()
    return TinySet(folder)


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def sentences(self) -> list[str]:
        """What the program said of the way it ended."""
        return re.findall(r"^napari-tomodrgn: (.*)$", self.stderr, re.MULTILINE)


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    """Return a function that runs ``napari-tomodrgn ARGUMENTS`` in this process."""
    log = logging.getLogger("napari_tomodrgn")
    before = log.propagate, log.level, list(log.handlers)

    def run(*arguments: object, program: Callable[[list[str]], None] = programs.main) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ending:
            program([str(argument) for argument in arguments])
        stdout, stderr = capsys.readouterr()
        return Outcome(int(ending.value.code or 0), stdout, stderr)

    yield run
    log.propagate, log.level = before[:2]
    log.handlers[:] = before[2]


def listing(folder: Path) -> dict[str, int]:
    """Return every file under a folder with its size."""
    return {str(path.relative_to(folder)): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}


def check(outcome: Outcome, code: int, says: tuple[str, ...]) -> None:
    """Assert the exit code, that there is one sentence, and that it names what it has to."""
    assert outcome.code == code, outcome.stderr
    assert len(outcome.sentences) == 1, outcome.stderr
    assert [part for part in says if part not in outcome.sentences[0]] == [], outcome.sentences[0]
    assert "unexpected" not in outcome.sentences[0]
    assert "Traceback" not in outcome.stderr
    assert outcome.stdout == ""
