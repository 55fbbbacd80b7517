"""The decoder's passes compiled by PyTorch: the same gradient, and as they are where there is no compiler."""

import logging
from collections.abc import Iterator

import pytest
import torch

from napari_tomodrgn.model import decoder_gradient, dense
from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.compiling import Fusing
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.decoder_gradient import DecodedPoints, DecoderWeights, GradientSums, fuse

# PyTorch's compiler calls what PyTorch deprecates
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:torch")

POINTS, BOX, LATENT = (300, 170), 16, 3


@pytest.fixture
def fused() -> Iterator[None]:
    fuse(True)
    yield
    fuse(False)


def gradient(owners: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of the squares of what a decoder says, of two calls with different numbers of points."""
    torch.manual_seed(0)
    decoder = Decoder(Architecture(BOX, LATENT, decoder=Layers(32, 2)))
    weights = DecoderWeights.of(decoder)
    sums = GradientSums(weights)
    latent = decoder.latent_input(torch.randn(2, LATENT)).detach()
    latent_sums = torch.zeros_like(latent)
    for count in POINTS:
        k3 = torch.rand(count, 3) - 0.5
        owner = torch.arange(count) % 2 if owners else None
        rows, own = (latent, latent_sums) if owners else (latent[:1], latent_sums[:1])
        decoded = DecodedPoints(weights, k3, rows, owner)
        decoded.backward(2 * decoded.real, 2 * decoded.imaginary, sums, own)
    return sums.flat, latent_sums


@pytest.mark.parametrize("owners", [False, True])
def test_the_same_gradient(
    owners: bool, fused: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With plain products, as on a GPU. Where there is no C++ compiler this is the way back, to the same numbers."""
    monkeypatch.setattr(dense, "_on_onednn", lambda values: False)
    with caplog.at_level(logging.WARNING):
        found = gradient(owners)
    was_fused = decoder_gradient.forward_pass.fused and decoder_gradient.backward_pass.fused
    assert was_fused or "can't be compiled here" in caplog.text
    fuse(False)
    for ours, plain in zip(found, gradient(owners), strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-4, atol=1e-5)


def test_what_cannot_be_compiled_runs_as_it_is(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def compiles(function: object, **_: object) -> object:
        def broken(*_: object) -> None:
            raise RuntimeError("no compiler for this device\nand more")

        return broken

    monkeypatch.setattr(torch, "compile", compiles)

    @Fusing
    def double(values: torch.Tensor) -> torch.Tensor:
        return 2 * values

    double.switch(True)
    assert double.fused
    with caplog.at_level(logging.WARNING):
        assert float(double(torch.tensor(3.0))) == 6
        assert float(double(torch.tensor(4.0))) == 8
    assert caplog.text.count("double can't be compiled here (RuntimeError: no compiler for this device)") == 1
    assert not double.fused


def test_memory_that_is_short_is_not_the_compilers_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    def compiles(function: object, **_: object) -> object:
        def full(*_: object) -> None:
            raise torch.OutOfMemoryError("full")

        return full

    monkeypatch.setattr(torch, "compile", compiles)
    double = Fusing(lambda values: 2 * values)
    double.switch(True)
    with pytest.raises(torch.OutOfMemoryError):
        double(torch.tensor(3.0))
    assert double.fused
