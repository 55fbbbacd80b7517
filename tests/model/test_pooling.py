"""Poolings: the order of tilts doesn't matter, nor do batch mates with more tilts."""

import pytest
import torch

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.model.architecture import Architecture, Layers, Pooling
from napari_tomodrgn.model.pooling import pooling
from napari_tomodrgn.model.vae import VAE, kl_divergence, sample_latent

INVARIANT: list[Pooling] = ["mean", "max", "median", "attention"]


def values(count: int, width: int = 8) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("kind", INVARIANT)
def test_order_of_tilts_does_not_matter(kind: Pooling) -> None:
    pool = pooling(kind, 8).eval()
    tilts = values(7)
    torch.testing.assert_close(pool(tilts, torch.tensor([7])), pool(tilts.flip(0), torch.tensor([7])))


@pytest.mark.parametrize("kind", INVARIANT)
def test_ragged_particles_equal_particles_alone(kind: Pooling) -> None:
    pool = pooling(kind, 8).eval()
    tilts = values(12)
    together = pool(tilts, torch.tensor([1, 7, 4]))
    alone = torch.cat([pool(part, torch.tensor([len(part)])) for part in tilts.split([1, 7, 4])])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("kind", INVARIANT)
def test_every_tilt_is_used(kind: Pooling) -> None:
    pool = pooling(kind, 8).eval()
    tilts = values(6).requires_grad_()
    order = torch.linspace(-1, 1, 6)[:, None] * torch.ones(8)
    used = tilts * 0.001 + order if kind == "median" else tilts
    pool(used, torch.tensor([6])).square().sum().backward()
    touched = (tilts.grad.abs().sum(1) > 0).sum() if tilts.grad is not None else 0
    assert touched >= {"median": 2, "max": 2}.get(kind, 6)


def test_poolings_agree_with_their_names() -> None:
    tilts = values(5)
    counts = torch.tensor([5])
    torch.testing.assert_close(pooling("mean", 8)(tilts, counts)[0], tilts.mean(0))
    torch.testing.assert_close(pooling("max", 8)(tilts, counts)[0], tilts.amax(0))
    torch.testing.assert_close(pooling("median", 8)(tilts, counts)[0], tilts.median(0).values)
    torch.testing.assert_close(pooling("concatenate", 8)(tilts, counts)[0], tilts.flatten())
    even = pooling("median", 8)(tilts[:4], torch.tensor([4]))[0]
    torch.testing.assert_close(even, torch.quantile(tilts[:4], 0.5, dim=0))


@pytest.mark.parametrize("kind", [*INVARIANT, "concatenate"])
def test_encoder_gives_a_posterior_a_particle(kind: Pooling) -> None:
    architecture = Architecture(16, 5, kind, 3, Layers(8, 1), 8, Layers(8, 1), Layers(8, 1))
    encoder = VAE(architecture).encoder
    assert encoder is not None
    images = torch.randn(6, 2, lattice(16).pairs)
    mean, log_variance = encoder(images, torch.tensor([3, 3]))
    assert mean.shape == log_variance.shape == (2, 5)


def test_kl_divergence_against_torch_distributions() -> None:
    mean, log_variance = values(4), values(4).flip(0)
    posterior = torch.distributions.Normal(mean, (log_variance / 2).exp())
    expected = torch.distributions.kl_divergence(posterior, torch.distributions.Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(kl_divergence(mean, log_variance), expected)


def test_latents_are_drawn_from_the_posterior() -> None:
    mean, log_variance = torch.full((20000, 1), 2.0), torch.full((20000, 1), -1.0)
    noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(0))
    drawn = sample_latent(mean, log_variance, noise)
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.02)
    assert float(drawn.std()) == pytest.approx(torch.e**-0.5, rel=0.02)
