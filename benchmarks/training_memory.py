"""Anonymous memory of training (RssAnon, at its peak) for sets of one, four and sixteen times the size.

Prints one JSON object: for each set its images and their bytes in float32, the peak of a training of one epoch that
packs the images first, and what of it is there before any image is read (the program and its libraries).
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from measuring import machine
from packed_store import write_noise_set

TIMES = (1, 4, 16)
TRAINING = """
import sys, threading
from pathlib import Path
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

def now():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

before, peak, done = now(), [0], threading.Event()

def watch():
    while not done.wait(0.02):
        peak[0] = max(peak[0], now())

watcher = threading.Thread(target=watch)
watcher.start()
train(TrainOptions(particles=Path(sys.argv[1]), outdir=Path(sys.argv[2]), epochs=1, latent_dim=8, pooling="mean",
                   decoder="32x1", encoder_a="32x1", encoder_b="32x1", batch_size=8))
done.set()
watcher.join()
print(before, peak[0])
"""


def measure(folder: Path, particles: int, tilts: int = 41, box: int = 64) -> list[dict[str, Any]]:
    """Return what each of the sets takes."""
    rows = []
    for times in TIMES:
        star = write_noise_set(folder / str(times), times * particles, tilts, box)
        command = [sys.executable, "-c", TRAINING, str(star), str(folder / str(times) / "run")]
        answer = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        before, peak = int(answer[-2]), int(answer[-1])
        images = times * particles * tilts
        rows.append(
            {
                "images": images,
                "images_mb": images * box * box * 4 / 1e6,
                "program_mb": before / 1e6,
                "peak_mb": peak / 1e6,
            }
        )
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=160, help="of the smallest set")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = {"memory": measure(Path(folder), given.particles), **machine()}
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
