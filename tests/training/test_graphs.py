"""Steps that are repeated in place: the same gradients for whatever comes, and none recorded where that fails."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder_gradient import DecodedPoints
from napari_tomodrgn.model.pooling import layout_of
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.training import graphs, trainer
from napari_tomodrgn.training.decoding import BlockSize
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.graphs import Record, StepGraphs
from napari_tomodrgn.training.objective import Losses, gradient_of_batch, train_on_batch
from napari_tomodrgn.training.points import Weighting
from napari_tomodrgn.training.spectral_prior import SpectralPrior
from napari_tomodrgn.training.train import train

from .test_objective import BETA, BOX, batch_of, tilts  # noqa: F401 - tilts is a fixture
from .test_train import small, weights

LAYERS, WEIGHTING = Layers(8, 1), Weighting()
COMPUTE = choose_compute("cpu", "off")
SCALER = COMPUTE.scaler()


@pytest.fixture
def again(monkeypatch: pytest.MonkeyPatch) -> Record:
    """What records as a CUDA graph does: the work is done again, on what is then in the memory that it read at first.

    What it leaves is copied to where it was left at first.
    """
    models: list[VAE] = []
    priors: list[tuple[SpectralPrior, dict[str, Any]]] = []

    def remembered(model: VAE, *rest: Any, **named: Any) -> Losses:
        models.append(model)
        if named["prior"] is not None:
            priors.append((named["prior"], named["prior"].state()))
        return gradient_of_batch(model, *rest, **named)

    def record(work: Callable[[], Losses]) -> tuple[Losses, Callable[[], object]]:
        first = work()
        if priors:
            prior, before = priors[-1]
            prior.restore(before)  # a graph sees nothing while it is recorded
        gradients = [each.grad for each in models[-1].parameters()]

        def replay() -> None:
            models[-1].zero_grad(set_to_none=True)
            later = work()
            first.reconstruction.copy_(later.reconstruction)
            first.kld.copy_(later.kld)
            for own, parameter in zip(gradients, models[-1].parameters(), strict=True):
                if own is not None:
                    assert parameter.grad is not None
                    own.copy_(parameter.grad)

        return first, replay

    monkeypatch.setattr(graphs, "gradient_of_batch", remembered)
    return record


def found_by(gradient: StepGraphs | None, model: VAE, tilts: TiltImages, number: int, **given: Any):  # type: ignore[no-untyped-def]  # noqa: F811
    """Return losses and gradient of a step: of two particles in an order, with noise and beta of the step's number."""
    particles = ((0, 2), (2, 0), (1, 2))[number % 3]
    model.zero_grad(set_to_none=True)
    losses = train_on_batch(
        model,
        batch_of(tilts, particles=particles),
        lattice(BOX),
        weighting=WEIGHTING,
        beta=BETA * (1 + number),
        noise=torch.Generator().manual_seed(number),
        compute=COMPUTE,
        scaler=SCALER,
        particles=torch.tensor(particles),
        gradient=gradient,
        **given,
    )
    flat = torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])
    return losses, flat


@pytest.mark.parametrize("pooling", ["mean", "max", "median", "attention", "none", "no latent"])
def test_repeated_steps_find_what_plain_ones_do(tilts: TiltImages, pooling: str, again: Record) -> None:  # noqa: F811
    """Three shapes of batch, each met thrice, with other images, noise and beta, and with other points of the masks."""
    latent_dim = 0 if pooling == "no latent" else 3
    kind: Any = "mean" if pooling == "no latent" else pooling
    model = VAE(Architecture(BOX, latent_dim, kind, 0, LAYERS, 8, LAYERS, LAYERS, particles=3))
    repeating = StepGraphs(again)
    for number in range(9):
        losses, gradient = found_by(repeating, model, tilts, number)
        expected, exact = found_by(None, model, tilts, number)
        torch.testing.assert_close(losses.reconstruction, expected.reconstruction)
        torch.testing.assert_close(losses.kld, expected.kld)
        assert (gradient - exact).norm() < 1e-3 * exact.norm()
    assert repeating.repeated == 6


def test_what_a_spectral_prior_sees_and_says_is_repeated(tilts: TiltImages, again: Record) -> None:  # noqa: F811
    model = VAE(Architecture(BOX, 0, "mean", 0, LAYERS, 8, LAYERS, LAYERS))
    repeating, seen = StepGraphs(again), []
    for gradient in (repeating, None):
        prior = SpectralPrior(BOX, torch.device("cpu"))
        for number in (0, 3, 6, 9):
            _, flat = found_by(gradient, model, tilts, number, prior=prior)
            if number == 3:
                prior.end_epoch()
        seen.append((flat, prior.points.clone(), prior.power.clone(), prior.precision.clone(), prior.penalty.clone()))
    assert repeating.repeated == 3
    for ours, plain in zip(*seen, strict=True):
        assert (ours - plain).norm() < 1e-3 * plain.norm()


def test_steps_of_other_settings_and_parts_of_the_points_are_not_repeated(
    tilts: TiltImages,  # noqa: F811
    again: Record,
) -> None:
    model, repeating = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), StepGraphs(again)
    for _ in range(3):
        found_by(repeating, model, tilts, 0, point_fraction=0.5)
    assert repeating.repeated == 0
    for _ in range(3):
        found_by(repeating, model, tilts, 0, prior=SpectralPrior(BOX, torch.device("cpu")))
    assert repeating.repeated == 0


def test_what_is_recorded_reads_a_layout_that_stays(tilts: TiltImages, again: Record) -> None:  # noqa: F811
    """The cache may forget it before the recording, and after it a graph still reads it where it is."""
    model, misses = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), []

    def record(work: Callable[[], Losses]) -> tuple[Losses, Callable[[], object]]:
        before = layout_of.cache_info().misses
        found = again(work)
        misses.append(layout_of.cache_info().misses - before)
        return found

    repeating = StepGraphs(record)
    found_by(repeating, model, tilts, 0)
    layout_of.cache_clear()
    found_by(repeating, model, tilts, 3)
    assert misses == [0]
    (recorded,) = repeating._recorded.values()
    assert recorded.layout is layout_of((5, 4), COMPUTE.device)


def test_recorded_steps_that_are_idle_make_room(
    tilts: TiltImages,  # noqa: F811
    again: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(graphs, "MOST_SHAPES", 1)
    monkeypatch.setattr(graphs, "IDLE", 6)
    model, repeating = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), StepGraphs(again)
    orders = [0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 0]
    repeated = []
    for order in orders:
        before = repeating.repeated
        _, gradient = found_by(repeating, model, tilts, order)
        assert (gradient - found_by(None, model, tilts, order)[1]).norm() < 1e-3 * gradient.norm()
        repeated.append(repeating.repeated > before)
    # the second shape waits until the first was idle for six steps, which is not recorded again at once
    assert repeated == [False, True, True, False, False, False, False, False, True, True, False]


def test_memory_that_recorded_steps_hold_is_given_back_before_points_are_halved(
    tilts: TiltImages,  # noqa: F811
    again: Record,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    model, repeating = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), StepGraphs(again)
    size, short, decode = BlockSize(COMPUTE), [False], DecodedPoints.__init__

    def refuse(self: DecodedPoints, *rest: Any) -> None:
        if short[0] and repeating._recorded:
            raise torch.OutOfMemoryError("full")
        decode(self, *rest)

    monkeypatch.setattr(DecodedPoints, "__init__", refuse)
    for number in (0, 3, 6):
        found_by(repeating, model, tilts, number, block_size=size)
    assert repeating.repeated == 2
    short[0] = True
    with caplog.at_level(logging.WARNING):
        _, gradient = found_by(repeating, model, tilts, 1, block_size=size)
    assert [each.message for each in caplog.records] == ["memory is short; going on without recorded steps"]
    assert (gradient - found_by(None, model, tilts, 1)[1]).norm() < 1e-3 * gradient.norm()
    assert size.points(256) == BlockSize(COMPUTE).points(256)


def test_memory_that_is_short_while_recording_halves_nothing(
    tilts: TiltImages,  # noqa: F811
    again: Record,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, size = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), BlockSize(COMPUTE)
    decode = DecodedPoints.__init__

    def record(work: Callable[[], Losses]) -> tuple[Losses, Callable[[], object]]:
        def refuse(self: DecodedPoints, *rest: Any) -> None:
            raise torch.OutOfMemoryError("full")

        with monkeypatch.context() as patched:
            patched.setattr(DecodedPoints, "__init__", refuse)
            return again(work)

    repeating = StepGraphs(record)
    for number in (0, 3, 6):
        _, gradient = found_by(repeating, model, tilts, number, block_size=size)
        assert (gradient - found_by(None, model, tilts, number)[1]).norm() < 1e-3 * gradient.norm()
    assert (repeating.repeated, repeating.works) == (0, False)
    assert size.points(256) == BlockSize(COMPUTE).points(256)
    assert DecodedPoints.__init__ is decode


@pytest.mark.parametrize("error", [RuntimeError("no such operation\nand more"), torch.OutOfMemoryError("CUDA is full")])
def test_where_a_step_can_not_be_recorded_it_goes_on_without(
    tilts: TiltImages,  # noqa: F811
    error: Exception,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(work: Callable[[], Losses]) -> tuple[Losses, Callable[[], object]]:
        work()
        raise error

    model, repeating = VAE(Architecture(BOX, 3, "mean", 0, LAYERS, 8, LAYERS, LAYERS)), StepGraphs(refuse)
    with caplog.at_level(logging.WARNING):
        for number in (0, 3, 6):
            _, gradient = found_by(repeating, model, tilts, number)
            torch.testing.assert_close(gradient, found_by(None, model, tilts, number)[1])
    assert repeating.repeated == 0
    said = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    assert [each.message for each in caplog.records] == [f"steps can't be recorded here ({said}); going on without"]


@pytest.mark.parametrize("given", [{"pooling": "mean"}, {"pooling": "linear"}, {"latent_dim": 0}, {"pooling": "none"}])
def test_a_training_by_repeated_steps_ends_as_a_plain_one(
    tiny_set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: Record, given: dict[str, Any]
) -> None:  # type: ignore[no-untyped-def]
    path, given = tiny_set(tilts=(4, 4, 4, 3, 4, 4, 3)), {"amp": "off", **given}
    plain = train(small(path, tmp_path / "plain", **given))
    monkeypatch.setattr(trainer, "RECORDED_ON", ("cpu",))
    monkeypatch.setattr(trainer, "cuda_recorder", lambda: again)
    repeated = train(small(path, tmp_path / "repeated", **given))
    np.testing.assert_allclose(repeated.metrics()["loss"], plain.metrics()["loss"], rtol=1e-4)
    for name, values in weights(plain).items():
        torch.testing.assert_close(weights(repeated)[name], values, rtol=1e-2, atol=1e-4)
