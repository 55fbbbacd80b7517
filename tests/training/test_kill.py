"""SIGKILL at any moment of the real command: resuming ends with the same weights, bit for bit."""

import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from napari_tomodrgn.cli.main import main_train
from napari_tomodrgn.runs.run import Run

from .test_train import same, weights

EPOCHS = 5
IN_START_UP = 3
MOMENTS = 20
NETWORK = "--encoder-a 16x1 --encoder-a-out 8 --encoder-b 16x1 --decoder 16x2 --latent-dim 2 --batch-size 2"


def arguments(particles: Path, outdir: Path) -> list[str]:
    options = [*NETWORK.split(), "--epochs", str(EPOCHS), "--device", "cpu", "--quiet", "--resume"]
    return [str(particles), "--outdir", str(outdir), *options]


def finished(outdir: Path) -> bool:
    return (outdir / "run.json").exists() and Run.open(outdir).document["status"] == "finished"


def killed_in_start_up(particles: Path, outdir: Path, moments: random.Random) -> int:
    """Kill the command, in a fresh interpreter, a few times while it starts; return how often."""
    program = "from napari_tomodrgn.cli.main import main_train; main_train()"
    for _ in range(IN_START_UP):
        command = [sys.executable, "-c", program, *arguments(particles, outdir)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            time.sleep(moments.uniform(0.1, 3))
            process.kill()
    return IN_START_UP


@pytest.fixture(scope="module")
def processes() -> Iterator[multiprocessing.context.ForkServerContext]:
    """Processes of their own that find the program imported already, so that most kills fall into its work."""
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["napari_tomodrgn.training.train", "napari_tomodrgn.cli.main"])
    yield context
    monkeypatch.undo()


@pytest.mark.timeout(400)
def test_a_killed_run_ends_as_the_undisturbed_one(tiny_set, tmp_path: Path, processes) -> None:  # type: ignore[no-untyped-def]
    """Twenty kills in all: in start-up, steps, inference, writing, wherever the moment falls."""
    particles = tiny_set(tilts=(3, 4, 5, 3) * 10)

    def start(outdir: Path) -> multiprocessing.Process:
        process = processes.Process(target=main_train, args=(arguments(particles, outdir),))
        process.start()
        return process

    start(tmp_path / "warm-up").join()
    began = time.monotonic()
    start(tmp_path / "undisturbed").join()
    whole = time.monotonic() - began
    assert finished(tmp_path / "undisturbed")
    expected = weights(Run.open(tmp_path / "undisturbed"))

    moments, number = random.Random(1), 0
    kills = killed_in_start_up(particles, tmp_path / "run-0", moments)
    while kills < MOMENTS or not finished(tmp_path / f"run-{number}"):
        if finished(tmp_path / f"run-{number}"):
            number += 1
        process = start(tmp_path / f"run-{number}")
        process.join(moments.uniform(0, whole) if kills < MOMENTS else None)
        if process.is_alive():
            process.kill()
            kills += 1
            process.join()
        else:
            assert process.exitcode == 0
    for each in range(number + 1):
        resumed = Run.open(tmp_path / f"run-{each}")
        assert resumed.metrics()["epoch"].tolist() == list(range(1, EPOCHS + 1))
        assert same(weights(resumed), expected)
