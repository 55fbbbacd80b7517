"""A run of many particles as a training and an analysis leave it, without either: only its images are missing.

The stars are those of a simulation, the checkpoint is of a small run, and the latents lie between pairs of its own.
``python benchmarks/large_run.py SMALL_RUN FOLDER --particles 100000 --tomograms 500`` makes one.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.folder import AnalysisFolder, Embedding, write_labels
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import TRAIN, Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.plan import make_plan
from napari_tomodrgn.simulation.writers import WRITERS

STATES, EPOCHS, TILTS, COMPONENTS = 4, 2, 9, 4


def write_stars(small: Run, folder: Path, particles: int, tomograms: int) -> Path:
    """Write the stars of a data set in the dialect of a run and return the one to open."""
    model, dialect = small.document["model"], small.document["data"]["dialect"]
    options = SimulateOptions(
        outdir=folder, particles=particles, tomograms=tomograms, tilts=TILTS, box=model["box"],
        pixel_size=small.document["data"]["pixel_size"],
    )  # fmt: skip
    writer = WRITERS[dialect]
    plan = make_plan(
        options, writer.FORWARD_MODEL, STATES, by_angle=writer.BY_ANGLE, numbered_throughout=writer.NUMBERED_THROUGHOUT
    )
    folder.mkdir(parents=True)
    return writer.write_stars(plan, folder)


def latents_like(run: Run, count: int, generator: np.random.Generator, noise: float = 0.0) -> np.ndarray:
    """Return latents (count, |z|) between pairs of a run's own, with noise in units of how these differ."""
    own = run.latents().z_mean
    first, second = generator.integers(0, len(own), (2, count))
    share = generator.uniform(0, 1, (count, 1)).astype(np.float32)
    width = noise * own.std(axis=0)
    added = generator.standard_normal((count, own.shape[1]), np.float32) * width
    return own[first] * share + own[second] * (1 - share) + added


def large_run(small: Run, folder: Path, particles: int, tomograms: int, noise: float = 0.0) -> Run:
    """Return a run on ``particles`` with two epochs, each with an embedding and two labellings."""
    generator = np.random.default_rng(0)
    particle_set = read_particles(write_stars(small, folder / "data", particles, tomograms))
    path = folder / "run"
    write_particles(particle_set, path / layout.PARTICLES_STAR)
    ids = tuple(particle_set.ids)
    z_mean = latents_like(small, particles, generator, noise)
    for epoch in range(1, EPOCHS + 1):
        for file in (layout.checkpoint_path(path, epoch), layout.latents_path(path, epoch)):
            file.parent.mkdir(exist_ok=True)
        shutil.copy(small.checkpoint(), layout.checkpoint_path(path, epoch))
        split = np.full(particles, TRAIN)
        Latents(ids, z_mean, np.full_like(z_mean, -2.0), split).save(layout.latents_path(path, epoch))
        analysis = AnalysisFolder(path, epoch)
        analysis.path.mkdir(parents=True)
        variance = np.full(COMPONENTS, 1 / COMPONENTS, np.float32)
        Embedding(ids, z_mean[:, :COMPONENTS], z_mean[:, :2], variance).save(analysis.embedding)
        for classes in (STATES, 5 * STATES):
            nearest = ((z_mean[:, None] - z_mean[None, :classes]) ** 2).sum(axis=2).argmin(axis=1)
            write_labels(analysis.labels(f"kmeans-{classes}"), ids, nearest)
    data = {**small.document["data"], "source": str(particle_set.source.path), "particles": particles}
    return Run.create(path, {**small.document, "data": data, "chosen_epoch": EPOCHS})


def main() -> None:
    """Make a run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("small", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--particles", type=int, default=100_000)
    parser.add_argument("--tomograms", type=int, default=500)
    given = parser.parse_args()
    run = large_run(Run.open(given.small), given.folder, given.particles, given.tomograms)
    sys.stdout.write(f"{run.path}\n")


if __name__ == "__main__":
    main()
