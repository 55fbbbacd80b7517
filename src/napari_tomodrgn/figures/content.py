"""What the figures of one labelling are drawn from, read from a run's folders."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.class_names import class_names
from napari_tomodrgn.analysis.column_likeness import read_columns
from napari_tomodrgn.analysis.comparison import Comparison, read_comparison
from napari_tomodrgn.analysis.composition import composition
from napari_tomodrgn.analysis.folder import AnalysisFolder, Embedding, read_centres, read_labels
from napari_tomodrgn.analysis.seed_agreement import SeedAgreement, read_agreements
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.runs.run import Run


@dataclass(frozen=True)
class Content:
    """One labelling of one epoch.

    Attributes
    ----------
    labels
        (N,) class of each particle of the embedding, from 0.
    centres
        One row a class: label, tomogram, particle, particles, latent.
    centre_rows
        (K,) row of the particle that stands for each class.
    volumes
        (K, d, d, d) float32, or ``None`` where no class volumes were decoded.
    comparison
        FSC and correlation of every pair of class volumes; ``None`` without volumes.
    seeds
        How alike the classes of other seeds are, a number of classes each; ``None`` where that was not asked.
    columns
        Columns of the star (N,) to hold against the latents, by name; ``None`` where none were asked for.
    """

    name: str
    epoch: int
    embedding: Embedding
    labels: npt.NDArray[np.int64]
    centres: pd.DataFrame
    centre_rows: npt.NDArray[np.int64]
    composition: pd.DataFrame
    metrics: pd.DataFrame
    settings: dict[str, Any]
    volumes: npt.NDArray[np.float32] | None
    pixel_size: float
    comparison: Comparison | None
    seeds: tuple[SeedAgreement, ...] | None = None
    columns: dict[str, npt.NDArray[np.float64]] | None = None

    @property
    def title(self) -> str:
        """How many classes there are, and by which method."""
        method = {"kmeans": "k-means", "gmm": "Gaussian mixture", "hdbscan": "HDBSCAN"}[self.name.rsplit("-", 1)[0]]
        if self.noise is None:
            return f"{self.classes} classes by {method}"
        return f"{self.classes - 1} classes and noise by {method}"

    @property
    def how(self) -> str:
        """What the classes hang on besides their number."""
        if "smallest" in self.settings:
            return f"{self.settings['smallest']} particles or more each"
        return f"seed {self.settings['seed']}"

    @property
    def noise(self) -> int | None:
        """The class of the particles that are in none by the method, ``None`` where there is no such."""
        return self.settings.get("noise")

    def class_name(self, label: int) -> str:
        """Return what a class is called beside its colour."""
        return self.names[label].removeprefix("class ")

    @property
    def names(self) -> tuple[str, ...]:
        """K names of the classes, where nothing else says that they are classes."""
        return class_names(self.classes, self.noise)

    @property
    def classes(self) -> int:
        """Number of classes, K."""
        return len(self.centres)

    @property
    def sizes(self) -> npt.NDArray[np.int64]:
        """(K,) number of particles in each class."""
        return np.bincount(self.labels, minlength=self.classes).astype(np.int64)

    def at_nyquist(self, frequency: float) -> bool:
        """Whether a frequency in 1/Å is that of two voxels of the class volumes."""
        return abs(2 * self.pixel_size * frequency - 1) < 1e-3


def read_content(folder: AnalysisFolder, labelling: str) -> Content:
    """Read one labelling of an analysis folder.

    Raises
    ------
    InputError
        Where a table cannot be read, or tables are of different particles or numbers of classes.
    """
    embedding = Embedding.load(folder.embedding)
    centres = read_centres(folder.centres(labelling))
    labels = _labels(folder.labels(labelling), embedding, len(centres))
    row_of = {particle: row for row, particle in enumerate(embedding.ids)}
    rows = [row_of[pair] for pair in zip(centres["tomogram"], centres["particle"], strict=True)]
    volumes, pixel_size = _read_volumes(folder.volumes(labelling), len(centres))
    return Content(
        name=labelling,
        epoch=folder.epoch,
        embedding=embedding,
        labels=labels,
        centres=centres,
        centre_rows=np.array(rows, dtype=np.int64),
        composition=composition(labels, [tomogram for tomogram, _ in embedding.ids], len(centres)),
        metrics=Run(folder.run, {}).metrics(),
        settings=json.loads(folder.settings(labelling).read_text(encoding="utf-8")),
        volumes=volumes,
        pixel_size=pixel_size,
        comparison=None if volumes is None else read_comparison(folder.volumes(labelling)),
        seeds=tuple(read_agreements(seeds)) if (seeds := folder.seeds(labelling)).is_file() else None,
        columns=read_columns(columns, embedding.ids) if (columns := folder.columns(labelling)).is_file() else None,
    )


def _labels(path: Path, embedding: Embedding, classes: int) -> npt.NDArray[np.int64]:
    """Return the labels (N,) in the order of the embedding, which has to be of the same particles."""
    label_of = read_labels(path)
    if label_of.keys() != set(embedding.ids):
        raise InputError(
            f"{path}: labels {len(label_of)} particles, but not the {len(embedding.ids)} of the embedding beside it; "
            "run `napari-tomodrgn analyze --overwrite`"
        )
    labels = np.array([label_of[particle] for particle in embedding.ids], dtype=np.int64)
    if labels.max() >= classes:
        raise InputError(
            f"{path}: has label {labels.max()}, and the table of centres beside it has {classes} classes; "
            "run `napari-tomodrgn analyze --overwrite`"
        )
    return labels


def _read_volumes(folder: Path, classes: int) -> tuple[npt.NDArray[np.float32] | None, float]:
    """Return the class volumes (K, d, d, d) and their pixel size, or ``None`` where they were left out."""
    paths = [folder / f"vol_{number:03d}.mrc" for number in range(classes)]
    if not all(path.is_file() for path in paths):
        return None, float("nan")
    maps = [read_map(path) for path in paths]
    return np.stack([each.values for each in maps]), maps[0].pixel_size
