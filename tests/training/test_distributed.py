"""Two processes of PyTorch's launcher on the CPU train as one does, and leave a whole run however they end.

Sums over two ranks are added in another order than those of one process. Weights may differ by 1e-5 of their norm, and
what is measured by 1e-5; here, in float32, it was 4e-9 and 2e-7.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.stopping import InterruptedWorkError
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.distributed import ManyRanks, Ranks
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

from .conftest import write_tiny_set
from .one_rank import StopAfter
from .test_train import small, weights

TOLERANCE = 1e-5
LAUNCHER = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
PROGRAM = Path(sys.executable).with_name("napari-tomodrgn-train")
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}
TILTS = (4, 5, 3, 6, 4, 4, 5, 3, 4)  # the last batch has one particle, and one rank nothing to do
PATIENCE = 60  # seconds
MEASURED = ["loss", "reconstruction", "kld", "beta", "held_out_reconstruction", "learning_rate"]
KINDS: dict[str, dict[str, Any]] = {
    "mean": {"pooling": "mean", "kl_target": 0.05, "batch_size": 4},
    "linear": {"pooling": "linear", "batch_size": 4},
    "free": {
        "pooling": "none",
        "latent_dim": 2,
        "refine_latents": True,
        "fit_contrast": True,
        "refine_poses": True,
        "point_fraction": 0.5,
        "batch_size": 7,
        "held_out_fraction": 0.1,
    },
    "alone": {"latent_dim": 0, "held_out_fraction": 0.2, "batch_size": 3, "tilts_per_particle": 2},
}


def options_of(kind: str, particles: Path, outdir: Path, **given: Any) -> TrainOptions:
    return small(particles, outdir, **{"amp": "off", "device": "cpu", **KINDS[kind], **given})


class Ended(NamedTuple):
    code: int
    errors: str
    shares: list[list[list[int]]]  # by rank and step: the particles of its share


def on_two_ranks(options: TrainOptions, stop_after: dict[str, int] | None = None) -> Ended:
    """Train by the launcher; ``stop_after`` has the steps after which a rank is asked to stop."""
    seen = options.outdir.with_name(options.outdir.name + "-seen")
    seen.mkdir(exist_ok=True)
    given = json.loads(options.model_dump_json(exclude_unset=True))
    task = json.dumps({"options": given, "stop_after": stop_after or {}, "seen": str(seen)})
    program = str(Path(__file__).with_name("one_rank.py"))
    done = subprocess.run(
        [*LAUNCHER, program, task], env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    lines = [(seen / f"{rank}.txt").read_text().splitlines() for rank in range(2)]
    return Ended(done.returncode, done.stderr, [[list(map(int, line.split())) for line in rank] for rank in lines])


def assert_alike(run: Run, other: Run) -> None:
    """Assert that two runs ended alike, but for the order of sums."""
    pair = [torch.cat([each.flatten().double() for each in weights(one).values()]) for one in (run, other)]
    assert (pair[0] - pair[1]).norm() <= TOLERANCE * pair[1].norm()
    np.testing.assert_allclose(run.metrics()[MEASURED], other.metrics()[MEASURED], rtol=TOLERANCE, atol=1e-7)
    if run.latent_dim:
        np.testing.assert_allclose(run.latents().z_mean, other.latents().z_mean, rtol=TOLERANCE, atol=TOLERANCE)


@pytest.fixture(scope="module")
def particles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_set(tmp_path_factory.mktemp("data"), tilts=TILTS)


@pytest.mark.parametrize(
    "kind", [each if each == "mean" else pytest.param(each, marks=pytest.mark.long) for each in KINDS]
)
def test_two_ranks_end_as_one_process(particles: Path, tmp_path: Path, kind: str) -> None:
    """And each particle is seen once an epoch, whichever rank it falls to."""
    whole = train(options_of(kind, particles, tmp_path / "one"))
    two = options_of(kind, particles, tmp_path / "two")
    ended = on_two_ranks(two)

    assert ended.code == 0, ended.errors
    run = Run.open(two.outdir)
    assert run.status == "finished"
    assert "devices" not in run.settings
    assert_alike(run, whole)
    if kind == "mean":  # and neither rank waits for the other where the run is finished
        written = (run.path / "run.json").stat().st_mtime_ns
        again = on_two_ranks(TrainOptions(particles=particles, outdir=two.outdir, resume=True))
        assert again.code == 0, again.errors
        assert (run.path / "run.json").stat().st_mtime_ns == written
    steps = [[*first, *second] for first, second in zip(*ended.shares, strict=True)]
    assert ended.shares[0].count([]) == 2
    trained = sorted(set(chain(*steps)))
    assert len(trained) == {"alone": 7, "free": 8}.get(kind, 9)
    for epoch in (steps[: len(steps) // 2], steps[len(steps) // 2 :]):
        assert sorted(chain(*epoch)) == trained


@pytest.mark.parametrize("kind", ["mean", pytest.param("alone", marks=pytest.mark.long)])
def test_a_run_stopped_on_two_ranks_goes_on_on_one(particles: Path, tmp_path: Path, kind: str) -> None:
    """The signal reaches the second rank alone, within the second epoch."""
    whole = train(options_of(kind, particles, tmp_path / "undisturbed"))
    options = options_of(kind, particles, tmp_path / "run")

    ended = on_two_ranks(options, {"1": 4})

    assert ended.code != 0
    assert len(re.findall(r"run: stopped after step [12] of 3 in epoch 2; go on with --resume", ended.errors)) == 1
    assert Run.open(options.outdir).status == "stopped"
    assert_alike(train(options.model_copy(update={"resume": True})), whole)


@pytest.mark.long
def test_a_run_stopped_on_one_process_goes_on_on_two(particles: Path, tmp_path: Path) -> None:
    whole = train(options_of("alone", particles, tmp_path / "undisturbed"))
    options = options_of("alone", particles, tmp_path / "run")
    with pytest.raises(InterruptedWorkError):
        train(options, StopAfter(4, signal.SIGTERM))

    ended = on_two_ranks(TrainOptions(particles=particles, outdir=options.outdir, resume=True))

    assert ended.code == 0, ended.errors
    assert_alike(Run.open(options.outdir), whole)


@contextmanager
def training(command: list[str], outdir: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield a process whose training has finished its first epoch."""
    process = subprocess.Popen(command, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        limit = time.monotonic() + PATIENCE
        while not layout.checkpoint_epochs(outdir):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < limit
            time.sleep(0.05)
        yield process
    finally:
        process.kill()


def words(particles: Path, outdir: Path, **given: object) -> list[str]:
    """Return the command line of a training that goes on for long, unless something else is given."""
    values = {"pooling": "mean", "encoder_a": "16x1", "encoder_b": "16x1", "decoder": "16x2", "latent_dim": 2}
    values |= {"batch_size": 2, "epochs": 100_000, "device": "cpu", "amp": "off", **given}
    pairs = [word for name, value in values.items() for word in ("--" + name.replace("_", "-"), str(value))]
    return [str(particles), "--outdir", str(outdir), "--quiet", *pairs]


def rank_of(launcher: int, rank: int) -> int:
    """Return the process of a rank."""
    for child in Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split():
        if f"RANK={rank}" in Path(f"/proc/{child}/environ").read_text().split("\0"):
            return int(child)
    raise AssertionError(f"no rank {rank}")


def go_on(outdir: Path, particles: Path) -> Run:
    """Go on in this process, for one more epoch."""
    epochs = len(Run.open(outdir).metrics()) + 1
    return train(TrainOptions(particles=particles, outdir=outdir, resume=True, epochs=epochs))


def test_a_killed_rank_ends_the_others_with_a_run_that_goes_on(particles: Path, tmp_path: Path) -> None:
    outdir = tmp_path / "run"
    with training([str(PROGRAM), *words(particles, outdir), "--devices", "2"], outdir) as process:
        began = time.monotonic()
        os.kill(rank_of(process.pid, 1), signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)

    assert time.monotonic() - began < 60
    assert process.returncode == 1
    assert "run: rank 1 of 2 was lost in epoch " in errors
    assert "(its connection was closed); go on with --resume" in errors
    assert "Traceback" not in errors
    assert Run.open(outdir).status == "failed"
    finished = len(Run.open(outdir).metrics())
    run = go_on(outdir, particles)
    assert run.status == "finished"
    assert run.metrics()["epoch"].tolist() == list(range(1, finished + 2))


@pytest.mark.long
def test_sigterm_to_the_launcher_leaves_a_run_that_goes_on(particles: Path, tmp_path: Path) -> None:
    outdir = tmp_path / "run"
    command = [*LAUNCHER, "-m", "napari_tomodrgn", "train", *words(particles, outdir)]
    with training(command, outdir) as process:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)

    assert process.returncode != 0
    assert errors.count("go on with --resume") == 1
    assert Run.open(outdir).status == "stopped"
    assert go_on(outdir, particles).status == "finished"


def test_the_command_trains_on_two_devices(particles: Path, tmp_path: Path) -> None:
    outdir = tmp_path / "run"
    command = [PROGRAM, *words(particles, outdir, epochs=2), "--devices", "2"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert (done.returncode, done.stdout) == (0, f"{outdir}\n"), done.stderr
    assert done.stderr.count("epoch 2: loss") == 1
    assert Run.open(outdir).metrics()["epoch"].tolist() == [1, 2]


def test_what_is_wrong_with_the_input_is_said_once(tmp_path: Path) -> None:
    command = [PROGRAM, *words(tmp_path / "none.star", tmp_path / "run"), "--devices", "2"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        f"napari-tomodrgn: error: {tmp_path / 'none.star'}: no such file; give the path of a star file"
    ]
    assert not (tmp_path / "run").exists()


def test_a_process_alone_has_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "1")
    ranks = Ranks.of_environment()
    assert (type(ranks), ranks.first, ranks.part(5)) == (Ranks, True, slice(0, 5))


@pytest.mark.parametrize("count", range(6))
def test_parts_of_a_batch_are_the_batch(count: int) -> None:
    rows = [np.arange(10 * particle, 10 * particle + particle % 3 + 1) for particle in range(count)]
    batch = Batch.of(range(count), rows)
    parts = [ManyRanks(rank, rank, 4).share(batch) for rank in range(4)]
    assert list(chain(*(part.particles.tolist() for part in parts))) == batch.particles.tolist()
    assert torch.equal(torch.cat([part.rows for part in parts]), batch.rows)
    assert torch.equal(torch.cat([part.counts for part in parts]), batch.counts)
