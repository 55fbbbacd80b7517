"""Whether reduced precision costs anything: the simulated 50S set of the evidence page, trained both ways.

bf16 products and float16 packed images (the defaults where the CPU has units for bf16) against float32 for both, with
the same seeds. Prints one JSON object: for each seed and way the classes' agreement with the truth (ARI), the worst
class volume's correlation with its truth, and where its FSC with it falls below 0.5, without a mask.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import machine

sys.path.insert(0, str(Path(__file__).parent / "evidence"))

from discrete import PARTICLES, compare_volumes, labels_of, train
from sets import command, simulate_ribosomes, true_maps, truth
from sklearn.metrics import adjusted_rand_score

WAYS = {"reduced": ("--amp", "bf16", "--store-dtype", "float16"), "full": ("--amp", "off", "--store-dtype", "float32")}


def measure(folder: Path, seeds: int) -> dict[str, Any]:
    """Return what each way finds, for every seed."""
    rows = []
    for seed in range(seeds):
        star = folder / str(seed) / "particles" / "particles.star"
        if not star.exists():
            simulate_ribosomes(star.parent, PARTICLES, seed=seed)
        for way, options in WAYS.items():
            run = train(star, folder / str(seed) / way, "--seed", seed, *options, "--overwrite")
            command("analyze", run.path, "--clusters", 4, "--seed", seed, "--no-umap", "--no-figures")
            known = truth(star, run.latents())
            labels, states = labels_of(run, known), known["label"].to_numpy()
            found = compare_volumes(run, true_maps(star), states, labels)
            rows.append(
                {
                    "seed": seed,
                    "way": way,
                    "ari": float(adjusted_rand_score(states, labels)),
                    "worst_cc": min(found["cc"]),  # type: ignore[arg-type]
                    "fsc_half_at": min(found["unmasked_fsc_half_at"]),  # type: ignore[arg-type]
                    "difference_cc": found["difference_cc"],
                }
            )
    return {"seeds": rows}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="keep sets and runs here, and use sets that are there")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        result = measure(given.folder or Path(temporary), given.seeds)
    sys.stdout.write(json.dumps({**result, **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
