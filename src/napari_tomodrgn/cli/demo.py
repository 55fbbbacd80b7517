"""The ``demo`` command: from nothing to a training on one class alone, by the same functions as the other commands."""

import os
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.cli.options import words_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.seeds import LARGEST_SEED
from napari_tomodrgn.stopping import StopRequest

if TYPE_CHECKING:
    from napari_tomodrgn.analysis.analyze import Analysis, AnalyzeOptions
    from napari_tomodrgn.analysis.select_options import SelectOptions
    from napari_tomodrgn.reconstruction.volumes import VolumesOptions
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.training.options import TrainOptions

STATES = 4
# The noise has three times the variance of the signal, 1/3 + (1 + 1/3) / 0.5, as coarse pixels of 10 Å have it.
SIMULATION: dict[str, Any] = {
    "particles": 320, "tomograms": 2, "dialect": "cryosrpnt", "box": 24, "pixel_size": 10.0, "tilt_step": 6.0,
    "dose_per_tilt": 5.0, "structural_snr": 3.0, "shot_snr": 0.5,
}  # fmt: skip
# Small and fast: mean pooling sees all tilts of a particle at once, a large step finds the classes in 25 epochs.
TRAINING: dict[str, Any] = {
    "latent_dim": 8, "pooling": "mean", "encoder_a": "256x2", "encoder_a_out": 128, "encoder_b": "128x2",
    "decoder": "64x3", "batch_size": 4, "learning_rate": 3e-3, "learning_rate_schedule": "cosine", "epochs": 25,
    "checkpoint_every": 25,
}  # fmt: skip
# A decoder alone, as one class is to be one structure; what it draws owes nothing to the particles of other classes.
RETRAINING: dict[str, Any] = {
    "latent_dim": 0, "decoder": "64x3", "batch_size": 4, "learning_rate": 3e-3, "learning_rate_schedule": "cosine",
    "epochs": 12, "checkpoint_every": 12,
}  # fmt: skip


class DemoOptions(BaseModel):
    """Options of ``demo``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outdir: Path = Field(description="Folder for everything the demo makes.", json_schema_extra={"argument": True})
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of simulation, training and clusters.")
    overwrite: bool = Field(False, description="Replace an earlier demo in the folder.")


@dataclass(frozen=True)
class ClassTruth:
    """A class against the truth: the state that most of its particles are in.

    ``purity`` is the share of the class's particles in that state, ``correlation`` the Pearson correlation of the
    class volume with the state's true map, neither filtered nor masked.
    """

    label: int
    particles: int
    state: int
    purity: float
    correlation: float


@dataclass(frozen=True)
class DemoResult:
    """What the demo found.

    ``ari`` compares the classes with the simulated states, ``retrained`` (one number a state) the map of the training
    on class 0 alone with their true maps.
    """

    ari: float
    classes: tuple[ClassTruth, ...]
    retrained: tuple[float, ...]
    run: Path
    report: Path
    star: Path
    retrained_map: Path
    seconds: float


@dataclass(frozen=True)
class _Steps:
    """The options of the commands that the demo is made of."""

    simulate: "SimulateOptions"
    train: "TrainOptions"
    analyze: "AnalyzeOptions"
    select: "SelectOptions"
    retrain: "TrainOptions"
    volumes: "VolumesOptions"


def demo(options: DemoOptions) -> DemoResult:
    """Simulate four states of a complex, train, analyse, select one class, train on it, and compare with the truth.

    Raises
    ------
    InputError
        Where the folder holds something already and may not be overwritten.
    """
    began = time.perf_counter()
    _refuse_full(options)
    steps = _steps(options)
    title = "1 of 5: simulate 320 particles of a complex in four states, signal-to-noise ratio 1/3"
    with _step(title, "simulate", steps.simulate):
        from napari_tomodrgn.simulation.simulate import simulate

        simulate(steps.simulate)
    with _step("2 of 5: train a variational autoencoder on them", "train", steps.train):
        _train(steps.train)
    with _step("3 of 5: find classes, decode their volumes, draw figures", "analyze", steps.analyze):
        from napari_tomodrgn.analysis.analyze import analyze
        from napari_tomodrgn.figures.write import write_figures

        found = analyze(steps.analyze)
        report = write_figures(found.folder, found.labelling, overwrite=options.overwrite)
    with _step("4 of 5: write the star file of class 0", "select", steps.select):
        from napari_tomodrgn.analysis.select import select

        star = select(steps.select).stars[0]
    with _step("5 of 5: train a decoder on class 0 alone", "train", steps.retrain):
        _train(steps.retrain)
    with _step("and write its map", "volumes", steps.volumes):
        from napari_tomodrgn.reconstruction.volumes import write_volumes

        retrained = write_volumes(steps.volumes) / "vol_000.mrc"
    data = steps.simulate.outdir
    ari, classes = compare_with_truth(found, data)
    matches = tuple(_match(retrained, data, state) for state in range(STATES))
    seconds = time.perf_counter() - began
    result = DemoResult(ari, classes, matches, steps.train.outdir, report, star, retrained, seconds)
    _say_result(result, found)
    return result


def _train(options: "TrainOptions") -> None:
    from napari_tomodrgn.training.train import train

    with StopRequest().listening() as stop:
        train(options, stop)


def _steps(options: DemoOptions) -> _Steps:
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions
    from napari_tomodrgn.analysis.select_options import SelectOptions
    from napari_tomodrgn.reconstruction.volumes import VolumesOptions
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.training.options import TrainOptions

    common: dict[str, Any] = {"seed": options.seed, "overwrite": options.overwrite}
    data, run, again = (options.outdir / name for name in ("particles", "run", "class-0-run"))
    star = options.outdir / "class-0.star"
    selection = run / "selections" / "class-0.json"  # what tells the training which run it descends from
    return _Steps(
        SimulateOptions(outdir=data, **SIMULATION, **common),
        TrainOptions(particles=data / "particles.star", outdir=run, **TRAINING, **common),
        AnalyzeOptions(run=run, clusters=STATES, **common),
        SelectOptions(particles=run, clusters=[0], name="class-0", output=star, overwrite=options.overwrite),
        TrainOptions(particles=star, selection=selection, outdir=again, **RETRAINING, **common),
        VolumesOptions(run=again, overwrite=options.overwrite),
    )


def compare_with_truth(analysis: "Analysis", data: Path) -> tuple[float, tuple[ClassTruth, ...]]:
    """Return the adjusted Rand index of the classes against the simulated states, and each class against its state."""
    import numpy as np
    import pandas as pd

    from napari_tomodrgn.analysis.clusters import ari

    table = pd.read_csv(data / "truth.csv", dtype={"tomogram": str, "particle": str})
    state_of = dict(zip(zip(table["tomogram"], table["particle"], strict=True), table["label"], strict=True))
    truth = np.array([state_of[particle] for particle in analysis.embedding.ids])
    labels, classes = analysis.clusters.labels, []
    assert analysis.volumes is not None
    for label, size in enumerate(analysis.clusters.sizes):
        counts = np.bincount(truth[labels == label], minlength=STATES)
        state = int(counts.argmax())
        match = _match(analysis.volumes / f"vol_{label:03d}.mrc", data, state)
        classes.append(ClassTruth(label, int(size), state, float(counts[state] / size), match))
    return ari(labels, truth), tuple(classes)


def _match(volume: Path, data: Path, state: int) -> float:
    """Return the correlation of a map with the true map of a state."""
    from napari_tomodrgn.particles.maps import read_map
    from napari_tomodrgn.reconstruction.fsc import correlation

    return correlation(read_map(volume).values, read_map(data / f"state_{state}.mrc").values)


def command_line(command: str, options: BaseModel) -> str:
    """Return the command that a model of options stands for, with what differs from the defaults."""
    differ = [
        name
        for name, field in type(options).model_fields.items()
        if getattr(options, name) != field.get_default(call_default_factory=True, validated_data={})
    ]
    return shlex.join(["napari-tomodrgn", command, *words_of(options, differ)])


def _refuse_full(options: DemoOptions) -> None:
    folder = options.outdir
    if folder.is_dir() and os.listdir(folder) and not options.overwrite:
        raise InputError(f"{folder}: holds files already; choose another folder or add --overwrite")


@contextmanager
def _step(title: str, command: str, options: BaseModel) -> Iterator[None]:
    """Say what is being done, by which command, and how long it took."""
    typer.secho(f"\n{title}", bold=True)
    typer.echo(f"$ {command_line(command, options)}")
    began = time.perf_counter()
    yield
    typer.echo(f"({time.perf_counter() - began:.0f} s)")


def _say_result(result: DemoResult, analysis: "Analysis") -> None:
    typer.secho(f"\nDone in {result.seconds:.0f} s", bold=True)
    typer.echo(f"Adjusted Rand index of the classes against the simulated states: {result.ari:.2f} (1 is perfect)")
    typer.echo("class  particles  true state  in that state  correlation with its map")
    for each in result.classes:
        typer.echo(
            f"{each.label:>5}  {each.particles:>9}  {each.state:>10}  {each.purity:>13.0%}  {each.correlation:>24.2f}"
        )
    state = result.classes[0].state
    others = max(match for number, match in enumerate(result.retrained) if number != state)
    typer.echo(
        f"Trained on class 0 alone: correlation with the map of state {state} {result.retrained[state]:.2f}, "
        f"with any other state's {others:.2f} at most"
    )
    figures = analysis.folder.figures(analysis.labelling)
    rows = {
        "all figures on one page": figures / "overview.png",
        "report, opens in a browser": result.report,
        "class volumes": analysis.volumes,
        "star file of class 0": result.star,
        "map of class 0 alone": result.retrained_map,
    }
    width = max(map(len, rows))
    typer.echo("")
    for name, path in rows.items():
        typer.echo(f"{name:<{width}}  {path}")
    typer.secho("\nWhere to look next", bold=True)
    reconstruct = shlex.join(["napari-tomodrgn", "reconstruct", str(result.star), "--backproject"])
    for line in (
        f"napari-tomodrgn info {shlex.quote(str(result.run))}",
        f"{reconstruct} --outdir {shlex.quote(str(result.star.with_suffix('')))}",
        f"napari {shlex.quote(str(result.run / layout.DOCUMENT))}",  # of a folder napari asks by which reader
    ):
        typer.echo(f"$ {line}")
