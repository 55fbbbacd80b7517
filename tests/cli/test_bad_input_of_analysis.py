"""The analyses of a run given something amiss: one clear sentence and nothing written, or a result that says so.

Every case spoils a copy of a sound, analysed run of 24 particles in one place and runs the real command on it.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check

EPOCH = Path("run/analysis/epoch-0002")
LABELS = EPOCH / "labels-kmeans-3.csv"


@pytest.fixture
def here(analysed_run: Run, four_chains: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder, with copies of the run, its particles and a model, ``four.pdb``, of chains A to D."""
    home = analysed_run.path.parent
    for name in ("run", "particles"):
        shutil.copytree(home / name, tmp_path / "here" / name)
    shutil.copy(four_chains, tmp_path / "here" / "four.pdb")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def everything(folder: Path) -> dict[str, bytes | None]:
    """Return every file under a folder with what it holds, and every folder."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@dataclass(frozen=True)
class Case:
    """One fault: the command line, what is spoiled before it, and what has to be said."""

    command: str
    says: tuple[str, ...]
    spoil: Callable[[], object] = lambda: None


def written(path: str | Path, text: str | bytes) -> Callable[[], object]:
    def write() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def labels(change: Callable[[list[str]], list[str]]) -> Callable[[], object]:
    """Write the lines of the run's labels, changed, to l.csv."""
    return lambda: Path("l.csv").write_text("\n".join(change(LABELS.read_text().splitlines())) + "\n")


def latents(**change: Callable[[np.ndarray], object]) -> Callable[[], object]:
    """Change arrays of the run's latents in place."""

    def spoil() -> None:
        for path in (Path("run/latents.npz"), Path("run/latents/epoch-0002.npz")):
            arrays = dict(np.load(path))
            for name, spoiled in change.items():
                spoiled(arrays[name])
            np.savez(path, **arrays)

    return spoil


def volume(
    path: str, shape: tuple[int, ...], voxel: float, value: float = 1.0, kind: type = np.float32
) -> Callable[[], object]:
    def write() -> None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        with mrcfile.new(path) as stream:
            stream.set_data(np.full(shape, value, kind))
            stream.voxel_size = voxel

    return write


def both(*changes: Callable[[], object]) -> Callable[[], object]:
    return lambda: [change() for change in changes]


def not_a_number(values: np.ndarray) -> None:
    values[3] = np.nan


def all_the_same(values: np.ndarray) -> None:
    values[:] = 0.5


def named_twice(values: np.ndarray) -> None:
    values[1] = values[0]


def far_away() -> None:
    lines = Path("four.pdb").read_text().splitlines()
    moved = [f"{line[:30]}{float(line[30:38]) + 500:8.3f}{line[38:]}" if line[:4] == "ATOM" else line for line in lines]
    Path("far.pdb").write_text("\n".join(moved) + "\n")


def no_epoch() -> None:
    for path in ("run/checkpoints", "run/latents", "run/analysis", "run/volumes"):
        shutil.rmtree(path)
    Path("run/latents.npz").unlink()
    metrics = Path("run/metrics.csv")
    metrics.write_text(metrics.read_text().splitlines()[0] + "\n")
    document = Path("run/run.json")
    document.write_text(json.dumps({**json.loads(document.read_text()), "chosen_epoch": None, "status": "running"}))


def no_coordinates() -> None:
    Path("run/volume_series.star").unlink()


def no_images() -> None:
    Path("particles/particles.mrcs").unlink()


def selected(*particles: tuple[str, str]) -> Callable[[], object]:
    document = {
        "format": 1,
        "name": "s",
        "created_from": {"rule": "ids"},
        "parent": None,
        "run": None,
        "particles": [list(particle) for particle in particles],
    }
    return written("s.json", json.dumps(document))


def first_voxel(value: float) -> Callable[[], object]:
    return both(volume("seg/001.mrc", (20, 400, 400), 100.0, value), volume("seg/002.mrc", (20, 400, 400), 100.0))


NEIGHBORS = "neighbors run --name t --no-figures --permutations 99"
OCCUPANCY = "occupancy run --no-figures"
WITH_LABELS = (
    f"{NEIGHBORS} --labels l.csv",
    f"{NEIGHBORS} --beside l.csv",
    "score run --labels l.csv",
    "validate run --labels l.csv --clusters 0",
    "compare run run --labels-a l.csv --labels-b kmeans-3",
    "export chimerax run --outdir ex --labels l.csv",
    "export coordinates run --output c.csv --labels l.csv",
    "select run --name a --clusters 0 --labels l.csv",
)
OF_LATENTS = (
    "analyze run --clusters 2",
    f"{OCCUPANCY} --model four.pdb",
    "nuisance run",
    "traverse run",
    "traverse run --order-by defocus",
    "converge run --clusters 3",
    "ensemble run --clusters 2",
    "validate run --clusters 0",
    "compare run run --labels-a kmeans-3 --labels-b kmeans-3",
    "export chimerax run --outdir ex",
)
OF_EPOCHS = (*OF_LATENTS, NEIGHBORS, "score run --labels kmeans-3", "calibrate run", "export tomogram run --outdir ex")
DROP_LAST, TWICE, STRANGER, HEADER = (
    labels(lambda lines: lines[:-1]),
    labels(lambda lines: [*lines, lines[1]]),
    labels(lambda lines: [*lines, "001,stranger,0"]),
    labels(lambda lines: lines[:1]),
)
MODEL = f"{OCCUPANCY} --model"
FIT = "fit four.pdb r.mrc --outdir f"
DIRECT = "traverse run --method direct"
TABLE = "tomogram,particle\n"
P1 = "001,000000\n"

CASES = (
    # labels of another length, of nothing, or no labels
    *(Case(command, ("l.csv", "line 26", "000000 of tomogram 001", "twice"), TWICE) for command in WITH_LABELS),
    *(Case(command, ("l.csv", "000011 of tomogram 002"), DROP_LAST) for command in WITH_LABELS[:4]),
    *(Case(command, ("l.csv", "stranger of"), STRANGER) for command in WITH_LABELS if command[:7] != "compare"),
    *(Case(command, ("l.csv", "labels no particle"), HEADER) for command in WITH_LABELS),
    Case(WITH_LABELS[0], ("l.csv", "is empty", "tomogram and particle"), written("l.csv", "")),
    Case(WITH_LABELS[2], ("l.csv", "not a table of text", ".csv"), written("l.csv", bytes(range(256)))),
    Case(WITH_LABELS[4], ("l.csv", "is a folder", ".csv"), lambda: Path("l.csv").mkdir()),
    *(
        Case(command.replace("l.csv", "kmeans-9"), ("kmeans-9", "no labelling of epoch 2", "kmeans-3"))
        for command in WITH_LABELS
    ),
    # latents that can't be used
    *(Case(command, ("000003",), latents(z_mean=not_a_number)) for command in OF_LATENTS if "validate" not in command),
    Case("validate run --clusters 0", ("not finite", "--epoch"), latents(z_mean=not_a_number)),
    *(Case(command, ("a particle occurs twice",), latents(particle_name=named_twice)) for command in OF_LATENTS[3:]),
    Case("analyze run --clusters 2", ("all 24 particles have the same latent",), latents(z_mean=all_the_same)),
    Case("nuisance run", ("all the same",), latents(z_mean=all_the_same)),
    Case("traverse run", ("24 particles with one and the same latent",), latents(z_mean=all_the_same)),
    Case("ensemble run --clusters 2", ("one and the same latent",), latents(z_mean=all_the_same)),
    # epochs and classes that are not there
    *(Case(command, ("run", "finished", "epoch"), no_epoch) for command in OF_EPOCHS),
    *(Case(f"{command} --epoch 7", ("epoch 7", "1, 2")) for command in (*OF_LATENTS[:5], NEIGHBORS, "calibrate run")),
    Case("analyze run --clusters 25 --losses", ("--clusters is 25", "only 24 particles")),
    Case("ensemble run --clusters 25", ("--clusters is 25", "only 24 particles")),
    Case("converge run --clusters 25", ("--clusters is 25", "only 24 particles")),
    Case("analyze run --clusters 2 --box 7", ("--box 7", "even", "16")),
    Case("validate run --clusters 0 --against 9", ("--against 9", "0 to 2")),
    Case("validate run --clusters 0,1,2", ("no particle is to hold them against",)),
    Case("compare run run", ("which classes", "--labels-a")),
    Case(f"{DIRECT} --classes 0,9", ("--classes", "no class 9")),
    # places
    Case(NEIGHBORS, ("particles.star", "where 24 of 24 particles lie", "--volume-series"), no_coordinates),
    Case("export chimerax run --outdir ex", ("where particle 000000", "--volume-series"), no_coordinates),
    Case("export coordinates run --output c.csv", ("where particle 000000", "--volume-series"), no_coordinates),
    Case(f"{NEIGHBORS} --selection s.json", ("one particle only", "no"), selected(("001", "000000"))),
    Case(
        f"{NEIGHBORS} --selection s.json",
        ("each of the 2 tomograms holds one particle",),
        selected(("001", "000000"), ("002", "000000")),
    ),
    Case(f"{NEIGHBORS} --segmentation s.mrc", ("s.mrc", "2 tomograms"), volume("s.mrc", (4, 4, 4), 100.0)),
    Case(
        f"{NEIGHBORS} --segmentation seg",
        ("001.mrc", "12 of 12 particles lie outside", "4 x 4 x 2 voxels"),
        both(volume("seg/001.mrc", (2, 4, 4), 100.0), volume("seg/002.mrc", (2, 4, 4), 100.0)),
    ),
    Case(
        f"{NEIGHBORS} --window seg",
        ("002.mrc", "12 of 12 particles lie outside"),
        volume("seg/002.mrc", (2, 2, 2), 100.0),
    ),
    Case(
        f"{NEIGHBORS} --segmentation seg",
        ("001.mrc", "label but 0"),
        volume("seg/001.mrc", (30, 100, 100), 200.0, 0, np.uint8),
    ),
    Case(f"{NEIGHBORS} --segmentation seg", ("001.mrc", "truncated"), written("seg/001.mrc", "")),
    Case("export chimerax run --outdir ex --tomogram 9", ("--tomogram 9", "001, 002")),
    Case("export coordinates run --output c.csv --tomograms 9", ("--tomograms 9", "001, 002")),
    Case("select run --name a --tomograms 9", ("--tomograms 9", "001, 002")),
    Case(
        "export tomogram run --outdir ex --tomogram 001 --tomogram-file t.mrc",
        ("t.mrc", "12 of 12 particles lie outside", "--tomogram-file"),
        volume("t.mrc", (2, 4, 4), 100.0),
    ),
    # models, masks and maps
    Case(f"{MODEL} far.pdb", ("600 of 600 atoms lie outside", "16³ voxels", "--fit"), far_away),
    Case(f"{MODEL} m.pdb", ("m.pdb", "is empty"), written("m.pdb", "")),
    Case(f"{MODEL} m.pdb", ("m.pdb", "holds no atoms"), written("m.pdb", "nothing\n")),
    Case(f"{MODEL} four.pdb --parts Q", ("--parts Q", "four:A,B,C,D")),
    Case(f"{MODEL} four.pdb --resolution 10000", ("--resolution 10000", "coarser")),
    Case(f"{MODEL} four.pdb --threshold Q=1", ("--threshold Q", "four:A")),
    Case(f"{MODEL} four.pdb --particles p.csv", ("p.csv", "line 3", "twice"), written("p.csv", TABLE + P1 + P1)),
    Case(f"{MODEL} four.pdb --particles p.csv", ("p.csv", "x of tomogram 9"), written("p.csv", TABLE + "9,x\n")),
    Case(f"{OCCUPANCY} --mask m.mrc", ("m.mrc", "20³", "16³"), volume("m.mrc", (20, 20, 20), 12.0)),
    Case(f"{OCCUPANCY} --mask m.mrc", ("m.mrc", "6 Å", "12 Å"), volume("m.mrc", (16, 16, 16), 6.0)),
    Case(f"{OCCUPANCY} --mask m.mrc", ("m.mrc", "0 everywhere"), volume("m.mrc", (16, 16, 16), 12.0, 0)),
    Case(f"{OCCUPANCY} --sphere 900,900,900,20", ("--sphere", "192 Å")),
    Case(
        "occupancy o.csv --threshold A=1 --outdir o",
        ("o.csv", "line 3", "twice"),
        written("o.csv", "tomogram,particle,A\n001,000000,1\n001,000000,2\n"),
    ),
    *(
        Case(f"{command} --reference r.mrc", ("r.mrc", "20 voxels of 12 Å"), volume("r.mrc", (20, 20, 20), 12.0))
        for command in ("ensemble run --clusters 2", "converge run")
    ),
    *(
        Case(f"{command} --reference r.mrc", ("r.mrc", "same value"), volume("r.mrc", (16, 16, 16), 12.0))
        for command in ("ensemble run --clusters 2", "converge run")
    ),
    Case("ensemble run --clusters 2 --mask r.mrc", ("r.mrc", "3 Å", "12 Å"), volume("r.mrc", (16, 16, 16), 3.0)),
    Case(FIT, ("r.mrc", "No such file")),
    Case(FIT, ("r.mrc", "same value"), volume("r.mrc", (16, 16, 16), 12.0)),
    Case(FIT, ("r.mrc", "--pixel-size"), volume("r.mrc", (16, 16, 16), 0.0)),
    Case(FIT, ("four.pdb", "84 Å long", "200 Å", "too coarse"), lambda: blob(200.0)),
    Case(FIT, ("four.pdb", "84 Å long", "the map 32 Å"), lambda: blob(2.0)),
    Case("fit m.pdb r.mrc", ("m.pdb", "is empty"), both(lambda: blob(12.0), written("m.pdb", ""))),
    Case("fit four.pdb run", ("run", "is a folder", "MRC")),
    # ways
    Case("traverse run --order-by nothing", ("column nothing", "defocus")),
    Case("traverse run --order-by tilts", ("column tilts", "tilt images")),
    Case(f"{DIRECT} --latents z.txt", ("z.txt", "empty"), written("z.txt", "")),
    Case(f"{DIRECT} --latents z.npy", ("z.npy", "empty"), written("z.npy", "")),
    Case(f"{DIRECT} --latents z.txt", ("z.txt", "row 1"), written("z.txt", "1 2 nan\n1 2 3\n")),
    Case(f"{DIRECT} --anchors a.csv", ("begins and ends at one latent",), written("a.csv", TABLE + P1 + P1)),
    Case("traverse run --method graph --anchors a.csv", ("begins and ends",), written("a.csv", TABLE + P1 + P1)),
    Case("validate run --at z.npy", ("--at z.npy", "3 numbers"), written("z.npy", "")),
    # images that are not there
    *(
        Case(command, ("particles.mrcs",), no_images)
        for command in ("score run --labels kmeans-3", "calibrate run", "validate run --clusters 0")
    ),
    Case("analyze run --clusters 2 --losses", ("particles.mrcs",), no_images),
    # what can't be written
    *(
        Case(f"{command} f/g", ("f: a file stands where a folder is",), both(written("f", ""), lambda: blob(12.0)))
        for command in (
            "fit four.pdb r.mrc --outdir",
            f"{NEIGHBORS} --outdir",
            f"{MODEL} four.pdb --outdir",
            "traverse run --outdir",
            "compare run run --labels-a kmeans-3 --labels-b kmeans-3 --seeds 0 --no-figures --outdir",
            "export chimerax run --outdir",
            "export coordinates run --format csv --output",
        )
    ),
    *(
        Case(command, ("exists",), written(f"{path}/other", ""))
        for command, path in (
            ("converge run", "run/analysis/convergence"),
            ("nuisance run", f"{EPOCH}/nuisance"),
            ("ensemble run --clusters 2", f"{EPOCH}/ensemble/voxels-2"),
            ("validate run --clusters 0", f"{EPOCH}/validation/class-0"),
            (f"{MODEL} four.pdb", f"{EPOCH}/occupancy/occupancy"),
            (NEIGHBORS, f"{EPOCH}/neighbours/t"),
            ("traverse run", "run/volumes/epoch-0002/pc-1"),
            ("import-tomodrgn particles --outdir o", "o"),
        )
    ),
    Case("import-tomodrgn none --outdir o", ("none", "train_vae")),
    Case("import-tomodrgn run --outdir o", ("run", "config.pkl", "train_vae")),
)  # fmt: skip


def blob(voxel: float) -> None:
    steps = np.mgrid[:16, :16, :16] - 8
    with mrcfile.new("r.mrc") as stream:
        stream.set_data(np.exp(-(steps**2).sum(axis=0) / 18).astype(np.float32))
        stream.voxel_size = voxel


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.command}" for number, case in enumerate(CASES)])
def test_what_is_amiss_is_one_sentence_and_nothing_is_written(case: Case, here: Path, cli: Cli) -> None:
    case.spoil()
    before = everything(here)
    check(cli(*case.command.split()), 2, case.says)
    assert everything(here) == before
