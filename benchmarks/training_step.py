"""The product's training step beside the plain one of ``baseline_step.py``, in turns.

Prints one JSON object: milliseconds (medians) of a step on 8 particles x 8 tilts at box 32 by the baseline and by the
product in bf16 and float32, ratios, and which part of the measured matmul rate each reaches.
"""

import argparse
import json
import sys

import torch

from baseline_step import BETA, BaselineStep, example
from measuring import in_turns, machine, product, step_gflop
from napari_tomodrgn.training.device import Compute
from napari_tomodrgn.training.objective import train_on_batch
from napari_tomodrgn.training.points import BatchImages, Weighting

PRECISIONS = {"bf16": torch.bfloat16, "off": torch.float32}


class ProductStep:
    """Training steps as the trainer takes them, on the baseline's example."""

    def __init__(self, amp: str, box: int, particles: int, tilts: int) -> None:
        self.model, tilt_images, pairs, counts, self.points = example(box, particles, tilts)
        self.weighting = Weighting(dose_mask=False)
        self.images = BatchImages(tilt_images, pairs, counts, self.weighting.kept(tilt_images, self.points))
        self.compute = Compute(torch.device("cpu"), amp)
        self.scaler = self.compute.scaler()
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=0.0, fused=True)

    def __call__(self) -> None:
        """Take one step."""
        self.optimiser.zero_grad(set_to_none=True)
        train_on_batch(
            self.model,
            self.images,
            self.points,
            weighting=self.weighting,
            beta=BETA,
            noise=torch.Generator().manual_seed(0),
            compute=self.compute,
            scaler=self.scaler,
        )
        self.scaler.step(self.optimiser)


def measure(box: int = 32, particles: int = 8, tilts: int = 8, repeats: int = 9) -> dict[str, float]:
    """Return times, ratios, counted operations and fractions of the matmul rate."""
    baseline = BaselineStep(*example(box, particles, tilts))
    products = {amp: product(dtype) for amp, dtype in PRECISIONS.items()}
    works = {"baseline": baseline, **{amp: ProductStep(amp, box, particles, tilts) for amp in PRECISIONS}}
    works |= {f"matmul_{amp}": work for amp, (work, _) in products.items()}
    found = in_turns(works, repeats, warm_up=2)
    images = particles * tilts
    both = step_gflop(baseline.model, images * baseline.points.coordinates, images)
    half = step_gflop(baseline.model, images * baseline.points.pairs, images)
    rate = {amp: gflop / found[f"matmul_{amp}"] for amp, (_, gflop) in products.items()}
    return {
        "baseline_ms": found["baseline"] * 1e3,
        "bf16_ms": found["bf16"] * 1e3,
        "float32_ms": found["off"] * 1e3,
        "ratio_bf16": found["baseline"] / found["bf16"],
        "ratio_float32": found["baseline"] / found["off"],
        "baseline_gflop": both,
        "gflop": half,
        "matmul_float32_gflop_per_second": rate["off"],
        "matmul_bf16_gflop_per_second": rate["bf16"],
        "baseline_fraction_of_float32_matmul": both / found["baseline"] / rate["off"],
        "fraction_of_peak": half / found["bf16"] / rate["bf16"],
        "float32_fraction_of_peak": half / found["off"] / rate["off"],
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("box", 32), ("particles", 8), ("tilts", 8), ("repeats", 9)):
        parser.add_argument(f"--{name}", type=int, default=value)
    sys.stdout.write(json.dumps({**measure(**vars(parser.parse_args())), **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
