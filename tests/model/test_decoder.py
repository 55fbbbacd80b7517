"""The decoder: real volumes by construction, latents that enter linearly, features as stated."""

import math

import pytest
import torch

from napari_tomodrgn.model.architecture import Architecture, Layers, PositionalEncoding
from napari_tomodrgn.model.decoder import Decoder, half_space
from napari_tomodrgn.model.positional_encoding import encode, frequencies
from napari_tomodrgn.model.vae import VAE


def a_decoder(latent_dim: int = 0) -> Decoder:
    small = Layers(8, 1)
    return VAE(Architecture(16, latent_dim, "mean", encoder_a=small, encoder_b=small, decoder=Layers(32, 2))).decoder


def points(count: int) -> torch.Tensor:
    return torch.rand(count, 3, generator=torch.Generator().manual_seed(1)) - 0.5


def test_opposite_points_are_exact_conjugates() -> None:
    decoder, k3 = a_decoder(), points(200)
    k3[:50, 2] = 0
    k3[:20, 1] = 0
    re, im = decoder(k3)
    re_opposite, im_opposite = decoder(-k3)
    assert torch.equal(re, re_opposite)
    assert torch.equal(im, -im_opposite)
    assert im.abs().max() > 0


def test_half_space_keeps_one_of_each_pair() -> None:
    k3 = torch.tensor([[0.1, 0.2, 0.3], [0.1, 0.2, -0.3], [0.1, -0.2, 0.0], [-0.1, 0.0, 0.0], [0.0, 0.0, 0.0]])
    mirrored, sign = half_space(k3)
    assert sign.tolist() == [1, -1, -1, -1, 1]
    assert torch.equal(mirrored, k3 * sign[:, None])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("geom_ft", lambda i, n, box: math.pi * box * (2 / box) ** (i / (n - 1))),
        ("geom_full", lambda i, n, box: math.pi * box * (1 / (math.pi * box)) ** (i / (n - 1))),
        ("geom_lowf", lambda i, n, box: box / 2 * (2 / box) ** (i / (n - 1))),
        ("geom_nohighf", lambda i, n, box: box / 2 * (4 * math.pi / box) ** (i / (n - 1))),
        ("linear", lambda i, n, box: i + 1),
    ],
)
def test_axis_aligned_encodings(kind: PositionalEncoding, expected) -> None:  # type: ignore[no-untyped-def]
    box, n = 32, 16
    k = torch.tensor([[0.3, 0.0, 0.0]])
    features = encode(k, frequencies(kind, box, 0.5, 0))
    along_x = [expected(i, n, box) * 0.3 for i in range(n)]
    assert features.shape == (1, 6 * n)
    torch.testing.assert_close(features[0, :n], torch.tensor(along_x).sin(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(features[0, 3 * n : 4 * n], torch.tensor(along_x).cos(), rtol=1e-4, atol=1e-5)
    assert torch.equal(features[0, n : 3 * n], torch.zeros(2 * n))


def test_gaussian_features_have_the_stated_spread() -> None:
    vectors = frequencies("gaussian", 128, 0.5, seed=0)
    assert vectors.shape == (192, 3)
    assert float(vectors.std()) == pytest.approx(0.5 * 64, rel=0.05)


def test_one_volume_equals_its_part_of_a_batch() -> None:
    decoder, k3 = a_decoder(latent_dim=3), points(40)
    z = torch.randn(2, 3, generator=torch.Generator().manual_seed(2))
    owner = torch.arange(2).repeat_interleave(torch.tensor([10, 30]))
    re, im = decoder(k3, decoder.latent_input(z)[owner])
    re_second, im_second = decoder.evaluate(k3[10:], z[1])
    torch.testing.assert_close(re[10:], re_second)
    torch.testing.assert_close(im[10:], im_second)
