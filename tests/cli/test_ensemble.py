"""``ensemble`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def path(analysed_run: Run, tmp_path: Path) -> Path:
    """The analysed run in a folder of its own."""
    return Path(shutil.copytree(analysed_run.path, tmp_path / "run"))


def test_what_is_printed_is_what_is_written_and_classes_are_offered_to_other_commands(cli: Cli, path: Path) -> None:
    outcome = cli("ensemble", path, "--clusters", 3, "--components", 2, "--box", 8, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    folder = path / "analysis" / "epoch-0002" / "ensemble" / "voxels-3"
    assert (printed.pop("folder"), printed.pop("labels")) == (
        str(folder),
        str(folder.parents[1] / "labels-voxels-3.csv"),
    )
    assert printed == json.loads((folder / "ensemble.json").read_text())
    assert sum(printed["sizes"]) == printed["particles"] == 24
    assert set(listing(folder)) == {
        *("ensemble.csv", "ensemble.json", "mean.mrc", "mask.mrc", "pc_01.mrc", "pc_02.mrc"),
        *("ensemble.png", "ensemble.svg"),
    }
    assert len(np.unique(np.asarray(Image.open(folder / "ensemble.png").convert("RGB")))) > 50
    compared = cli("compare", path, path, "--labels-a", "kmeans-3", "--labels-b", "voxels-3", "--seeds", 0, "--json")
    assert compared.code == 0, compared.stderr
    assert json.loads(compared.stdout)["classes"]["particles"] == 24


def test_what_is_there_stays_unless_told(cli: Cli, path: Path) -> None:
    command = ("ensemble", path, "--clusters", 2, "--box", 8, "--no-figures")
    assert cli(*command).code == 0
    before = listing(path)

    check(cli(*command), 2, ("labels-voxels-2.csv: exists already", "--overwrite"))

    assert listing(path) == before
    assert cli(*command, "--overwrite").code == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--name", "a/b"), ("--name", "expected a plain name")),
        (("--mask", "absent.mrc"), ("absent.mrc",)),
        (("--epoch", "7"), ("no checkpoint of epoch 7",)),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    cli: Cli, path: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    before = listing(path.parent)

    check(cli("ensemble", path, "--clusters", 2, *arguments), 2, says)

    assert listing(path.parent) == before
