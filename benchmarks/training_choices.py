"""What options of training do to time and quality on the simulated 50S set of the evidence page, a row a choice.

Every choice is trained as the evidence is, with a few options in other ways, and is asked after every epoch for the
agreement of its classes with the truth (ARI), and for the correlation of class volumes, and of their differences, with
the true ones. Evaluation is not timed. Prints one JSON object; ``--choices`` names some of the rows.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import machine

sys.path.insert(0, str(Path(__file__).parent / "evidence"))

from discrete import PARTICLES, TRAINING, compare_volumes, labels_of
from sets import command, simulate_ribosomes, true_maps, truth
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.runs.run import Run

ENCODER = ("--pooling", "mean")
FREE = ("--pooling", "none")
CHOICES: dict[str, tuple[str | float, ...]] = {
    "as the evidence": (),
    "half of the points": ("--point-fraction", 0.5),
    "a quarter of the points": ("--point-fraction", 0.25),
    "a quarter of the points, 20 epochs": ("--point-fraction", 0.25, "--epochs", 20),
    "coarse to fine": ("--coarse-to-fine", 0.5),
    "an encoder network": ENCODER,
    "free latents": FREE,
    "free latents, not refined": (*FREE, "--no-refine-latents"),
}


def choice(star: Path, folder: Path, seed: int, options: tuple[str | float, ...], epochs: int) -> dict[str, Any]:
    """Train with these options and return what was found after every epoch."""
    given = (*TRAINING, "--checkpoint-every", 1, "--epochs", epochs, *options, "--seed", seed)
    began = time.perf_counter()
    command("train", star, "--outdir", folder, *given, "--store-dir", folder.parent / "packed-images", "--overwrite")
    wall, run = time.perf_counter() - began, Run.open(folder)
    known = truth(star, run.latents())
    states, maps = known["label"].to_numpy(), true_maps(star)
    rows = []
    for epoch, taken in zip(run.epochs, run.metrics()["seconds"].cumsum(), strict=True):
        command("analyze", run.path, "--epoch", epoch, "--clusters", 4, "--seed", seed, "--no-umap", "--no-figures")
        labels = labels_of(run, known, epoch)
        compared = compare_volumes(run, maps, states, labels, epoch)
        rows.append(
            {
                "epoch": epoch,
                "seconds": float(taken),
                "ari": float(adjusted_rand_score(states, labels)),
                "cc": min(compared["cc"]),  # type: ignore[arg-type]
                "difference_cc": compared["difference_cc"],
            }
        )
    return {"wall_s": wall, "epochs": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--choices", nargs="+", default=list(CHOICES), choices=list(CHOICES))
    parser.add_argument("--folder", type=Path, help="keep sets here, and use those that are there")
    given = parser.parse_args()
    result: dict[str, Any] = {name: [] for name in given.choices}
    with tempfile.TemporaryDirectory() as temporary:
        for seed in range(given.seeds):
            folder = (given.folder or Path(temporary)) / str(seed)
            star = folder / "particles" / "particles.star"
            if not star.exists():
                simulate_ribosomes(folder / "particles", PARTICLES, seed=seed)
            for name in given.choices:
                found = choice(star, folder / "choice", seed, CHOICES[name], given.epochs)
                result[name].append({"seed": seed, **found})
                last = found["epochs"][-1]
                sys.stderr.write(f"{name}, seed {seed}: {found['wall_s']:.0f} s, {last}\n")
    sys.stdout.write(json.dumps({"choices": result, **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
