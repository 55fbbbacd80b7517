"""Real and published sets: the WarpTools set trains, and a decoder alone finds the published map."""

from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.inference import held_out_reconstruction, infer_latents
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.preparation import make_sampler, make_trainer
from napari_tomodrgn.training.store import DirectImages
from napari_tomodrgn.training.train import train
from napari_tomodrgn.training.trainer import Trainer

WARPTOOLS = "warptools_insitu/warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star"


def loss_of_all_images(model: VAE, trainer: Trainer) -> float:
    """Return the reconstruction loss with the latents' means and every tilt: nothing is drawn, so models compare."""
    sampler, images = trainer.sampler, trainer.images
    sampler.split = replace(sampler.split, held_out=sampler.split.training)
    draws = [sampler.inference_draws(particle) for particle in range(len(trainer.particle_set))]
    z_mean, _ = infer_latents(model, images, draws)
    return held_out_reconstruction(model, images, sampler, z_mean, trainer.compute)


@pytest.mark.parametrize("pooling", ["concatenate", pytest.param("attention", marks=pytest.mark.long)])
def test_the_warptools_set_trains(shared_data: Path, tmp_path: Path, pooling: str) -> None:
    """With the paper's network and step size. Particles have 34 to 37 visible tilts; all count with attention."""
    options = TrainOptions(
        particles=shared_data / WARPTOOLS, outdir=tmp_path / "run", epochs=1, pooling=pooling, device="cpu"
    )
    run = train(options)
    assert np.isfinite(run.metrics()[["loss", "reconstruction", "kld"]]).all(axis=None)
    particle_set = run.particle_set()
    trainer = make_trainer(
        options,
        particle_set,
        DirectImages(particle_set, standard_deviation=run.standard_deviation),
        make_sampler(particle_set, options),
        choose_compute("cpu", "off"),
        tmp_path,
        StopRequest(),
    )
    before, after = (loss_of_all_images(model, trainer) for model in (trainer.model, load_model(run).model))
    assert np.isfinite([before, after]).all()
    assert after < before
    assert run.document["data"]["tilt_images"] == 1430
    latents = run.latents()
    assert len(set(latents.ids)) == 40
    assert np.isfinite(latents.z_mean).all()
    assert particle_set.ids == list(latents.ids)


@pytest.mark.filterwarnings("ignore:Unrecognised machine stamp:RuntimeWarning")
def test_a_decoder_alone_finds_the_published_map(shared_data: Path, tmp_path: Path) -> None:
    """The truth that the images were simulated from, unmasked and unfiltered; a plain Wiener map reaches 0.81."""
    options = TrainOptions(
        particles=shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star",
        outdir=tmp_path / "run",
        latent_dim=0,
        epochs=18,
        batch_size=2,
        learning_rate=3e-3,
        learning_rate_schedule="cosine",
        decoder="64x3",
    )
    trained = load_model(train(options))
    [volume] = decode_volumes(trained.model.decoder, None, standard_deviation=trained.standard_deviation)
    with mrcfile.open(shared_data / "cryosrpnt_classE" / "10076_classE_32.mrc", permissive=True) as stored:
        truth = stored.data.astype(float)
    assert np.corrcoef(volume.ravel(), truth.ravel())[0, 1] >= 0.80
