"""SIGKILL at any moment of the real command: resuming ends with the same weights, bit for bit."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

from .conftest import write_tiny_set
from .test_train import same, weights

PROGRAM = Path(sys.executable).with_name("napari-tomodrgn-train")
EPOCHS = 5
PARTICLES, TILTS = 80, 80  # drawn two at a time: inference, which sees all, takes about as long as the steps
NETWORK = "--encoder-a 256x3 --encoder-a-out 8 --encoder-b 16x1 --decoder 32x2 --latent-dim 2"
OPTIONS = f"{NETWORK} --batch-size 8 --tilts-per-particle 2 --epochs {EPOCHS} --device cpu --quiet --resume".split()
PATIENCE = 120  # seconds for a process to come to a moment, on a busy machine
# Python reads this file when it starts; it makes a process write down where it is when it gets SIGUSR1.
SITE = "import faulthandler, os, signal\nfaulthandler.register(signal.SIGUSR1, open(os.environ['TRACE'], 'w'), False)\n"
STAGES = {"_train_epoch": "steps", "infer": "inference", "_finish_epoch": "writing", "_train": "end"}  # by function


class Undisturbed(NamedTuple):
    """What a run ends with that nobody killed, and the seconds that its start and its epochs took."""

    weights: dict[str, torch.Tensor]
    z_mean: np.ndarray
    start: float
    epoch: float


class Training:
    """The console script at work on a data set, in a fresh interpreter."""

    def __init__(self, folder: Path, outdir: Path) -> None:
        self.outdir = outdir
        self.trace = folder / "trace.txt"
        self.trace.unlink(missing_ok=True)
        self.begun_before = self.log.count("training on")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(folder), "TRACE": str(self.trace)}
        command = [PROGRAM, folder / "particles.star", "--outdir", outdir, *OPTIONS]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    @property
    def log(self) -> str:
        path = self.outdir / layout.LOG
        return path.read_text() if path.exists() else ""

    def trains(self) -> bool:
        return self.log.count("training on") > self.begun_before

    def wait(self, moment: Callable[[], bool]) -> None:
        """Wait for a moment, or for the end where that comes first."""
        limit = time.monotonic() + PATIENCE
        while not moment() and self.process.poll() is None:
            assert time.monotonic() < limit
            time.sleep(0.002)

    def finish(self) -> None:
        _, errors = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, errors

    def kill(self) -> str | None:
        """Kill the process and return the stage in which it was, ``None`` where it had ended."""
        self.process.send_signal(signal.SIGUSR1)
        limit = time.monotonic() + 0.05
        while self.process.poll() is None and "<module>" not in self._traced() and time.monotonic() < limit:
            pass
        self.process.kill()
        _, errors = self.process.communicate()
        if self.process.returncode == 0:
            return None
        assert self.process.returncode == -signal.SIGKILL, errors
        functions = re.findall(r" in (\w+)$", self._traced(), re.MULTILINE)
        finished = (self.outdir / layout.DOCUMENT).exists() and Run.open(self.outdir).document["status"] == "finished"
        return next((STAGES[name] for name in functions if name in STAGES), "end" if finished else "start-up")

    def _traced(self) -> str:
        with suppress(FileNotFoundError):
            return self.trace.read_text()
        return ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Particles, and beside them what tells where a process is; SIGUSR1 harms none that is not ready for it."""
    path = tmp_path_factory.mktemp("killed")
    write_tiny_set(path, tilts=(TILTS,) * PARTICLES, box=24)
    (path / "sitecustomize.py").write_text(SITE)
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    yield path
    signal.signal(signal.SIGUSR1, before)


@pytest.fixture(scope="module")
def undisturbed(folder: Path) -> Undisturbed:
    began = time.monotonic()
    training = Training(folder, folder / "undisturbed")
    training.wait(training.trains)
    start = time.monotonic() - began
    training.finish()
    run = Run.open(folder / "undisturbed")
    return Undisturbed(weights(run), run.latents().z_mean, start, float(run.metrics()["seconds"].median()))


def wait_in_start_up(training: Training, undisturbed: Undisturbed, share: float) -> None:
    time.sleep(share * undisturbed.start)


def wait_in_epochs(training: Training, undisturbed: Undisturbed, share: float) -> None:
    training.wait(training.trains)
    time.sleep(share * 2 * undisturbed.epoch)


def wait_in_writing(training: Training, undisturbed: Undisturbed, share: float) -> None:
    training.wait(training.trains)
    latents = layout.latents_path(training.outdir, len(layout.checkpoint_epochs(training.outdir)) + 1)
    training.wait(lambda: latents.exists() or bool(list(latents.parent.glob(".*"))))
    time.sleep(share * 0.01)


def wait_at_the_end(training: Training, undisturbed: Undisturbed, share: float) -> None:
    training.wait(training.trains)
    training.wait(layout.checkpoint_path(training.outdir, EPOCHS).exists)
    time.sleep(share * 0.05)


MOMENTS = (wait_in_start_up, wait_in_epochs, wait_in_writing, wait_in_epochs, wait_at_the_end)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4))
def test_a_killed_run_ends_as_the_undisturbed_one(folder: Path, undisturbed: Undisturbed, seed: int) -> None:
    """Five kills of one run, twenty in all: in start-up, steps, inference, writing, at the end."""
    shares, outdir, landed = random.Random(seed), folder / f"run-{seed}", []
    for wait in MOMENTS:
        stage = None
        while stage is None:
            training = Training(folder, outdir)
            wait(training, undisturbed, shares.random())
            stage = training.kill()
            if stage is None:  # it was over before, so it begins anew
                shutil.rmtree(outdir)
        landed.append((len(layout.checkpoint_epochs(outdir)), stage))
    print("killed after epoch, in:", landed)  # noqa: T201 - shown by pytest -rP
    assert len({stage for _, stage in landed}) >= 3, landed
    Training(folder, outdir).finish()
    run = Run.open(outdir)
    assert run.metrics()["epoch"].tolist() == list(range(1, EPOCHS + 1))
    assert same(weights(run), undisturbed.weights)
    assert np.array_equal(run.latents().z_mean, undisturbed.z_mean)
