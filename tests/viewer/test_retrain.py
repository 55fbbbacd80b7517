"""Retrain on the selection: what is written before, and a training on it whose parent is the run and the selection."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.cli.exits import exit_code_of
from napari_tomodrgn.cli.main import load_command
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.viewer.option_values import OptionValues
from napari_tomodrgn.viewer.retrain import Retraining, Wish, next_name, retrain
from napari_tomodrgn.viewer.session import Session

ROWS = [2, 3, 5, 7, 11, 13, 17, 19]


@pytest.fixture
def session(analysed_run: Run, tmp_path: Path) -> Session:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    session = Session()
    session.open_run(tmp_path / "run")
    session.select_rows(ROWS, {"rule": "primes"})
    return session


def run_command(words: list[str]) -> int:
    command = load_command(words[0])

    def work() -> None:
        with command.make_context(words[0], words[1:]) as context:
            command.invoke(context)

    return exit_code_of(work, debug=True)


def trained(planned: Retraining) -> Run:
    """Train as the widget would."""
    values = OptionValues(TrainOptions, "train")
    values.reset({**planned.options, "epochs": "1"})
    assert run_command(values.words()) == 0
    return Run.open(Path(planned.options["outdir"]))


def files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


def ids_of(session: Session, rows: list[int]) -> set[tuple[str, str]]:
    assert session.particle_set is not None
    return {session.particle_set.ids[row] for row in rows}


def test_in_the_same_box_with_the_runs_weights(session: Session, tmp_path: Path) -> None:
    planned = retrain(session, Wish("primes", tmp_path / "again", warm=True))
    assert planned.words == []
    assert planned.selection == tmp_path / "run" / "selections" / "primes.json"
    saved = Selection.load(planned.selection)
    assert saved.ids == ids_of(session, ROWS)
    assert saved.created_from == {"rule": "primes"}

    run = trained(planned)

    assert set(run.latents().ids) == ids_of(session, ROWS)
    assert run.document["parent"] == {"run": str(tmp_path / "run"), "selection": "primes"}
    assert run.settings["init_from"] == str(tmp_path / "run")
    assert session.run is not None
    assert run.settings["encoder_a"] == session.run.settings["encoder_a"]


@pytest.mark.parametrize(("box", "pixel_size"), [("crop", 12.0), ("downsample", 16.0)])
def test_in_a_smaller_box(session: Session, tmp_path: Path, box: str, pixel_size: float) -> None:
    planned = retrain(session, Wish("primes", tmp_path / "again", box=box, size=12))  # type: ignore[arg-type]
    assert run_command(planned.words) == 0
    particles = read_particles(planned.options["particles"])
    assert (particles.box, particles.pixel_size) == (12, pytest.approx(pixel_size))
    assert set(particles.ids) == ids_of(session, ROWS)

    run = trained(planned)

    assert run.document["parent"] == {"run": str(tmp_path / "run"), "selection": "primes"}
    assert set(run.latents().ids) == ids_of(session, ROWS)


def test_in_a_larger_box_of_real_particles(warptools_set: Path, tmp_path: Path) -> None:
    """WarpTools names them anew: the selection is then the parent alone."""
    session = Session()
    session.open_star(warptools_set)
    session.select_rows([0, 3, 17, 39], {"rule": "test"})

    planned = retrain(session, Wish("four", tmp_path / "large", box="larger", size=48, diameter=300))

    assert planned.extraction is not None
    assert planned.extraction.script == tmp_path / "large-particles" / "extract.sh"
    assert "4 particles of selection four" in planned.extraction.script.read_text()
    assert planned.options["particles"] == str(planned.extraction.result)
    assert (planned.options["selection"], planned.options["parent_selection"]) == ("", str(tmp_path / "four.json"))
    assert Selection.load(tmp_path / "four.json").ids == ids_of(session, [0, 3, 17, 39])


@pytest.mark.parametrize(
    ("rows", "wish", "says"),
    [
        ([], {}, "no particle is selected"),
        ([4], {}, "one particle is selected"),
        (ROWS, {"name": "../x"}, "selection '../x': expected letters"),
        (ROWS, {"name": ""}, "selection '': expected letters"),
        (ROWS, {"box": "larger", "size": 32}, "dialect cryosrpnt"),
        (ROWS, {"box": "crop", "size": 8, "warm": True}, "a decoder is of one box"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_nothing_is_written(
    session: Session, tmp_path: Path, rows: list[int], wish: dict[str, object], says: str
) -> None:
    session.select(np.zeros(len(session), bool), {})
    session.select_rows(rows, {"rule": "test"})
    before = files(tmp_path)
    with pytest.raises(InputError, match=says):
        retrain(session, Wish(**{"name": "a", "outdir": tmp_path / "again", **wish}))  # type: ignore[arg-type]
    assert files(tmp_path) == before


def test_no_selection_and_no_run_is_replaced(session: Session, tmp_path: Path) -> None:
    assert session.run is not None
    retrain(session, Wish("primes", tmp_path / "again"))
    assert next_name(session.run, "primes") == "primes-1"
    same = retrain(session, Wish("primes", tmp_path / "other"))  # these particles are kept under that name already
    assert same.selection == session.run.path / "selections" / "primes.json"
    session.select_rows([0, 1, 2], {"rule": "click"})
    with pytest.raises(InputError, match=r"selection primes: exists already and holds other particles"):
        retrain(session, Wish("primes", tmp_path / "other"))
    with pytest.raises(InputError, match="run: exists already"):
        retrain(session, Wish("new", tmp_path / "run"))
    assert session.run.selections() == ["primes"]


def test_particles_that_a_star_no_longer_has(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planned = retrain(session, Wish("primes", tmp_path / "again"))
    fewer = tmp_path / "fewer.star"
    assert run_command(["select", planned.options["particles"], "--name", "rest", "--output", str(fewer),
                        "--selection", str(planned.selection), "--invert"]) == 0  # fmt: skip
    values = OptionValues(TrainOptions, "train")
    values.reset({**planned.options, "particles": str(fewer)})
    assert run_command([*values.words(), "--dry-run"]) == 2
    assert "8 of 8 selected particles are missing" in capsys.readouterr().err
    assert not (tmp_path / "again").exists()
    assert json.loads(planned.selection.read_text())["name"] == "primes"
