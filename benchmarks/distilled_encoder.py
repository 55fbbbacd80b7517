"""Whether an encoder network learns to say latents that were found without one, of other particles too.

The latents are those of a run on the simulated 50S set (of a linear encoder, or learned by themselves). Encoders with
mean pooling learn nine tenths of the particles' latents by least squares; the rest are asked for. Reported are, for
either part, the share of the latents' variance that is explained, and the agreement of classes with the truth (ARI).
Prints one JSON object.
"""

import argparse
import json
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from measuring import machine

sys.path.insert(0, str(Path(__file__).parent / "evidence"))

from sets import truth
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.clusters import cluster
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.encoder import Encoder
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.inference import Images
from napari_tomodrgn.training.packed import open_packed
from napari_tomodrgn.training.points import Weighting

BATCH, LEARNING_RATE = 16, 1e-3


class Distillation:
    """An encoder on its way to say given latents (N, |z|) of particles."""

    def __init__(self, star: Path, run: Run, seed: int) -> None:
        particles = read_particles(star)
        latents = run.latents()
        assert latents.ids == tuple(particles.ids)
        self.images = Images.on(
            torch.device("cpu"), particles, open_packed(particles, run.path.parent / "packed-images"), Weighting()
        )
        edges = particles.first_tilt
        self.rows = [np.arange(begin, end) for begin, end in pairwise(edges)]
        spread = latents.z_mean.std()
        self.latents = torch.from_numpy(latents.z_mean / spread)
        self.encoder = Encoder(Architecture(particles.box, self.latents.shape[1], "mean", seed=seed))
        self.optimiser = torch.optim.AdamW(self.encoder.parameters(), lr=LEARNING_RATE, weight_decay=0)
        order = np.random.default_rng(seed).permutation(len(self.rows))
        self.learned, self.asked = np.sort(order[len(order) // 10 :]), np.sort(order[: len(order) // 10])

    def said(self, particles: npt.NDArray[np.int64]) -> torch.Tensor:
        """Return the latents that the encoder says."""
        batch = self.images.of(Batch.of(particles, [self.rows[number] for number in particles]))
        signed = batch.pairs * batch.tilts.encoder_sign(self.images.lattice)[:, None]
        mean: torch.Tensor = self.encoder(signed, batch.counts)[0]
        return mean

    def epoch(self, generator: np.random.Generator) -> None:
        """Show every particle once."""
        order = generator.permutation(self.learned)
        for begin in range(0, len(order), BATCH):
            own = order[begin : begin + BATCH]
            self.optimiser.zero_grad()
            (self.said(own) - self.latents[own]).square().mean().backward()
            self.optimiser.step()

    @torch.no_grad()
    def found(self, particles: npt.NDArray[np.int64], states: npt.NDArray[np.int64]) -> dict[str, float]:
        """Return the explained share of the variance, and the ARI of what is said and of what was to be said."""
        said = torch.cat([self.said(own) for own in np.array_split(particles, -(-len(particles) // 32))])
        wanted = self.latents[particles]
        left = float((said - wanted).square().sum() / (wanted - wanted.mean(0)).square().sum())

        def agreement(values: torch.Tensor) -> float:
            return float(
                adjusted_rand_score(states[particles], cluster(values.numpy(), 4, method="kmeans", seed=0).labels)
            )

        return {"explained": 1 - left, "ari": agreement(said), "ari_of_the_latents": agreement(wanted)}


def measure(star: Path, run: Run, epochs: int, seed: int) -> dict[str, Any]:
    """Return what is found after so many epochs."""
    states = truth(star, run.latents())["label"].to_numpy()
    distillation, generator = Distillation(star, run, seed), np.random.default_rng(seed)
    began = time.perf_counter()
    for _ in range(epochs):
        distillation.epoch(generator)
    taken = time.perf_counter() - began
    parts = {"learned": distillation.learned, "others": distillation.asked}
    return {"seconds": taken, **{name: distillation.found(own, states) for name, own in parts.items()}}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("star", type=Path, help="star of the simulated set")
    parser.add_argument("runs", type=Path, nargs="+", help="runs on it")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    found = {str(run): measure(given.star, Run.open(run), given.epochs, given.seed) for run in given.runs}
    sys.stdout.write(json.dumps({"runs": found, **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
