"""``score`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_tomodrgn.analysis.columns import Numbers, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def run(analysed_run: Run, tmp_path: Path) -> Run:
    """A copy of an analysed run, beside its images."""
    shutil.copytree(analysed_run.path.parent, tmp_path / "set")
    return Run.open(tmp_path / "set" / "run")


def test_each_particle_gets_its_evidence(cli: Cli, run: Run) -> None:
    outcome = cli("score", run.path, "--labels", "kmeans-3", "--json")

    assert outcome.code == 0, outcome.stderr
    folder = AnalysisFolder(run.path, 2)
    table = pd.read_csv(folder.evidence("kmeans-3"), dtype={"tomogram": str, "particle": str})
    assert list(table)[:6] == ["tomogram", "particle", "own", "consensus", "runner_up", "score"]
    ids = list(zip(table["tomogram"], table["particle"], strict=True))
    assert ids == run.particle_set().ids
    labels = read_labels(folder.labels("kmeans-3"))
    assert table["label"].tolist() == [labels[each] for each in ids]
    assert (table["runner_up_label"] != table["label"]).all()
    np.testing.assert_allclose(table["score"], table["own"] - table["runner_up"], atol=1e-4)
    printed = json.loads(outcome.stdout)
    assert printed["better_in_another_class"] == (table["score"] < 0).sum()
    assert [each["particles"] for each in printed["classes"]] == table["label"].value_counts().sort_index().tolist()
    picture = Image.open(folder.figures("kmeans-3") / "evidence.png")
    assert len(np.unique(np.asarray(picture.convert("RGB")))) > 50
    # everything can be coloured and selected by it
    column = columns_of_run(run, 2, ids)["kmeans-3 evidence"]
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.values, table["score"])


def test_the_same_scores_are_the_same_file_and_replaced_only_when_told(cli: Cli, run: Run) -> None:
    path = AnalysisFolder(run.path, 2).evidence("kmeans-3")
    assert cli("score", run.path, "--labels", "kmeans-3", "--no-figures").code == 0
    first = path.read_bytes()
    assert not (AnalysisFolder(run.path, 2).figures("kmeans-3") / "evidence.png").exists()

    check(cli("score", run.path, "--labels", "kmeans-3"), 2, (str(path), "exists already", "--overwrite"))
    outcome = cli("score", run.path, "--labels", "kmeans-3", "--no-figures", "--overwrite")
    assert outcome.code == 0
    assert path.read_bytes() == first
    assert "median score" in outcome.stdout


def test_labels_of_ones_own_are_taken(cli: Cli, run: Run, tmp_path: Path) -> None:
    ids = run.particle_set().ids
    write_labels(tmp_path / "mine.csv", ids, np.arange(len(ids)) % 2 * 5)

    assert cli("score", run.path, "--labels", tmp_path / "mine.csv").code == 0

    table = pd.read_csv(run.path / "analysis" / "epoch-0002" / "evidence-mine.csv")
    assert sorted(table["label"].unique()) == [0, 5]
    assert "mine evidence" in columns_of_run(run, 2, ids)


def test_what_can_not_be_scored_is_said_in_one_sentence(cli: Cli, run: Run, tmp_path: Path) -> None:
    before = listing(run.path)
    ids = run.particle_set().ids
    short, strange, one = (tmp_path / f"{name}.csv" for name in ("short", "strange", "one"))
    write_labels(short, ids[:-1], np.arange(len(ids) - 1) % 2)
    write_labels(strange, [*ids, ("nowhere", "9")], np.arange(len(ids) + 1) % 2)
    write_labels(one, ids, np.zeros(len(ids), dtype=int))

    def refused(labels: object, *says: str) -> None:
        check(cli("score", run.path, "--labels", labels), 2, says)
        assert listing(run.path) == before

    refused("kmeans-9", "kmeans-9", "no labelling", "kmeans-3")
    refused(tmp_path / "none.csv", "none.csv", "no such table")
    refused(short, "holds 23 labels for the run's 24 particles", ids[-1][1])
    refused(strange, "holds 25 labels for the run's 24 particles", "nowhere")
    refused(one, "all particles into class 0", "two classes")
    for stack in (run.path.parent / "particles").rglob("*.mrcs"):
        stack.unlink()
    refused("kmeans-3", "images", "can't be found")
