"""Time to a fixed quality on the simulated 50S set of the evidence page: the product against the plain baseline.

The product trains as the evidence does; the baseline is ``baseline_step.py`` at the paper's settings (concatenated
tilts, 128 dimensions, decoder 256x3, one particle a step, learning rate 2e-4, every coordinate of the circle). Quality
is reached at the first epoch from which the classes agree with the truth (ARI) to 0.9 of the oracle's for two epochs,
and every class volume's correlation with its truth is within 0.01 of the product's final one. Evaluation is not timed.

A plain epoch takes minutes, so its time is counted: the median time of plain steps, measured in this run, times the
particles. What its epochs learn is what the product's step learns at the same settings, whose gradient is the same
(tests/model/test_decoder_gradient.py). Where the baseline does not get there in the epochs given, its time is that of
all of them, and the ratio is a bound: it is at least as slow. Prints one JSON object.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from baseline_step import BaselineStep, example
from measuring import machine, seconds

sys.path.insert(0, str(Path(__file__).parent / "evidence"))

from discrete import PARTICLES, TRAINING, compare_volumes, labels_of
from sets import command, oracle_labels, simulate_ribosomes, true_maps, truth
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.runs.run import Run

SHARE_OF_ORACLE, WITHIN = 0.9, 0.01
EPOCHS, TILTS = 8, 41
PAPER = (
    "--pooling", "concatenate", "--latent-dim", 128, "--batch-size", 1, "--learning-rate", 2e-4, "--no-dose-mask",
)  # fmt: skip


def product_arm(star: Path, folder: Path, seed: int, oracle: float) -> dict[str, Any]:
    """Train as the evidence does; return when the quality was reached, and what it was."""
    run_folder = folder / "product"
    began = time.perf_counter()
    options = (*TRAINING, "--checkpoint-every", 1, "--epochs", EPOCHS, "--seed", seed)
    command("train", star, "--outdir", run_folder, *options, "--overwrite")
    wall = time.perf_counter() - began
    run = Run.open(run_folder)
    later = run.metrics()["seconds"].to_numpy()
    known = truth(star, run.latents())
    states, maps = known["label"].to_numpy(), true_maps(star)
    aris, ccs = [], []
    for epoch in run.epochs:
        command("analyze", run.path, "--epoch", epoch, "--clusters", 4, "--seed", seed, "--no-umap", "--no-figures")
        labels = labels_of(run, known, epoch)
        aris.append(float(adjusted_rand_score(states, labels)))
        ccs.append(np.array(compare_volumes(run, maps, states, labels, epoch)["cc"]))
    good = [bool(ari >= SHARE_OF_ORACLE * oracle) for ari in aris]
    near = [bool((cc >= ccs[-1] - WITHIN).all()) for cc in ccs]
    reached = next(
        number for number in range(EPOCHS) if near[number] and (all(good[number : number + 2]) or good[number - 1])
    )
    return {
        "epoch": reached + 1,
        "seconds": wall - float(later[reached + 1 :].sum()),
        "ari": aris,
        "worst_cc": [float(cc.min()) for cc in ccs],
    }


def baseline_arm(
    star: Path, folder: Path, seed: int, oracle: float, epochs: int, per_particle: float
) -> dict[str, Any]:
    """Return how far plain steps come in so many epochs, and how long that takes; a run that is there is kept."""
    run_folder = folder / "baseline"
    if not (run_folder / "run.json").exists():
        command("train", star, "--outdir", run_folder, *PAPER, "--epochs", epochs, "--seed", seed)
    run = Run.open(run_folder)
    aris = []
    for epoch in range(1, epochs + 1):
        latents = run.latents(epoch)
        labels: npt.NDArray[np.int64] = cluster(latents.z_mean, 4, method="kmeans", seed=seed).labels
        aris.append(float(adjusted_rand_score(truth(star, latents)["label"], labels)))
    good = [ari >= SHARE_OF_ORACLE * oracle for ari in aris]
    reached = next((number + 1 for number in range(epochs - 1) if all(good[number : number + 2])), None)
    taken = per_particle * PARTICLES * (reached or epochs)
    return {"reached_epoch": reached, "epochs": epochs, "seconds": taken, "ari": aris}


def measure(folder: Path, seeds: int, baseline_epochs: int) -> dict[str, Any]:
    """Return both arms for every seed, and the median ratio."""
    plain = BaselineStep(*example(32, 1, TILTS))
    seconds(plain, 3)
    per_particle = statistics.median(seconds(plain) for _ in range(15))
    rows = []
    for seed in range(seeds):
        own = folder / str(seed)
        star = own / "particles" / "particles.star"
        if not star.exists():
            simulate_ribosomes(own / "particles", PARTICLES, seed=seed)
        known = pd.read_csv(star.parent / "truth.csv")  # in the order of the star
        oracle = float(adjusted_rand_score(known["label"], oracle_labels(star)))
        product = product_arm(star, own, seed, oracle)
        baseline = baseline_arm(star, own, seed, oracle, baseline_epochs, per_particle)
        ratio = baseline["seconds"] / product["seconds"]
        rows.append({"seed": seed, "oracle_ari": oracle, "product": product, "baseline": baseline, "ratio": ratio})
    return {
        "baseline_s_per_particle": per_particle,
        "baseline_reached": all(row["baseline"]["reached_epoch"] is not None for row in rows),
        "baseline_s": statistics.median(row["baseline"]["seconds"] for row in rows),
        "ours_s": statistics.median(row["product"]["seconds"] for row in rows),
        "ratio": statistics.median(row["ratio"] for row in rows),
        "seeds": rows,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--baseline-epochs", type=int, default=6)
    parser.add_argument("--folder", type=Path, help="keep sets and baseline runs here, and use those that are there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(given.folder or Path(temporary), given.seeds, given.baseline_epochs)
    sys.stdout.write(json.dumps({**result, **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
