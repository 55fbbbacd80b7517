"""Reconstructions of sets with a known map, and the demo."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
from findings import Finding
from sets import DATA, command

from napari_tomodrgn.particles.maps import flip_hand, read_map
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.backproject import backproject
from napari_tomodrgn.reconstruction.fsc import correlation, fsc
from napari_tomodrgn.runs.run import Run

CLASS_E = DATA / "cryosrpnt_classE"
RIBOSOMES = DATA / "warptools_insitu"
SEEDS = (0, 1, 2)
# A minute instead of the ten that the paper's 256x3 takes in 50 epochs.
SMALL_DECODER = [
    "--decoder",
    "64x3",
    "--epochs",
    "18",
    "--batch-size",
    "2",
    "--learning-rate",
    "3e-3",
    "--learning-rate-schedule",
    "cosine",
]


def class_e_backprojection() -> Iterator[Finding]:
    """Backproject 72 simulated particles and compare with the map that they were made of."""
    truth = read_map(CLASS_E / "10076_classE_32.mrc").values
    result = backproject(read_particles(CLASS_E / "10076_classE_32_sim.star"), half_sets=False)
    yield Finding("class E, backprojection: CC with the truth", correlation(result.map, truth), 0.78)


def class_e_decoder() -> Iterator[Finding]:
    """Train a decoder alone on the same particles, through the command."""
    truth = read_map(CLASS_E / "10076_classE_32.mrc").values
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command("reconstruct", str(CLASS_E / "10076_classE_32_sim.star"), "--outdir", str(out), *SMALL_DECODER)
        (written,) = [path for path in sorted(out.rglob("*.mrc")) if "half" not in path.name]
        yield Finding("class E, decoder alone: CC with the truth", correlation(read_map(written).values, truth), 0.80)


def ribosomes_backprojection() -> Iterator[Finding]:
    """Backproject 40 real ribosomes in situ and compare with the map that came with them, in both hands."""
    star = next(RIBOSOMES.glob("*_optimisation_set.star"))
    reference = read_map(next(RIBOSOMES.glob("*_reconstruct.mrc"))).values
    unflipped = backproject(read_particles(star), half_sets=False).map
    flipped = flip_hand(unflipped)
    score = correlation(flipped, reference)
    yield Finding("ribosomes: lowest FSC of shells 1-12", float(fsc(flipped, reference)[1:13].min()), 0.4)
    yield Finding("ribosomes: CC with the map supplied", score, 0.65)
    yield Finding("ribosomes: CC above that of the other hand", score - correlation(unflipped, reference), 0.1)


def ribosomes_training() -> Iterator[Finding]:
    """Train three epochs at the paper's settings on 40 real ribosomes in situ."""
    with tempfile.TemporaryDirectory() as folder:
        out, began = Path(folder) / "run", time.perf_counter()
        command("train", next(RIBOSOMES.glob("*_optimisation_set.star")), "--outdir", out, "--epochs", 3)
        yield Finding("ribosomes, three epochs of the defaults: seconds", time.perf_counter() - began)
        losses = Run.open(out).metrics()["loss"]
    yield Finding(
        "ribosomes: loss of the third epoch over that of the first", losses.iloc[-1] / losses.iloc[0], None, 1
    )


def star_of_902000_rows() -> Iterator[Finding]:
    """Open a warp star of 22,000 particles x 41 tilts, in fresh processes."""
    script = Path(__file__).resolve().parents[1] / "star_reading.py"
    measured = json.loads(subprocess.run([sys.executable, script], check=True, capture_output=True).stdout)
    yield Finding(f"star of {measured['rows']:,} rows: seconds to open, median of 3", measured["seconds"], None, 10)
    yield Finding(f"star of {measured['rows']:,} rows: peak memory, GB", measured["peak_memory_gb"], None, 1.5)


def demo(seed: int) -> Callable[[], Iterator[Finding]]:
    """Return a measurement: the demo with this seed, its classes compared with the states that were simulated."""

    def measure() -> Iterator[Finding]:
        from sklearn.metrics import adjusted_rand_score

        with tempfile.TemporaryDirectory() as folder:
            out, began = Path(folder) / "demo", time.perf_counter()
            command("demo", str(out), "--seed", str(seed))
            seconds = time.perf_counter() - began
            truth = pd.read_csv(next(out.rglob("truth.csv")), dtype={"tomogram": str, "particle": str})
            labels = pd.read_csv(next(out.rglob("labels-*.csv")), dtype={"tomogram": str, "particle": str})
            both = truth.merge(labels, on=["tomogram", "particle"], suffixes=("_true", ""), validate="one_to_one")
        yield Finding(f"demo, seed {seed}: seconds", seconds, None, 240)
        yield Finding(f"demo, seed {seed}: particles", len(both), 300)
        yield Finding(
            f"demo, seed {seed}: ARI with the truth", adjusted_rand_score(both["label_true"], both["label"]), 0.8
        )

    return measure


QUICK = (class_e_backprojection, ribosomes_backprojection)
FULL = (*QUICK, class_e_decoder, star_of_902000_rows, ribosomes_training, *(demo(seed) for seed in SEEDS))
