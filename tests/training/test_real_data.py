"""Real and published sets: the WarpTools set trains, and a decoder alone finds the published map."""

from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

WARPTOOLS = "warptools_insitu/warptools_test_4-tomos_10-ptcls_box-32_angpix-12_optimisation_set.star"


@pytest.mark.parametrize("pooling", ["concatenate", "attention"])
def test_the_warptools_set_trains(shared_data: Path, tmp_path: Path, pooling: str) -> None:
    """Particles have 34 to 37 visible tilts; all count with attention, the poorest's number with concatenate."""
    options = TrainOptions(
        particles=shared_data / WARPTOOLS,
        outdir=tmp_path / "run",
        epochs=6,
        batch_size=4,
        learning_rate=5e-4,
        learning_rate_schedule="cosine",
        latent_dim=4,
        encoder_a="64x1",
        encoder_a_out=32,
        encoder_b="64x1",
        decoder="32x2",
        pooling=pooling,
    )
    run = train(options)
    loss = run.metrics()["loss"].to_numpy()
    assert np.isfinite(loss).all()
    assert loss[-1] < loss[0]
    assert loss[-3:].mean() < loss[:3].mean()
    assert run.document["data"]["tilt_images"] == 1430
    latents = run.latents()
    assert len(set(latents.ids)) == 40
    assert np.isfinite(latents.z_mean).all()
    assert run.particle_set().ids == list(latents.ids)


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
