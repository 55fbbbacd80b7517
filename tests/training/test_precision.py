"""Reduced precision: gradients near those of float32, and trainings that fall and go on as they would."""

from pathlib import Path

import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.objective import train_on_batch
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.train import train

from .test_objective import BETA, BOX, a_model, batch_of, tilts  # noqa: F401 - tilts is a fixture
from .test_train import same, small, weights

PRECISIONS = [("cpu", "bf16"), ("cuda", "bf16"), ("cuda", "fp16")]
# bf16 keeps 8 bits of a number: single products are off by up to 0.4 %, and errors of one sign add up over layers.
LARGEST_ERROR, LEAST_COSINE = 0.05, 0.998


def needs(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no GPU to train on")


def gradient(tilt_images, device: str, amp: str) -> torch.Tensor:  # type: ignore[no-untyped-def]
    """Return the whole gradient of one batch as one vector, unscaled."""
    compute = choose_compute(device, amp)
    model = a_model(3).to(compute.device)
    scaler = compute.scaler()
    train_on_batch(
        model,
        batch_of(tilt_images, compute.device),
        lattice(BOX).to(compute.device),
        weighting=Weighting(),
        beta=BETA,
        noise=torch.Generator().manual_seed(0),
        compute=compute,
        scaler=scaler,
    )
    flat = torch.cat([each.grad.flatten().double().cpu() for each in model.parameters()])
    return flat / scaler.get_scale() if scaler.is_enabled() else flat


@pytest.mark.parametrize(("device", "amp"), PRECISIONS)
def test_gradients_are_near_those_of_float32(tilts, device: str, amp: str) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    needs(device)
    exact, reduced = gradient(tilts, "cpu", "off"), gradient(tilts, device, amp)
    assert 0 < (reduced - exact).norm() / exact.norm() < LARGEST_ERROR
    assert torch.nn.functional.cosine_similarity(reduced, exact, dim=0) > LEAST_COSINE


@pytest.mark.parametrize(("device", "amp"), PRECISIONS)
def test_a_training_falls_and_goes_on(tiny_set, tmp_path: Path, device: str, amp: str) -> None:  # type: ignore[no-untyped-def]
    needs(device)
    path, given = tiny_set(), {"device": device, "amp": amp, "epochs": 6, "learning_rate": 5e-3}
    whole = train(small(path, tmp_path / "whole", **given))
    train(small(path, tmp_path / "parts", **{**given, "epochs": 3}))
    resumed = train(small(path, tmp_path / "parts", **given, resume=True))

    losses = whole.metrics()["loss"]
    assert losses.iloc[3:].mean() < losses.iloc[:3].mean()
    assert all(values.isfinite().all() for values in weights(whole).values())
    if device == "cpu":
        assert same(weights(whole), weights(resumed))
