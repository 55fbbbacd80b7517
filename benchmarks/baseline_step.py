"""The training step as one would first write it, to measure the product's own against.

Plain float32 autograd: the decoder is asked at every Hartley coordinate of the circle (both of each ±k pair), one
particle after the other, and AdamW takes a step. Prints one JSON object: milliseconds (median), and the share of the
float32 matmul rate of this machine, measured in the same run, that its counted operations reach.
"""

import argparse
import json
import statistics
import sys

import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from measuring import machine, matmul_rate, seconds, step_gflop
from napari_tomodrgn.imaging.lattice import Lattice, lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.model.positional_encoding import encode
from napari_tomodrgn.model.vae import VAE, kl_divergence
from napari_tomodrgn.particles.forward_model import ForwardModel

OPTICS = (20000.0, 19000.0, 30.0, 300.0, 2.7, 0.1, 0.0, 0.0, 1.0)
BETA = 1 / 8


def random_tilts(count: int, pixel_size: float = 6.0) -> TiltImages:
    """Return the parameters of ``count`` tilt images at random poses."""
    return TiltImages(
        rotation=torch.from_numpy(Rotation.random(count, random_state=0).as_matrix()).float(),
        shift_px=torch.zeros(count, 2),
        optics=torch.tensor(OPTICS).repeat(count, 1),
        dose=torch.arange(count) % 41 * 3.0,
        tilt_cosine=torch.linspace(0.5, 1, count),
        pixel_size=pixel_size,
        forward_model=ForwardModel(),
    )


def hartley_of(decoder: Decoder, k3: Tensor, latent: Tensor) -> Tensor:
    """Return the Hartley values (n,) of a volume at points (n, 3), on both halves of Fourier space alike."""
    first = decoder.mlp.first
    row = torch.nn.functional.linear(latent, first.weight[:, decoder.features :], first.bias)
    hidden = torch.nn.functional.linear(encode(k3, decoder.vectors), first.weight[:, : decoder.features]) + row
    values = decoder.mlp.after_first(hidden)
    return values[:, 0] - values[:, 1]


class BaselineStep:
    """A VAE with plain training steps."""

    def __init__(self, model: VAE, tilts: TiltImages, pairs: Tensor, counts: Tensor, points: Lattice) -> None:
        self.model, self.tilts, self.pairs, self.counts, self.points = model, tilts, pairs, counts, points
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.0)

    def __call__(self) -> None:
        """Take one step on all the particles, one after the other."""
        self.optimiser.zero_grad(set_to_none=True)
        begin = 0
        for count in self.counts.tolist():
            rows = slice(begin, begin + count)
            self.loss(self.tilts[rows], self.pairs[rows]).div(len(self.counts)).backward()
            begin += count
        self.optimiser.step()

    def loss(self, tilts: TiltImages, pairs: Tensor) -> Tensor:
        """Return what one particle costs."""
        assert self.model.encoder is not None
        signed = pairs * tilts.encoder_sign(self.points)[:, None]
        mean, log_variance = self.model.encoder(signed, torch.tensor([len(pairs)]))
        z = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        k3 = tilts.k3(self.points)
        k3 = torch.stack([k3, -k3], dim=1)  # (n, 2, P, 3)
        predicted = hartley_of(self.model.decoder, k3.reshape(-1, 3), z[0]).view(pairs.shape)
        weight = (tilts.exposure(self.points) * tilts.tilt_cosine[:, None])[:, None]
        error = weight * (tilts.ctf(self.points)[:, None] * predicted - pairs) ** 2
        return error.mean() + BETA * kl_divergence(mean, log_variance)[0] / (len(pairs) * self.points.box**2)


def example(box: int, particles: int, tilts: int) -> tuple[VAE, TiltImages, Tensor, Tensor, Lattice]:
    """Return a model, and the tilt images of some particles: parameters, Hartley pairs of noise, and counts."""
    points = lattice(box)
    noise = torch.randn(particles * tilts, 2, points.pairs, generator=torch.Generator().manual_seed(0))
    model = VAE(Architecture(box, 8, "mean"))
    return model, random_tilts(particles * tilts), noise, torch.full((particles,), tilts), points


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--box", type=int, default=32)
    parser.add_argument("--particles", type=int, default=8)
    parser.add_argument("--tilts", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    model, tilts, pairs, counts, points = example(given.box, given.particles, given.tilts)
    step = BaselineStep(model, tilts, pairs, counts, points)
    seconds(step, 2)
    median = statistics.median(seconds(step) for _ in range(given.repeats))
    images = given.particles * given.tilts
    gflop, rate = step_gflop(model, images * points.coordinates, images), matmul_rate(torch.float32)
    result = {
        "ms": round(median * 1e3, 1),
        "gflop": round(gflop, 1),
        "gflop_per_second": round(gflop / median),
        "matmul_gflop_per_second": round(rate),
        "fraction_of_matmul": round(gflop / median / rate, 3),
        **machine(),
    }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
