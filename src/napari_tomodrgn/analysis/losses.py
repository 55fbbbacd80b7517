"""Losses of single particles as a table of an epoch's analysis, which everything can be coloured and selected by."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.run import Run

COLUMNS = ("loss", "CC")


def measure_losses(run: Run, epoch: int, particle_set: ParticleSet, device: str = "auto") -> Iterator[float]:
    """Measure the loss and the correlation of each particle of a run and write ``losses.csv``; yield the share done.

    Nothing is written unless all was measured.

    Raises
    ------
    InputError
        Where the run lacks the epoch, image stacks are not found, or the table can't be written.
    """
    from napari_tomodrgn.training.device import choose_compute
    from napari_tomodrgn.training.particle_losses import particle_losses

    values = np.full((len(particle_set), len(COLUMNS)), np.nan)
    done = 0
    for part in particle_losses(run, epoch, particle_set, choose_compute(device, "off")):
        values[part.rows] = np.stack([part.loss, part.correlation], axis=1)
        done += len(part.rows)
        yield done / len(particle_set)
    _write(AnalysisFolder(run.path, epoch).losses, particle_set, values)


def _write(path: Path, particle_set: ParticleSet, values: np.ndarray) -> None:
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["tomogram", "particle", *COLUMNS])
        for particle, own in zip(particle_set.ids, values.tolist(), strict=True):
            writer.writerow([*particle, *(f"{value:.7g}" if np.isfinite(value) else "nan" for value in own)])
