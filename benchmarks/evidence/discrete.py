"""Four assembly states of the 50S subunit: whether they are found, and their volumes look like the truth."""

import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import linear_sum_assignment
from sets import command, oracle_labels, simulate_ribosomes, true_maps, truth
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.fsc import fsc
from napari_tomodrgn.reconstruction.masks import soft_mask
from napari_tomodrgn.runs.run import Run

PARTICLES = 1200
EPOCHS = 8
LATENT_DIM = 4
# Tilts held out tell own volumes from the mean volume (see controls).
TRAINING = (
    "--pooling", "linear", "--latent-dim", LATENT_DIM, "--decoder", "64x3", "--batch-size", 4, "--learning-rate", 3e-3,
    "--learning-rate-schedule", "cosine", "--spectral-prior", "--held-out-fraction", 0.1, "--held-out-by", "tilt",
    "--checkpoint-every", 100,
)  # fmt: skip
Map = npt.NDArray[np.float32]


def train(star: Path, run: Path, *options: str | float, epochs: int = EPOCHS) -> Run:
    """Train by the command and return the run."""
    command("train", star, "--outdir", run, *TRAINING, "--epochs", epochs, *options)
    return Run.open(run)


def discrete_states(
    folder: Path, seed: int, particles: int = PARTICLES, epochs: int = EPOCHS
) -> dict[str, float | int | list[float]]:
    """Simulate, train, analyse; return what was found, with the seed of simulation and training."""
    began = time.perf_counter()
    star = simulate_ribosomes(folder / "particles", particles, seed=seed)
    trained = time.perf_counter()
    run = train(star, folder / "run", "--seed", seed, epochs=epochs)
    command("analyze", run.path, "--clusters", 4, "--seed", seed, "--no-umap", "--no-figures")
    minutes = (time.perf_counter() - trained) / 60
    known = truth(star, run.latents())
    labels = labels_of(run, known)
    states = known["label"].to_numpy()
    result: dict[str, float | int | list[float]] = {
        "seed": seed,
        "particles": len(known),
        "tilts": int(read_particles(star).tilts_per_particle.max()),
        "oracle_ari": float(adjusted_rand_score(states, oracle_labels(star))),
        "ari": float(adjusted_rand_score(states, labels)),
        **compare_volumes(run, true_maps(star), states, labels),
        "minutes": minutes,
        "simulation_minutes": (trained - began) / 60,
    }
    return result


def labels_of(run: Run, known: pd.DataFrame, epoch: int | None = None) -> npt.NDArray[np.int64]:
    """Return the classes that ``analyze`` found, in the order of the latents."""
    path = run.path / f"analysis/epoch-{epoch or run.chosen_epoch:04d}/labels-kmeans-4.csv"
    table = pd.read_csv(path, dtype={"tomogram": str, "particle": str}).set_index(["tomogram", "particle"])
    labels: npt.NDArray[np.int64] = (
        table["label"].loc[list(zip(known.tomogram, known.particle, strict=True))].to_numpy()
    )
    return labels


def matched_volumes(
    run: Run, states: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], epoch: int | None = None
) -> list[Map]:
    """Return the class volumes in the order of the states that the classes have most particles of."""
    folder = run.path / f"volumes/epoch-{epoch or run.chosen_epoch:04d}/kmeans-4"
    overlap = np.array([[np.sum((labels == label) & (states == state)) for label in range(4)] for state in range(4)])
    class_of = linear_sum_assignment(-overlap)[1]
    return [read_map(folder / f"vol_{label:03d}.mrc").values for label in class_of]


def compare_volumes(
    run: Run, maps: list[Map], states: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], epoch: int | None = None
) -> dict[str, float | list[float]]:
    """Compare the class volumes with the true maps, in the soft mask of the truth that belongs to the class.

    The paper's mask (3 px and 10 px in a box of 64) does not fit a box that the particle fills; here it is grown by one
    pixel with an edge of one.
    """
    volumes = matched_volumes(run, states, labels, epoch)
    masks = [soft_mask(each, dilate=1, edge=1) for each in maps]
    pairs = list(zip(volumes, masks, strict=True))  # every truth is compared in the mask of a class's own
    both = [[fsc(volume * mask, each * mask) for each in maps] for volume, mask in pairs]
    mean_fsc = np.array([[curve[1:].mean() for curve in row] for row in both])
    cc = np.array([[masked(volume, each, mask) for each in maps] for volume, mask in pairs])
    crossing = [crossing_of(both[state][state]) / len(maps[0]) for state in range(4)]
    unmasked = [crossing_of(fsc(*pair)) / len(maps[0]) for pair in zip(volumes, maps, strict=True)]
    differences = [
        masked(volumes[state] - volumes[state + 1], maps[state] - maps[state + 1], masks[state]) for state in range(3)
    ]
    return {
        "own_truth_has_highest_fsc": float(np.mean(mean_fsc.argmax(1) == np.arange(4))),
        "own_truth_has_highest_cc": float(np.mean(cc.argmax(1) == np.arange(4))),
        "cc": [float(value) for value in cc.diagonal()],
        "fsc_half_at": crossing,
        "unmasked_fsc_half_at": unmasked,
        "difference_cc": float(min(differences)),
        "difference_ccs": [float(value) for value in differences],
    }


def masked(one: Map, other: Map, mask: Map) -> float:
    """Return the correlation of two maps over the voxels of a mask, each voxel counting as the mask says."""
    weight = mask.astype(np.float64) / mask.sum()
    one, other = one - (weight * one).sum(), other - (weight * other).sum()
    power = (weight * one**2).sum() * (weight * other**2).sum()
    return float((weight * one * other).sum() / np.sqrt(power))


def crossing_of(curve: npt.NDArray[np.float64]) -> float:
    """Return the first shell at which an FSC is below 0.5, the number of shells where it never is."""
    below = np.flatnonzero(curve[1:] < 0.5)
    return float(below[0] + 1) if len(below) else float(len(curve) - 1)
