"""Latents without an encoder: a posterior of its own for every particle, learned beside the decoder."""

import torch
from torch import Tensor, nn


class FreeLatents(nn.Module):
    """Mean and log-variance (N, |z|) of every particle's latent, N(0, 1) to begin with."""

    def __init__(self, particles: int, latent_dim: int) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(particles, latent_dim))
        self.log_variance = nn.Parameter(torch.zeros(particles, latent_dim))

    def forward(self, particles: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log-variance (B, |z|) of particles, given their numbers (B,)."""
        return self.mean[particles], self.log_variance[particles]
