"""Derivatives of a decoder's values, against autograd's in float64."""

import pytest
import torch

from napari_tomodrgn.model.architecture import Architecture, Layers
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.decoder_gradient import DecodedPoints, DecoderWeights
from napari_tomodrgn.model.decoder_tangents import along_latent, along_points

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.1}  # a unit near 0 that rounds to its other side has another slope


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_derivatives(dtype: torch.dtype) -> None:
    """Points on both sides of the plane that is mirrored at."""
    torch.manual_seed(0)
    decoder = Decoder(Architecture(16, 3, decoder=Layers(64, 2)))
    exact = Decoder(Architecture(16, 3, decoder=Layers(64, 2))).double()
    exact.load_state_dict(decoder.state_dict())
    k3, z = torch.rand(200, 3) - 0.5, torch.randn(3)
    directions = torch.randn(2, 200, 3)

    def values(z: torch.Tensor, k3: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return exact.forward(k3, exact.latent_input(z))

    expected_z = torch.autograd.functional.jacobian(lambda z: values(z, k3.double()), z.double())
    expected_k = [
        torch.autograd.functional.jvp(lambda k3: values(z.double(), k3), k3.double(), each.double())[1]
        for each in directions
    ]
    weights = DecoderWeights.of(decoder, dtype)
    decoded = DecodedPoints(weights, k3, decoder.latent_input(z[None]).detach(), None)
    real, imaginary = along_latent(weights, decoded, decoder.latent_input(torch.eye(3)).detach())
    for ours, theirs in zip((real, imaginary), expected_z, strict=True):
        assert float((ours.T - theirs).norm() / theirs.norm()) < TOLERANCE[dtype]
    real, imaginary = along_points(weights, decoded, k3, directions)
    for part, ours in enumerate((real, imaginary)):
        theirs = torch.stack([each[part] for each in expected_k])
        assert float((ours - theirs).norm() / theirs.norm()) < TOLERANCE[dtype]
