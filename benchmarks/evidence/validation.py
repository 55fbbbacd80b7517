"""Whether ``validate`` tells true classes from random, extrapolated and noise-driven ones."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import kstest
from sets import PARTS, PIXEL_SIZE, command, simulate_ribosomes, truth

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.analysis.validation.result import Validation
from napari_tomodrgn.analysis.validation.significance import amplitude
from napari_tomodrgn.analysis.validation.validate import validate
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run

PARTICLES = 900
EPOCHS = 4
STATES = ("", PARTS[0], PARTS[2])
# Maps that particles are drawn from in equal numbers: 16 of 33, 16 of 33, and 1 of 33, which is 3 %.
TIMES = (16, 16, 1)
RARE = 2
LARGE, MANY = 3, 10  # classes that k-means is asked for
SOME = 3  # of the many classes of one state: the largest
RANDOM = 3  # selections of as many particles as the rare state has
BEYOND = 3.0  # times as far from the others' mean latent
PURE = 0.95  # of a class's particles are in one state
# What is in the images, what is not, and what is told without a limit, as it is a few cases at a level of 0.01.
REAL = (f"one of {LARGE} classes", "found class with most of the rare state", "true state of 3 %")
NOT_REAL = ("extrapolated", "class of one state", "random")
TWINS = "class of a state against its twin"
TRAINING = (
    "--pooling", "linear", "--latent-dim", 4, "--decoder", "64x3", "--batch-size", 4, "--learning-rate", 3e-3,
    "--learning-rate-schedule", "cosine", "--spectral-prior", "--point-fraction", 0.3, "--checkpoint-every", 100,
)  # fmt: skip
HELD_OUT = ("--held-out-fraction", 0.1, "--held-out-by", "tilt")
UNIFORM_DRAWS = 200
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """One validation: of which kind of selection, in which run, and what came out."""

    kind: str
    set: str
    seed: int
    tilts: str
    particles: int
    verdict: str
    amplitude: float
    low: float
    high: float
    p_images: float
    p_latents: float
    p_again: float | None
    remoteness: float
    difference_cc: float


class Sets:
    """Simulated sets of a seed and runs on them, in a folder; what is there already is used again."""

    def __init__(self, folder: Path, seed: int, particles: int, epochs: int) -> None:
        self.folder, self.seed, self.particles, self.epochs = folder, seed, particles, epochs
        folder.mkdir(parents=True, exist_ok=True)

    def star(self, name: str) -> Path:
        """Return the star of ``classes`` (two states and a third of 3 %) or ``one`` (one state, in stronger noise)."""
        maps = self.folder.parent / "maps"
        if not maps.exists():
            simulate_ribosomes(maps, 6, states=STATES)
        out = self.folder / name
        if not out.exists():
            times = TIMES if name == "classes" else (1,)
            given = [
                path
                for path, count in zip(sorted(maps.glob("state_*.mrc")), times, strict=False)
                for path in [path] * count
            ]
            sources = [word for path in given for word in ("--maps", path)]
            noise = ("--shot-snr", 0.3 if name == "classes" else 0.1)
            size = ("--particles", self.particles, "--pixel-size", PIXEL_SIZE, "--tomograms", 5, "--tilt-step", 6)
            command("simulate", out, *sources, *size, *noise, "--seed", self.seed)
        return out / "particles.star"

    def run(self, name: str, tilts: str) -> Run:
        """Return a run that held a tenth of the tilt images out, or was trained on ``all``."""
        path = self.folder / f"{name}-{tilts}"
        if not path.exists():
            extra = HELD_OUT if tilts == "held-out" else ()
            trained = ("--outdir", path, *TRAINING, "--epochs", self.epochs, "--seed", self.seed, *extra)
            command("train", self.star(name), *trained)
        return Run.open(path)


def cases_in(sets: Sets, name: str, tilts: str) -> list[Case]:
    """Validate in one run, or read what a run of this part before found with the same data."""
    path = sets.folder / f"{name}-{tilts}.json"
    if not path.exists():
        found = [asdict(each) for each in cases_of(sets, name, tilts)]
        path.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return [Case(**each) for each in json.loads(path.read_text(encoding="utf-8"))]


def cases_of(sets: Sets, name: str, tilts: str) -> list[Case]:
    """Validate what there is to be validated in one run."""
    run = sets.run(name, tilts)
    states = known_states(sets.star(name), run)
    z = run.latents().z_mean
    large, many = (cluster(z, count, seed=sets.seed).labels for count in (LARGE, MANY))
    generator = np.random.default_rng(sets.seed)
    size = max(2, round(len(z) / sum(TIMES)))
    wanted: list[tuple[str, Mask, dict[str, Any]]] = []
    if name == "classes":
        rare = int(np.argmax([np.mean(states[many == label] == RARE) for label in range(MANY)]))
        wanted += [(REAL[0], large == label, {}) for label in range(LARGE)]
        wanted += [(REAL[1], many == rare, {}), (REAL[2], states == RARE, {})]
        wanted += [(NOT_REAL[0], each, {"extrapolate": BEYOND}) for each in (large == 0, states == RARE)]
        wanted += [(TWINS, one, {"against": twin}) for one, twin in twins(states, many)]
    else:
        wanted += [(NOT_REAL[1], large == label, {}) for label in range(LARGE)]
        largest = np.argsort(-np.bincount(many), kind="stable")[:SOME]
        wanted += [(NOT_REAL[1], many == label, {}) for label in largest]
    wanted += [(NOT_REAL[2], generator.permutation(len(z)) < size, {}) for _ in range(RANDOM)]
    about = (name, sets.seed, tilts)
    return [case_of(kind, about, validated(run, chosen, **options)) for kind, chosen, options in wanted]


def known_states(star: Path, run: Run) -> npt.NDArray[np.int64]:
    """Return the state (N,) of every particle: its map's, of which there are several copies."""
    labels = truth(star, run.latents())["label"].to_numpy()
    return np.searchsorted(np.cumsum(TIMES), labels, side="right").astype(np.int64)


def twins(states: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> list[tuple[Mask, Mask]]:
    """Return of each common state the two largest of its classes, where it has two, without strangers among them."""
    found = []
    for state in (0, 1):
        pure = [label for label in range(MANY) if np.mean(states[labels == label] == state) >= PURE]
        largest = sorted(pure, key=lambda label: -np.count_nonzero(labels == label))[:2]
        if len(largest) == 2:
            found.append(((labels == largest[0]) & (states == state), (labels == largest[1]) & (states == state)))
    return found


def validated(run: Run, chosen: Mask, against: Mask | None = None, **options: Any) -> Validation:
    """Save selections in the run, as the program does, and validate one, mostly without decoders alone."""
    given = {"run": run.path, "selection": saved(run, "validated", chosen), "decoder_only": False, "overwrite": True}
    held = {} if against is None else {"against": str(saved(run, "twin", against))}
    return validate(ValidateOptions.model_validate({**given, **held, **options}))


def saved(run: Run, name: str, chosen: Mask) -> Path:
    """Save some particles as a selection of the run and return its path."""
    path, ids = run.path / "selections" / f"{name}.json", run.latents().ids
    Selection(name, frozenset(ids[row] for row in np.flatnonzero(chosen)), {"rule": "evidence"}).save(path)
    return path


def panel(folder: Path, seed: int) -> Validation:
    """Validate the true state of 3 % with all three maps."""
    sets = Sets(folder / f"seed-{seed}", seed, PARTICLES, EPOCHS)
    run = sets.run("classes", "held-out")
    rare = known_states(sets.star("classes"), run) == RARE
    return validated(run, rare, decoder_only=True, name="state-of-3-percent")


def case_of(kind: str, about: tuple[str, int, str], found: Validation) -> Case:
    """Return the numbers of a validation."""
    measured = found.measured.amplitude
    return Case(
        kind,
        *about,
        int(found.subject.chosen.sum()),
        found.verdict.verdict,
        measured.value,
        measured.low,
        measured.high,
        measured.p,
        found.apartness.p,
        None if found.independence is None else found.independence.p,
        found.subject.remoteness,
        found.maps.difference_correlations()["vae-backprojection"],
    )


def uniformity(sets: Sets) -> float:
    """Return Kolmogorov and Smirnov's p that p values of random particles are uniform, for the rare difference."""
    run = sets.run("classes", "held-out")
    found = validated(run, known_states(sets.star("classes"), run) == RARE)
    rows, evidence = found.measured.rows, found.measured.evidence
    tomogram = np.unique(found.subject.tomogram[rows], return_inverse=True)[1]
    generator = np.random.default_rng(sets.seed)
    values = []
    for draw in range(UNIFORM_DRAWS):
        chosen = generator.permutation(len(rows)) < found.subject.chosen.sum()
        values.append(amplitude(evidence.products, evidence.powers, chosen, tomogram, permutations=199, seed=draw).p)
    return float(kstest(values, "uniform").pvalue)


def validations(folder: Path, seeds: tuple[int, ...], *, quick: bool) -> dict[str, Any]:
    """Validate in the runs of all seeds; return every case, a table of them by kind, and how uniform p values are."""
    cases: list[Case] = []
    uniform: list[float] = []
    for seed in seeds:
        sets = Sets(folder / f"seed-{seed}", seed, *((330, 3) if quick else (PARTICLES, EPOCHS)))
        kinds = (
            [("classes", "held-out")]
            if quick
            else [(name, tilts) for name in ("classes", "one") for tilts in ("held-out", "all")]
        )
        for name, tilts in kinds:
            found = cases_in(sets, name, tilts)
            supported = sum(each.verdict == "supported" for each in found)
            print(f"seed {seed}, {name}, {tilts}: {supported} of {len(found)} supported", flush=True)
            cases += found
        uniform.append(uniformity(sets))
    table = pd.DataFrame([asdict(each) for each in cases])
    return {"cases": [asdict(each) for each in cases], "table": summary(table), "uniform_p": uniform}


def summary(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return for every kind of selection and tilt images: how many were validated and supported, and the ranges."""
    rows = []
    for (kind, tilts), group in table.groupby(["kind", "tilts"], sort=False):
        rows.append(
            {
                "kind": kind,
                "tilts": tilts,
                "real": None if kind == TWINS else kind in REAL,
                "validated": len(group),
                "supported": int((group["verdict"] == "supported").sum()),
                "amplitude": [float(group["amplitude"].min()), float(group["amplitude"].max())],
                "fooled": int((group["p_images"] <= 0.01).sum()),
                "difference_cc": [float(group["difference_cc"].min()), float(group["difference_cc"].max())],
            }
        )
    return rows
