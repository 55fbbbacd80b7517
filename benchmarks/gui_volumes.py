"""Placed volumes of 500 particles: decoding, surfaces, the cache, colours in a napari window, and morphing.

Prints one JSON object of medians. Seconds from opening a run until the first and the first 16 volumes at 64³ stand at
their poses, until all 500 do, and until all do again from the cache; the same at 32³, and surfaces a second along a
path of latents there. Milliseconds of the longest piece of drawing while they come in (processor time), of the longest
pause of the window's event loop meanwhile, frames included, and of a recolouring, by itself and with the frame after
it. The run is a short training on simulated particles, or the one given with --run. Needs a screen
(``xvfb-run`` where there is none).
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from large_run import latents_like
from measuring import in_turns, machine, seconds
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.placement import random_orientations, random_positions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer.array_cache import ArrayCache
from napari_tomodrgn.viewer.meshes import Look
from napari_tomodrgn.viewer.placed_volumes import FINEST_STEP, PlacedMesh, build, merge, own_volumes
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.surface_layer import VolumeLayers
from napari_tomodrgn.viewer.volume_source import VolumeSource
from window_pauses import Pauses

PARTICLES, FIRST, PREVIEW_BOX = 500, 16, 32
FIELD = (8000.0, 8000.0, 2000.0)  # Å, x y z
LOOK = Look()


def small_run(folder: Path) -> Run:
    """Return a run at box 64 with networks of the default size, trained as long as it takes to have a surface."""
    star = simulate(SimulateOptions(outdir=folder / "data", particles=32, box=64, pixel_size=4.0, tilts=9, noise=False))
    return train(TrainOptions(particles=star, outdir=folder / "run", latent_dim=8, pooling="mean", epochs=8))


class Opened:
    """500 particles' volumes from a run's checkpoint, as a click on a button opens them."""

    def __init__(self, run: Run, latents: np.ndarray, poses: Poses, cache: ArrayCache | None, box: int | None = None):
        self.run, self.latents, self.poses, self.cache, self.box = run, latents, poses, cache, box
        self.finest = FINEST_STEP

    def source(self) -> VolumeSource:
        """Return the volumes, with the latents of 500 in place of the run's few particles."""
        ids = self.run.latents().ids
        source = VolumeSource.of_run(
            self.run, self.run.chosen_epoch, ids, box=self.box, compute=choose_compute("cpu", "auto"), cache=self.cache
        )
        source.latents = self.latents
        return source

    def placed(self, count: int, order: np.ndarray) -> list[PlacedMesh]:
        """Return the first of the volumes to be placed."""
        source = self.source()
        building = build(order, self.poses, own_volumes(source, LOOK), source.pixel_size, finest=self.finest)
        return [next(building) for _ in range(count)]


def opening(opened: Opened, folder: Path, repeats: int) -> tuple[dict[str, Any], list[PlacedMesh]]:
    """Return how long it takes until volumes are there, without and from the cache, and all of them."""
    order = np.arange(PARTICLES)
    found = in_turns(
        {
            "first_volume_s": lambda: opened.placed(1, order),
            "first_16_volumes_s": lambda: merge(opened.placed(FIRST, order)),
        },
        repeats,
    )
    opened.cache = ArrayCache(folder / "cache")
    found["all_500_s"] = seconds(lambda: merge(opened.placed(PARTICLES, order)))  # once: it is long
    found["again_from_cache_s"] = statistics.median(
        seconds(lambda: merge(opened.placed(PARTICLES, order))) for _ in range(repeats)
    )
    placed = opened.placed(PARTICLES, order)
    faces = [len(each.faces) for each in placed]
    size = sum(path.stat().st_size for path in opened.cache.folder.iterdir())
    return {**found, "faces": sum(faces), "finest_step": FINEST_STEP, "cache_mb": size / 1e6}, placed


def drawing(placed: list[PlacedMesh], repeats: int) -> dict[str, float]:
    """Return how long volumes that come in keep a window, how long another colouring takes, and a frame."""
    import napari
    from qtpy.QtWidgets import QApplication

    viewer = napari.Viewer(ndisplay=3)
    layers = VolumeLayers(viewer)
    generator = np.random.default_rng(1)
    rgba = np.ones((PARTICLES, 4), dtype=np.float32)
    vertices = np.concatenate([each.vertices for each in placed])
    layers.begin("benchmark", rgba, np.stack([vertices.min(axis=0), vertices.max(axis=0)]))
    for each in placed:
        layers.add(each)
    pieces = [drawn_piece(layers)]
    viewer.reset_view()
    with Pauses() as pauses:
        while layers.waiting:
            pieces.append(drawn_piece(layers))
            QApplication.processEvents()

    def recolour() -> None:
        rgba[:, :3] = generator.uniform(0, 1, (PARTICLES, 3))
        layers.recolour(rgba)

    alone: list[float] = []
    drawn: list[float] = []
    for _ in range(repeats):
        began = time.perf_counter()
        recolour()
        alone.append(time.perf_counter() - began)
        QApplication.processEvents()
        drawn.append(time.perf_counter() - began)
    viewer.close()
    return {
        "longest_piece_ms": max(pieces) * 1e3,
        "longest_pause_ms": pauses.longest_ms,
        "recolour_ms": statistics.median(alone) * 1e3,
        "recolour_and_frame_ms": statistics.median(drawn) * 1e3,
    }


def drawn_piece(layers: VolumeLayers) -> float:
    """Draw a piece and return how many seconds that took of the processor, whoever else has it meanwhile."""
    began = time.thread_time()
    layers.draw()
    return time.thread_time() - began


def morphing(opened: Opened, steps: int = 40) -> float:
    """Return how many surfaces a second come along a straight path between two latents."""
    source = opened.source()
    begin, end = opened.latents[:2]
    times = [
        seconds(lambda share=share: source.mesh(begin + share * (end - begin), LOOK))  # type: ignore[misc]
        for share in np.linspace(0, 1, steps, dtype=np.float32)
    ]
    return 1 / statistics.median(times)


def previews(opened: Opened, repeats: int) -> dict[str, float]:
    """Return what is reached at half the box, where step 1 samples as finely as step 2 of the whole one."""
    opened.box, opened.cache, opened.finest = PREVIEW_BOX, None, 1
    order = np.arange(PARTICLES)
    first = in_turns({"preview_first_16_volumes_s": lambda: merge(opened.placed(FIRST, order))}, repeats)
    whole = seconds(lambda: merge(opened.placed(PARTICLES, order)))  # once: it is long
    return {**first, "preview_all_500_s": whole, "morph_per_s": morphing(opened)}


def measure(run_path: Path | None, repeats: int) -> dict[str, Any]:
    """Return everything measured."""
    generator = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run = Run.open(run_path) if run_path else small_run(folder)
        position = random_positions(PARTICLES, FIELD, 200.0, generator)[:, ::-1]
        poses = Poses(position, random_orientations(PARTICLES, generator))
        opened = Opened(run, latents_like(run, PARTICLES, generator), poses, None)
        found, placed = opening(opened, folder, repeats)
        found |= drawing(placed, 5 * repeats)
        found |= previews(opened, repeats)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, help="a run at box 64; none: a short training")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    sys.stdout.write(json.dumps({**measure(given.run, given.repeats), **machine()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
