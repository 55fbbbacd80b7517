"""What is held out decides which epoch a run is used at, and when training has gone on long enough."""

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights

# a network and steps large enough to draw the noise of six particles within a few epochs
NOISY = {
    "decoder": "128x3", "feature_sigma": 1.0, "learning_rate": 3e-3, "epochs": 17, "held_out_fraction": 0.34,
    "held_out_by": "tilt", "pooling": "mean", "dose_mask": False,
}  # fmt: skip


def test_the_best_epoch_is_kept_and_used(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    every = train(small(path, tmp_path / "every", **NOISY))
    held_out = every.metrics()["held_out_reconstruction"].to_numpy()
    best = int(held_out.argmin()) + 1
    assert 1 <= best < 17, "the example does not overfit"
    run = train(small(path, tmp_path / "best", **NOISY, keep="best", checkpoint_every=100))
    assert run.chosen_epoch == best
    assert layout.checkpoint_epochs(run.path) == [best, 17]
    expected = load_model(every, best).model.state_dict()
    assert same(weights(run), expected)
    chosen, then = Latents.load(run.path / layout.CHOSEN_LATENTS), every.latents(best)
    assert np.array_equal(chosen.z_mean, then.z_mean)


def test_it_ends_when_patience_does_and_goes_on_with_more(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    every = train(small(path, tmp_path / "every", **NOISY))
    held_out = every.metrics()["held_out_reconstruction"].to_numpy()
    expected = next(end for end in range(1, 17) if end - (int(held_out[:end].argmin()) + 1) >= 4)
    assert expected < 17
    run = train(small(path, tmp_path / "run", **NOISY, patience=4))
    assert (run.status, run.chosen_epoch, len(run.metrics())) == ("finished", expected, expected)
    state = load_model(every, expected).model.state_dict()
    assert all(torch.equal(values, state[name]) for name, values in weights(run).items())
    again = train(small(path, tmp_path / "run", **NOISY, patience=4, resume=True))
    assert len(again.metrics()) == expected


@pytest.mark.parametrize(("given", "option"), [({"keep": "best"}, "--keep best"), ({"patience": 2}, "--patience")])
def test_they_need_something_held_out(tiny_set, tmp_path: Path, given, option: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=f"{option}: looks at what is held out; give --held-out-fraction"):
        train(small(tiny_set(), tmp_path / "run", **given))
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.json"))
