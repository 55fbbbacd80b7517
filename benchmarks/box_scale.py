"""Whether a larger box tells dimers and particles on membranes, and a tight one does not.

Simulates tilt series of 50S subunits, half of them in dimers and a fifth on vesicles, from which images are cut in a
box that reaches three radii or more, in a tight one, and in two between, the larger of which holds all of a particle.
All are trained alike and sorted into the same number of classes. Prints one JSON object, writes ``box_scale`` of
``results/analysis.json``, whose other entries stay, and draws the averages of what the large box tells.
``--quick`` takes the first seed alone, written nowhere.
"""

import argparse
import json
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.spatial.cooccurrence import cooccurrence
from napari_tomodrgn.figures.style import new_figure, save, styled
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.atoms import read_atoms
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.resize import CropOptions, crop
from napari_tomodrgn.reconstruction.backproject import backproject
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.density import check_size
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.scene.company import TO_MATE, TO_MEMBRANE
from napari_tomodrgn.simulation.scene.objects import MEMBRANE
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

RESULT = Path(__file__).resolve().parent / "results" / "analysis.json"
DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "spatial-box"
RIBOSOME = sorted((DATA / "50S").glob("*.pdb"))
PLANTED = ("in_dimer", "on_membrane")
SEEDS = (0, 1, 2, 3, 4)
PIXEL_SIZE, LARGE = 18.0, 54  # Å; px
# px: 1.01 and 1.18 times the diameter that holds 95 % of the atoms, and a box that holds all of them
SMALL = {"tight": 12, "close": 14, "around": 18}
SET: dict[str, Any] = {
    "scene": True, "junk": 0.0, "dimers": 0.5, "membrane_bound": 0.2, "membrane_dimers": 0.15, "particles": 400,
    "tomograms": 8, "thickness": 1800.0, "tilt_step": 8.0, "dose_per_tilt": 7.0, "shot_snr": 0.07, "box": LARGE,
    "pixel_size": PIXEL_SIZE,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "latent_dim": 6, "pooling": "linear", "decoder": "64x3", "batch_size": 4, "learning_rate": 3e-3,
    "learning_rate_schedule": "cosine", "spectral_prior": True, "epochs": 2, "checkpoint_every": 2, "device": "cpu",
}  # fmt: skip
CLASSES = 12
Labels = npt.NDArray[np.int64]


def labels_in(run: Path, truth: pd.DataFrame) -> Labels:
    """Return the classes (N,) that were found, in the order of the truth."""
    folder = AnalysisFolder(run, Run.open(run).chosen_epoch)
    known = read_labels(folder.labels(f"kmeans-{CLASSES}"))
    return np.array([known[each] for each in zip(truth["tomogram"], truth["particle"], strict=True)])


@cache
def diameter() -> float:
    """Return the diameter of the 50S subunit in Å."""
    atoms = read_atoms(RIBOSOME)
    return check_size(atoms, LARGE, PIXEL_SIZE, atoms.centre_of_mass)


def radius_holding(share: float) -> float:
    """Return the radius in Å of the sphere that holds a share of its atoms."""
    atoms = read_atoms(RIBOSOME)
    return float(np.quantile(np.linalg.norm(atoms.position - atoms.centre_of_mass, axis=1), share))


def averages(star: Path, labels: Labels) -> list[npt.NDArray[np.float32]]:
    """Return the average of the particles with each label, by weighted backprojection."""
    particle_set = read_particles(star)
    return [
        backproject(particle_set, rows=labels == each, half_sets=False, progress=False).map
        for each in range(int(labels.max()) + 1)
    ]


def truth_of(folder: Path) -> pd.DataFrame:
    """Return what was simulated."""
    return pd.read_csv(folder / "truth.csv", dtype={"tomogram": str, "particle": str})


def named_by_averages(star: Path, classes: Labels, across: float) -> dict[str, Labels]:
    """Return two labellings (N,): whether the average of a class has a density at the mate's place, and a membrane's.

    Where these are can be seen in the averages. Classes are split in two by the densities there.
    """
    places = {
        "in_dimer": (across * np.array(TO_MATE), across / 4),
        "on_membrane": ((across / 2 + MEMBRANE) * np.array(TO_MEMBRANE), across / 4),
    }
    maps = averages(star, classes)
    found = {}
    for name, (place, radius) in places.items():
        density = np.array([mean_in_sphere(each, place / PIXEL_SIZE, radius / PIXEL_SIZE) for each in maps])
        found[name] = (density > density_between(density)).astype(np.int64)[classes]
    return found


def mean_in_sphere(volume: npt.NDArray[np.float32], place: npt.NDArray[np.float64], radius: float) -> float:
    """Return the mean of a volume (D, D, D) about a place, x, y, z in px from its middle."""
    steps = np.arange(len(volume)) - len(volume) // 2
    z, y, x = np.meshgrid(steps, steps, steps, indexing="ij", sparse=True)
    inside = (x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2 <= radius**2
    return float(volume[inside].mean())


def density_between(values: npt.NDArray[np.float64]) -> float:
    """Return what splits values into two groups that are closest in themselves."""
    return float(KMeans(2, n_init=10, random_state=0).fit(values[:, None]).cluster_centers_.mean())


def named_by_truth(classes: Labels, truth: Labels) -> Labels:
    """Return a labelling (N,) in which each class is called what most of its particles are."""
    majority = np.array([truth[classes == each].mean() > 0.5 for each in range(CLASSES)])
    return majority.astype(np.int64)[classes]


def best_of(classes: Labels, truth: pd.DataFrame) -> dict[str, float]:
    """Return the ARI of classes that are called what most of their particles are, for each labelling."""
    return {
        name: float(adjusted_rand_score(truth[name], named_by_truth(classes, truth[name].to_numpy())))
        for name in PLANTED
    }


def trained(star: Path, run: Path, seed: int) -> Path:
    """Train and find classes."""
    train(TrainOptions(particles=star, outdir=run, seed=seed, **TRAINING))
    analyze(
        AnalyzeOptions(run=run, clusters=CLASSES, umap=False, volumes=False, figures=False, seed=seed, device="cpu")
    )
    return run


def box_scale(folder: Path, seed: int) -> dict[str, Any]:
    """Return what was found in one simulated set."""
    star = simulate(SimulateOptions(outdir=folder / "large", model=tuple(RIBOSOME), seed=seed, **SET))
    cropped = {
        name: crop(CropOptions(particles=star, output=folder / name / "particles.star", box=box))[0]
        for name, box in SMALL.items()
    }
    truth = truth_of(star.parent)
    classes = labels_in(trained(star, folder / "run-large", seed), truth)
    found = named_by_averages(star, classes, diameter())
    small = {name: labels_in(trained(path, folder / f"run-{name}", seed), truth) for name, path in cropped.items()}
    return {
        "seed": seed,
        "particles": len(truth),
        "large": {name: float(adjusted_rand_score(truth[name], found[name])) for name in PLANTED},
        **{box: best_of(classes, truth) for box, classes in small.items()},
        "cooccurrence": dimers_on_membranes(truth, found),
    }


def dimers_on_membranes(truth: pd.DataFrame, found: dict[str, Labels]) -> dict[str, Any]:
    """Return the share of particles on membranes that are in dimers, planted and found, with its interval."""
    tomogram = pd.factorize(truth["tomogram"])[0].astype(np.int64)
    both = cooccurrence(found["on_membrane"], found["in_dimer"], (2, 2), tomogram)
    planted = float(truth["in_dimer"][truth["on_membrane"] == 1].mean())
    low, high = float(both.low[1, 1]), float(both.high[1, 1])
    return {
        "planted": planted,
        "share": float(both.share[1, 1]),
        "interval": [low, high],
        "by_chance": float(both.expected[1, 1]),
        "holds_planted": low <= planted <= high,
    }


def draw(folder: Path) -> None:
    """Draw the middle slice of the averages of the four kinds that classes of the large box tell, in both boxes."""
    truth = truth_of(folder / "large")
    found = named_by_averages(folder / "large" / "particles.star", labels_in(folder / "run-large", truth), diameter())
    kind = found["in_dimer"] + 2 * found["on_membrane"]
    with styled():
        figure = new_figure(7.2, 4.0)
        axes = figure.subplots(2, 4)
        shown = (("large", LARGE, 0.6, 300), ("tight", SMALL["tight"], 1.0, 100))
        for row, (name, side, bright, ticks) in enumerate(shown):
            maps = averages(folder / name / "particles.star", kind)
            top, half = max(float(each.max()) for each in maps), side * PIXEL_SIZE / 2
            for column, each in enumerate(maps):
                slab = each[:, side // 2 - 1 : side // 2 + 2].mean(axis=1)  # mate and membrane are at y = 0
                extent = (-half, half, -half, half)
                axes[row, column].imshow(
                    slab, cmap="gray", vmin=-0.2 * top, vmax=bright * top, origin="lower", extent=extent
                )
                axes[row, column].set(xticks=(-ticks, 0, ticks), yticks=(-ticks, 0, ticks))
            axes[row, 0].set_ylabel(f"{name} box: z (Å)")
        for column, title in enumerate(("alone", "dimers", "on membranes", "dimers on\nmembranes")):
            axes[0, column].set_title(f"{title} ({int((kind == column).sum())})", fontsize=9)
            axes[1, column].set_xlabel("x (Å)")
        save(figure, PICTURE, ("png",))


def main() -> int:
    """Measure, print, write; return 1 where a number is not what it has to be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, written nowhere")
    parser.add_argument("--keep", type=Path, help="folder that sets and runs are left in")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        sets = [box_scale(folder / f"seed-{seed}", seed) for seed in (SEEDS[:1] if given.quick else SEEDS)]
        if not given.quick:
            draw(folder / f"seed-{SEEDS[0]}")
    result = {
        "ari_large": min(min(each["large"].values()) for each in sets),
        "ari_tight": max(max(each["tight"].values()) for each in sets),
        **{f"ari_{box}": max(max(each[box].values()) for each in sets) for box in ("close", "around")},
        "cooccurrence_holds": all(each["cooccurrence"]["holds_planted"] for each in sets),
        "half_box": {name: box * PIXEL_SIZE / 2 for name, box in {"large": LARGE, **SMALL}.items()},
        "radius": radius_holding(0.95),
        "largest_radius": diameter() / 2,
        "classes": CLASSES,
        "sets": sets,
    }
    print(json.dumps({"box_scale": result}, indent=1))
    if not given.quick:
        known = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
        with atomic_open(RESULT) as stream:
            json.dump({**known, "box_scale": result}, stream, indent=1)
            stream.write("\n")
    met = result["ari_large"] >= 0.8 and result["ari_tight"] <= 0.2 and result["cooccurrence_holds"]
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
