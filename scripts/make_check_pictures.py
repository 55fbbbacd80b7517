"""Make the pictures of the pages on nuisance, evidence scores and calibration, from a simulated set: a minute or two.

``python scripts/make_check_pictures.py [FOLDER]`` keeps the set and its run in a folder, and uses them again.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.calibrate_options import CalibrateOptions
from napari_tomodrgn.analysis.calibration import calibrate
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.nuisance.nuisance import nuisance
from napari_tomodrgn.analysis.nuisance.options import NuisanceOptions
from napari_tomodrgn.analysis.scoring.options import ScoreOptions
from napari_tomodrgn.analysis.scoring.score import score
from napari_tomodrgn.figures.calibration import save_calibration
from napari_tomodrgn.figures.nuisance import save_nuisance
from napari_tomodrgn.figures.scores import save_scores
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
CLASSES = 4


def make_run(folder: Path) -> Run:
    """Train on particles in four states, in tomograms that lack up to ten of 21 tilts and differ in dose and noise."""
    star = simulate(
        SimulateOptions(
            outdir=folder / "particles", particles=400, tomograms=8, box=24, pixel_size=9.0, tilt_step=6.0,
            shot_snr=0.2, missing_tilts=10, dose_spread=1.5, noise_spread=1.5, overwrite=True,
        )
    )  # fmt: skip
    options = TrainOptions(
        particles=star, outdir=folder / "run", pooling="linear", latent_dim=4, decoder="64x2", epochs=6, batch_size=4,
        learning_rate=3e-3, learning_rate_schedule="cosine", point_fraction=0.3,
    )  # fmt: skip
    run = train(options)
    analyze(AnalyzeOptions(run=run.path, clusters=CLASSES, umap=False, figures=False))
    return run


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(sys.argv[1]) if sys.argv[1:] else Path(temporary)
        run = Run.open(folder / "run") if (folder / "run").is_dir() else make_run(folder)
        found = save_nuisance(nuisance(NuisanceOptions(run=run.path, overwrite=True)))
        shutil.copy(found / "nuisance.png", PICTURES / "nuisance.png")
        path, calibration = calibrate(CalibrateOptions(run=run.path, overwrite=True))
        save_calibration(calibration, path)
        shutil.copy(path.with_suffix(".png"), PICTURES / "calibration.png")
        labelling = f"kmeans-{CLASSES}"
        save_scores(score(ScoreOptions(run=run.path, labels=Path(labelling), overwrite=True)))
        figures = AnalysisFolder(run.path, run.chosen_epoch).figures(labelling)
        shutil.copy(figures / "evidence.png", PICTURES / "evidence-score.png")


if __name__ == "__main__":
    main()
