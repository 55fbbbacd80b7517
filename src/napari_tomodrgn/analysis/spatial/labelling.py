"""Which class each particle belongs to: from a run, a table, or the star's own class column."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.class_names import class_names, noise_of
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.spatial.places import Integers
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.writing import CLASS_COLUMN

MOST_CLASSES = 200  # as every pair of them is counted in every tomogram


@dataclass(frozen=True)
class Labelling:
    """Classes of N particles.

    Attributes
    ----------
    name
        As ``kmeans-4``, that of a file, or of the star's column.
    codes
        (N,) from 0.
    names
        A name for each of the K classes.
    """

    name: str
    codes: Integers
    names: tuple[str, ...]

    @property
    def sizes(self) -> Integers:
        """(K,) particles of each class."""
        return np.bincount(self.codes, minlength=len(self.names)).astype(np.int64)


def labelling_of(
    labels: Mapping[ParticleId, int], ids: tuple[ParticleId, ...], path: Path, name: str, *, some: bool = False
) -> Labelling:
    """Return labels in the order of ``ids``; ``some`` lets them know of further particles.

    Raises
    ------
    InputError
        Where a particle has no label, one that is not there has, or there are too many classes.
    """
    without = [particle for particle in ids if particle not in labels]
    if without:
        tomogram, particle = without[0]
        raise InputError(
            f"{path}: labels {len(labels)} particles, and {len(without)} of the {len(ids)} here have none, first "
            f"{particle} of tomogram {tomogram}; give the labels of these particles, or narrow them by --selection"
        )
    if len(labels) > len(ids) and not some:
        there = set(ids)
        tomogram, particle = next(each for each in labels if each not in there)
        raise InputError(
            f"{path}: labels {len(labels)} particles, but there are {len(ids)}; the first that is not there is "
            f"{particle} of tomogram {tomogram}; give the particles that it labels, or their part by --selection"
        )
    codes = np.array([labels[particle] for particle in ids], dtype=np.int64)
    if codes.max() >= MOST_CLASSES:
        raise InputError(
            f"{path}: has label {codes.max()}; up to {MOST_CLASSES} classes, numbered from 0, are held against one "
            "another, so give coarser labels"
        )
    return Labelling(name, codes, class_names(int(codes.max()) + 1, noise_of(path)))


def read_labelling(path: Path, ids: tuple[ParticleId, ...], *, some: bool = False) -> Labelling:
    """Return the labels of a table (tomogram, particle, label) in the order of ``ids``.

    Raises
    ------
    InputError
        Where it can't be read, or is of other particles.
    """
    return labelling_of(read_labels(path), ids, path, path.stem.removeprefix("labels-"), some=some)


def labels_of_run(folder: AnalysisFolder, given: Path | None, option: str = "--labels") -> Path | None:
    """Return the labels that are meant of an epoch: a file, a labelling's name, or the only ones; else ``None``.

    Raises
    ------
    InputError
        Where it isn't said which of several are meant, or there are no such labels.
    """
    if given is not None:
        return folder.labels_meant(given, option)
    names = folder.labellings()
    if len(names) > 1:
        raise InputError(f"{folder.path}: which classes? give one of these with --labels: {', '.join(names)}")
    return folder.labels(names[0]) if names else None


def class_column(particle_set: ParticleSet, ids: tuple[ParticleId, ...]) -> Labelling | None:
    """Return rlnClassNumber of a star, counted from 0, in the order of ``ids``; ``None`` where it has no such column.

    Raises
    ------
    InputError
        Where a value is no whole number from 1, or the rows of a particle differ.
    """
    source = particle_set.source
    block = source.star.block(source.particles_block)
    if CLASS_COLUMN not in block:
        return None
    own = dict(zip(particle_set.particles["source_particle"].tolist(), particle_set.ids, strict=True))
    labels: dict[ParticleId, int] = {}
    for number, text in zip(source.row_particle.tolist(), block.strings(CLASS_COLUMN).tolist(), strict=True):
        particle = own.get(number)
        if particle is None:
            continue
        if not str(text).isdecimal() or int(text) < 1:
            raise InputError(
                f"{source.path}: {CLASS_COLUMN} of particle {particle[1]} of tomogram {particle[0]} is {text!r}; "
                "expected a whole number from 1"
            )
        if labels.setdefault(particle, int(text) - 1) != int(text) - 1:
            raise InputError(
                f"{source.path}: the rows of particle {particle[1]} of tomogram {particle[0]} differ in "
                f"{CLASS_COLUMN}; give --labels FILE.csv"
            )
    return labelling_of(labels, ids, source.path, CLASS_COLUMN)
