"""A small real run: simulated particles and one epoch of training."""

from pathlib import Path
from typing import Any

import pytest

from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

SMALL_NETWORK: dict[str, Any] = {
    "pooling": "mean",
    "encoder_a": "8x1",
    "encoder_a_out": 8,
    "encoder_b": "8x1",
    "decoder": "8x1",
    "epochs": 2,
    "batch_size": 4,
}


@pytest.fixture(scope="session")
def particles_star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Star file of 24 particles in two tomograms, image series and volume series."""
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate

    folder = tmp_path_factory.mktemp("particles")
    return simulate(SimulateOptions(outdir=folder, particles=24, box=16, pixel_size=12.0, tilts=5))


@pytest.fixture(scope="session")
def run(particles_star: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of two epochs with three latent dimensions; tests read it or copy it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    return train(TrainOptions(particles=particles_star, outdir=folder, latent_dim=3, **SMALL_NETWORK))


@pytest.fixture(scope="session")
def homogeneous_run(particles_star: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of a decoder alone."""
    folder = tmp_path_factory.mktemp("runs") / "homogeneous"
    return train(TrainOptions(particles=particles_star, outdir=folder, latent_dim=0, **SMALL_NETWORK))
