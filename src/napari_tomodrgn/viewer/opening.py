"""What is read when a star file or a run is opened: nothing of a window, so that it can be done in a thread."""

from dataclasses import dataclass
from pathlib import Path

from napari_tomodrgn.analysis.columns import Columns, columns_known
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.importing import is_of_tomodrgn


@dataclass(frozen=True)
class Opened:
    """What was read.

    Attributes
    ----------
    particle_set, run, epoch
        A run and its epoch are ``None`` where a star was read; a run without an epoch has finished none.
    columns
        All that is known of the particles, by name.
    rows
        The row of each particle.
    """

    particle_set: ParticleSet
    run: Run | None
    epoch: int | None
    columns: Columns
    rows: dict[ParticleId, int]


def read_star(path: Path) -> Opened:
    """Read the particles of a star file or optimisation set.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    return opened(read_particles(path), None, None)


def read_run(path: Path, epoch: int | None = None) -> Opened:
    """Read a run at an epoch (default: the chosen one, or none yet).

    Raises
    ------
    InputError
        Where it can't be read.
    """
    run = Run.open(path)
    if epoch is None:
        epoch = run.chosen_epoch if run.epochs or run.document.get("chosen_epoch") is not None else None
    return opened(run.particle_set(), run, epoch)


def read_any(path: Path) -> Opened:
    """Read a run, given by its folder or its run.json, or else a star file.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    if is_of_tomodrgn(path):
        raise InputError(f"{path}: was written by tomoDRGN; open it in the Dataset widget, which imports it first")
    return read_run(path) if path.name == layout.DOCUMENT or path.is_dir() else read_star(path)


def read_anew(particle_set: ParticleSet, run: Run, epoch: int | None) -> Opened:
    """Read what the folder of an open run says now, of the particles that are open.

    Raises
    ------
    InputError
        Where it can't be read, or is a run on other particles by now.
    """
    now = Run.open(run.path)
    if now.document["data"]["fingerprint"] != run.document["data"]["fingerprint"]:
        raise InputError(f"{now.path}: was replaced by a run on other particles; open it again")
    return opened(particle_set, now, epoch)


def opened(particle_set: ParticleSet, run: Run | None, epoch: int | None) -> Opened:
    """Return particles that were read already with all that is known of them.

    Raises
    ------
    InputError
        Where a file of the run can't be read.
    """
    columns = columns_known(particle_set, run, epoch)
    return Opened(particle_set, run, epoch, columns, {particle: row for row, particle in enumerate(particle_set.ids)})
