"""``analyze`` of 22,000 latents of 128 dimensions, and ``ensemble`` of 20,000 volumes at 64³: seconds and memory.

Prints one JSON object, and puts it as ``large`` into ``results/analysis.json``. The particles have a short training's
decoder, and latents between pairs of its own with noise, so volumes differ by more than a few components. Each command
runs as from a terminal, in a process of its own; memory is its anonymous memory at its peak (RssAnon), and that with
the pages of files that the system keeps as long as there is room (VmHWM).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from large_run import large_run
from measuring import machine
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

RESULT = Path(__file__).resolve().parent / "results" / "analysis.json"
NOISE = 0.3  # of latents, by how those of the training differ
DIMENSIONS, DECODER = 128, "64x3"


def small_run(folder: Path) -> Run:
    """Return a run at box 64 with latents of 128 dimensions, trained as long as it takes to have a surface."""
    star = simulate(SimulateOptions(outdir=folder / "data", particles=64, box=64, pixel_size=4.0, tilts=9, noise=False))
    options = {"latent_dim": DIMENSIONS, "decoder": DECODER, "pooling": "mean", "epochs": 8}
    return train(TrainOptions(particles=star, outdir=folder / "run", **options))


def measure(*words: str) -> dict[str, float]:
    """Run one of the program's commands and return its seconds and its memory in GB."""
    began, anonymous, with_files = time.perf_counter(), 0, 0
    with subprocess.Popen([sys.executable, "-m", "napari_tomodrgn", *words]) as process:
        status = Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
            if "RssAnon" in found:  # not any more once it has ended
                anonymous = max(anonymous, int(found["RssAnon"].split()[0]))
                with_files = max(with_files, int(found["VmHWM"].split()[0]))
            time.sleep(0.05)
    taken = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(process.returncode)
    return {
        "seconds": round(taken, 1),
        "memory_gb": round(anonymous * 1024 / 1e9, 2),
        "with_pages_of_files_gb": round(with_files * 1024 / 1e9, 2),
    }


def main() -> None:
    """Make the runs, measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latents", type=int, default=22_000)
    parser.add_argument("--volumes", type=int, default=20_000)
    parser.add_argument("--tomograms", type=int, default=65)
    parser.add_argument("--only", choices=("analyze", "ensemble"), help="this one alone; the other's figures stay")
    parser.add_argument("--folder", type=Path, help="where the voxels lie meanwhile, 11 GB; default: the system's own")
    given = parser.parse_args()
    known = json.loads(RESULT.read_text(encoding="utf-8"))
    result: dict[str, Any] = known.get("large", {})
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        small = small_run(folder / "small")
        if given.only != "ensemble":
            run = str(large_run(small, folder / "latents", given.latents, given.tomograms, NOISE).path)
            result["analyze"] = {
                "particles": given.latents,
                "dimensions": DIMENSIONS,
                "without_umap": measure("analyze", run, "--no-umap", "--overwrite"),
                "with_umap": measure("analyze", run, "--overwrite"),
                **machine(),
            }
        if given.only != "analyze":
            run = str(large_run(small, folder / "volumes", given.volumes, given.tomograms, NOISE).path)
            result["ensemble"] = {
                "volumes": given.volumes,
                "box": 64,
                "decoder": DECODER,
                **measure("ensemble", run),
                **machine(),
            }
    sys.stdout.write(json.dumps({"large": result}, indent=1) + "\n")
    with atomic_open(RESULT) as stream:
        json.dump({**known, "large": result}, stream, indent=1)
        stream.write("\n")


if __name__ == "__main__":
    main()
