"""Beginning where another run ended: the same volumes, in the same densities, and what does not fit is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.reconstruction.decode import decode_volumes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

STANDING = {"learning_rate": 1e-12, "epochs": 1}  # a training that stays where it begins


def volume(run: Run) -> np.ndarray:
    trained = load_model(run)
    z = None if not run.latent_dim else np.zeros((1, run.latent_dim))
    (found,) = decode_volumes(trained.model.decoder, z, standard_deviation=trained.standard_deviation)
    return found


@pytest.mark.parametrize("pooling", ["mean", "concatenate", "linear"])
def test_it_begins_with_the_weights_of_the_other(tiny_set, tmp_path: Path, pooling: str) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    first = train(small(path, tmp_path / "first", pooling=pooling, epochs=4))
    second = train(small(path, tmp_path / "second", pooling=pooling, init_from=first.path, seed=5, **STANDING))
    for name, values in weights(second).items():
        torch.testing.assert_close(values, weights(first)[name], rtol=1e-5, atol=1e-7)
    assert second.document["parent"] == {"run": str(first.path.absolute()), "selection": None}
    np.testing.assert_allclose(second.latents().z_mean, first.latents().z_mean, atol=1e-3)


def test_volumes_keep_their_densities_where_images_are_brighter(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first = train(small(tiny_set(), tmp_path / "first", epochs=4))
    other = tiny_set("other", seed=1)
    second = train(small(other, tmp_path / "second", init_from=first.path, window=False, **STANDING))
    assert abs(second.standard_deviation / first.standard_deviation - 1) > 0.01
    np.testing.assert_allclose(volume(second), volume(first), rtol=1e-3, atol=1e-4 * np.abs(volume(first)).max())


def test_a_decoder_alone_becomes_the_mean_volume(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    alone = train(small(path, tmp_path / "alone", latent_dim=0, epochs=4, seed=3))
    run = train(small(path, tmp_path / "run", init_from=alone.path, **STANDING))
    np.testing.assert_allclose(volume(run), volume(alone), atol=1e-4 * np.abs(volume(alone)).max())
    plain = train(small(path, tmp_path / "plain", **STANDING))
    assert np.abs(volume(plain) - volume(alone)).max() > 0.1 * np.abs(volume(alone)).max()


def test_a_run_that_was_stopped_goes_on_without_the_other(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    first = train(small(path, tmp_path / "first", epochs=2))
    whole = train(small(path, tmp_path / "whole", init_from=first.path, epochs=2))
    train(small(path, tmp_path / "parts", init_from=first.path, epochs=1))
    first.path.rename(tmp_path / "elsewhere")
    resumed = train(small(path, tmp_path / "parts", init_from=first.path, epochs=2, resume=True))
    assert same(weights(resumed), weights(whole))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"decoder": "24x2"}, "its decoder is 16x2 and here it is 24x2; give the same"),
        ({"latent_dim": 3}, "its latent dim is 2 and here it is 3"),
        ({"pooling": "attention"}, "its pooling is mean and here it is attention"),
        ({"encoder_b": "8x1"}, "its encoder b is 16x1 and here it is 8x1"),
        ({"positional_encoding": "geom_ft"}, "its positional encoding is gaussian"),
        ({"init_from": Path("nowhere")}, "--init-from nowhere"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_made(tiny_set, tmp_path: Path, given, message: str) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    first = train(small(path, tmp_path / "first", pooling="mean", epochs=1))
    with pytest.raises(InputError, match=message):
        train(small(path, tmp_path / "run", **{"pooling": "mean", "init_from": first.path, **given}))
    assert not (tmp_path / "run" / "run.json").exists()


def test_other_boxes_and_pixels_are_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    first = train(small(tiny_set(), tmp_path / "first", epochs=1))
    with pytest.raises(InputError, match="its box is 16 and here it is 20"):
        train(small(tiny_set("larger", box=20), tmp_path / "run", init_from=first.path))
    star = tiny_set("finer")
    star.write_text(star.read_text().replace(" 8.0 ", " 7.0 "))
    with pytest.raises(InputError, match="was trained on pixels of 8 Å, these are of 7 Å"):
        train(small(star, tmp_path / "run", init_from=first.path))
