"""Trainings begun, stopped, killed, cut off from their disk and gone on with, as the Train widget does: no window."""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.cli.option_fields import texts_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import process_start
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.training_estimate import TrainingEstimate, told
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.viewer.training_watch import TrainingWatch

PATIENCE = 120  # seconds for a process to come to a moment, on a busy machine
FOREVER = "100000"
# begins a training as the widget does, waits for its first epoch, and is killed as napari may be
KILLED = """
import os, pathlib, signal, sys, time
from napari_tomodrgn.viewer.child_command import ChildCommand
child = ChildCommand(sys.argv[2:])
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.05)
print(child.process, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def wait(moment: Callable[[], object]) -> None:
    limit = time.monotonic() + PATIENCE
    while not moment():
        assert time.monotonic() < limit
        time.sleep(0.05)


def epochs_of(run: Path) -> int:
    return len(layout.latent_epochs(run))


@pytest.fixture
def panel(analysed_run: Run, tmp_path: Path) -> Iterator[TrainingPanel]:
    panel = TrainingPanel(Session())
    panel.values.take({**texts_of(analysed_run.settings), "outdir": str(tmp_path / "run"), "epochs": FOREVER})
    yield panel
    for child in (panel.child, panel.images):
        if child is not None:
            child.kill()


def begun(panel: TrainingPanel) -> Path:
    """Start the training that is set up, and return its folder when it has finished an epoch."""
    panel.start()
    run = panel.trained
    assert run is not None
    # the epoch's file and its line in the log come one after the other
    wait(lambda: panel.look() or (epochs_of(run) and "epoch 1: loss" in panel.log))
    assert panel.ended is None
    return run


def ended(panel: TrainingPanel) -> str:
    wait(lambda: panel.look() or panel.ended)
    assert panel.ended is not None
    return panel.ended


def test_a_training_is_stopped_and_gone_on_with(panel: TrainingPanel) -> None:
    run = begun(panel)
    assert panel.watched == run
    assert "epoch 1: loss" in panel.log
    with pytest.raises(InputError, match="is being trained from this window"):
        panel.start()
    panel.stop()
    assert ended(panel).startswith(f"{run}: stopped after step")
    assert ended(panel).endswith("; Resume goes on from there")
    assert not panel.failed
    assert Run.open(run).status == "stopped"
    panel.resume(epochs_of(run) + 1)
    assert ended(panel) == f"{run}: the training is finished"
    assert Run.open(run).status == "finished"


def test_a_killed_training_is_told_and_gone_on_with(panel: TrainingPanel) -> None:
    run = begun(panel)
    assert panel.child is not None
    os.kill(panel.child.process, signal.SIGKILL)
    assert "was ended by SIGKILL from outside" in ended(panel)
    assert panel.failed
    assert TrainingWatch(run).look().status == "stopped"
    panel.resume(epochs_of(run) + 1)
    assert ended(panel) == f"{run}: the training is finished"


def test_a_training_outlives_the_program_that_began_it(panel: TrainingPanel, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(layout.latents_path(run, 1)), *panel.values.words()]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    process = int(killed.stdout)
    try:
        there = epochs_of(run)
        wait(lambda: epochs_of(run) > there + 1)
        panel.attach(run)
        panel.take(TrainingWatch(run).look())
        assert panel.can_stop
        panel.stop()  # a process that this one has not begun
        wait(lambda: Run.open(run).document["status"] == "stopped")
        wait(lambda: process_start(process) is None)
    finally:
        if process_start(process) is not None:
            os.kill(process, signal.SIGKILL)
    with pytest.raises(InputError, match="nobody trains in it"):
        panel.stop()
    panel.resume(epochs_of(run) + 1)
    assert ended(panel) == f"{run}: the training is finished"


def test_what_the_command_refuses_is_said_with_its_option(panel: TrainingPanel, tmp_path: Path) -> None:
    panel.values.take({"keep": "best", "epochs": "1"})
    panel.start()
    sentence = "--keep best: looks at what is held out; give --held-out-fraction, for example 0.1"
    assert ended(panel) == sentence
    assert panel.values.refused == {"keep": sentence}
    assert not (tmp_path / "run").exists()
    panel.values.set("keep", "last")
    panel.start()
    assert ended(panel) == f"{tmp_path / 'run'}: the training is finished"


@pytest.mark.long
def test_a_second_window_may_watch_and_not_train(panel: TrainingPanel) -> None:
    run = begun(panel)
    assert panel.child is not None
    other = TrainingPanel(Session())
    other.values.take({name: panel.values[name] for name in panel.values.fields})
    other.values.take({"outdir": str(run), "overwrite": "on"})
    other.start()
    assert f"process {panel.child.process} on" in ended(other)
    assert "is training in it; wait until it ends" in ended(other)
    other.take(TrainingWatch(run).look())
    assert other.glance is not None
    assert other.glance.status == "running"
    assert other.glance.finished_epochs > 0
    assert panel.works


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file of processes begun here grow past a size, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_is_one_sentence_and_the_training_goes_on_when_there_is_space(panel: TrainingPanel) -> None:
    panel.values.set("epochs", "1")
    with largest_file(65_536):
        panel.start()
    run = panel.trained
    assert run is not None
    assert ended(panel).startswith(f"{run / 'checkpoints' / 'epoch-0001.pt'}: ")
    assert "\n" not in ended(panel)
    assert Run.open(run).status == "failed"
    panel.resume(1)
    assert ended(panel) == f"{run}: the training is finished"


@pytest.mark.long
def test_a_folder_that_is_taken_away_is_not_made_anew(panel: TrainingPanel) -> None:
    panel.values.set("decoder", "256x3")  # epochs that take far longer than writing them does
    run = begun(panel)
    elsewhere, there = run.with_name("elsewhere"), epochs_of(run)
    wait(lambda: epochs_of(run) > there and len(Run.open(run).metrics()) > there)
    run.rename(elsewhere)
    assert f"{run}: the run's folder is not there any more" in ended(panel)
    assert not run.exists()
    watch = TrainingWatch(run)
    assert watch.look().trouble is not None
    elsewhere.rename(run)
    assert watch.look().status == "stopped"
    panel.resume(epochs_of(run) + 1)
    assert ended(panel) == f"{run}: the training is finished"


def test_the_dry_run_counts_and_warns(panel: TrainingPanel, analysed_run: Run, tmp_path: Path) -> None:
    estimate = TrainingEstimate(panel.values)

    def asked() -> None:
        estimate.begin()
        wait(lambda: estimate.look() or not estimate.works)

    asked()
    assert estimate.planned is not None
    assert (estimate.planned["particles"], estimate.planned["tilt_images"]) == (24, 120)
    assert told(estimate.planned, 3)[0] == "24 particles · 120 tilt images (5 each) · 16 px of 12 Å"
    session = Session()
    session.open_run(analysed_run.path)
    for rows, says in (([3], "⚠ one particle: latents tell particles apart"), ([], "the selection holds no particles")):
        session.select(np.zeros(len(session), bool), {})
        session.select_rows(rows, {"rule": "test"})
        session.as_selection("few").save(tmp_path / "few.json")
        panel.values.set("selection", "")
        panel.values.set("selection", str(tmp_path / "few.json"))
        panel.values.set("seed", str(len(rows)))
        asked()
        lines = told(estimate.planned, 1) if estimate.planned else [estimate.trouble or ""]
        assert says in lines[-1]
    assert not (tmp_path / "run").exists()
