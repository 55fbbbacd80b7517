"""The encoder: tilt images of a particle in, the posterior of its latent out."""

from torch import Tensor, nn

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.mlp import ResidualMLP
from napari_tomodrgn.model.pooling import pooling


class Encoder(nn.Module):
    """Encoder A looks at each tilt image's whole circle, the pooling joins them, encoder B gives (μ, log σ²)."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        shape = architecture
        joined = shape.encoder_a_out * (shape.tilts if shape.pooling == "concatenate" else 1)
        self.latent_dim = shape.latent_dim
        self.encoder_a = ResidualMLP(lattice(shape.box).coordinates, *shape.encoder_a, shape.encoder_a_out)
        self.pooling = pooling(shape.pooling, shape.encoder_a_out)
        self.encoder_b = ResidualMLP(joined, *shape.encoder_b, 2 * shape.latent_dim)

    def forward(
        self,
        pairs: Tensor,  # (n, 2, P) standardised Hartley pairs x sign of the CTF; a particle's tilts are contiguous
        counts: Tensor,  # (B,) int64 tilts of each particle, n in all; on the CPU, so that nobody waits for a GPU
    ) -> tuple[Tensor, Tensor]:
        """Return the mean and the log-variance (B, |z|) of each particle's latent, float32."""
        pooled = self.pooling(self.encoder_a(pairs.flatten(1)), counts)
        mean, log_variance = self.encoder_b(pooled).float().split(self.latent_dim, dim=1)
        return mean, log_variance
