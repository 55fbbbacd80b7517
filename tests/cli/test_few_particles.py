"""Analyses of very few particles: each works and says what it can't tell, or is refused in one sentence."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.analysis.occupancy.result import Occupancy
from napari_tomodrgn.figures.occupancy import heat_map_figure
from napari_tomodrgn.figures.style import styled
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

from .conftest import Cli, check

TINY: dict[str, Any] = {
    "latent_dim": 2, "pooling": "mean", "encoder_a": "8x1", "encoder_a_out": 8, "encoder_b": "8x1", "decoder": "8x1",
    "epochs": 2, "batch_size": 4, "device": "cpu",
}  # fmt: skip


@pytest.fixture(scope="session")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs on six particles in one tomogram, on one in each of four, and on a single particle."""
    folder, found = tmp_path_factory.mktemp("few"), {}
    for name, particles, tomograms in (("together", 6, 1), ("apart", 4, 4)):
        star = simulate(
            SimulateOptions(
                outdir=folder / name / "particles",
                particles=particles,
                tomograms=tomograms,
                box=16,
                pixel_size=12.0,
                tilts=5,
            )
        )
        found[name] = train(TrainOptions(particles=star, outdir=folder / name / "run", **TINY)).path
    star = folder / "together" / "particles" / "particles.star"
    one = Selection("one", frozenset(read_particles(star).ids[:1]), {"rule": "ids"}, None, None)
    one.save(folder / "one.json")
    options = TrainOptions(particles=star, selection=folder / "one.json", outdir=folder / "together" / "one", **TINY)
    found["single"] = train(options).path
    return found


@pytest.fixture
def copy(sets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[ParticleId]]:
    """Return a function that copies one of these runs, as ``run``, into the current folder, and returns its ids."""
    monkeypatch.chdir(tmp_path)

    def copied(name: str) -> list[ParticleId]:
        shutil.copytree(sets[name], tmp_path / "run")
        shutil.copytree(sets[name].parent / "particles", tmp_path / "particles")
        return list(Run.open(Path("run")).latents().ids)

    return copied


def label(particles: list[ParticleId], codes: str, path: str = "l.csv") -> None:
    rows = [f"{tomogram},{name},{code}" for (tomogram, name), code in zip(particles, codes, strict=False)]
    Path(path).write_text("\n".join(["tomogram,particle,label", *rows]) + "\n")


def test_of_one_tomogram_no_intervals_are_given_and_it_is_said(
    copy: Callable[[str], list[ParticleId]], cli: Cli
) -> None:
    label(copy("together"), "000111")
    outcome = cli("neighbors", "run", "--labels", "l.csv", "--nearest", "2", "--no-figures")

    assert (outcome.code, outcome.sentences) == (0, [])
    assert "6 in one tomogram" in outcome.stdout
    assert "there are no intervals over tomograms" in outcome.stdout
    assert "log₂" in outcome.stdout
    assert "nan" not in outcome.stdout


def test_a_class_of_one_particle_is_named(copy: Callable[[str], list[ParticleId]], cli: Cli) -> None:
    label(copy("together"), "000001")
    outcome = cli("neighbors", "run", "--labels", "l.csv", "--no-figures")

    assert (outcome.code, outcome.sentences) == (0, [])
    assert "class 1: a class of one particle; of its neighbours nothing can be concluded" in outcome.stdout


def test_no_tomogram_is_told_by_a_single_particle(copy: Callable[[str], list[ParticleId]], cli: Cli) -> None:
    copy("apart")
    outcome = cli("nuisance", "run", "--permutations", "99", "--no-figures", "--json")

    assert (outcome.code, outcome.sentences) == (0, [])
    first = json.loads(outcome.stdout)["quantities"][0]
    assert first == {"name": "tomogram", "alarm": False, "untested": "no tomogram has two particles"}


def test_particles_without_a_class_are_counted(copy: Callable[[str], list[ParticleId]], cli: Cli) -> None:
    particles = copy("together")
    label(particles, "00011", "a.csv")
    label(particles, "000111", "b.csv")
    outcome = cli("compare", "run", "run", "--labels-a", "a.csv", "--labels-b", "b.csv", "--replicates", "10")

    assert (outcome.code, outcome.sentences) == (0, [])
    assert re.search(r"^changed class +0 of 5 ", outcome.stdout, re.MULTILINE)
    assert re.search(r"^ *no class in A +1 of 6, which are left out$", outcome.stdout, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "command", "says"),
    [
        ("apart", "neighbors run", ("each of the 4 tomograms holds one particle",)),
        ("together", "nuisance run", ("all 6 particles are in one tomogram (001)", "two or more")),
        ("single", "neighbors run", ("there is one particle only",)),
        ("single", "calibrate run", ("1 of its particles has two tilt images", "3")),
        ("single", "traverse run", ("one particle at epoch 2",)),
        ("single", "ensemble run --clusters 1", ("one particle at epoch 2",)),
        ("single", "analyze run --clusters 2 --losses", ("--clusters is 2", "only one particle;")),
        ("single", "converge run", ("--clusters is 6", "only one particle;")),
        ("single", "validate run --at 0,0 --nearest 2", ("--nearest 2", "has 1 particles")),
    ],
)
def test_what_so_few_can_not_tell_is_refused(
    copy: Callable[[str], list[ParticleId]], cli: Cli, name: str, command: str, says: tuple[str, ...]
) -> None:
    copy(name)
    before = sorted(Path().rglob("*"))
    check(cli(*command.split()), 2, says)
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    "command",
    [
        "analyze run --clusters 1 --no-umap --no-figures",
        "converge run --clusters 1 --no-figures",
        "export chimerax run --outdir ex",
        "export coordinates run --output c.csv",
    ],
)
def test_what_can_be_done_with_one_particle_is_done(
    copy: Callable[[str], list[ParticleId]], cli: Cli, command: str
) -> None:
    copy("single")
    outcome = cli(*command.split())
    assert (outcome.code, outcome.sentences) == (0, [])


def test_volumes_that_are_all_alike_can_be_drawn() -> None:
    import pandas as pd

    index = pd.DataFrame({"tomogram": ["001"] * 4, "particle": list("abcd")})
    alike = Occupancy(index, ("A", "B"), np.full((4, 2), 0.5), np.full(2, np.nan), {})
    with styled():
        assert heat_map_figure(alike).axes


def test_a_tomogram_is_meant_without_the_ending_of_its_name(copy: Callable[[str], list[ParticleId]], cli: Cli) -> None:
    copy("apart")
    outcome = cli("select", "run", "--name", "some", "--tomograms", "001.tomostar,004")

    assert (outcome.code, outcome.sentences) == (0, [])
    kept = Selection.load(Path("run/selections/some.json"))
    assert {tomogram for tomogram, _ in kept.ids} == {"001", "004"}
