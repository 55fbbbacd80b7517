"""Latents without an encoder: learned, taken over from an encoder's, and fitted to images that were not trained on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.embed import embed
from napari_tomodrgn.training.options import EmbedOptions
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

FREE = {"pooling": "none", "latent_dim": 2}


def test_a_run_cut_off_gives_the_same_as_a_whole_one(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """With latents refined between epochs, so that what they become is part of the state."""
    path = tiny_set()
    whole = train(small(path, tmp_path / "whole", epochs=3, **FREE))
    train(small(path, tmp_path / "parts", epochs=1, **FREE))
    parts = train(small(path, tmp_path / "parts", epochs=3, resume=True, **FREE))
    assert same(weights(whole), weights(parts))
    encoder = load_model(whole).model.encoder
    assert isinstance(encoder, FreeLatents)
    np.testing.assert_array_equal(whole.latents().z_mean, encoder.mean.detach().numpy())
    assert np.abs(whole.latents().z_mean).max() > 0.01


def test_particles_held_out_are_fitted(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run", epochs=2, held_out_fraction=0.4, **FREE))
    latents = run.latents()
    held = latents.split == "held-out"
    assert held.any()
    assert (np.abs(latents.z_mean[held]).max(1) > 0).all()
    assert np.isfinite(run.metrics()["held_out_reconstruction"]).all()


def test_embedding_particles_that_a_decoder_knows(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Fitted from 0, and refined from what was learned until nothing changes: the same minimum."""
    path = tiny_set()
    run = train(small(path, tmp_path / "run", epochs=4, beta=200.0, latent_learning_rate=0.3, **FREE))
    asked = {"particles": path, "run": run.path, "amp": "off"}
    from_zero = embed(EmbedOptions(**asked, output=tmp_path / "zero.npz"))
    further = embed(EmbedOptions(**asked, output=tmp_path / "further.npz", polish=30))
    assert from_zero.ids == run.latents().ids
    assert np.abs(further.z_mean).max() > 0.01
    np.testing.assert_allclose(from_zero.z_mean, further.z_mean, atol=0.02)


def test_polishing_what_an_encoder_says_fits_the_images_better(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    encoded = train(small(path, tmp_path / "encoded", pooling="mean", latent_dim=2, epochs=2))
    asked = {"particles": path, "run": encoded.path, "amp": "off"}
    plain = embed(EmbedOptions(**asked, output=tmp_path / "plain.npz"))
    polished = embed(EmbedOptions(**asked, output=tmp_path / "polished.npz", polish=5))
    assert not np.allclose(plain.z_mean, polished.z_mean, atol=1e-3)
    again = embed(EmbedOptions(**asked, output=tmp_path / "again.npz", polish=10))
    assert np.abs(again.z_mean - polished.z_mean).max() < 0.1 * np.abs(plain.z_mean - polished.z_mean).max()


@pytest.mark.parametrize("pooling", ["mean", "linear"])
def test_beginning_with_what_an_encoder_found(tiny_set, tmp_path: Path, pooling: str) -> None:  # type: ignore[no-untyped-def]
    """The same volumes to begin with, of the particles that the other run knows too."""
    path = tiny_set()
    encoded = train(small(path, tmp_path / "encoded", pooling=pooling, latent_dim=2, epochs=2))
    standing = {"learning_rate": 1e-12, "latent_learning_rate": 1e-12, "epochs": 1, "refine_latents": False}
    run = train(small(path, tmp_path / "run", init_from=encoded.path, **FREE, **standing))
    theirs, ours = load_model(encoded).model.decoder, load_model(run).model.decoder
    expected = theirs.latent_input(torch.from_numpy(encoded.latents().z_mean))
    torch.testing.assert_close(ours.latent_input(torch.from_numpy(run.latents().z_mean)), expected)
    assert expected.abs().max() > 0


def test_a_decoder_alone_has_no_latents(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="--pooling none: is about latents, and --latent-dim 0"):
        train(small(tiny_set(), tmp_path / "run", pooling="none", latent_dim=0))
    assert not (tmp_path / "run").exists()
