"""Columns of a star file held against the latents: whether a component rises and falls with them."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import rankdata

from napari_tomodrgn.analysis.columns import Numbers, columns_of_set
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.particle_table import read_particle_table

MOST_COMPONENTS = 10
FEWEST_IN_A_TOMOGRAM = 10  # particles of which a correlation is taken
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ColumnLikeness:
    """Spearman's correlation of a column with the leading principal components of the latents.

    Attributes
    ----------
    name
        Of the column.
    particles
        How many have a number in it.
    overall
        (C,) over all these particles; NaN where the column or the component is the same for all.
    within
        (T, C) in each tomogram of ten particles or more, by ``tomograms``.
    """

    name: str
    particles: int
    overall: Floats
    within: Floats
    tomograms: tuple[str, ...]

    @property
    def strongest(self) -> int:
        """The component, from 0, that follows the column most over all particles."""
        return int(np.nan_to_num(np.abs(self.overall)).argmax())


def column_of_particles(particle_set: ParticleSet, name: str) -> Floats:
    """Return a column of numbers (N,) of a set's star: the mean over a particle's rows, where it has one an image.

    A name that the star lacks may be one of those the set is known by: defocus, tilt images, z, y, x, rot, tilt, psi.

    Raises
    ------
    InputError
        Where there is no such column, or it holds something other than numbers.
    """
    source = particle_set.source
    block = source.star.block(source.particles_block)
    if name not in block:
        known = columns_of_set(particle_set).get(name)
        if isinstance(known, Numbers):
            return known.values
        raise InputError(f"--columns {name}: {source.path} has no such column; it has {', '.join(block.columns)}")
    values = block.floats(name)
    count = int(source.row_particle.max()) + 1
    rows = np.bincount(source.row_particle, minlength=count)
    mean = np.bincount(source.row_particle, weights=values, minlength=count) / np.maximum(rows, 1)
    return np.asarray(mean[particle_set.particles["source_particle"].to_numpy()])


def columns_by_id(particle_set: ParticleSet, names: Sequence[str], ids: Sequence[ParticleId]) -> dict[str, Floats]:
    """Return columns of a set's star in the order of ``ids``, NaN for particles that the set lacks."""
    row_of = {particle: row for row, particle in enumerate(particle_set.ids)}
    rows = np.array([row_of.get(particle, -1) for particle in ids])
    return {
        name: np.where(rows < 0, np.nan, column_of_particles(particle_set, name)[rows]) for name in dict.fromkeys(names)
    }


def likeness(
    name: str,
    values: Floats,  # (N,)
    components: npt.NDArray[np.floating],  # (N, C)
    tomograms: Sequence[str],  # (N,)
) -> ColumnLikeness:
    """Return Spearman's correlations of a column with the first ten components, over all and in each tomogram."""
    there = np.isfinite(values)
    kept, own = values[there], components[there, :MOST_COMPONENTS].astype(np.float64)
    of_particle = np.array(tomograms, dtype=object)[there]
    names = [each for each in dict.fromkeys(of_particle) if (of_particle == each).sum() >= FEWEST_IN_A_TOMOGRAM]
    within = [_spearman(kept[of_particle == each], own[of_particle == each]) for each in names]
    return ColumnLikeness(
        name, len(kept), _spearman(kept, own), np.array(within).reshape(len(names), own.shape[1]), tuple(names)
    )


def _spearman(values: Floats, components: Floats) -> Floats:
    """Return (C,) Pearson's correlations of the ranks, ties sharing theirs."""
    if len(values) < 2:
        return np.full(components.shape[1], np.nan)
    one = rankdata(values) - (len(values) + 1) / 2
    others = rankdata(components, axis=0) - (len(values) + 1) / 2
    norm = np.sqrt((one**2).sum() * (others**2).sum(axis=0))
    return np.asarray(np.divide(one @ others, norm, out=np.full(len(norm), np.nan), where=norm > 0))


def write_columns(path: Path, ids: Sequence[ParticleId], columns: dict[str, Floats]) -> None:
    """Write a row a particle: tomogram, particle, and the columns; blank where a particle has no number."""
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["tomogram", "particle", *columns])
        for particle, *values in zip(ids, *columns.values(), strict=True):
            table.writerow([*particle, *("" if np.isnan(value) else f"{value:.7g}" for value in values)])


def read_columns(path: Path, ids: Sequence[ParticleId]) -> dict[str, Floats]:
    """Return what :func:`write_columns` wrote, in the order of ``ids``.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    rows = dict(read_particle_table(path))
    names = [name for name in pd.read_csv(path, nrows=0).columns if name not in ("tomogram", "particle")]
    try:
        return {name: np.array([float(rows[own][name] or "nan") for own in ids]) for name in names}
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: could not be read ({error}); run `napari-tomodrgn analyze --overwrite`") from error


def write_likeness(path: Path, found: Sequence[ColumnLikeness]) -> None:
    """Write a row a correlation: column, component from 1, tomogram (blank: all), particles, spearman."""
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["column", "component", "tomogram", "spearman"])
        for own in found:
            for name, values in (("", own.overall), *zip(own.tomograms, own.within, strict=True)):
                for component, value in enumerate(values, 1):
                    table.writerow([own.name, component, name, "" if np.isnan(value) else f"{value:.5f}"])
