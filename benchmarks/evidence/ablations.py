"""The paper's ablations, small, one seed each: whether our program answers in the same direction."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sets import command, true_maps, truth
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.reconstruction.fsc import correlation, fsc
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model

TILTS = (1, 2, 5, 11, 21, 41)
DRAWS = 10
DECODER = (
    "--latent-dim", 0, "--decoder", "64x3", "--batch-size", 2, "--learning-rate", 3e-3,
)  # fmt: skip


def fine_set(folder: Path, particles: int) -> Path:
    """Simulate the built-in complex at 4 Å/px, where most of a late tilt lies past its optimal dose."""
    command("simulate", folder, "--particles", particles, "--pixel-size", 4, "--box", 32)
    return folder / "particles.star"


def epochs_against_truth(star: Path, run: Path, epochs: int, *options: str | int) -> list[dict[str, float]]:
    """Train a decoder alone and return, for every epoch, its seconds and how near its map is to the mean true one."""
    command("train", star, "--outdir", run, *DECODER, "--epochs", epochs, *options)
    opened, mean = Run.open(run), np.mean(true_maps(star), axis=0)
    rows = []
    for epoch, seconds in zip(opened.epochs, opened.metrics()["seconds"], strict=True):
        trained = load_model(opened, epoch)
        (volume,) = decode_volumes(trained.model.decoder, None, standard_deviation=trained.standard_deviation)
        rows.append({"epoch": epoch, "seconds": float(seconds), "cc": correlation(volume, mean), **curve(volume, mean)})
    return rows


def curve(volume: npt.NDArray[np.float32], mean: npt.NDArray[np.float32]) -> dict[str, float]:
    """Return the mean of a Fourier shell correlation, over all shells and over the outer half."""
    values = fsc(volume, mean)[1:]
    return {"fsc": float(values.mean()), "fsc_outer": float(values[len(values) // 2 :].mean())}


def weights_and_mask(star: Path, folder: Path, epochs: int) -> dict[str, list[dict[str, float]]]:
    """Train with and without dose and tilt weights, with and without dose mask."""
    weights, none = ("--dose-weight", "--tilt-weight"), ("--no-dose-weight", "--no-tilt-weight")
    arms: dict[str, tuple[str, ...]] = {
        "weights and mask": (*weights, "--dose-mask"),
        "weights": (*weights, "--no-dose-mask"),
        "mask": (*none, "--dose-mask"),
        "neither": (*none, "--no-dose-mask"),
    }
    return {
        name: epochs_against_truth(star, folder / f"arm-{number}", epochs, *options)
        for number, (name, options) in enumerate(arms.items())
    }


def sampling(star: Path, folder: Path, epochs: int) -> dict[str, list[dict[str, float]]]:
    """Train on 11 of 41 tilts a visit, drawn anew or always the first."""
    return {
        kind: epochs_against_truth(
            star, folder / kind, epochs, "--tilts-per-particle", 11, "--tilt-sampling", kind, "--no-spectral-prior"
        )
        for kind in ("random", "sequential")
    }


def tilts_at_inference(star: Path, run: Path, folder: Path, tilts: tuple[int, ...] = TILTS) -> list[dict[str, Any]]:
    """Infer the latents of one trained model from the first 1 … 41 tilts: ARI, and dispersion of ten random draws."""
    there = int(read_particles(star).tilts_per_particle.min())
    rows = []
    for count in sorted({min(each, there) for each in tilts}):
        name = folder / f"tilts-{count}.npz"
        began = time.perf_counter()
        given = ("--first-tilts", count, "--tilt-order", "dose", "--output", name)
        command("embed", star, "--run", run, *given)
        latents = Latents.load(name)
        labels = cluster(latents.z_mean, 4, method="kmeans", seed=0).labels
        row = {"tilts": count, "ari": float(adjusted_rand_score(truth(star, latents)["label"], labels))}
        if count < there:
            row["dispersion"] = dispersion(star, run, folder / f"draws-{count}.npz", count)
        rows.append({**row, "seconds": time.perf_counter() - began})
    return rows


def dispersion(star: Path, run: Path, output: Path, tilts: int) -> float:
    """Return what ``embed --draws`` says of random draws of so many tilts."""
    import json

    command("embed", star, "--run", run, "--output", output, "--draws", DRAWS, "--draw-tilts", tilts)
    value: float = json.loads(output.with_suffix(".dispersion.json").read_text(encoding="utf-8"))["dispersion"]
    return value


def directions(
    arms: dict[str, list[dict[str, float]]], draws: dict[str, list[dict[str, float]]], tilts: list[dict[str, Any]]
) -> dict[str, bool]:
    """Return whether each finding of the paper is found here too."""
    both, neither = arms["weights and mask"], arms["neither"]
    epoch_seconds = {name: float(np.median([row["seconds"] for row in rows])) for name, rows in arms.items()}
    scattered = [(row["tilts"], row["dispersion"]) for row in tilts if "dispersion" in row]
    every = tilts[-1]["tilts"]
    return {
        "the mask saves time": epoch_seconds["weights and mask"] < epoch_seconds["weights"],
        "weights and mask give a map at least as good": both[-1]["fsc"] >= neither[-1]["fsc"],
        "random tilts are better than the first ones": draws["random"][-1]["fsc"] > draws["sequential"][-1]["fsc"],
        # latents of nothing but noise scatter like that, too: draws without replacement have images in common
        "more tilts scatter less, and less than noise": bool(
            np.all(np.diff([value for _, value in scattered]) < 0)
            and all(value < np.sqrt(1 - count / every) for count, value in scattered)
        ),
        "more tilts tell states apart better": tilts[-1]["ari"] > tilts[0]["ari"],
    }
