"""The model as a whole: an encoder and a decoder, or a decoder alone."""

import torch
from torch import Tensor, nn

from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.model.free_latents import FreeLatents
from napari_tomodrgn.model.linear_encoder import LinearEncoder


class VAE(nn.Module):
    """A variational autoencoder of volumes; with ``latent_dim`` 0 (homogeneous) it has no encoder."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(architecture.seed)
            self.encoder: Encoder | LinearEncoder | FreeLatents | None = None
            if architecture.latent_dim and architecture.pooling == "none":
                self.encoder = FreeLatents(architecture.particles, architecture.latent_dim)
            elif architecture.latent_dim and architecture.pooling == "linear":
                self.encoder = LinearEncoder(architecture.box, architecture.latent_dim)
            elif architecture.latent_dim:
                self.encoder = Encoder(architecture)
            self.decoder = Decoder(architecture)

    @property
    def heterogeneous(self) -> bool:
        """Whether particles have latents."""
        return self.encoder is not None

    @property
    def shared_parameters(self) -> list[nn.Parameter]:
        """What every step learns from: all but the latents that particles have of their own."""
        return list(self.decoder.parameters() if isinstance(self.encoder, FreeLatents) else self.parameters())

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.decoder.vectors.device


def learned_parameters(module: nn.Module | None) -> int:
    """Return the number of learned parameters; frozen frequencies don't count."""
    return sum(each.numel() for each in module.parameters()) if module is not None else 0


def sample_latent(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """Return z ~ N(μ, σ²) for (B, |z|), made of standard normal noise (B, |z|)."""
    return mean + noise.to(mean) * torch.exp(log_variance / 2)


def sample_gaussian(mean: Tensor, covariance: Tensor, noise: Tensor) -> Tensor:
    """Return z ~ N(μ, Σ) for (B, |z|) and (B, |z|, |z|), made of standard normal noise (B, |z|)."""
    return mean + torch.einsum("bij,bj->bi", root_of(covariance), noise.to(mean))


def root_of(covariance: Tensor) -> Tensor:
    """Return the Cholesky factors of positive definite matrices (B, m, m); a GPU is not waited for to check them."""
    root: Tensor = torch.linalg.cholesky_ex(covariance)[0]
    return root


def gaussian_divergence(mean: Tensor, covariance: Tensor, deviation: Tensor) -> Tensor:
    """Return (B,): the Kullback-Leibler divergence of N(μ, Σ) from N(0, s²), for s (|z|,)."""
    trace = (covariance.diagonal(dim1=1, dim2=2) / deviation**2).sum(1)
    distance = (mean / deviation).square().sum(1)
    log_determinant = 2 * root_of(covariance).diagonal(dim1=1, dim2=2).log().sum(1)
    return 0.5 * (trace + distance - mean.shape[1] - log_determinant) + deviation.log().sum()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return (B,): the Kullback-Leibler divergence of N(μ, σ²) from N(0, 1), -½ Σ(1 + lv - μ² - e^lv)."""
    return -0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)
