"""A small real run that was analysed, for whatever looks at one."""

import pytest

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train


@pytest.fixture(scope="session")
def analysed_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 24 particles in two tomograms, with classes and principal components; tests read it or copy it."""
    folder = tmp_path_factory.mktemp("analysed")
    star = simulate(SimulateOptions(outdir=folder / "particles", particles=24, box=16, pixel_size=12.0, tilts=5))
    options = TrainOptions(
        particles=star, outdir=folder / "run", latent_dim=3, pooling="linear", decoder="16x1", epochs=2, batch_size=4
    )
    run = train(options)
    analyze(AnalyzeOptions(run=run.path, clusters=3, umap=False, figures=False, box=16))
    return Run.open(run.path)
