"""Time and memory of opening a warp star of 902,000 rows (22,000 particles x 41 tilts), in fresh processes.

Prints one JSON object: seconds (median of the runs), peak resident memory in GB, and the size of the file. The star
is read once before the measurement, so the file is in the page cache.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

LABELS = [
    "rlnMagnification",
    "rlnDetectorPixelSize",
    "rlnVoltage",
    "rlnSphericalAberration",
    "rlnAmplitudeContrast",
    "rlnPhaseShift",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnImageName",
    "rlnMicrographName",
    "rlnCoordinateX",
    "rlnCoordinateY",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnGroupName",
    "rlnCtfBfactor",
    "rlnCtfScalefactor",
]


def write_star(path: Path, particles: int, tilts: int, tomograms: int = 100) -> None:
    """Write a warp star of this size; values are random but of the usual width."""
    rng = np.random.default_rng(0)
    angles = np.concatenate([[0.0], np.repeat(np.arange(3, 3 * tilts, 3), 2) * np.tile([1.0, -1.0], tilts - 1)])[:tilts]
    with open(path, "w", encoding="utf-8") as stream:
        stream.write("\ndata_\n\nloop_\n" + "".join(f"_{label} #{i}\n" for i, label in enumerate(LABELS, start=1)))
        for particle in range(particles):
            tomogram = f"TS_{particle * tomograms // particles:03d}"
            values = rng.uniform(-1, 1, (tilts, 7))
            for tilt in range(tilts):
                a, b, c, d, e, f, g = values[tilt]
                image = particle * tilts + tilt + 1
                stream.write(
                    f"10000.0 3.540000 300.0 2.700000 0.070000 0.000000 {30000 + 9e3 * a:.6f} {30000 + 9e3 * b:.6f} "
                    f"{90 * c:.6f} {image:07d}@particleseries/{tomogram}_3.54A.mrcs {tomogram}_{tilt:03d}.tomostar "
                    f"{2e3 + 1e3 * d:.4f} {2e3 + 1e3 * e:.4f} {180 * f:.6f} {90 + 90 * g:.6f} {180 * a:.6f} "
                    f"{tomogram}_{particle:06d} {-12.0 * (tilt + 1):.6f} {np.cos(np.deg2rad(angles[tilt])):.6f}\n"
                )


def measure(star: Path) -> tuple[float, float]:
    """Open the star in a fresh process; return seconds and peak resident memory in GB."""
    command = [Path(sys.executable).with_name("napari-tomodrgn"), "info", star, "--json"]
    begin = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return seconds, peak / 1e9


def main() -> None:
    """Write the star, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=22_000)
    parser.add_argument("--tilts", type=int, default=41)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        star = Path(folder) / "warp.star"
        write_star(star, arguments.particles, arguments.tilts)
        runs = [measure(star) for _ in range(arguments.repeats)]
        result = {
            "rows": arguments.particles * arguments.tilts,
            "file_mb": round(star.stat().st_size / 1e6, 1),
            "seconds": round(statistics.median(seconds for seconds, _ in runs), 2),
            "seconds_each": [round(seconds, 2) for seconds, _ in runs],
            "peak_memory_gb": round(max(peak for _, peak in runs), 3),
        }
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
