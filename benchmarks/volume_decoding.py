"""Decoding of volumes, beside evaluating the full cube in float32 one slice after the other, in turns.

Prints one JSON object: milliseconds (medians) of a 64³ volume and of a 32³ preview of it, at the precision that is
chosen by itself and in float32, the baseline's, and how far the two precisions differ.
"""

import argparse
import json
import sys

import numpy as np
import torch
from torch import Tensor

from measuring import in_turns, machine, matmul_rate
from napari_tomodrgn.model.architecture import Architecture
from napari_tomodrgn.model.decoder import Decoder
from napari_tomodrgn.reconstruction.decode import EXACT, VolumeDecoder, half_grid
from napari_tomodrgn.training.device import choose_compute

BOX, LATENT_DIM = 64, 8


@torch.no_grad()
def full_cube(decoder: Decoder, latent: Tensor) -> Tensor:
    """Return the volume (D, D, D) by asking at every point of the cube, slice by slice, and one complex transform."""
    steps = torch.fft.fftfreq(decoder.box)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    planes = []
    for z in steps:
        k3 = torch.stack([x, y, torch.full_like(x, float(z))], dim=-1)
        real, imaginary = decoder.evaluate(k3.reshape(-1, 3), latent)
        planes.append(torch.complex(real, imaginary).view(decoder.box, decoder.box))
    return torch.fft.fftshift(torch.fft.ifftn(torch.stack(planes)).real)


def measure(repeats: int = 7) -> dict[str, float | str]:
    """Return times and ratios."""
    torch.manual_seed(0)
    decoder = Decoder(Architecture(BOX, LATENT_DIM))
    z = np.random.default_rng(0).standard_normal((1, LATENT_DIM)).astype(np.float32)
    compute = choose_compute("cpu", "auto")
    settings = {"64": (64, compute), "32": (32, compute), "64_float32": (64, EXACT), "32_float32": (32, EXACT)}
    decoders = {
        name: VolumeDecoder(decoder, standard_deviation=1.0, box=box, compute=how)
        for name, (box, how) in settings.items()
    }
    works = {name: lambda each=each: each.volumes(z) for name, each in decoders.items()}  # type: ignore[misc]
    found = in_turns({**works, "baseline": lambda: full_cube(decoder, torch.from_numpy(z[0]))}, repeats)
    per_point = 2 * (decoder.mlp.multiplications - LATENT_DIM * decoder.mlp.first.out_features) / 1e9
    rest = per_point - 2 * decoder.features * decoder.mlp.first.out_features / 1e9  # what a volume needs by itself
    points = len(half_grid(BOX, BOX).k3)
    (exact,), (chosen,) = decoders["64_float32"].volumes(z), decoders["64"].volumes(z)
    return {
        "precision": compute.amp,
        "ms_64": found["64"] * 1e3,
        "ms_32": found["32"] * 1e3,
        "ms_64_float32": found["64_float32"] * 1e3,
        "ms_32_float32": found["32_float32"] * 1e3,
        "baseline_ms": found["baseline"] * 1e3,
        "ratio": found["baseline"] / found["64"],
        "ratio_float32": found["baseline"] / found["64_float32"],
        "gflop": rest * points,
        "baseline_gflop": per_point * BOX**3,
        "fraction_of_peak": rest * points / found["64"] / matmul_rate(compute.dtype),
        "baseline_fraction_of_float32_matmul": per_point * BOX**3 / found["baseline"] / matmul_rate(torch.float32),
        "relative_difference_of_precisions": float(np.linalg.norm(chosen - exact) / np.linalg.norm(exact)),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    sys.stdout.write(json.dumps({**measure(**vars(parser.parse_args())), **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
