"""Losses of single particles, held against the trainer's own and against numpy's correlation."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.reconstruction.decode import EXACT
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.checkpoints import TrainedModel, load_checkpoint, load_model, save_checkpoint
from napari_tomodrgn.training.decoding import Decoding
from napari_tomodrgn.training.embed import recorded_options
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.particle_losses import particle_losses
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.train import train

NETWORK: dict[str, Any] = {"decoder": "8x1", "encoder_a": "8x1", "encoder_a_out": 8, "encoder_b": "8x1"}


def trained(star: Path, folder: Path, **options: Any) -> Run:
    return train(TrainOptions(particles=star, outdir=folder, epochs=1, batch_size=2, **NETWORK, **options))


@pytest.mark.parametrize("options", [{"latent_dim": 2, "pooling": "mean"}, {"latent_dim": 0}])
def test_losses_are_the_trainers_and_correlations_are_numpys(tiny_set: Any, tmp_path: Path, options: Any) -> None:
    run = trained(tiny_set(tilts=(4, 5, 3)), tmp_path / "run", **options)
    particle_set = run.particle_set()

    found = measured(run)

    model = load_model(run, 1)
    batch, images, every = images_of(run, particle_set)
    latents = torch.from_numpy(run.latents(1).z_mean) if run.latent_dim else None
    decoding = Decoding(model.model.decoder, images.lattice, images.weighting, EXACT)
    with torch.no_grad():
        given = None if latents is None else model.model.decoder.latent_input(latents)
        np.testing.assert_allclose(found[:, 0], decoding.losses(batch, given), rtol=1e-4)
    for row, own in enumerate(every):
        predicted, seen = compared(model, batch, images, own, None if latents is None else latents[row])
        plain = predicted @ seen / np.sqrt((predicted @ predicted) * (seen @ seen))
        assert found[row, 1] == pytest.approx(plain, abs=1e-4)


def test_particles_are_compared_at_the_contrasts_that_were_fitted(tiny_set: Any, tmp_path: Path) -> None:
    run = trained(tiny_set(tilts=(4, 5, 3)), tmp_path / "run", latent_dim=2, pooling="mean", fit_contrast=True)
    state = load_checkpoint(run.checkpoint(1))
    state["corrections"]["contrast"] = torch.tensor([1.0, 3.0, 1.0], dtype=torch.float64)
    save_checkpoint(run.checkpoint(1), state)

    found = measured(run)

    batch, images, every = images_of(run, run.particle_set())
    latent = torch.from_numpy(run.latents(1).z_mean)[1]
    predicted, seen = compared(load_model(run, 1), batch, images, every[1], latent)
    kept = batch.kept[every[1]].sum()
    assert found[1, 0] == pytest.approx(((3 * predicted - seen) ** 2).sum() / kept, rel=1e-4)


def measured(run: Run) -> np.ndarray:
    """Return the loss and the correlation (N, 2) of a run's particles."""
    parts = list(particle_losses(run, 1, run.particle_set(), EXACT))
    rows = np.concatenate([part.rows for part in parts])
    assert sorted(rows.tolist()) == [0, 1, 2]
    values = [np.concatenate([getattr(part, name) for part in parts]) for name in ("loss", "correlation")]
    return np.stack(values, axis=1)[np.argsort(rows)]


def images_of(run: Run, particle_set: ParticleSet) -> tuple[BatchImages, Images, list[np.ndarray]]:
    """Return all images as the trainer has them, and the rows of each particle."""
    recorded = recorded_options(run, load_model(run, 1))
    source = DirectImages(particle_set, window=recorded.window, standard_deviation=run.standard_deviation)
    images = Images.on(torch.device("cpu"), particle_set, source, Weighting.of(recorded))
    every = [np.arange(begin, end) for begin, end in pairwise(particle_set.first_tilt)]
    return images.of(Batch.of(range(len(every)), every)), images, every


def compared(
    model: TrainedModel, batch: BatchImages, images: Images, own: np.ndarray, latent: torch.Tensor | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return what is predicted of a particle's images and what they are, each times the root of its weight."""
    tilts = batch.tilts[torch.from_numpy(own)]
    with torch.no_grad():
        volume = torch.complex(*model.model.decoder.evaluate(tilts.k3(images.lattice).reshape(-1, 3), latent))
    root = images.weighting.weights(tilts, images.lattice).sqrt()
    predicted = root * tilts.transfer(images.lattice) * volume.reshape(len(own), -1)
    seen = root * pairs_to_complex(batch.pairs[own])
    return torch.view_as_real(predicted).numpy().ravel(), torch.view_as_real(seen).numpy().ravel()
