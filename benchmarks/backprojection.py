"""Time of weighted backprojection: 1,000 particles x 41 tilts at box 64, from the star to the map and its halves.

Prints one JSON object: seconds (median of the runs) of reading star and stacks, both half-maps, their FSC and the
whole map; and on a part of the particles the time of plain insertion (every point of every image, the halves one after
the other) beside that of the product, in turns. The images are simulated first, so their file is in the page cache.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from measuring import machine
from napari_tomodrgn.imaging.hartley import pairs_to_complex
from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.preprocess import preprocess
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.imaging.window import soft_sphere
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.stacks import ImageStacks
from napari_tomodrgn.reconstruction.backproject import Weighting, backproject, weighted
from napari_tomodrgn.reconstruction.fourier_grid import FourierGrid
from napari_tomodrgn.reconstruction.fsc import fsc
from napari_tomodrgn.reconstruction.half_sets import half_sets

IMAGES_AT_ONCE = 256


def simulated(folder: Path, particles: int, box: int, pixel_size: float) -> Path:
    """Simulate particles of 41 tilts in a folder; return their star."""
    command = [Path(sys.executable).with_name("napari-tomodrgn"), "simulate", folder, "--particles", particles]
    command += ["--box", box, "--pixel-size", pixel_size]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    return folder / "particles.star"


def plain_insertion(particle_set: ParticleSet) -> npt.NDArray[np.float32]:
    """Return the map (D, D, D) by one pass over all points of all images."""
    stacks, tilts, points = ImageStacks(particle_set), TiltImages.of(particle_set), lattice(particle_set.box)
    half = half_sets(particle_set)[particle_set.tilt_images["particle"].to_numpy()]
    grids = (FourierGrid(particle_set.box), FourierGrid(particle_set.box))
    for rows in np.split(np.arange(len(tilts)), range(IMAGES_AT_ONCE, len(tilts), IMAGES_AT_ONCE)):
        part = tilts[torch.from_numpy(rows)]
        pairs = preprocess(
            torch.from_numpy(stacks.read(rows)), part.shift_px, points, contrast=part.forward_model.contrast
        )
        terms = (part.k3(points), *weighted(pairs_to_complex(pairs), part, points, Weighting()))
        for number, grid in enumerate(grids):
            chosen = torch.from_numpy(half[rows] == number)
            scatter(grid, *(term[chosen].flatten(0, 1) for term in terms))
    sphere = soft_sphere(particle_set.box).numpy()
    first, second = (grid.reconstruct() * sphere for grid in grids)
    whole: npt.NDArray[np.float32] = (grids[0] + grids[1]).reconstruct(fsc(first, second)) * sphere
    return whole


def scatter(grid: FourierGrid, k3: Tensor, numerator: Tensor, denominator: Tensor) -> None:
    """Add values (Q,) at ``k3`` (Q, 3) to the eight grid points around each."""
    counted = denominator > 0
    k3, numerator, denominator = k3[counted], numerator[counted], denominator[counted]
    mate = k3[:, 0] < 0
    numerator = torch.where(mate, numerator.conj(), numerator)
    position = torch.where(mate[:, None], -k3, k3).T.contiguous() * grid.size
    low = position.floor()
    upper = position - low
    x, y, z = low.to(torch.int64)
    for step_z, weight_z in enumerate((1 - upper[2], upper[2])):
        for step_y, weight_y in enumerate((1 - upper[1], upper[1])):
            for step_x, weight_x in enumerate((1 - upper[0], upper[0])):
                line = (z + step_z) % grid.size * grid.size + (y + step_y) % grid.size
                place = line * (grid.size // 2 + 2) + x + step_x
                weight = weight_z * weight_y * weight_x
                grid.numerator.scatter_add_(0, place, numerator * weight)
                grid.denominator.scatter_add_(0, place, denominator * weight)


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that work took, and its result."""
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def compared(particle_set: ParticleSet, repeats: int) -> dict[str, float]:
    """Time plain insertion and the product in turns on one set; return medians, ratios and difference of the maps.

    Plain insertion is timed with torch's threads and with one: threads that share their cores with other programs wait
    for each other at every step.
    """
    threads = torch.get_num_threads()
    product, plain, plain_one_thread = [], [], []
    for _ in range(repeats):
        seconds, found = timed(lambda: backproject(particle_set, progress=False))
        product.append(seconds)
        seconds, expected = timed(lambda: plain_insertion(particle_set))
        plain.append(seconds)
        torch.set_num_threads(1)
        plain_one_thread.append(timed(lambda: plain_insertion(particle_set))[0])
        torch.set_num_threads(threads)
    fast, slow, slow_one_thread = (statistics.median(each) for each in (product, plain, plain_one_thread))
    return {
        "images": len(particle_set.tilt_images),
        "seconds": round(fast, 2),
        "plain_seconds": round(slow, 2),
        "plain_one_thread_seconds": round(slow_one_thread, 2),
        "plain_over_product": round(slow / fast, 2),
        "plain_one_thread_over_product": round(slow_one_thread / fast, 2),
        "relative_difference": float(f"{np.linalg.norm(found.map - expected) / np.linalg.norm(expected):.1e}"),
    }


def measure(particles: int, box: int, pixel_size: float, repeats: int, compared_particles: int) -> dict[str, Any]:
    """Return times of the whole, and of a part beside plain insertion."""
    with tempfile.TemporaryDirectory() as folder:
        star = simulated(Path(folder) / "set", particles, box, pixel_size)
        each = [timed(lambda: backproject(read_particles(star), progress=False))[0] for _ in range(repeats)]
        particle_set = read_particles(star)
        few = particle_set.take(np.arange(min(compared_particles, len(particle_set))))
        return {
            "particles": len(particle_set),
            "images": len(particle_set.tilt_images),
            "box": particle_set.box,
            "seconds": round(statistics.median(each), 2),
            "seconds_each": [round(seconds, 2) for seconds in each],
            "compared": compared(few, repeats),
            **machine(),
            "load_average": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
        }


def main() -> None:
    """Simulate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--particles", type=int, default=1000)
    parser.add_argument("--box", type=int, default=64)
    parser.add_argument("--pixel-size", type=float, default=6.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compared-particles", type=int, default=200)
    arguments = parser.parse_args()
    result = measure(
        arguments.particles, arguments.box, arguments.pixel_size, arguments.repeats, arguments.compared_particles
    )
    sys.stdout.write(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
