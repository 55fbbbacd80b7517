"""All measurements of the engine, on one machine, into ``benchmarks/results/engine.json``.

``--only`` takes some of: step, volumes, store, backprojection, memory, precision, time_to_quality; the rest of the file
stays, each part with the machine that it was measured on.
"""

import argparse
import json
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import backprojection
import packed_store
import precision
import time_to_quality
import training_memory
import training_step
import volume_decoding
from measuring import machine

RESULT = Path(__file__).parent / "results" / "engine.json"


def store(folder: Path) -> dict[str, Any]:
    """Return packing and an epoch."""
    return {
        **packed_store.building(folder / "store", particles=60, tilts=41, repeats=7),
        "epoch": packed_store.epoch(folder / "epoch", particles=15, tilts=41, repeats=7),
    }


def parts(quality: Path | None) -> dict[str, Callable[[Path], dict[str, Any]]]:
    """Return what is measured, by the names of the file."""
    return {
        "step": lambda _: training_step.measure(),
        "volumes": lambda _: volume_decoding.measure(),
        "store": store,
        "backprojection": lambda _: backprojection.measure(1000, 64, 6.0, 7, 200),
        "memory": lambda folder: {"sets": training_memory.measure(folder, particles=160)},
        "precision": lambda folder: precision.measure(quality or folder, 3),
        "time_to_quality": lambda folder: time_to_quality.measure(quality or folder, 3, 6),
    }


def rounded(value: Any) -> Any:
    """Return numbers to four digits."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def main() -> None:
    """Measure, part by part, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(parts(None)))
    parser.add_argument("--quality-folder", type=Path, help="sets and baseline runs that are there already")
    given = parser.parse_args()
    logging.getLogger("napari_tomodrgn").setLevel(logging.ERROR)
    results = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    for name, measure in parts(given.quality_folder).items():
        if given.only is None or name in given.only:
            with tempfile.TemporaryDirectory() as folder:
                results[name] = rounded({**measure(Path(folder)), "machine": machine()})
            if name == "backprojection":
                results["backprojection_s"] = results[name]["seconds"]
            RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
            print(name, json.dumps(results[name], indent=1), flush=True)


if __name__ == "__main__":
    main()
