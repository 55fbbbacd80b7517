"""Ctrl-C, SIGTERM, full disks, unwritable folders and a second trainer: what is on disk stays whole."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from .conftest import SMALL, Cli, Outcome, TinySet, check, listing

FOREVER = (*SMALL, "--epochs", "100000")
PATIENCE = 120  # seconds for a process to begin its work, on a busy machine


def begun(*arguments: object) -> "subprocess.Popen[str]":
    """Start ``napari-tomodrgn ARGUMENTS`` in a process of its own."""
    command = [sys.executable, "-c", "from napari_tomodrgn.cli.main import main; main()", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def wait(process: "subprocess.Popen[str]", moment: Callable[[], bool]) -> None:
    """Wait for a moment in the work of a process."""
    limit = time.monotonic() + PATIENCE
    while not moment():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.01)


def stopped_by(process: "subprocess.Popen[str]", number: int) -> Outcome:
    """Send a signal to a process and return how it ended."""
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=PATIENCE)
    return Outcome(process.returncode, stdout, stderr)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_training_stops_with_its_state_and_goes_on(tiny: TinySet, cli: Cli, number: int, code: int) -> None:
    star, run = tiny.write(), tiny.folder / "run"
    training = begun("train", star, "--outdir", run, *FOREVER)
    wait(training, (run / "latents" / "epoch-0001.npz").exists)
    check(stopped_by(training, number), code, ("run", "stopped", "--resume"))
    assert json.loads((run / "run.json").read_text())["status"] == "stopped"
    assert not list(run.rglob(".*"))
    last = len((run / "metrics.csv").read_text().splitlines())
    assert cli("train", star, "--outdir", run, "--resume", "--epochs", last).code == 0
    assert json.loads((run / "run.json").read_text())["chosen_epoch"] == last


def test_reading_images_stops_and_leaves_nothing(tiny: TinySet) -> None:
    first = tiny.rows[:5]
    names = [f"TS_01.tomostar_{particle:06d}" for particle in range(12_000)]
    tiny.rows = [{**row, "rlnGroupName": name} for name in names for row in first]
    training = begun("train", tiny.write(), "--outdir", tiny.folder / "run", *FOREVER)
    assert training.stderr is not None
    assert training.stderr.readline() == "12000 particles, 60000 tilt images\n"
    check(stopped_by(training, signal.SIGINT), 130, ("stopped while",))
    assert not (tiny.folder / "run").exists()


def test_a_command_without_checkpoints_leaves_no_star(tmp_path: Path) -> None:
    simulation = begun("simulate", tmp_path / "new", "--particles", 20_000, "--box", 16)
    wait(simulation, (tmp_path / "new").exists)
    check(stopped_by(simulation, signal.SIGTERM), 143, ("stopped by SIGTERM",))
    assert listing(tmp_path / "new") == {}


def test_one_trainer_a_folder_until_it_is_gone(tiny: TinySet, cli: Cli) -> None:
    star, run = tiny.write(), tiny.folder / "run"
    training = begun("train", star, "--outdir", run, *FOREVER)
    wait(training, (run / "checkpoints" / "epoch-0001.pt").exists)
    for how in ("--resume", "--overwrite", "--no-overwrite"):
        check(cli("train", star, "--outdir", run, *SMALL, how), 2, ("run", f"process {training.pid}", "--outdir"))
    check(cli("clean", run, "--yes"), 2, ("run", f"process {training.pid}", "training"))
    assert json.loads(cli("info", run, "--json").stdout)["status"] == "running"
    assert stopped_by(training, signal.SIGKILL).code == -signal.SIGKILL
    assert json.loads(cli("info", run, "--json").stdout)["status"] == "stopped"
    last = len(list((run / "checkpoints").glob("epoch-*"))) + 1
    assert cli("train", star, "--outdir", run, "--resume", "--epochs", last).code == 0


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow past a size, which fails a write as a full disk does and needs no rights."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a disk of 48 kB, or where none may be mounted, on one whose files may grow to 40 kB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        with largest_file(40_960):
            yield folder
        return
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_training_on_a_full_disk_ends_in_one_sentence(tiny: TinySet, small_disk: Path, cli: Cli) -> None:
    run = small_disk / "run"
    check(cli("train", tiny.write(), "--outdir", run, *SMALL), 1, ("run/",))
    assert not list(run.rglob("*.pt"))
    assert not list(run.rglob(".*"))


def test_a_training_goes_on_when_there_is_space(tiny: TinySet, cli: Cli) -> None:
    star, run = tiny.write(), tiny.folder / "run"
    with largest_file(16_384):
        check(cli("train", star, "--outdir", run, *SMALL), 1, ("epoch-0001.pt",))
    assert cli("train", star, "--outdir", run, "--resume").code == 0
    assert json.loads((run / "run.json").read_text())["status"] == "finished"


# mrcfile leaves a file open whose last bytes could not be written
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "command",
    [
        "simulate new --particles 8 --tilts 3 --box 16",
        "downsample tiny.star new.star --box 8",
        "crop tiny.star new.star --box 14",
        "reconstruct tiny.star --backproject --outdir new",
        "inspect tiny.star --outdir new",
        "train tiny.star --outdir new --latent-dim 0",
    ],
)
def test_no_command_leaves_half_a_file_on_a_full_disk(
    command: str, tiny: TinySet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write()
    monkeypatch.chdir(tiny.folder)
    before = listing(tiny.folder)
    with largest_file(512):
        check(cli(*command.split()), 1, ("packed-images" if command.startswith("train") else "new",))
    assert set(listing(tiny.folder)) - set(before) <= {"new/log.txt", "new/truth.csv"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mrcfile, as above
@pytest.mark.parametrize(
    ("command", "limit", "says"),
    [
        ("analyze run --clusters 2 --no-umap", 512, "run/analysis/epoch-0001/embedding.npz"),
        ("analyze run --clusters 2 --no-umap", 8192, "run/volumes/epoch-0001/kmeans-2/vol_000.mrc"),
        ("volumes run --all", 512, "run/volumes/epoch-0001/all/vol_000.mrc"),
        ("embed tiny.star --run run --output new.npz", 512, "new.npz"),
        ("select tiny.star --name new --ids ids.csv", 100, "new.json"),
        ("select tiny.star --name new --ids ids.csv", 512, "new.star"),
        ("select run --name new --ids ids.csv", 100, "run/selections/new.json"),
    ],
)
def test_no_command_on_a_run_leaves_half_a_file_on_a_full_disk(
    command: str, limit: int, says: str, tiny: TinySet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    star = tiny.write()
    monkeypatch.chdir(tiny.folder)
    (tiny.folder / "ids.csv").write_text("tomogram,particle\nTS_01.tomostar,000000\n")
    assert cli("train", star, "--outdir", "run", *SMALL).code == 0
    before = listing(tiny.folder)

    with largest_file(limit):
        check(cli(*command.split()), 1, (f"error: {says}: ",))

    assert listing(tiny.folder) == before
    assert cli(*command.split()).code == 0


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mrcfile, as above
def test_an_analysis_that_does_not_fit_the_disk_replaces_nothing(tiny: TinySet, cli: Cli) -> None:
    run = tiny.folder / "run"
    assert cli("train", tiny.write(), "--outdir", run, *SMALL).code == 0
    command = ("analyze", run, "--clusters", "2", "--no-umap", "--no-figures")
    assert cli(*command).code == 0
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}

    with largest_file(8192):
        check(cli(*command, "--overwrite", "--seed", "1"), 1, ("volumes/epoch-0001/kmeans-2/vol_000.mrc: ",))

    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


UNWRITABLE = (
    pytest.param("/sys/new", id="where the system forbids it"),
    pytest.param("tiny.star/new", id="below a file"),
)


@pytest.mark.parametrize("folder", UNWRITABLE)
@pytest.mark.parametrize(
    "command",
    [
        f"train tiny.star {' '.join(SMALL)} --outdir {{}}",
        "reconstruct tiny.star --backproject --outdir {}",
        "inspect tiny.star --outdir {}",
        "simulate {} --particles 8 --tilts 3 --box 16",
        "downsample tiny.star {}/new.star --box 8",
        "demo {}",
    ],
    ids=lambda command: command.split()[0],
)
def test_an_unwritable_folder_is_named(
    command: str, folder: str, tiny: TinySet, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write()
    monkeypatch.chdir(tiny.folder)
    before = listing(tiny.folder)
    outcome = cli(*command.format(folder).split())
    check(Outcome(outcome.code, "", outcome.stderr), 2, (folder.split("/")[1] if folder[0] == "/" else "tiny.star",))
    assert listing(tiny.folder) == before
