"""The ``select`` command: a named selection of particles, and the star file of just those."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.class_names import noise_of
from napari_tomodrgn.analysis.columns import Classes, column_of_labels, columns_of_run, columns_of_set, where_known
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.known import Known, Mask
from napari_tomodrgn.analysis.rule_trees import (
    INTERSECT,
    SUBTRACT,
    Tree,
    combined,
    from_selection,
    inverted,
    particles_of,
)
from napari_tomodrgn.analysis.rules import (
    TOMOGRAM,
    Apart,
    AtRandom,
    Between,
    FromFaces,
    Listed,
    OfClasses,
    Outliers,
)
from napari_tomodrgn.analysis.select_options import SelectOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path, refuse_existing
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.volume_series import tomogram_named
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs.run import Run

log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class Selected:
    """A selection, where it was saved, and the star files written."""

    selection: Selection
    path: Path
    stars: tuple[Path, ...]


@dataclass(frozen=True)
class _Labelling:
    """Labels that classes are taken from: their name as a column, their file, and the label of each particle."""

    name: str
    path: Path
    labels: dict[ParticleId, int]


def select(options: SelectOptions) -> Selected:
    """Save a named selection (in the run, or beside the star) and write the star file of its particles.

    The rules given narrow one another, in the order of the options: what is kept fulfils all of them, and those that
    compare particles look at what those before have left. The selection records the rules, its parent, and the run.

    Raises
    ------
    InputError
        Where no rule is given, a file cannot be read, a particle is unknown, nothing is left, or the output exists.
    """
    run = _opened_run(options)
    output = _output(options, run)
    path = run.path / "selections" / f"{options.name}.json" if run else _beside(output, options)
    refuse_existing(path, options.overwrite)
    labelling = _labelling(options, run)
    particle_set = run.particle_set() if run else options.model_copy(update={"selection": None}).open()
    known = _known(options, particle_set, run, labelling)
    selection = _selection(options, known, labelling, run)
    kept = known.particle_set.select(sorted(selection.ids))
    stars: list[Path] = []
    with atomic_path(path) as temporary:  # both, or where one can't be written, none
        selection.save(temporary)
        if output:
            stars = write_particles(
                kept,
                output,
                labels=labelling.labels if labelling is not None and options.class_column else None,
                per_tomogram=options.per_tomogram,
                overwrite=options.overwrite,
            )
    log.info("Selected %d of %d particles: %s", len(selection), len(known), path)
    return Selected(selection, path, tuple(stars))


def selection_of(options: SelectOptions, particle_set: ParticleSet, run: Run | None) -> Selection:
    """Return the selection that the rules of the options make of the particles of a set (of a run); writes nothing.

    Raises
    ------
    InputError
        As :func:`select` does.
    """
    labelling = _labelling(options, run)
    return _selection(options, _known(options, particle_set, run, labelling), labelling, run)


def _opened_run(options: SelectOptions) -> Run | None:
    """Return the run that the particles are to be taken from, ``None`` where they are those of a star."""
    if not (options.particles.is_dir() or options.particles.name == "run.json"):
        return None
    run = Run.open(options.particles)
    for name, field in DataOptions.model_fields.items():
        if name not in ("particles", "selection") and getattr(options, name) != field.default:
            option = "--" + name.replace("_", "-")
            raise InputError(f"{run.path}: a run's particles are opened as they were trained on; leave {option} out")
    return run


def _output(options: SelectOptions, run: Run | None) -> Path | None:
    """Return the star to write: from a run only where one is asked for."""
    if options.output or run:
        return options.output
    return Path(f"{options.name}.star")


def _beside(output: Path | None, options: SelectOptions) -> Path:
    assert output is not None
    return output.parent / f"{options.name}.json"


def _labelling(options: SelectOptions, run: Run | None) -> _Labelling | None:
    """Return the labels that classes are taken from, ``None`` where none are asked for."""
    if not options.needs_labels:
        return None
    if options.labels is not None:
        path = options.labels
        if run is not None and (options.epoch or run.document["chosen_epoch"] is not None or run.epochs):
            path = AnalysisFolder(run.path, options.epoch or run.chosen_epoch).labels_meant(path)
        return _Labelling(path.stem.removeprefix("labels-"), path, read_labels(path))
    if run is None:
        raise InputError(f"{options.particles}: is no run, so classes and the class column need --labels FILE.csv")
    if not run.latent_dim:
        raise InputError(
            f"{run.path}: is a decoder alone (--latent-dim 0), so its particles have no classes; "
            "give --ids, --selection, or the --labels of another run"
        )
    folder = AnalysisFolder(run.path, options.epoch or run.chosen_epoch)
    names = folder.labellings()
    if len(names) != 1:
        found = ", ".join(str(folder.labels(name)) for name in names)
        elsewhere = folder.elsewhere()
        raise InputError(
            f"which classes? give one of these with --labels: {found}"
            if names
            else f"{folder.path}: has no labels; {elsewhere}{', or ' if elsewhere else ''}run `napari-tomodrgn analyze "
            f"{run.path}` first"
        )
    return _Labelling(names[0], folder.labels(names[0]), read_labels(folder.labels(names[0])))


def _known(options: SelectOptions, particle_set: ParticleSet, run: Run | None, labelling: _Labelling | None) -> Known:
    """Return the particles to choose from with all that is known of them."""
    columns = columns_of_set(particle_set)
    known = Known(particle_set, columns)
    if run is not None and (run.epochs or options.epoch or run.document["chosen_epoch"] is not None):
        epoch = options.epoch or run.chosen_epoch
        columns |= columns_of_run(run, epoch, particle_set.ids)
        known = replace(known, where=partial(where_known, run, epoch, particle_set.ids))
    if labelling is not None:
        given, own = (
            column_of_labels(labelling.labels, particle_set.ids, noise_of(labelling.path)),
            columns.get(labelling.name),
        )
        # where it is the run's own, the run knows its classes' names
        if not isinstance(own, Classes) or not np.array_equal(own.codes, given.codes):
            columns[labelling.name] = given
    return known


def _selection(options: SelectOptions, known: Known, labelling: _Labelling | None, run: Run | None) -> Selection:
    """Apply the rules that are given, one after the other."""
    origin = str(run.path.absolute()) if run else None
    chosen = None if options.selection is None else _chosen(options.selection, known)
    trees = list(_rules(options, known, labelling))
    if chosen is None and not trees:
        raise InputError("which particles? Give one or more rules, such as --clusters, --ids, --between or --selection")
    kept = before = known.everyone
    made: list[Tree] = []
    if chosen is not None:
        selection, kept = chosen
        before, origin = kept, origin or selection.run
        made.append(from_selection(selection.name, selection.created_from))
    for tree in trees:
        if labelling is not None and tree.get("column") == labelling.name:
            _labelled(kept, known, labelling)
        kept = particles_of(tree, known, kept)
    made += trees
    rule = dict(made[0]) if len(made) == 1 else combined(INTERSECT, made)
    if options.invert:
        # what a selection dropped stays dropped when rules beside it are turned round
        within = chosen is not None and bool(trees)
        kept = before & ~kept if within else ~kept
        rule = combined(SUBTRACT, [made[0], rule]) if within else inverted(rule)
    if not kept.any():
        raise InputError(f"{options.particles}: no particle fulfils what is asked for; nothing was written")
    ids = known.particle_set.ids
    particles = frozenset(ids[row] for row in kept.nonzero()[0])
    return Selection(options.name, particles, rule, None if chosen is None else chosen[0].name, origin)


def _chosen(path: Path, known: Known) -> tuple[Selection, Mask]:
    """Return a selection and which particles (N,) it holds."""
    selection = Selection.load(path)
    return selection, known.listed(selection.ids, path)


def _rules(options: SelectOptions, known: Known, labelling: _Labelling | None) -> Iterator[Tree]:
    """Yield what is asked for beside a selection, in the order in which it narrows."""
    if options.ids is not None:
        yield Listed(path=options.ids.absolute()).tree
    if options.like is not None:
        yield Selection.load(options.like).created_from
    if options.clusters and labelling is not None:
        yield OfClasses(column=labelling.name, classes=_names(options.clusters, known.classes(labelling.name))).tree
    if options.tomograms:
        there = known.classes(TOMOGRAM).names
        wanted = tuple(tomogram_named(there, name, "--tomograms") for name in options.tomograms)
        yield OfClasses(column=TOMOGRAM, classes=wanted).tree
    for column, low, high in options.limits:
        yield Between(column=column, low=low, high=high).tree
    if options.drop_outliers is not None:
        yield inverted(Outliers(beyond=options.drop_outliers).tree)
    if options.away_from_faces is not None:
        yield FromFaces(angstrom=options.away_from_faces).tree
    if options.minimum_distance is not None:
        by, best = options.better
        yield Apart(angstrom=options.minimum_distance, column=by, best=best).tree
    if options.random is not None:
        per = {"all": None, "tomogram": TOMOGRAM, "class": labelling and labelling.name}[options.per]
        yield AtRandom(count=options.random, per=per, seed=options.seed).tree


def _names(wanted: list[int], classes: Classes) -> tuple[str, ...]:
    """Return the names of classes given by number."""
    there = [code for code, size in enumerate(classes.sizes) if size]
    unknown = [label for label in wanted if label not in there]
    if unknown:
        found = f"{there[0]} to {there[-1]}" if there else "none, as the labels are of other particles"
        raise InputError(f"--clusters {unknown[0]}: there is no such class; those there are: {found}")
    return tuple(classes.names[label] for label in wanted)


def _labelled(asked: Mask, known: Known, labelling: _Labelling) -> None:
    """Raise unless every label is of a particle that is there, and every particle asked about has one."""
    known.listed(frozenset(labelling.labels), labelling.path)
    ids = known.particle_set.ids
    chosen = [ids[row] for row in asked.nonzero()[0]]
    without = sorted(particle for particle in chosen if particle not in labelling.labels)
    if without:
        tomogram, name = without[0]
        raise InputError(
            f"{labelling.path}: labels {len(labelling.labels)} particles, and {len(without)} of the {len(chosen)} to "
            f"choose from have none, first {name} of tomogram {tomogram}; give the labels of these particles, or "
            "narrow them by --selection"
        )
