"""All that is known of particles, a column each, in the order of the set: what is coloured, plotted, sorted by."""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.class_names import class_names, noise_of
from napari_tomodrgn.analysis.folder import (
    AnalysisFolder,
    Embedding,
    epochs_text,
    read_calibration_factor,
    read_labels,
)
from napari_tomodrgn.analysis.losses import COLUMNS as LOSS_COLUMNS
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

_LATENT = re.compile(r"z\d+")
_EMBEDDED = re.compile(r"(PC|UMAP) \d+")
NONE = -1  # the code of a particle that has no class


@dataclass(frozen=True)
class Numbers:
    """A column of numbers (N,), NaN where a particle has none."""

    values: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Classes:
    """A column of classes: a code (N,) for each particle, -1 where it has none, and a name for each code."""

    codes: npt.NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """How many particles each class has."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.names)).astype(np.int64)

    @cached_property
    def digest(self) -> str:
        """What tells these classes from others of the same names: an analysis made anew gives codes anew."""
        return hashlib.sha256(np.ascontiguousarray(self.codes, dtype="<i8").tobytes()).hexdigest()[:16]


Column = Numbers | Classes
Columns = dict[str, Column]


def classes_of(values: Iterable[str]) -> Classes:
    """Return text as classes, in the order of appearance."""
    codes, names = pd.factorize(pd.Series(list(values), dtype="str"))
    return Classes(codes.astype(np.int64), tuple(map(str, names)))


def columns_of_set(particle_set: ParticleSet) -> Columns:
    """Return what a data set itself says of its particles."""
    table = particle_set.particles
    found: Columns = {"tomogram": classes_of(table["tomogram"])}
    for name in ("z", "y", "x", "rot", "tilt", "psi"):
        found[name] = Numbers(table[name].to_numpy(np.float64))
    found["tilt images"] = Numbers(particle_set.tilts_per_particle.astype(np.float64))
    first = particle_set.first_tilt[:-1]
    defocus = particle_set.tilt_images[["defocus_u", "defocus_v"]].to_numpy(np.float64).mean(axis=1)
    found["defocus"] = Numbers(defocus[first])
    return found


def columns_of_run(run: Run, epoch: int, ids: Sequence[ParticleId]) -> Columns:
    """Return what a run and the analyses of one of its epochs say of particles, in the order of ``ids``.

    Particles that a file does not know have no value; files that are not there are left out.

    Raises
    ------
    InputError
        Where a file is there and can't be read.
    """
    rows = {particle: row for row, particle in enumerate(ids)}
    found: Columns = {}
    if run.latent_dim and layout.latents_path(run.path, epoch).is_file():
        found |= _of_latents(run.latents(epoch), rows)
    folder = AnalysisFolder(run.path, epoch)
    uncertainty = found.get("uncertainty")
    if folder.calibration.is_file() and isinstance(uncertainty, Numbers):
        factor = read_calibration_factor(folder.calibration)
        if factor is not None:
            found["calibrated uncertainty"] = Numbers(uncertainty.values * factor)
    if folder.embedding.is_file():
        found |= _of_embedding(Embedding.load(folder.embedding), rows)
    latents = latents_of(found)
    for labelling in folder.labellings():
        path = folder.labels(labelling)
        classes = column_of_labels(read_labels(path), ids, noise_of(path))
        found[labelling] = classes
        if latents is not None:
            found[f"{labelling} distance"] = Numbers(distance_to_centres(latents, classes))
    for labelling, path in folder.evidences().items():
        found[f"{labelling} evidence"] = _score_of(path, rows)
    for table in (folder.losses, run.path / layout.CORRECTIONS):
        if table.is_file():
            found |= _of_table(table, rows)
    for name, table in folder.occupancies().items():
        found |= {f"{name} {part}": own for part, own in _of_table(table, rows).items()}
    for table in (*folder.neighbour_tables(), *folder.ensembles()):
        found |= {f"{table.parent.name} {name}": own for name, own in _of_table(table, rows).items()}
    return found


def latents_of(columns: Columns) -> npt.NDArray[np.float64] | None:
    r"""Return the means of the latents (N, \|z\|) among columns, ``None`` where there are none."""
    found = [own.values for name, own in columns.items() if isinstance(own, Numbers) and _LATENT.fullmatch(name)]
    return np.stack(found, axis=1) if found else None


def distance_to_centres(latents: npt.NDArray[np.float64], classes: Classes) -> npt.NDArray[np.float64]:
    """Return how far (N,) each particle's latent is from the mean of its class's, NaN where it has none."""
    rows = np.flatnonzero((classes.codes >= 0) & np.isfinite(latents).all(axis=1))
    codes, own = classes.codes[rows], latents[rows]
    sums = np.zeros((len(classes.names), latents.shape[1]))
    np.add.at(sums, codes, own)
    sizes = np.bincount(codes, minlength=len(classes.names))[:, None]
    distance = np.full(len(latents), np.nan)
    distance[rows] = np.linalg.norm(own - (sums / np.maximum(sizes, 1))[codes], axis=1)
    return distance


def column_of_labels(labels: Mapping[ParticleId, int], ids: Sequence[ParticleId], noise: int | None = None) -> Classes:
    """Return labels (from 0) as classes, in the order of ``ids``; particles without one have none.

    ``noise`` is the label of those that are in no class by the method that gave the labels.
    """
    codes = np.array([labels.get(particle, NONE) for particle in ids], dtype=np.int64)
    return Classes(codes, class_names(int(codes.max(initial=NONE)) + 1, noise))


def columns_known(particle_set: ParticleSet, run: Run | None, epoch: int | None) -> Columns:
    """Return all that is known of particles: by their set, and by an epoch of a run where there is one.

    Raises
    ------
    InputError
        Where a file of the run is there and can't be read.
    """
    known = columns_of_set(particle_set)
    return known if run is None or epoch is None else known | columns_of_run(run, epoch, particle_set.ids)


def where_known(run: Run, epoch: int, ids: Sequence[ParticleId], column: str) -> str:
    """Say how a column that an epoch of a run lacks is come by: in another epoch, or by a command; empty elsewise."""
    others = (each.epoch for each in AnalysisFolder(run.path, epoch).others())
    found = epochs_text([other for other in others if column in columns_of_run(run, other, ids)], "it")
    if found:
        return found
    if column in LOSS_COLUMNS:
        return f"`napari-tomodrgn analyze {run.path} --losses` measures it"
    return f"`napari-tomodrgn analyze {run.path}` finds it" if _EMBEDDED.fullmatch(column) else ""


def _placed(
    ids: Iterable[ParticleId], values: npt.NDArray[np.floating], rows: dict[ParticleId, int]
) -> npt.NDArray[np.float64]:
    """Return values (n, d) of some particles as (N, d), NaN for those that are not among them."""
    ids = list(ids)
    if ids == list(rows):  # as a training writes them
        return np.array(values, dtype=np.float64)
    result = np.full((len(rows), values.shape[1]), np.nan)
    for particle, own in zip(ids, values, strict=True):
        row = rows.get(particle)
        if row is not None:
            result[row] = own
    return result


def _of_latents(latents: Latents, rows: dict[ParticleId, int]) -> Columns:
    mean = _placed(latents.ids, latents.z_mean, rows)
    spread = _placed(latents.ids, np.exp(latents.z_logvar.astype(np.float64) / 2), rows)
    found: Columns = {f"z{number}": Numbers(own) for number, own in enumerate(mean.T)}
    # one number: how far a particle's latent is from certain, over all dimensions
    found["uncertainty"] = Numbers(np.sqrt((spread**2).mean(axis=1)))
    kinds = classes_of(latents.split)
    codes = _placed(latents.ids, kinds.codes[:, None].astype(np.float64), rows)[:, 0]
    found["split"] = Classes(np.where(np.isnan(codes), NONE, codes).astype(np.int64), kinds.names)
    return found


def _of_embedding(embedding: Embedding, rows: dict[ParticleId, int]) -> Columns:
    found: Columns = {}
    if embedding.umap is not None:
        for number, own in enumerate(_placed(embedding.ids, embedding.umap, rows).T, 1):
            found[f"UMAP {number}"] = Numbers(own)
    for number, own in enumerate(_placed(embedding.ids, embedding.pca, rows).T, 1):
        found[f"PC {number}"] = Numbers(own)
    return found


def _score_of(path: Path, rows: dict[ParticleId, int]) -> Column:
    columns = _of_table(path, rows)
    if "score" not in columns:
        raise InputError(f"{path}: has no column score; remove it, or run `napari-tomodrgn score` again")
    return columns["score"]


def _of_table(path: Path, rows: dict[ParticleId, int]) -> Columns:
    try:
        numbers = pd.read_csv(path, nrows=0).columns.drop(["tomogram", "particle"])
        table = pd.read_csv(  # a name may be NA, and a particle may lack a number
            path,
            dtype={"tomogram": str, "particle": str},
            keep_default_na=False,
            na_values={name: ["", "nan"] for name in numbers},
        )
        ids = list(zip(table.pop("tomogram"), table.pop("particle"), strict=True))
        values = _placed(ids, table.to_numpy(np.float64), rows)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: could not be read ({error}); remove it, or copy the run again") from error
    return {name.replace("_", " "): Numbers(own) for name, own in zip(table.columns, values.T, strict=True)}
