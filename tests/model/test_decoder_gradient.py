"""The decoder's gradient as it is written out, against plain autograd in float64."""

import pytest
import torch
from torch.nn import functional

from napari_tomodrgn.model import decoder_gradient, dense
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.decoder_gradient import DecodedPoints, DecoderWeights, GradientSums, leave_gradient

BOX, LATENT, COUNTS = 32, 4, (1500, 900, 0, 1100)
# ReLU units near 0 fall on the other side of it once numbers are rounded, which no care in summing takes back.
TOLERANCE = {torch.float32: 1e-3, torch.bfloat16: 3e-2}


@pytest.fixture(params=["fused", "plain"])
def products(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products by oneDNN where it is there, and without."""
    if request.param == "plain":
        monkeypatch.setattr(dense, "has_onednn", lambda dtype: False)


def a_decoder() -> Decoder:
    """Return a decoder whose output is of the size of its targets, so that errors of the forward pass matter."""
    torch.manual_seed(0)
    decoder = Decoder(Architecture(BOX, LATENT))
    with torch.no_grad():
        decoder.mlp.last.weight *= 10
    return decoder


def written_out(
    decoder: Decoder,
    dtype: torch.dtype,
    k3: torch.Tensor,
    z: torch.Tensor,
    target: torch.Tensor,
    *,
    one: bool,  # particle by particle, or all at once
) -> torch.Tensor:
    """Return the gradient of the squared difference from a target as one vector."""
    decoder.zero_grad()
    weights, latent_input = DecoderWeights.of(decoder, dtype), decoder.latent_input(z)
    latent_sums = torch.zeros_like(latent_input)
    sums = [GradientSums(weights) for _ in range(2)]
    if one:
        begin = 0
        for particle, count in enumerate(COUNTS):
            own, rows = slice(begin, begin + count), slice(particle, particle + 1)
            begin += count
            if not count:
                continue
            decoded = DecodedPoints(weights, k3[own], latent_input[rows].detach(), None)
            slopes = [2 * (decoded.real - target[own, 0]), 2 * (decoded.imaginary - target[own, 1])]
            decoded.backward(*slopes, sums[particle % 2], latent_sums[rows])
    else:
        owner = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))
        decoded = DecodedPoints(weights, k3, latent_input.detach(), owner)
        decoded.backward(
            2 * (decoded.real - target[:, 0]), 2 * (decoded.imaginary - target[:, 1]), sums[0], latent_sums
        )
    leave_gradient(decoder, sums)
    latent_input.backward(latent_sums)
    return torch.cat([each.grad.flatten() for each in decoder.parameters()]).double()  # type: ignore[union-attr]


def by_autograd(decoder: Decoder, k3: torch.Tensor, z: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    exact = Decoder(Architecture(BOX, LATENT)).double()
    exact.load_state_dict(decoder.state_dict())
    owner = torch.arange(len(COUNTS)).repeat_interleave(torch.tensor(COUNTS))
    row = exact.latent_input(z.double())[owner]
    values = functional.linear(torch.cat([k3.double() @ exact.vectors.T]), torch.eye(exact.features // 2).double())
    values = torch.cat([values.sin(), values.cos()], 1) @ exact.mlp.first.weight[:, : exact.features].T
    values = getattr(torch, decoder_gradient.ACTIVATION)(values + exact.mlp.first.bias + row)
    for layer in exact.mlp.hidden:
        values = getattr(torch, decoder_gradient.ACTIVATION)(layer(values) + values)
    ((exact.mlp.last(values) - target.double()) ** 2).sum().backward()
    return torch.cat([each.grad.flatten() for each in exact.parameters()])  # type: ignore[union-attr]


def example() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return points in the canonical half of Fourier space, latents, and targets."""
    generator = torch.Generator().manual_seed(1)
    k3 = torch.rand(sum(COUNTS), 3, generator=generator) - 0.5
    k3 *= torch.where(k3[:, 2:] < 0, -1.0, 1.0)
    return k3, torch.randn(len(COUNTS), LATENT, generator=generator), torch.randn(len(k3), 2, generator=generator)


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("one", [True, False])
@pytest.mark.parametrize("dtype", list(TOLERANCE))
def test_the_gradient_is_that_of_autograd(dtype: torch.dtype, one: bool) -> None:
    decoder, data = a_decoder(), example()
    ours, exact = written_out(decoder, dtype, *data, one=one), by_autograd(decoder, *data)
    assert 0 < (ours - exact).norm() / exact.norm() < TOLERANCE[dtype]
    assert functional.cosine_similarity(ours, exact, dim=0) > 0.999


@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("one", [True, False])
def test_with_a_smooth_activation_it_is_exact(one: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder_gradient, "ACTIVATION", "tanh")
    decoder, data = a_decoder(), example()
    ours, exact = written_out(decoder, torch.float32, *data, one=one), by_autograd(decoder, *data)
    assert (ours - exact).norm() / exact.norm() < 1e-5


def test_mirrored_points_have_the_gradient_of_their_mates() -> None:
    """F(-k) = conj F(k): the same target, conjugated, at the mirrored points."""
    decoder, (k3, z, target) = a_decoder(), example()
    mirror = torch.arange(len(k3)) % 3 == 0
    k3_mirrored, conjugated = torch.where(mirror[:, None], -k3, k3), target.clone()
    conjugated[mirror, 1] *= -1
    ours = written_out(decoder, torch.float32, k3_mirrored, z, conjugated, one=True)
    torch.testing.assert_close(ours, by_autograd(decoder, k3, z, target), rtol=1e-3, atol=1e-3)


@pytest.mark.usefixtures("products")
def test_products_are_those_of_float64() -> None:
    """By oneDNN, and plain."""
    generator = torch.Generator().manual_seed(0)
    values, other = torch.randn(2, 50, 20, generator=generator)
    weight, bias = torch.randn(20, 20, generator=generator), torch.randn(20, generator=generator)
    exact = values.double() @ weight.double().T + bias.double()
    for activation, function in (("relu", torch.relu), ("tanh", torch.tanh), ("none", lambda each: each)):
        found = dense.affine(values, weight, bias, activation)
        torch.testing.assert_close(found, function(exact).float(), rtol=1e-4, atol=1e-5)
    found = dense.affine_plus(values, weight, bias, other)
    torch.testing.assert_close(found, (exact + other.double()).float(), rtol=1e-4, atol=1e-5)
    found = dense.transposed_product(values, other)
    torch.testing.assert_close(found, (values.double().T @ other.double()).float(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(dense.column_sums(values), values.double().sum(0).float(), rtol=1e-4, atol=1e-5)


def test_phases_are_not_rounded_in_half_precision() -> None:
    """They reach hundreds of radians: rounded, they would be other features than those of decoded volumes."""
    decoder = Decoder(Architecture(256, 0))
    k3 = torch.rand(200, 3, generator=torch.Generator().manual_seed(0)) - 0.5
    halved = decoder_gradient.features(k3, DecoderWeights.of(decoder, torch.bfloat16)).double()
    phase = k3.double() @ decoder.vectors.double().T
    assert phase.abs().max() > 200
    torch.testing.assert_close(halved, torch.cat([phase.sin(), phase.cos()], 1), rtol=0, atol=3e-3)
