"""``converge`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def path(analysed_run: Run, tmp_path: Path) -> Path:
    """The analysed run in a folder of its own."""
    return Path(shutil.copytree(analysed_run.path, tmp_path / "run"))


def test_what_is_printed_is_what_is_written(cli: Cli, path: Path) -> None:
    outcome = cli("converge", path, "--clusters", 3, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    folder = path / "analysis" / "convergence"
    assert printed.pop("folder") == str(folder)
    assert printed == json.loads((folder / "convergence.json").read_text())
    assert [row["epoch"] for row in printed["epochs"]] == pd.read_csv(folder / "convergence.csv")["epoch"].tolist()
    assert len(pd.read_csv(folder / "followed.csv")) == 2 * 3
    pictures = {f"{name}.{kind}" for name in ("curves", "latents", "volumes", "resolution") for kind in ("png", "svg")}
    assert set(listing(folder)) == {"convergence.json", "convergence.csv", "followed.csv", "fsc.csv", *pictures}
    for name in ("curves", "latents", "volumes", "resolution"):
        assert len(np.unique(np.asarray(Image.open(folder / f"{name}.png").convert("RGB")))) > 50, f"{name} is blank"


def test_people_are_told_the_epoch_and_why(cli: Cli, path: Path) -> None:
    outcome = cli("converge", path, "--clusters", 3, "--no-figures", "--no-volumes")

    lines = outcome.stdout.splitlines()
    assert lines[0] in ("recommended epoch: 1 (settled)", "recommended epoch: 2 (settled)") or "not settled" in lines[0]
    assert any("nothing was held out" in line for line in lines)
    assert lines[-1] == str(path / "analysis" / "convergence")


def test_what_is_there_stays_unless_told(cli: Cli, path: Path) -> None:
    command = ("converge", path, "--clusters", 3, "--no-figures", "--box", 8)
    assert cli(*command, "--keep-volumes").code == 0
    before = listing(path)

    check(cli(*command), 2, ("convergence: exists already", "--overwrite"))

    assert listing(path) == before
    assert cli(*command, "--overwrite").code == 0
    assert not list(path.glob("analysis/convergence/*.mrc"))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--reference", "absent.mrc"), ("absent.mrc",)),
        (("--box", "18"), ("--box 18", "up to the trained box, 16")),
        (("--clusters", "99"), ("--clusters is 99", "24 particles")),
        (("--loss-tolerance", "2"), ("--loss-tolerance", "below 1")),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    cli: Cli, path: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    before = listing(path.parent)

    check(cli("converge", path, "--clusters", 3, *arguments), 2, says)

    assert listing(path.parent) == before
