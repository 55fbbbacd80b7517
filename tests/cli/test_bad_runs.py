"""Commands that are given a run, and the commands beside training, with exactly one fault each."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import pytest
import torch

from napari_tomodrgn.cli import main as programs
from napari_tomodrgn.runs import layout

from .conftest import SMALL, Cli, TinySet, check, listing


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ``data`` (6 particles) and ``run``, two epochs of training on it."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "data").mkdir()
    star = TinySet(folder / "data").write()
    arguments = ["train", str(star), "--outdir", str(folder / "run"), *SMALL, "--epochs", "2"]
    with pytest.raises(SystemExit) as ending:
        programs.main(arguments)
    assert ending.value.code == 0
    return folder


@pytest.fixture
def here(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, which holds a copy of ``data`` and ``run``."""
    shutil.copytree(trained, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


@dataclass(frozen=True)
class Case:
    """One fault: the command line, what is spoiled before it, and what the sentence has to name."""

    name: str
    command: str
    says: tuple[str, ...]
    spoil: Callable[[], object] = lambda: None
    code: int = 2

    def __str__(self) -> str:
        return self.name


def written(path: str, text: str) -> Callable[[], object]:
    return lambda: Path(path).write_text(text)


def changed_document(**fields: object) -> Callable[[], object]:
    def change() -> None:
        path = Path("run/run.json")
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def changed_data(**fields: object) -> Callable[[], object]:
    def change() -> None:
        data = json.loads(Path("run/run.json").read_text())["data"]
        changed_document(data={**data, **fields})()

    return change


def changed_checkpoint(**fields: object) -> Callable[[], object]:
    def change() -> None:
        path = Path("run/checkpoints/epoch-0002.pt")
        torch.save({**torch.load(path, weights_only=True), **fields}, path)

    return change


def changed_latents(**arrays: object) -> Callable[[], object]:
    def change() -> None:
        path = Path("run/latents.npz")
        np.savez(path, **{**np.load(path), **arrays})

    return change


def without_weight() -> None:
    path = Path("run/checkpoints/epoch-0002.pt")
    state = torch.load(path, weights_only=True)
    state["model"].popitem()
    torch.save(state, path)


def checkpoint_without(name: str) -> Callable[[], object]:
    def change() -> None:
        path = Path("run/checkpoints/epoch-0002.pt")
        state = torch.load(path, weights_only=True)
        del state[name]
        torch.save(state, path)

    return change


def map_of(*shape: int) -> Callable[[], object]:
    def write() -> None:
        with mrcfile.new("r.mrc") as stream:
            stream.set_data(np.zeros(shape, np.float32))

    return write


def other_particles() -> None:
    tiny = TinySet(Path("data"))
    tiny.rows = tiny.rows[5:]
    tiny.write()


def smaller_images() -> None:
    tiny = TinySet(Path("data"))
    tiny.images = np.ascontiguousarray(tiny.images[:, :14, :14])
    tiny.write()


STAR = "data/tiny.star"
BACKPROJECT = f"reconstruct {STAR} --backproject --outdir m"
LABELS = "tomogram,particle,label\nTS_01.tomostar,000000,0\n"
STRANGER = "tomogram,particle\nTS_09.tomostar,000000\n"
OTHER_FORMAT = changed_document(format=9)
NO_DATA = changed_document(data={})
WORDS = ",".join(layout.METRIC_COLUMNS) + "\n" + ",".join("a" for _ in layout.METRIC_COLUMNS) + "\n"
NO_SCALE = changed_checkpoint(standard_deviation="one")
DECODER_ALONE = changed_document(model={"latent_dim": 0})

RUNS = (
    Case("info of nothing", "info none", ("none", "no such file")),
    Case("info of a folder", "info data", ("data", "not a run")),
    Case("a run.json cut short", "info run", ("run.json",), written("run/run.json", '{"format": 1, "sta')),
    Case("a run.json of something else", "info run", ("run.json", "format"), written("run/run.json", "[]")),
    Case("a run of a newer format", "info run", ("run.json", "format 9", "update"), OTHER_FORMAT),
    Case("a run.json without settings", "info run", ("run.json", "settings"), changed_document(settings=None)),
    Case("a run.json without a network", "analyze run", ("run.json", "model"), changed_document(model=None)),
    Case("a run.json without a star", f"embed {STAR} --run run --output z.npz", ("run.json", "data"), NO_DATA),
    Case("a forward model of nothing", "info run", ("run.json", "forward_model"), changed_data(forward_model={})),
    Case("a scale of zero", "info run", ("run.json", "standard_deviation"), changed_data(standard_deviation=0)),
    Case("a parent that is a number", "info run", ("run.json", "parent"), changed_document(parent=5)),
    Case("a recorded box of text", "info run", ("run.json", "box", "'a'"), changed_data(open_with={"box": "a"})),
    Case(
        "an analysis with empty metrics", "analyze run --clusters 2", ("metrics.csv",), written("run/metrics.csv", "")
    ),
    Case("empty metrics", "info run", ("metrics.csv",), written("run/metrics.csv", "")),
    Case("metrics of something else", "info run", ("metrics.csv", "epoch"), written("run/metrics.csv", "a,b\n1,2\n")),
    Case("metrics that are words", "info run", ("metrics.csv", "epoch"), written("run/metrics.csv", WORDS)),
    Case(
        "latents of fewer particles", "analyze run", ("latents.npz", "z_mean"), changed_latents(z_mean=np.ones((2, 2)))
    ),
    Case("latents in a row", "analyze run", ("latents.npz", "z_mean"), changed_latents(z_mean=np.ones(6))),
    Case(
        "latents that are text", "analyze run", ("latents.npz", "z_mean"), changed_latents(z_mean=np.full((6, 2), "a"))
    ),
    Case("latents without names", "analyze run", ("latents.npz", "text"), changed_latents(particle_name=np.arange(6))),
    Case(
        "latents of one name", "analyze run", ("latents.npz", "twice"), changed_latents(particle_name=np.full(6, "a"))
    ),
    Case("a checkpoint without a weight", "volumes run --all", ("epoch-0002.pt", "weights"), without_weight),
    Case(
        "a checkpoint without an optimiser",
        f"train {STAR} --outdir run --resume --epochs 3",
        ("epoch-0002.pt", "optimizer"),
        checkpoint_without("optimizer"),
    ),
    Case(
        "a checkpoint of no network",
        "volumes run --all",
        ("epoch-0002.pt", "network"),
        changed_checkpoint(architecture={"box": "a"}),
    ),
    Case(
        "a checkpoint without a weight to go on from",
        f"train {STAR} --outdir run --resume --epochs 3",
        ("epoch-0002.pt", "weights"),
        without_weight,
    ),
    Case(
        "an optimiser of another network",
        f"train {STAR} --outdir run --resume --epochs 3",
        ("epoch-0002.pt", "optimizer"),
        changed_checkpoint(optimizer={"state": {}, "param_groups": []}),
    ),
    Case("a checkpoint's scale as text", "volumes run --all", ("standard_deviation",), NO_SCALE),
    Case("a checkpoint's format as text", "volumes run --all", ("epoch-0002.pt",), changed_checkpoint(format="one")),
    Case("a bundle of a star", f"info {STAR} --bundle light", (STAR, "--bundle")),
    Case("a bundle where something stands", "info run --bundle data", ("data", "exists")),
    Case("clean of no run", "clean data", ("data", "not a run")),
    Case("clean that keeps every 0th", "clean run --keep-every 0", ("--keep-every", "1 or more", "0")),
    Case("a run that exists", f"train {STAR} --outdir run", ("run", "exists", "--overwrite", "--resume")),
    Case("a folder of other files", f"train {STAR} --outdir data", ("data", "other files", "--outdir")),
    Case(
        "resume with another option", f"train {STAR} --outdir run --resume --latent-dim 3", ("--latent-dim", "2", "3")
    ),
    Case("resume with fewer epochs", f"train {STAR} --outdir run --resume --epochs 1", ("2 epochs", "--epochs 1")),
    Case("resume with other particles", f"train {STAR} --outdir run --resume", (STAR, "run"), other_particles),
    Case("an epoch that is not there", "volumes run --all --epoch 9", ("run", "epoch 9", "1, 2")),
    Case("volumes of nothing", "volumes run", ("--latents", "--particles", "--all")),
    Case("volumes of no latents", "volumes run --latents none.txt", ("none.txt",)),
    Case("latents of words", "volumes run --latents z.txt", ("z.txt",), written("z.txt", "one two\n")),
    Case("latents of three", "volumes run --latents z.txt", ("z.txt", "2"), written("z.txt", "1 2 3\n")),
    Case("latents that are NaN", "volumes run --latents z.txt", ("z.txt", "row 1"), written("z.txt", "1 nan\n")),
    Case("a volume of a stranger", "volumes run --particles p.csv", ("p.csv", "TS_09"), written("p.csv", STRANGER)),
    Case(
        "a table without particles",
        "volumes run --particles p.csv",
        ("p.csv", "tomogram"),
        written("p.csv", "a,b\n1,2\n"),
    ),
    Case("a larger box of volumes", "volumes run --all --box 32", ("32", "16")),
    Case("an odd box of volumes", "volumes run --all --box 13", ("13", "even")),
    Case("volumes where something stands", "volumes run --all --outdir data", ("data", "exists")),
    Case(
        "a checkpoint cut short",
        "volumes run --all",
        ("epoch-0002.pt",),
        lambda: Path("run/checkpoints/epoch-0002.pt").write_bytes(b"PK\x03\x04 and no more"),
    ),
    Case("a checkpoint of a newer format", "volumes run --all", ("epoch-0002.pt", "9"), changed_checkpoint(format=9)),
    Case("more clusters than particles", "analyze run --clusters 7", ("7", "6")),
    Case("a seed too large", "analyze run --clusters 2 --seed 5000000000", ("--seed", "or less", "5000000000")),
    Case("no clusters", "analyze run --clusters 0", ("--clusters", "1 or more")),
    Case("an analysis of no epoch", "analyze run --epoch 9", ("epoch 9", "1, 2")),
    Case("an unknown method", "analyze run --method ward", ("--method", "kmeans", "ward")),
    Case(
        "latents cut short",
        "analyze run --clusters 2",
        ("latents.npz",),
        lambda: Path("run/latents.npz").write_bytes(Path("run/latents.npz").read_bytes()[:300]),
    ),
    Case("a selection by no rule", "select run --name a", ("--clusters", "--ids", "--selection")),
    Case("clusters before analyze", "select run --name a --clusters 0", ("labels", "analyze")),
    Case(
        "a cluster that is not there",
        "select run --name a --clusters 5 --labels l.csv",
        ("--clusters 5", "0"),
        written("l.csv", LABELS),
    ),
    Case(
        "labels without a label",
        "select run --name a --clusters 0 --labels l.csv",
        ("l.csv", "label"),
        written("l.csv", STRANGER),
    ),
    Case(
        "labels of another length",
        "select run --name a --clusters 0 --labels l.csv",
        ("l.csv", "labels 1 particles", "5 of the 6"),
        written("l.csv", LABELS),
    ),
    Case(
        "labels of another run",
        "select run --name a --clusters 0 --labels l.csv",
        ("l.csv", "TS_09", "data set"),
        written("l.csv", LABELS + "TS_09.tomostar,000000,0\n"),
    ),
    Case("an analysis of a decoder alone", "analyze run", ("run", "decoder alone", "latents"), DECODER_ALONE),
    Case(
        "classes of a decoder alone",
        "select run --name a --clusters 0",
        ("run", "decoder alone", "classes"),
        DECODER_ALONE,
    ),
    Case("a run opened differently", "select run --name a --clusters 0 --box 16", ("run", "--box")),
    Case("a stranger selected", "select run --name a --ids p.csv", ("p.csv", "TS_09"), written("p.csv", STRANGER)),
    Case("a name with a slash", "select run --name a/b --clusters 0", ("--name", "a/b")),
    Case(
        "an output that exists",
        f"select {STAR} --name a --ids p.csv --output {STAR}",
        (STAR, "exists"),
        written("p.csv", LABELS),
    ),
    Case("a validation of nothing", "validate run", ("--clusters", "--selection", "--at")),
    Case("a validation of a decoder alone", "validate run --at 0,0", ("run", "decoder alone"), DECODER_ALONE),
    Case("a validation of a stranger", "validate run --ids p.csv", ("p.csv", "TS_09"), written("p.csv", STRANGER)),
    Case("a validation of one particle", "validate run --ids p.csv", ("one particle", "two"), written("p.csv", LABELS)),
    Case("a validation at too few numbers", "validate run --at 1", ("--at 1", "2")),
    Case(
        "a validation without images",
        "validate run --at 0,0 --nearest 3",
        ("validation asks for the images", "tiny.mrcs", "--datadir"),
        lambda: Path("data/tiny.mrcs").unlink(),
    ),
    Case(
        "a validation that exists",
        "validate run --at 0,0 --nearest 3",
        ("latent", "exists", "--overwrite"),
        lambda: Path("run/analysis/epoch-0002/validation/latent").mkdir(parents=True),
    ),
    Case("latents of another ending", f"embed {STAR} --run run --output z.csv", ("z.csv", ".npz")),
    Case("an encoder of no run", f"embed {STAR} --run data --output z.npz", ("data", "not a run")),
    Case("images of another box", f"embed {STAR} --run run --output z.npz", (STAR, "14", "16"), smaller_images),
)
FILES = (
    Case("a larger box", f"downsample {STAR} out.star --box 32", ("32", "16")),
    Case("an odd box", f"downsample {STAR} out.star --box 9", ("9", "even")),
    Case("no box", f"downsample {STAR} out.star", ("--box", "missing")),
    Case("no output", f"downsample {STAR} --box 8", ("OUTPUT",)),
    Case("its own input", f"downsample {STAR} {STAR} --box 8", (STAR, "exists")),
    Case("a crop to a larger box", f"crop {STAR} out.star --box 32", ("32", "16")),
    Case("a reference that is not there", f"inspect {STAR} --reference none.mrc", ("none.mrc",)),
    Case("a reference that is no map", f"inspect {STAR} --reference {STAR}", (STAR,)),
    Case("reference and model", f"inspect {STAR} --reference r.mrc --model m.pdb", ("--reference", "--model")),
    Case("a reference of another box", f"{BACKPROJECT} --reference r.mrc", ("r.mrc", "14", "16"), map_of(14, 14, 14)),
    Case("a reference that is no cube", f"{BACKPROJECT} --reference r.mrc", ("r.mrc",), map_of(14, 16, 16)),
    Case("a map where something stands", f"reconstruct {STAR} --backproject --outdir data", ("data", "exists")),
    Case("an odd simulated box", "simulate new --box 17", ("--box", "17", "even")),
    Case("a signal below nothing", "simulate new --shot-snr -1", ("--shot-snr", "-1")),
    Case("a map that is not there", "simulate new --maps none.mrc", ("none.mrc",)),
    Case("a demo among other files", "demo data", ("data", "--overwrite")),
    Case("an unknown command", "trian data", ("trian", "train")),
)  # fmt: skip


@pytest.mark.parametrize("case", [*RUNS, *FILES], ids=str)
def test_one_fault_is_one_sentence(case: Case, here: Path, cli: Cli) -> None:
    case.spoil()
    before = listing(here)
    check(cli(*case.command.split()), case.code, case.says)
    assert listing(here) == before


def test_a_run_with_an_odd_selection_is_described(here: Path, cli: Cli) -> None:
    (here / "run/selections").mkdir(exist_ok=True)
    (here / "run/selections/odd.json").write_text('{"format": 1, "particles": 5}')
    outcome = cli("info", "run")
    assert (outcome.code, outcome.sentences) == (0, [])
    assert "odd.json: is not a selection" in outcome.stdout


def test_a_validation_prints_its_verdict_as_json(here: Path, cli: Cli) -> None:
    outcome = cli("validate", "run", "--at", "0.1,0", "--nearest", "3", "--no-decoder-only", "--json")

    assert (outcome.code, outcome.sentences) == (0, [])
    document = json.loads(outcome.stdout)
    assert document["verdict"] == "unsupported"  # six particles are too few to tell
    assert (document["particles"], document["against"]) == (3, 3)
    assert (here / document["folder"] / "validation.png").is_file()


def test_metrics_without_a_finished_epoch_are_no_fault(here: Path, cli: Cli) -> None:
    (here / "run/metrics.csv").write_text(",".join(layout.METRIC_COLUMNS) + "\n")
    outcome = cli("info", "run", "--json")
    assert json.loads(outcome.stdout)["losses"] == []
