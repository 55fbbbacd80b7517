"""The ``select`` command: a named selection of particles, and the star file of just those."""

import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, Field, field_validator

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path, refuse_existing
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.particle_table import read_particle_table
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs.run import Run

log = logging.getLogger("napari_tomodrgn")


class SelectOptions(DataOptions):
    """Options of ``select``: those of the particles, and which ones to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Run directory, star file or optimisation set.", json_schema_extra={"argument": True}
    )
    name: str = Field(description="Name of the selection; letters, digits, '.', '-' and '_'.")
    output: Path | None = Field(None, description="Star file to write; default: none from a run, NAME.star otherwise.")
    clusters: list[int] = Field([], description="Classes to keep, as 0,2 or one an option.")
    labels: Path | None = Field(
        None, description="Labels (.csv: tomogram, particle, label); default: the only ones of the run's epoch."
    )
    epoch: int | None = Field(
        None, ge=1, description="Epoch of the run whose labels are meant; default: the chosen one."
    )
    ids: Path | None = Field(None, description="Keep the particles of a table (.csv: tomogram, particle).")
    invert: bool = Field(
        False, description="Keep the others instead: of the selection, where one is given with other rules."
    )
    class_column: bool = Field(False, description="Write rlnClassNumber: the label + 1 of each particle.")
    per_tomogram: bool = Field(False, description="Write one star file for each tomogram.")
    overwrite: bool = Field(False, description="Replace a selection or star file of the same name.")

    @field_validator("clusters", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take ``0,2`` as well as a list."""
        values = [value] if isinstance(value, str | int) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        if not re.fullmatch(r"[\w.-]+", value) or value.startswith("."):
            raise ValueError("expected letters, digits, '.', '-' and '_', as it becomes a file name")
        return value


@dataclass(frozen=True)
class Selected:
    """A selection, where it was saved, and the star files written."""

    selection: Selection
    path: Path
    stars: tuple[Path, ...]


def select(options: SelectOptions) -> Selected:
    """Save a named selection (in the run, or beside the star) and write the star file of its particles.

    ``--clusters``, ``--ids`` and ``--selection`` narrow one another: what is kept fulfils all of those given. The
    selection records the rule, its parent, and the run.

    Raises
    ------
    InputError
        Where no rule is given, a file cannot be read, a particle is unknown, nothing is left, or the output exists.
    """
    run = _opened_run(options)
    output = _output(options, run)
    path = run.path / "selections" / f"{options.name}.json" if run else _beside(output, options)
    refuse_existing(path, options.overwrite)
    particle_set = run.particle_set() if run else options.model_copy(update={"selection": None}).open()
    labels = _labels(options, run)
    selection = _selection(options, particle_set, labels, run)
    kept = particle_set.select(sorted(selection.ids))
    stars: list[Path] = []
    with atomic_path(path) as temporary:  # both, or where one can't be written, none
        selection.save(temporary)
        if output:
            stars = write_particles(
                kept,
                output,
                labels=labels if options.class_column else None,
                per_tomogram=options.per_tomogram,
                overwrite=options.overwrite,
            )
    log.info("Selected %d of %d particles: %s", len(selection), len(particle_set), path)
    return Selected(selection, path, tuple(stars))


def selection_of(options: SelectOptions, particle_set: ParticleSet, run: Run | None) -> Selection:
    """Return the selection that the rules of the options make of the particles of a set (of a run); writes nothing.

    Raises
    ------
    InputError
        As :func:`select` does.
    """
    return _selection(options, particle_set, _labels(options, run), run)


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


def _labels(options: SelectOptions, run: Run | None) -> dict[ParticleId, int]:
    """Return the labels that clusters and the class column refer to; none where neither is asked for."""
    if not options.clusters and not options.class_column:
        return {}
    return read_labels(options.labels or _only_labels(options, run))


def _only_labels(options: SelectOptions, run: Run | None) -> Path:
    if run is None:
        raise InputError(f"{options.particles}: is no run, so --clusters and --class-column need --labels FILE.csv")
    if not run.latent_dim:
        raise InputError(
            f"{run.path}: is a decoder alone (--latent-dim 0), so its particles have no classes; "
            "give --ids, --selection, or the --labels of another run"
        )
    folder = AnalysisFolder(run.path, options.epoch or run.chosen_epoch)
    names = folder.labellings()
    if len(names) != 1:
        found = ", ".join(str(folder.labels(name)) for name in names)
        raise InputError(
            f"which classes? give one of these with --labels: {found}"
            if names
            else f"{folder.path}: has no labels; run `napari-tomodrgn analyze {run.path}` first"
        )
    return folder.labels(names[0])


def _selection(
    options: SelectOptions, particle_set: ParticleSet, labels: dict[ParticleId, int], run: Run | None
) -> Selection:
    """Apply the rules that are given, one after the other."""
    every = frozenset(particle_set.ids)
    kept = every
    rule: dict[str, Any] = {}
    parent, origin = None, str(run.path.absolute()) if run else None
    if options.ids:
        listed = frozenset(particle for particle, _ in read_particle_table(options.ids))
        _known(listed, every, options.ids)
        kept, rule["ids"] = kept & listed, str(options.ids)
    if options.selection:
        chosen = Selection.load(options.selection)
        _known(chosen.ids, every, options.selection)
        kept, rule["selection"], parent = kept & chosen.ids, str(options.selection), chosen.name
        origin = origin or chosen.run
    if options.clusters:
        path = options.labels or _only_labels(options, run)
        wanted = _in_clusters(options.clusters, labels)
        _labelled(kept, every, labels, path)
        kept, rule["clusters"], rule["labels"] = kept & wanted, options.clusters, str(path)
    if not rule:
        raise InputError("which particles? Give one or more of --clusters, --ids and --selection")
    if options.invert:
        # what a selection dropped stays dropped when a rule beside it is turned round
        among = chosen.ids if options.selection and len(rule) > 1 else every
        kept, rule["invert"] = among - kept, True
    if not kept:
        raise InputError(f"{options.particles}: no particle fulfils what is asked for; nothing was written")
    return Selection(options.name, kept, {"rule": "select", **rule}, parent, origin)


def _labelled(
    asked: frozenset[ParticleId], every: frozenset[ParticleId], labels: dict[ParticleId, int], path: Path
) -> None:
    """Raise unless every label is of a particle that is there, and every particle asked about has one."""
    _known(frozenset(labels), every, path)
    without = sorted(asked - labels.keys())
    if without:
        tomogram, name = without[0]
        raise InputError(
            f"{path}: labels {len(labels)} particles, and {len(without)} of the {len(asked)} to choose from have none, "
            f"first {name} of tomogram {tomogram}; give the labels of these particles, or narrow them by --selection"
        )


def _in_clusters(wanted: list[int], labels: dict[ParticleId, int]) -> frozenset[ParticleId]:
    there = np.unique(list(labels.values())).tolist()
    unknown = [label for label in wanted if label not in there]
    if unknown:
        raise InputError(f"--clusters {unknown[0]}: there is no such class; those there are: {there[0]} to {there[-1]}")
    return frozenset(particle for particle, label in labels.items() if label in wanted)


def _known(ids: frozenset[ParticleId], every: frozenset[ParticleId], path: Path) -> None:
    unknown = sorted(ids - every)
    if unknown:
        tomogram, name = unknown[0]
        raise InputError(
            f"{path}: names particle {name} of tomogram {tomogram}, which the particles lack "
            f"({len(unknown)} of {len(ids)} are missing); use the data set it was made from"
        )
