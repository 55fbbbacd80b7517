"""What only a GPU shows: nothing waits for it, and what it finds is what a CPU finds."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder_gradient import backward_pass, forward_pass, fuse
from napari_tomodrgn.model.vae import VAE
from napari_tomodrgn.reconstruction.decode import VolumeDecoder
from napari_tomodrgn.training import feeding
from napari_tomodrgn.training.decoding import BlockSize, Decoding
from napari_tomodrgn.training.device import Compute, choose_compute
from napari_tomodrgn.training.graphs import StepGraphs, cuda_recorder
from napari_tomodrgn.training.objective import train_on_batch
from napari_tomodrgn.training.points import BatchImages, Weighting
from napari_tomodrgn.training.spectral_prior import SpectralPrior
from napari_tomodrgn.training.train import train

from .test_objective import BETA, BOX, COUNTS, batch_of, tilts  # noqa: F401 - tilts is a fixture
from .test_precision import gradient, needs
from .test_train import small


@pytest.fixture(autouse=True)
def gpu() -> None:
    needs("cuda")


def a_step(model: VAE, tilt_images, compute: Compute, **given):  # type: ignore[no-untyped-def]
    """Return a function that takes a step's gradient of one batch; images and parameters are on the device."""
    images, points = batch_of(tilt_images, compute.device), lattice(BOX).to(compute.device)
    scaler, size = compute.scaler(), BlockSize(compute)

    def step() -> None:
        model.zero_grad(set_to_none=True)
        train_on_batch(
            model, images, points, weighting=Weighting(), beta=BETA, noise=torch.Generator().manual_seed(0),
            compute=compute, scaler=scaler, block_size=size, **given,
        )  # fmt: skip

    return step


@pytest.mark.parametrize("fraction", [1.0, 0.5])
@pytest.mark.parametrize("pooling", ["mean", "max", "median", "attention", "none"])
def test_no_step_waits_for_the_gpu(tilts, pooling: str, fraction: float) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    compute = choose_compute("cuda", "auto")
    layers = Layers(8, 1)
    shape = Architecture(BOX, 3, pooling, 4, layers, 8, layers, layers, particles=3)  # type: ignore[arg-type]
    step = a_step(
        VAE(shape).to(compute.device),
        tilts,
        compute,
        point_fraction=fraction,
        particles=torch.arange(len(COUNTS), device=compute.device),
    )
    step()
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        step()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("amp", ["off", "bf16", "fp16"])
@pytest.mark.parametrize(
    "pooling", ["concatenate", "mean", "max", "median", "attention", "linear", "none", "no latent"]
)
def test_recorded_steps_find_what_plain_ones_do(
    tilts: TiltImages,  # noqa: F811
    pooling: str,
    amp: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Other images, noise and beta each time, and a prior that changes; the batch is two tilts of each particle."""
    compute, layers = choose_compute("cuda", amp), Layers(8, 1)
    shape: Any = ("mean", 0) if pooling == "no latent" else (pooling, 3)
    model = VAE(Architecture(BOX, shape[1], shape[0], 2, layers, 8, layers, layers, particles=3)).to("cuda")
    points, weighting, repeating = lattice(BOX).to("cuda"), Weighting(), StepGraphs(cuda_recorder())
    scaler, size = compute.scaler(), BlockSize(compute)
    prior = SpectralPrior(BOX, torch.device("cuda")) if pooling == "no latent" else None
    posterior = None
    if pooling == "linear":
        posterior = torch.randn(3, 3, device="cuda"), torch.eye(3, device="cuda").expand(3, 3, 3) / 2
    found = {}
    for number in range(4):
        rows = torch.tensor([[0, 1, 5, 6, 7, 8], [2, 3, 5, 6, 9, 10]])[number % 2]
        pairs = torch.randn(6, 2, points.pairs, generator=torch.Generator().manual_seed(number)).to("cuda")
        kept = weighting.kept(tilts[rows], lattice(BOX))
        images = BatchImages(tilts[rows].to("cuda"), pairs, torch.tensor([2, 2, 2]), kept)
        for way in (repeating, None):
            model.zero_grad(set_to_none=True)
            losses = train_on_batch(
                model, images, points, weighting=weighting, beta=BETA * (1 + number), prior=prior,
                noise=torch.Generator().manual_seed(number), compute=compute, scaler=scaler, block_size=size,
                particles=torch.arange(3, device="cuda"), gradient=way, posterior=posterior,
            )  # fmt: skip
            flat = torch.cat([each.grad.flatten() for each in model.parameters() if each.grad is not None])
            found[way is None] = (losses.reconstruction, losses.kld, flat.clone())
        for ours, plain in zip(found[False], found[True], strict=True):
            assert (ours - plain).norm() <= (1e-3 if amp == "off" else 2e-2) * plain.norm()
        if prior is not None:
            prior.end_epoch()
    assert repeating.works, caplog.text
    assert repeating.repeated >= 2


def test_the_gradient_in_float32_is_that_of_the_cpu(tilts) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    on_cpu, on_gpu = gradient(tilts, "cpu", "off"), gradient(tilts, "cuda", "off")
    assert (on_gpu - on_cpu).norm() < 1e-3 * on_cpu.norm()


def test_the_compiled_gradient_is_the_plain_one(tilts, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    plain = gradient(tilts, "cuda", "bf16")
    fuse(True)
    try:
        with caplog.at_level(logging.WARNING):
            compiled = gradient(tilts, "cuda", "bf16")
        assert forward_pass.fused, caplog.text
        assert backward_pass.fused, caplog.text
    finally:
        fuse(False)
    assert (compiled - plain).norm() < 0.02 * plain.norm()


def test_images_that_do_not_fit_are_streamed_to_the_same_end(
    tiny_set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # type: ignore[no-untyped-def]
    path, given = tiny_set(tilts=(5, 4, 3, 6, 2, 4, 4)), {"device": "cuda", "amp": "off", "pooling": "mean"}
    resident = train(small(path, tmp_path / "resident", **given)).metrics()["loss"]
    monkeypatch.setattr(feeding, "RESIDENT_SHARE", 0)
    streamed = train(small(path, tmp_path / "streamed", **given)).metrics()["loss"]
    on_cpu = train(small(path, tmp_path / "cpu", **{**given, "device": "cpu"})).metrics()["loss"]
    np.testing.assert_allclose(streamed, resident, rtol=1e-4)
    np.testing.assert_allclose(resident, on_cpu, rtol=1e-3)


@pytest.mark.parametrize(("amp", "apart"), [("off", 1e-4), ("auto", 0.02)])
def test_volumes_are_those_of_the_cpu(amp: str, apart: float) -> None:
    torch.manual_seed(1)
    decoder = VAE(Architecture(32, 8, "mean")).decoder
    z = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
    expected = VolumeDecoder(decoder, standard_deviation=1.0, compute=choose_compute("cpu", "off")).volumes(z)
    found = VolumeDecoder(decoder, standard_deviation=1.0, compute=choose_compute("cuda", amp)).volumes(z)
    for ours, theirs in zip(found, expected, strict=True):
        assert np.linalg.norm(ours - theirs) < apart * np.linalg.norm(theirs)


def test_memory_that_is_short_halves_the_points_to_the_same_end(
    tiny_set, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:  # type: ignore[no-untyped-def]
    """The device itself refuses: it is allowed less than whole blocks take, and more than half of them do."""
    compute, points = choose_compute("cuda", "bf16"), lattice(64)
    particle_set = small(tiny_set(tilts=(41,) * 8, box=64, dose=0.1), tmp_path / "run").open()
    tilt_images, model = TiltImages.of(particle_set), VAE(Architecture(64, 8, "mean")).to("cuda")
    pairs = torch.randn(len(tilt_images), 2, points.pairs, generator=torch.Generator().manual_seed(0))
    counts, kept = torch.full((8,), 41), Weighting(dose_mask=False).kept(tilt_images, points)
    images = BatchImages(tilt_images.to("cuda"), pairs.to("cuda"), counts, kept)

    def taken(size: BlockSize) -> tuple[torch.Tensor, int]:
        """Return the decoder's gradient, and the most memory that was reserved for it."""
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        decoding = Decoding(model.decoder, points.to("cuda"), Weighting(dose_mask=False), compute, size)
        model.zero_grad(set_to_none=True)
        decoding.gradient(images, torch.zeros(8, 256, device="cuda"), 1.0)
        flat = torch.cat([each.grad.flatten() for each in model.decoder.parameters() if each.grad is not None])
        return flat, torch.cuda.max_memory_reserved()

    halved = BlockSize(compute)
    halved._halved = True
    whole, most = taken(BlockSize(compute))
    _, least = taken(halved)
    assert least < 0.8 * most
    allowed, total = (least + most) / 2, torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(allowed / total)
    try:
        with caplog.at_level(logging.WARNING):
            found, reserved = taken(BlockSize(compute))
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert "out of memory on cuda; going on with half as many points" in caplog.text
    assert reserved <= allowed
    assert (found - whole).norm() < 0.01 * whole.norm()
