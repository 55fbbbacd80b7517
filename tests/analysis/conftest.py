"""A small real run: simulated particles and one epoch of training."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.analysis.run_evidence import RunEvidence
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.image_files import write_volume
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
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


CHIRAL: dict[str, Any] = {
    "particles": 60, "tilts": 7, "tilt_step": 10.0, "pixel_size": 6.0, "structural_snr": 1e9, "shot_snr": 1.0,
    "defocus_min": 1.0, "defocus_max": 1.0,
}  # fmt: skip
TAUGHT: dict[str, Any] = {
    "latent_dim": 0, "decoder": "64x2", "learning_rate": 5e-3, "learning_rate_schedule": "cosine", "epochs": 8,
    "batch_size": 2, "window": False, "device": "cpu", "amp": "off",
}  # fmt: skip


class Taught:
    """A decoder that has learned a chiral map of 32 px from noisy images, and what these are without the noise."""

    def __init__(self, folder: Path, chiral_map: np.ndarray) -> None:
        write_volume(folder / "map.mrc", chiral_map, CHIRAL["pixel_size"])
        for name, noise in (("noisy", True), ("clean", False)):
            simulate(SimulateOptions(outdir=folder / name, maps=(folder / "map.mrc",), noise=noise, **CHIRAL))
        self.map = chiral_map
        self.clean = read_particles(folder / "clean" / "particles.star")
        self.run = train(TrainOptions(particles=folder / "noisy" / "particles.star", outdir=folder / "run", **TAUGHT))
        self.particle_set = self.run.particle_set()
        self.source = RunEvidence(self.run, self.run.chosen_epoch, self.particle_set)

    def rows(self, particle: int) -> np.ndarray:
        """The rows of a particle's tilt images."""
        return np.arange(particle * CHIRAL["tilts"], (particle + 1) * CHIRAL["tilts"])


@pytest.fixture(scope="session")
def taught(tmp_path_factory: pytest.TempPathFactory, chiral_map: np.ndarray) -> Taught:
    """A run that knows a map well."""
    return Taught(tmp_path_factory.mktemp("taught"), chiral_map)


@pytest.fixture(scope="session")
def particles_star(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Star file of 24 particles in two tomograms, image series and volume series."""
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
