"""Classes of HDBSCAN, noise among them, through the commands that take classes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.columns import Classes, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.run_comparison import compare_sides, read_side
from napari_tomodrgn.analysis.scoring.score import Scores
from napari_tomodrgn.analysis.spatial.neighbors import neighbors
from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
from napari_tomodrgn.figures.classes import draw_sizes
from napari_tomodrgn.figures.comparison import draw_correlations, draw_fsc
from napari_tomodrgn.figures.content import read_content
from napari_tomodrgn.figures.label_agreement import colours_of_both
from napari_tomodrgn.figures.scores import draw_scores
from napari_tomodrgn.figures.spatial import distances_figure
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


@pytest.fixture
def of_noise(planted: Run, cli: Cli) -> AnalysisFolder:
    """The epoch with both labellings: HDBSCAN's, whose class 2 is noise, and one of k-means."""
    for more in (("--method", "hdbscan", "--smallest", 5), ("--clusters", 3)):
        outcome = cli("analyze", planted.path, *more, "--no-umap", "--no-figures", "--overwrite")
        assert outcome.code == 0, outcome.stderr
    return AnalysisFolder(planted.path, 2)


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
    beside = pd.read_csv(tmp_path / "neighbours" / "enrichment.csv")
    assert set(beside["class"]) == set(beside["neighbour"]) == {"class 0", "class 1", "noise"}
    volumes = pd.read_csv(folder.volumes("hdbscan-5") / "index.csv")
    assert volumes["label"].tolist() == [0, 1, 2]


NAMES, COLOURS = ["class 0", "class 1", "noise"], ["#0072b2", "#e69f00", "#767676"]


def test_every_picture_of_classes_draws_noise_in_the_same_grey_and_by_its_name(of_noise: AnalysisFolder) -> None:
    """Blue and orange of Okabe and Ito, which are a labelling's first, and the grey of what is no class."""
    content, figure = read_content(of_noise, "hdbscan-5"), Figure()
    sizes, correlations, curves = figure.subplots(1, 3)
    draw_sizes(sizes, content)
    draw_correlations(correlations, content)
    draw_fsc(curves, content)
    found = neighbors(NeighborsOptions(particles=of_noise.run, labels="hdbscan-5", permutations=99, replicates=100))
    distances = distances_figure(found).axes[0]

    assert [to_hex(bar.get_facecolor()) for bar in sizes.patches] == COLOURS
    assert [tick.get_text() for tick in sizes.get_xticklabels()] == ["0", "1", "noise"]
    assert [tick.get_text() for tick in correlations.get_yticklabels()] == ["0", "1", "noise"]
    assert [(line.get_label(), to_hex(line.get_color())) for line in curves.lines[:2]] == [
        *zip(NAMES[1:], COLOURS[1:], strict=True)
    ]
    assert [tick.get_text().partition("\n")[0] for tick in distances.get_xticklabels()] == ["all", *NAMES]
    (three,) = (line for line in distances.lines if len(line.get_xdata()) == 3)  # too few for a violin
    assert to_hex(three.get_color()) == COLOURS[2]


def test_scores_call_noise_so(tmp_path: Path) -> None:
    labels, gains = np.repeat([0, 1, 2], 8), np.random.default_rng(0).normal(size=(24, 3))
    ids = [("1", str(number)) for number in range(24)]
    where = tmp_path / "evidence.csv", tmp_path / "evidence"
    figure = draw_scores(
        Scores("hdbscan-5", *where, ids, labels, np.arange(3), tuple(NAMES), gains, gains.mean(axis=1))
    )

    left, right = figure.axes
    assert [tick.get_text() for tick in left.get_yticklabels()] == NAMES
    assert [to_hex(line.get_color()) for line in left.lines[0:9:3]] == COLOURS
    assert {to_hex(colour) for colour in right.collections[0].get_facecolor()} == set(COLOURS)


def test_noise_lends_its_grey_to_no_class_of_another_labelling(of_noise: AnalysisFolder) -> None:
    path, noisy, plain = of_noise.run, of_noise.labels("hdbscan-5"), of_noise.labels("kmeans-3")
    sides = [read_side(path, 2, labels) for labels in (noisy, plain)]

    for a, b in (sides, sides[::-1]):
        comparison = compare_sides(a, b, replicates=10)
        assert comparison.agreement is not None
        own = comparison.agreement
        partner = own.partner if a is sides[0] else own.partner_of_second
        assert partner[2] in (1, 2)  # a class that is no noise is its partner
        for side, colours in zip((a, b), colours_of_both(comparison), strict=True):
            assert side.labelling is not None
            grey = [name for name, colour in zip(side.labelling.names, colours, strict=True) if colour == "#767676"]
            assert grey == (["noise"] if side is sides[0] else [])


def test_noise_leaves_the_run_by_its_name(cli: Cli, of_noise: AnalysisFolder, tmp_path: Path) -> None:
    name = read_labels(of_noise.labels("hdbscan-5"))
    last = next(reversed(name))[0]
    given = ("--labels", "hdbscan-5", "--tomogram", last, "--outdir")
    scene = cli("export", "chimerax", of_noise.run, *given, tmp_path / "scene")

    assert scene.code == 0, scene.stderr
    (script,) = (tmp_path / "scene").glob("*.cxc")
    assert '"noise: 3"' in script.read_text()
    assert "color #767676" in script.read_text()


def test_too_few_particles_write_nothing(cli: Cli, planted: Run) -> None:
    before = sorted(path.name for path in AnalysisFolder(planted.path, 2).path.iterdir())
    check(cli("analyze", planted.path, "--method", "hdbscan"), 2, ("--smallest is 50", "only 24 particles"))
    assert sorted(path.name for path in AnalysisFolder(planted.path, 2).path.iterdir()) == before
