"""Classes of HDBSCAN, noise among them, through the commands that take classes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.columns import Classes, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check


@pytest.fixture(scope="module")
def planted(analysed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small run, its latents two dense groups of 12 and 9 particles, and three far from all."""
    path = Path(shutil.copytree(analysed_run.path, tmp_path_factory.mktemp("hdbscan") / "run"))
    for file in (path / "latents.npz", path / "latents" / "epoch-0002.npz"):
        with np.load(file) as stored:
            arrays = dict(stored)
        z = 0.1 * np.random.default_rng(0).normal(size=arrays["z_mean"].shape)
        z[12:21, 0] += 5
        z[21:] += 50.0 * np.eye(3)
        arrays["z_mean"] = z.astype(np.float32)
        np.savez(file, **arrays)
    return Run.open(path)


def test_noise_is_a_class_that_every_command_bears(cli: Cli, planted: Run, tmp_path: Path) -> None:
    run = planted.path
    outcome = cli("analyze", run, "--method", "hdbscan", "--smallest", 5, "--no-umap", "--overwrite")
    assert outcome.code == 0, outcome.stderr

    folder = AnalysisFolder(run, 2)
    labels = read_labels(folder.labels("hdbscan-5"))
    assert list(labels.values()) == [0] * 12 + [1] * 9 + [2] * 3
    settings = json.loads(folder.settings("hdbscan-5").read_text())
    assert (settings["clusters"], settings["noise"], settings["smallest"]) == (2, 2, 5)
    report = folder.report.read_text(encoding="utf-8")
    assert "2 classes and noise by HDBSCAN" in report
    assert "divided into 2 classes by HDBSCAN (5 particles or more each; what lies in no dense place" in report
    column = columns_of_run(planted, 2, planted.latents(2).ids)["hdbscan-5"]
    assert isinstance(column, Classes)
    assert column.names == ("class 0", "class 1", "noise")

    chosen = cli("select", run, "--labels", folder.labels("hdbscan-5"), "--clusters", 2, "--name", "outside")
    assert chosen.code == 0, chosen.stderr
    assert Selection.load(run / "selections" / "outside.json").ids == {
        particle for particle, label in labels.items() if label == 2
    }
    again = cli("select", run, "--like", run / "selections" / "outside.json", "--name", "again")
    assert again.code == 0, again.stderr
    assert len(Selection.load(run / "selections" / "again.json").ids) == 3

    compared = cli("compare", run, run, "--labels-a", "hdbscan-5", "--labels-b", "kmeans-3", "--seeds", 2, "--json")
    assert compared.code == 0, compared.stderr
    assert json.loads(compared.stdout)["classes"]["particles"] == 24
    quick = ("--permutations", 99, "--replicates", 100, "--no-figures")
    neighbours = cli("neighbors", run, "--labels", "hdbscan-5", *quick, "--outdir", tmp_path / "neighbours")
    assert neighbours.code == 0, neighbours.stderr
    volumes = pd.read_csv(folder.volumes("hdbscan-5") / "index.csv")
    assert volumes["label"].tolist() == [0, 1, 2]


def test_too_few_particles_write_nothing(cli: Cli, planted: Run) -> None:
    before = sorted(path.name for path in AnalysisFolder(planted.path, 2).path.iterdir())
    check(cli("analyze", planted.path, "--method", "hdbscan"), 2, ("--smallest is 50", "only 24 particles"))
    assert sorted(path.name for path in AnalysisFolder(planted.path, 2).path.iterdir()) == before
