"""``compare`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def pair(analysed_run: Run, tmp_path: Path) -> tuple[Path, Path]:
    """A run, and a copy of it in which two particles were put into other classes."""
    a, b = (Path(shutil.copytree(analysed_run.path, tmp_path / name)) for name in ("one", "other"))
    path = AnalysisFolder(b, 2).labels("kmeans-3")
    labels = read_labels(path)
    values = np.array(list(labels.values()))
    values[[3, 7]] = (values[[3, 7]] + 1) % 3
    write_labels(path, list(labels), values)
    return a, b


def test_what_is_printed_is_what_is_written(cli: Cli, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"

    outcome = cli("compare", *pair, "--seeds", 2, "--outdir", out, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert printed == json.loads((out / "comparison.json").read_text())
    assert printed["particles"] == {"shared": 24, "only_a": 0, "only_b": 0}
    assert printed["classes"]["changed"] == 2
    assert printed["classes"]["ari_over_tomograms"]["tomograms"] == 2
    assert len(pd.read_csv(out / "changed.csv")) == 2
    assert set(listing(out)) == {
        *("comparison.json", "confusion.csv", "changed.csv"),
        *(f"{name}.{kind}" for name in ("latents", "classes", "ari", "losses") for kind in ("png", "pdf")),
    }
    for name in ("latents", "classes", "ari", "losses"):
        assert len(np.unique(np.asarray(Image.open(out / f"{name}.png").convert("RGB")))) > 50, f"{name} is blank"
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_people_are_told_in_words(cli: Cli, pair: tuple[Path, Path]) -> None:
    outcome = cli("compare", *pair, "--seeds", 2)

    lines = dict(line.split("  ", 1) for line in outcome.stdout.replace("\n  ", "\n").splitlines())
    assert lines["changed class"].strip() == "2 of 24 (8.3%), under the best matching"
    assert "4 clusterings of A with those of B, in the same latents" in lines["over seeds"]
    assert "1000 draws of the 2 tomograms with replacement" in lines["over tomograms"]
    assert "B explains 100% of A's variance" in lines["latents"]


def test_the_same_comparison_is_the_same_files(cli: Cli, pair: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("first", "again"):
        assert cli("compare", *pair, "--seeds", 1, "--outdir", tmp_path / name).code == 0
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_a_folder_with_other_files_is_never_replaced(cli: Cli, pair: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")

    check(cli("compare", *pair, "--outdir", out), 2, (str(out), "exists already"))
    check(cli("compare", *pair, "--outdir", out, "--seeds", 0, "--overwrite"), 2, (str(out), "mine.txt"))
    assert listing(out) == {"mine.txt": 4}


def test_what_can_not_be_compared_is_said_in_one_sentence(cli: Cli, pair: tuple[Path, Path], tmp_path: Path) -> None:
    check(cli("compare", pair[0], tmp_path), 2, (str(tmp_path), "is not a run"))
    check(cli("compare", *pair, "--epoch-b", 9), 2, ("no latents of epoch 9", "1, 2"))
    check(cli("compare", *pair, "--labels-b", tmp_path / "no.csv"), 2, ("no.csv", "no such table"))
    check(cli("compare", pair[0], pair[0]), 2, ("which classes", "--labels-a", "kmeans-3"))
