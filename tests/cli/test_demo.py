"""The demo as a person runs it, once, held to the truth that it planted."""

import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import npe2
import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.analyze import AnalyzeOptions
from napari_tomodrgn.analysis.select_options import SelectOptions
from napari_tomodrgn.cli.demo import DemoOptions, command_line, demo
from napari_tomodrgn.cli.main import load_command
from napari_tomodrgn.cli.options import parse
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.fsc import correlation
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.training.options import TrainOptions

PROGRAM = "from napari_tomodrgn.cli.main import main; main()"


@dataclass(frozen=True)
class Demo:
    """What one demo left behind, and what it said."""

    folder: Path
    text: str

    @property
    def analysis(self) -> Path:
        return next((self.folder / "run" / "analysis").glob("epoch-*"))

    @property
    def labels(self) -> pd.DataFrame:
        """Label (class) and truth (state) of every particle."""
        text = {"tomogram": str, "particle": str}
        labels = pd.read_csv(self.analysis / "labels-kmeans-4.csv", dtype=text)
        truth = pd.read_csv(self.folder / "particles" / "truth.csv", dtype=text).rename(columns={"label": "state"})
        return labels.merge(truth, on=["tomogram", "particle"], validate="one_to_one")


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "demo run"
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo", str(folder)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return Demo(folder, ended.stdout)


def test_classes_are_the_simulated_states(done: Demo) -> None:
    labels = done.labels

    ari = adjusted_rand_score(labels["state"], labels["label"])

    assert len(labels) >= 300
    assert labels["tomogram"].nunique() == 2
    assert ari >= 0.8
    said = re.search(r"simulated states: (\d\.\d\d)", done.text)
    assert said
    assert float(said[1]) == pytest.approx(ari, abs=0.006)


def test_class_volumes_look_most_like_their_own_state(done: Demo) -> None:
    states = [read_map(done.folder / "particles" / f"state_{state}.mrc").values for state in range(4)]
    volumes = next((done.folder / "run" / "volumes").glob("epoch-*/kmeans-4"))

    for label, members in done.labels.groupby("label"):
        volume = read_map(volumes / f"vol_{label:03d}.mrc").values
        matches = [correlation(volume, state) for state in states]
        assert int(np.argmax(matches)) == members["state"].mode()[0]
        assert max(matches) > 0.8


def test_the_star_of_class_0_holds_its_particles(done: Demo) -> None:
    kept = set(read_particles(done.folder / "class-0.star").ids)

    labels = done.labels.query("label == 0")
    assert kept == set(zip(labels["tomogram"], labels["particle"], strict=True))


def test_a_training_on_class_0_alone_draws_the_state_of_its_particles(done: Demo) -> None:
    run = Run.open(done.folder / "class-0-run")
    volume = read_map(next((run.path / "volumes").glob("epoch-*/map/vol_000.mrc"))).values

    matches = [correlation(volume, read_map(done.folder / "particles" / f"state_{n}.mrc").values) for n in range(4)]
    state = done.labels.query("label == 0")["state"].mode()[0]

    assert run.particle_set().ids == read_particles(done.folder / "class-0.star").ids
    assert run.document["parent"] == {"run": str(done.folder / "run"), "selection": "class-0"}
    assert int(np.argmax(matches)) == state
    assert matches[state] > 0.9
    said = re.search(rf"map of state {state} (\d\.\d\d)", done.text)
    assert said
    assert float(said[1]) == pytest.approx(matches[state], abs=0.006)


def test_figures_and_report_are_there(done: Demo) -> None:
    assert (done.analysis / "report.html").is_file()
    assert (done.analysis / "figures" / "kmeans-4" / "overview.png").stat().st_size > 100_000
    with np.load(done.analysis / "embedding.npz", allow_pickle=False) as embedding:
        assert embedding["umap"].shape == (len(done.labels), 2)


def test_it_says_which_commands_it_is_made_of(done: Demo) -> None:
    commands = re.findall(r"^\$ napari-tomodrgn (\w+)", done.text, flags=re.MULTILINE)

    assert commands[:6] == ["simulate", "train", "analyze", "select", "train", "volumes"]
    assert f"'{done.folder}/run'" in done.text  # a path with a space can be pasted


def test_napari_opens_what_it_says_by_our_reader_without_a_question(done: Demo) -> None:
    (line,) = re.findall(r"^\$ (napari .+)$", done.text, flags=re.MULTILINE)

    _, path = shlex.split(line)

    manager = npe2.PluginManager.instance()
    manager.discover()
    assert Path(path).parent == done.folder / "run"
    assert {each.plugin_name for each in manager.iter_compatible_readers(path)} == {"napari-tomodrgn"}
    assert sum(len(points) for points, *_ in npe2.read([path], stack=False)) == len(done.labels)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("simulate", SimulateOptions(outdir=Path("a b"), particles=12, noise=False, tilts=3, seed=4)),
        ("train", TrainOptions(particles=Path("p.star"), outdir=Path("r"), learning_rate=1e-3, dose_mask=False)),
        ("analyze", AnalyzeOptions(run=Path("r"), clusters=4, umap=False, overwrite=True)),
        ("select", SelectOptions(particles=Path("r"), name="x", clusters=[0, 2], output=Path("x.star"))),
    ],
)
def test_a_command_line_makes_the_same_options_again(name: str, options: BaseModel) -> None:
    words = shlex.split(command_line(name, options))

    assert words[:2] == ["napari-tomodrgn", name]
    given = load_command(name).make_context(name, words[2:]).params
    assert parse(type(options), {key: given[key] for key in type(options).model_fields}, name) == options


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")

    with pytest.raises(InputError, match="holds files already"):
        demo(DemoOptions(outdir=tmp_path))

    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
