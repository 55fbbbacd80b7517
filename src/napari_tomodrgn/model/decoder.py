"""The decoder: a volume's Fourier transform as a function of the point and of the particle's latent."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.mlp import ResidualMLP
from napari_tomodrgn.model.positional_encoding import encode, frequencies


def half_space(k3: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (n, 3) mirrored into the canonical half of Fourier space, and (n,) -1 where mirrored, else 1.

    The half has z > 0, or z = 0 and y > 0, or z = y = 0 and x >= 0, so k and -k meet at exactly one point.
    """
    x, y, z = k3.unbind(-1)
    other = (z < 0) | ((z == 0) & ((y < 0) | ((y == 0) & (x < 0))))
    sign = torch.where(other, -1.0, 1.0).to(k3)
    return k3 * sign[:, None], sign


class Decoder(nn.Module):
    """A residual perceptron from [sin f·k, cos f·k, z] to (Re F, Im F).

    It is asked on one half of Fourier space only; the other half is its complex conjugate, so volumes are real by
    construction: F(-k) = conj F(k) exactly. z enters the first layer linearly and is added once a particle.
    """

    vectors: Tensor  # (3 D/2, 3)
    latent_scale: Tensor  # (|z|,): what latents are multiplied by, to bring dimensions of unequal spread to one

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape = architecture
        vectors = frequencies(shape.positional_encoding, shape.box, shape.feature_sigma, shape.seed)
        self.box, self.latent_dim = shape.box, shape.latent_dim
        self.features = 2 * len(vectors)
        self.register_buffer("vectors", vectors)
        self.register_buffer("latent_scale", torch.ones(shape.latent_dim))
        self.mlp = ResidualMLP(self.features + shape.latent_dim, *shape.decoder, 2)

    def latent_input(self, z: Tensor) -> Tensor:
        """Return what the latents (B, |z|) add to the first layer, (B, width)."""
        return functional.linear(z * self.latent_scale, self.mlp.first.weight[:, self.features :])

    def forward(
        self,
        k3: Tensor,  # (n, 3) x, y, z in cycles/px
        latent_input: Tensor | None = None,  # from latent_input: (width,), or (n, width)
    ) -> tuple[Tensor, Tensor]:
        """Return the real and the imaginary part (n,), float32, of standardised volumes at the points.

        Plain and differentiable; ``decoder_gradient`` is what trains.
        """
        points, sign = half_space(k3)
        values = functional.linear(encode(points, self.vectors), self.mlp.first.weight[:, : self.features])
        values = values + self.mlp.first.bias
        values = self.mlp.after_first(values if latent_input is None else values + latent_input).float()
        return values[:, 0], values[:, 1] * sign

    def evaluate(self, k3: Tensor, z: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return the real and the imaginary part (n,) of one volume, with latent (|z|,), at points (n, 3)."""
        if not self.latent_dim:
            return self.forward(k3)
        if z is None:
            raise ValueError("a heterogeneous decoder needs a latent")
        return self.forward(k3, self.latent_input(z))
