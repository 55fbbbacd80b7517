"""Make the pictures of docs/trajectories.md, convergence.md and ensemble.md, of a simulated arm that turns.

``python scripts/make_trajectory_pictures.py [FOLDER]`` uses the particles and the run in a folder, or makes them first.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.analysis.ensemble.options import EnsembleOptions
from napari_tomodrgn.analysis.folder import read_labels
from napari_tomodrgn.analysis.traverse import traverse
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.figures.convergence import save_convergence
from napari_tomodrgn.figures.ensemble import save_ensemble
from napari_tomodrgn.figures.traversal import save_traversal
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
BOX, PIXEL_SIZE, STATES, CLASSES = 24, 10.0, 20, 8
EDGES = 12.1  # edges a particle: these latents are sparse along the arc


def arm(angle: float) -> npt.NDArray[np.float32]:
    """Return a body with an arm that points to an angle in the plane of y and x."""
    z, y, x = np.mgrid[:BOX, :BOX, :BOX] - BOX / 2

    def blob(at: tuple[float, float, float], width: float) -> npt.NDArray[np.float64]:
        squared = (z - at[0]) ** 2 + (y - at[1]) ** 2 + (x - at[2]) ** 2
        return np.exp(-squared / (2 * width**2))

    body = blob((0, -2, 0), 2.6) + blob((3, -3, 1), 1.6) + blob((-2, -3.5, -2), 1.4)
    turned = sum(blob((0, r * np.cos(angle), r * np.sin(angle)), 1.2) for r in (2.0, 3.5, 5.0, 6.5))
    return np.float32(body + turned)


def make_run(folder: Path) -> None:
    """Simulate particles with the arm at 20 angles and train for 25 epochs, a part of the tilt images held out."""
    maps = []
    for number, angle in enumerate(np.deg2rad(np.linspace(-80, 80, STATES))):
        maps.append(folder / f"map_{number:02d}.mrc")
        write_map(maps[-1], arm(angle), PIXEL_SIZE, overwrite=True)
    star = simulate(
        SimulateOptions(
            outdir=folder / "particles", maps=tuple(maps), particles=320, tilt_step=6.0, dose_per_tilt=5.0,
            structural_snr=3.0, shot_snr=0.5,
        )
    )  # fmt: skip
    train(
        TrainOptions(
            particles=star, outdir=folder / "run", latent_dim=4, pooling="mean", encoder_a="256x2", encoder_a_out=128,
            encoder_b="128x2", decoder="64x3", batch_size=4, learning_rate=3e-3, learning_rate_schedule="cosine",
            epochs=25, held_out_fraction=0.15, held_out_by="tilt",
        )
    )  # fmt: skip


def ends(folder: Path) -> tuple[int, int]:
    """Return the classes whose particles have the arm upright, and turned to one side."""
    labels = read_labels(analyze(AnalyzeOptions(
        run=folder / "run", clusters=CLASSES, umap=False, volumes=False, figures=False, overwrite=True
    )).folder.labels(f"kmeans-{CLASSES}"))  # fmt: skip
    truth = pd.read_csv(folder / "particles" / "truth.csv", dtype={"tomogram": str, "particle": str})
    truth["class"] = [labels[particle] for particle in zip(truth["tomogram"], truth["particle"], strict=True)]
    middle = truth.groupby("class")["label"].median()
    return int((middle - (STATES // 2 + 1)).abs().idxmin()), int(middle.idxmin())


def draw_frames(movie: Path, target: Path, count: int = 4) -> None:
    """Draw some pictures of a movie from one end of the way to the other, two by two."""
    with Image.open(movie) as frames:
        turn = frames.n_frames // 2  # where it begins to go back
        chosen = []
        for number in np.rint(np.linspace(0, turn, count)).astype(int).tolist():
            frames.seek(number)
            chosen.append(np.asarray(frames.convert("RGB")))
    rows = [np.concatenate(chosen[begin : begin + 2], axis=1) for begin in range(0, count, 2)]
    Image.fromarray(np.concatenate(rows)).save(target)


def main() -> None:
    """Make the run where it is not there, and the pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if sys.argv[1:] else Path(temporary)
        if not (folder / "run").is_dir():
            make_run(folder)
        run = folder / "run"
        options = TraverseOptions(
            run=run, method="graph", classes=ends(folder), average_degree=EDGES, movie=True, movie_side=240,
            view=("front", "0,45,0"), overwrite=True,
        )  # fmt: skip
        _, way = save_traversal(traverse(options), options)
        draw_frames(way / "movie.gif", PICTURES / "trajectory-movie.png")
        _, convergence = save_convergence(ConvergeOptions(run=run, overwrite=True))
        _, ensemble = save_ensemble(EnsembleOptions(run=run, clusters=CLASSES, overwrite=True))
        shutil.copy(ensemble / "ensemble.png", PICTURES / "ensemble.png")
        for name in ("way", "slices"):
            shutil.copy(way / f"{name}.png", PICTURES / f"trajectory-{name}.png")
        for name in ("curves", "latents", "volumes", "resolution"):
            shutil.copy(convergence / f"{name}.png", PICTURES / f"convergence-{name}.png")


if __name__ == "__main__":
    main()
