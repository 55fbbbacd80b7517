"""An epoch of a run that is training: read beside the window, and shown there with all that was done with particles.

Classes belong to particles and not to an epoch: they, their colours and labels, and the selection are kept by particle
from one epoch to the next, and from a run to one on some of its particles. Principal components are turned to lie as
those of the epoch before, so that what is seen moves as little as it can.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import NONE, Classes, Columns, Numbers, columns_of_run, columns_of_set
from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.latent_alignment import align
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.class_labels import kept_classes
from napari_tomodrgn.viewer.opening import opened
from napari_tomodrgn.viewer.session import Session

COMPONENTS = 4

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Before:
    """What a session shows before another epoch is read for it; taken in the window's own thread."""

    particle_set: ParticleSet | None
    fingerprint: str | None
    columns: Columns

    @classmethod
    def of(cls, session: Session) -> "Before":
        """Return what a session shows now."""
        fingerprint = None if session.run is None else str(session.run.document["data"]["fingerprint"])
        return cls(session.particle_set, fingerprint, session.columns)


@dataclass(frozen=True)
class LiveEpoch:
    """An epoch as it was read.

    Attributes
    ----------
    run, epoch
        Which it is.
    particle_set
        Of the run: the session's own where it has it open.
    columns
        All that is known of the particles at this epoch.
    rows
        (N,) the row in the session before of each particle, -1 where it was not there.
    same_particles
        Whether these are the particles that the session had, in their order.
    """

    run: Run
    epoch: int
    particle_set: ParticleSet
    columns: Columns
    rows: Rows
    same_particles: bool


def read_epoch(run: Run, epoch: int, before: Before) -> LiveEpoch:
    """Read an epoch of a run. Works in any thread.

    Raises
    ------
    InputError
        Where a file can't be read.
    """
    same = before.particle_set is not None and run.document["data"]["fingerprint"] == before.fingerprint
    particle_set = before.particle_set if same and before.particle_set is not None else run.particle_set()
    rows = np.arange(len(particle_set)) if same else _rows_before(particle_set, before.particle_set)
    kept = {name: _at_rows(own, rows) for name, own in kept_classes(before.columns).items() if isinstance(own, Classes)}
    columns: Columns = {**kept, **columns_of_set(particle_set)}
    found = columns_of_run(run, epoch, particle_set.ids)
    if "PC 1" not in found:
        found |= _components(found, before.columns, rows)
    return LiveEpoch(run, epoch, particle_set, columns | found, rows, same)


def _rows_before(particle_set: ParticleSet, before: ParticleSet | None) -> Rows:
    row_of = {} if before is None else {particle: row for row, particle in enumerate(before.ids)}
    return np.array([row_of.get(particle, -1) for particle in particle_set.ids], dtype=np.int64)


def _at_rows(classes: Classes, rows: Rows) -> Classes:
    """Return the classes of the particles at rows, none where a row is -1."""
    return Classes(np.append(classes.codes, NONE)[rows], classes.names)


def _components(columns: Columns, before: Columns, rows: Rows) -> Columns:
    """Return the first principal components of the latents, turned onto those before where there were as many."""
    latents = _numbers(columns, "z{}", len(columns), 0)
    if not latents:
        return {}
    values = np.stack(latents, axis=1)
    known = np.isfinite(values).all(axis=1)
    if known.sum() < 2:
        return {}
    own = principal_components(values[known], COMPONENTS).coordinates
    coordinates = np.full((len(rows), own.shape[1]), np.nan)
    coordinates[known] = own
    others = _numbers(before, "PC {}", own.shape[1], 1)
    if len(others) == own.shape[1]:
        aims = np.stack([np.append(each, np.nan)[rows] for each in others], axis=1)
        alignment = align(aims, coordinates)
        if alignment is not None:
            coordinates = coordinates @ alignment.rotation
    return {f"PC {number}": Numbers(each) for number, each in enumerate(coordinates.T, 1)}


def _numbers(columns: Columns, name: str, most: int, first: int) -> list[npt.NDArray[np.float64]]:
    """Return the numbers of columns that are counted in their name, up to the first that is not there."""
    found = []
    for number in range(first, first + most):
        column = columns.get(name.format(number))
        if not isinstance(column, Numbers):
            break
        found.append(column.values)
    return found


def show_epoch(session: Session, live: LiveEpoch) -> None:
    """Show an epoch that was read, with classes, colours, labels and selection of the particles as they were."""
    if live.particle_set is session.particle_set:
        session.show_epoch(live.run, live.epoch, live.columns)
        return
    styles, coloured_by, tomogram = session.styles, session.coloured_by, session.tomogram
    labels = {name: own for name, own in session.labels.items() if own.fit(session.columns.get(name))}
    selected, rule, particle = np.append(session.selected, False)[live.rows], session.rule, session.particle
    session.show(opened(live.particle_set, live.run, None))
    session.styles = {name: own for name, own in styles.items() if name in live.columns}
    session.labels = {
        name: replace(own, digest=classes.digest)
        for name, own in labels.items()
        if isinstance(classes := live.columns.get(name), Classes)
    }
    if coloured_by is not None:
        session.coloured_by = coloured_by
    session.show_epoch(live.run, live.epoch, live.columns)
    if tomogram in session.tomograms:
        session.open_tomogram(str(tomogram))
    if selected.any():
        session.select(selected, rule)
        session.history.clear()
    if particle is not None and particle in live.rows:
        session.look_at(int(np.flatnonzero(live.rows == particle)[0]))
