"""What a session is to be compared with, and finding it: work that takes its time, beside the window."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.columns import Classes, Columns, Numbers, columns_of_run
from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.folder import AnalysisFolder, method_of
from napari_tomodrgn.analysis.run_comparison import (
    Labelling,
    RunComparison,
    Side,
    compare_sides,
    read_side,
    with_seeds,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.ancestry import ancestors
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.class_labels import is_named, labelled_column
from napari_tomodrgn.viewer.colouring import legend_of
from napari_tomodrgn.viewer.session import Rows, Session

ALIGNED = "PC {} of A"  # coordinates of B, laid on A
NOT_HERE = -1
_MOST_ALIGNED = 10
_NO_LABELLING = ("tomogram", "split")


@dataclass(frozen=True)
class Asked:
    """What is to be compared, as it was when it was asked for.

    Attributes
    ----------
    column, legend
        The session's column of classes and the names they have, ``None`` where no classes are compared.
    run, epoch, labels
        B: a run's folder, its epoch (``None``: the chosen one) and its table of labels.
    seeds
        How often the classes of each side are found anew.
    """

    own_run: Run
    own_epoch: int | None
    particle_set: ParticleSet
    column: str | None
    classes: Classes | None
    names: tuple[str, ...]
    run: Path
    epoch: int | None
    labels: Path | None
    seeds: int


@dataclass(frozen=True)
class Found:
    """What was found of what was asked.

    Attributes
    ----------
    columns
        All that is known of B's particles, by name.
    rows_a, rows_b
        Of each particle of A and of B the row in the session's set, -1 for one that is not in it.
    """

    asked: Asked
    comparison: RunComparison
    columns: Columns
    rows_a: Rows
    rows_b: Rows


def labellings(session: Session) -> list[str]:
    """Return the session's columns whose classes may be compared; those taken along from another run may not."""
    classes = [name for name, own in session.columns.items() if isinstance(own, Classes)]
    return [name for name in classes if name not in _NO_LABELLING and not _is_of_before(session, name)]


def ask(session: Session, column: str | None, run: Path, epoch: int | None, labelling: str | None, seeds: int) -> Asked:
    """Return what is to be compared, with the session as it is now.

    Raises
    ------
    InputError
        Where no run is open, it would be compared with itself, or the classes are those of another run.
    """
    if session.run is None or session.particle_set is None:
        raise InputError("compare: only runs are compared, and none is open; open a run first")
    same = run.resolve() == session.run.path.resolve() and epoch == session.epoch
    if same and column == labelling:
        raise InputError("compare: these are the same; choose another run, another epoch or other classes")
    if column is not None and _is_of_before(session, column):
        raise InputError(
            f"compare: {column} are classes that the particles had before {session.run.path.name} was trained; find "
            "its own first (Analyse), or choose others"
        )
    labels = None
    if labelling is not None:
        opened = Run.open(run)
        labels = AnalysisFolder(opened.path, opened.chosen_epoch if epoch is None else epoch).labels(labelling)
    classes = None if column is None else session.column(column)
    assert classes is None or isinstance(classes, Classes)
    style = session.styles.get(column or "")
    names = () if classes is None else tuple(entry.name for entry in legend_of(classes, style))
    return Asked(session.run, session.epoch, session.particle_set, column, classes, names, run, epoch, labels, seeds)


def _is_of_before(session: Session, column: str) -> bool:
    """Return whether a labelling was taken along from another run, so that it says nothing of the open one."""
    column = labelled_column(column)
    if session.run is None or session.epoch is None or method_of(column) is None:
        return False
    return column not in AnalysisFolder(session.run.path, session.epoch).labellings()


def find(asked: Asked) -> Iterator[Found | tuple[int, int] | RunComparison]:
    """Compare what was asked for: yield what was found, then how many clusterings are done, then their interval.

    Takes no part in the session, so that it may run in a thread of its own.

    Raises
    ------
    InputError
        Where something can't be read, or no particle is shared.
    """
    row_of = {particle: row for row, particle in enumerate(asked.particle_set.ids)}
    a, b = _own_side(asked, row_of), read_side(asked.run, asked.epoch, asked.labels)
    comparison = compare_sides(a, b)
    columns: Columns = {} if b.epoch is None else columns_of_run(b.run, b.epoch, b.ids)
    rows_a, rows_b = (np.array([row_of.get(each, NOT_HERE) for each in side.ids], dtype=np.int64) for side in (a, b))
    yield Found(asked, comparison, {**_aligned(comparison), **columns}, rows_a, rows_b)
    yield from with_seeds(comparison, asked.seeds)


def _own_side(asked: Asked, row_of: dict[ParticleId, int]) -> Side:
    run, ids, z = asked.own_run, tuple(row_of), None
    kept = np.arange(len(ids))
    if run.latent_dim and asked.own_epoch is not None and layout.latents_path(run.path, asked.own_epoch).is_file():
        latents = run.latents(asked.own_epoch)
        known = [row for row, particle in enumerate(latents.ids) if particle in row_of]
        kept = np.array([row_of[latents.ids[row]] for row in known], dtype=np.int64)
        ids, z = tuple(latents.ids[row] for row in known), latents.z_mean[known]
    side = Side(run, asked.own_epoch, ids, z)
    if asked.column is None or asked.classes is None:
        return side
    method = None if is_named(asked.column) or z is None else method_of(asked.column)
    return replace(side, labelling=Labelling(asked.column, asked.classes.codes[kept], asked.names, method))


def _aligned(comparison: RunComparison) -> Columns:
    """Return B's latents as they lie on A, along A's principal components; nothing where they can't be aligned."""
    if comparison.alignment is None or comparison.a.z is None or comparison.b.z is None:
        return {}
    own = comparison.a.z[np.isfinite(comparison.a.z).all(axis=1)]
    axes = principal_components(own, _MOST_ALIGNED)
    laid = (comparison.alignment.apply(comparison.b.z) - axes.mean) @ axes.directions.T
    return {ALIGNED.format(number): Numbers(values) for number, values in enumerate(laid.T, 1)}


def runs_beside(run: Run) -> list[Path]:
    """Return the runs that a run is likely to be compared with: those in the same folder, and those it came from."""
    beside = sorted(path.parent for path in run.path.absolute().parent.glob(f"*/{layout.DOCUMENT}"))
    before = [ancestor.run.path for ancestor in ancestors(run) if ancestor.run is not None]
    found = {path.resolve(): path for path in (*before, *beside)}
    found.pop(run.path.resolve(), None)
    return list(found.values())


def epochs_of(path: Path) -> tuple[list[int], int | None]:
    """Return the epochs of a run that may be compared, and the one that is meant where none is named.

    Raises
    ------
    InputError
        Where there is no run, or it can't be read.
    """
    run = Run.open(path)
    epochs = layout.latent_epochs(run.path) or run.epochs
    chosen = run.chosen_epoch if run.epochs or run.document.get("chosen_epoch") is not None else None
    return epochs, chosen


def labellings_of(path: Path, epoch: int | None) -> list[str]:
    """Return the labellings of an epoch of a run."""
    return [] if epoch is None else AnalysisFolder(path, epoch).labellings()
