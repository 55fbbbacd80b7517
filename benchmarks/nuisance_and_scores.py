"""Whether alarms come when latents follow something and not otherwise, and whether scores find wrong labels.

Prints tables and writes ``nuisance``, ``evidence_auc`` and ``evidence_scores`` of ``results/analysis.json``; its other
entries stay as they are. Some minutes; ``--quick`` takes a tenth of it and writes nothing.
"""

import argparse
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binom
from sklearn.metrics import roc_auc_score

from napari_tomodrgn.analysis.nuisance.findings import Finding, find_nuisance
from napari_tomodrgn.analysis.nuisance.quantities import TILT_AXIS, VIEW, Quantity, quadratic_harmonics
from napari_tomodrgn.analysis.scoring.score import gains_of
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

RESULT = Path(__file__).resolve().parent / "results" / "analysis.json"
LEVEL, PERMUTATIONS = 0.05, 199
TOMOGRAMS, EACH, DIMENSIONS = 12, 40, 8
TOMOGRAM_OF = np.repeat(np.arange(TOMOGRAMS), EACH)
COUNT = len(TOMOGRAM_OF)
LEAK = 0.25  # share of one latent dimension's variance that is defocus, or number of tilts
IN_CLASS, SHIFT = 0.3, 3.0  # of one tomogram's particles, by how many standard deviations in two dimensions
WRONG = 0.05
QUICK_NETWORK: dict[str, Any] = {
    "pooling": "mean", "encoder_a": "8x1", "encoder_a_out": 8, "encoder_b": "8x1", "decoder": "8x1", "latent_dim": 2,
    "epochs": 1, "batch_size": 16, "point_fraction": 0.1,
}  # fmt: skip
Array = npt.NDArray[np.float64]


def taken(generator: np.random.Generator) -> list[Quantity]:
    """Return how the images of particles may have been taken: 12 tomograms, views from anywhere."""
    defocus = generator.uniform(1.5, 3.5, TOMOGRAMS)[TOMOGRAM_OF] + generator.normal(0, 0.05, COUNT)
    tilts = generator.integers(30, 42, TOMOGRAMS)[TOMOGRAM_OF].astype(float)
    view, other = generator.normal(size=(2, COUNT, 3))
    axis = np.cross(view, other)
    view, axis = (each / np.linalg.norm(each, axis=1)[:, None] for each in (view, axis))
    return [
        Quantity("defocus", "µm", defocus[:, None]),
        Quantity("tilt count", "images", tilts[:, None]),
        Quantity("last dose", "e/Å²", (tilts * generator.uniform(2.5, 3.5, TOMOGRAMS)[TOMOGRAM_OF])[:, None]),
        Quantity(VIEW, "", np.column_stack([view, quadratic_harmonics(view)])),
        Quantity(TILT_AXIS, "", quadratic_harmonics(axis)),
    ]


def clean(z: Array, quantities: list[Quantity], generator: np.random.Generator) -> None:
    """Leave latents as they are."""


def tomograms_differ(z: Array, quantities: list[Quantity], generator: np.random.Generator) -> None:
    """Move the latents of each tomogram by something that has to do with nothing else."""
    z += 0.5 * generator.normal(size=(TOMOGRAMS, DIMENSIONS))[TOMOGRAM_OF]


def one_class(z: Array, quantities: list[Quantity], generator: np.random.Generator) -> None:
    """Give one tomogram a class of its own."""
    z[: round(IN_CLASS * EACH), :2] += SHIFT


def leak_of(number: int) -> Callable[[Array, list[Quantity], np.random.Generator], None]:
    """Return what lets a latent dimension follow a quantity."""

    def leak(z: Array, quantities: list[Quantity], generator: np.random.Generator) -> None:
        values = quantities[number].values[:, 0]
        z[:, 0] *= np.sqrt(1 - LEAK)
        z[:, 0] += np.sqrt(LEAK) * (values - values.mean()) / values.std()

    return leak


def alarms(plant: Callable[..., None], sets: int, stream: int) -> dict[str, float]:
    """Return the share of data sets in which latents are said to follow each quantity, and any of them."""
    rows = []
    for seed in range(sets):
        generator = np.random.default_rng([seed, stream])
        quantities, z = taken(generator), generator.normal(size=(COUNT, DIMENSIONS))
        plant(z, quantities, generator)
        found = find_nuisance(z, TOMOGRAM_OF, quantities, permutations=PERMUTATIONS, seed=seed)
        told = {each.name: _significant(each) for each in found}
        rows.append({**told, "any": any(told.values())})
    return {str(name): float(share) for name, share in pd.DataFrame(rows).mean().items()}


def _significant(finding: Finding) -> bool:
    """Return whether the test alone says so, however small the effect."""
    return finding.adjusted_p <= LEVEL


def nuisance(sets: int) -> dict[str, Any]:
    """Return the shares of alarms where there is nothing, and where something is planted."""
    planted = max(sets // 4, 5)
    low, high = (int(each) / sets for each in binom.ppf((0.005, 0.995), sets, LEVEL))
    nothing, differ = alarms(clean, sets, 41), alarms(tomograms_differ, sets, 42)
    return {
        "data_sets": sets,
        "family_wise_rate": nothing["any"],
        "binomial_bounds": [low, high],
        "tomograms_differ": {name: share for name, share in differ.items() if name != "any"},
        "planted_data_sets": planted,
        "defocus_leak": alarms(leak_of(0), planted, 43),
        "tilt_count_leak": alarms(leak_of(1), planted, 44),
        "tomogram_class": alarms(one_class, planted, 45),
    }


def auc(maps: list[Path], folder: Path, particles: int, seed: int) -> float:
    """Return how well scores find 5 % wrong labels among particles of these states."""
    options = {"particles": particles, "tomograms": 4, "tilt_step": 6.0, "seed": seed}
    star = simulate(SimulateOptions(outdir=folder / "particles", maps=tuple(maps), **options))
    run = train(TrainOptions(particles=star, outdir=folder / "run", **QUICK_NETWORK))
    truth = pd.read_csv(folder / "particles" / "truth.csv")["label"].to_numpy()
    generator, states = np.random.default_rng([seed, 46]), len(maps)
    wrong = generator.permutation(len(truth)) < round(WRONG * len(truth))
    labels = np.where(wrong, (truth + generator.integers(1, states, len(truth))) % states, truth)
    gains = gains_of(run, run.particle_set(), labels, seed=seed)[:, :-1]
    own = np.take_along_axis(gains, labels[:, None], axis=1)[:, 0]
    runner_up = np.where(np.arange(states) == labels[:, None], -np.inf, gains).max(axis=1)
    return float(roc_auc_score(wrong, runner_up - own))


def scores(particles: int, seeds: int) -> dict[str, Any]:
    """Return the areas under the curve for sets of two, three and four states that differ by a tenth of the mass."""
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(SimulateOptions(outdir=folder / "states", particles=4, box=24, pixel_size=9.0, tilts=3))
        maps = sorted((folder / "states").glob("state_*.mrc"))
        for states in (2, 3, 4):
            found[f"{states} states"] = [
                auc(maps[:states], folder / f"{states}-{seed}", particles, seed) for seed in range(seeds)
            ]
    return {"particles": particles, "mislabelled": WRONG, "auc": found}


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of it; writes nothing")
    quick = parser.parse_args().quick
    found: dict[str, Any] = {"nuisance": nuisance(20 if quick else 200)}
    found["evidence_scores"] = scores(240, 1 if quick else 3)
    every = [value for values in found["evidence_scores"]["auc"].values() for value in values]
    found["evidence_auc"] = float(np.mean(every))
    print(json.dumps(found, indent=1))
    if not quick:
        known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
        with atomic_open(RESULT) as stream:
            json.dump({**known, **found}, stream, indent=1)
            stream.write("\n")


if __name__ == "__main__":
    main()
