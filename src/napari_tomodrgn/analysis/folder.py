"""The analysis folder of a run: ``RUN/analysis/epoch-NNNN/`` with embeddings, labels and class centres."""

import csv
import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.clusters import SeededMethod
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.particle_table import read_particle_table, refuse_twice

LABEL_COLUMNS = ("tomogram", "particle", "label")
_EPOCH = re.compile(r"epoch-(\d{4,})")
_LABELLING_FILE = re.compile(r"labels-([a-z]+)-(\d+)\.csv")


@dataclass(frozen=True)
class Embedding:
    """Coordinates of particles in the latent space's pictures.

    Attributes
    ----------
    ids
        N particle ids, in the order of the rows.
    pca
        (N, C) float32.
    umap
        (N, 2) float32, or ``None`` where it was left out.
    explained_variance
        (C,) float32, share of each principal component.
    """

    ids: tuple[ParticleId, ...]
    pca: npt.NDArray[np.float32]
    umap: npt.NDArray[np.float32] | None
    explained_variance: npt.NDArray[np.float32]

    def save(self, path: Path) -> None:
        """Write the embedding as npz; names are fixed-width unicode, so it opens without pickles."""
        arrays = {
            "particle_tomogram": np.array([tomogram for tomogram, _ in self.ids], dtype=np.str_),
            "particle_name": np.array([name for _, name in self.ids], dtype=np.str_),
            "pca": self.pca,
            "explained_variance": self.explained_variance,
        }
        if self.umap is not None:
            arrays["umap"] = self.umap
        with atomic_open(path, "wb") as stream:
            np.savez(stream, allow_pickle=False, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Embedding":
        """Read an embedding written by :meth:`save`."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                ids = zip(stored["particle_tomogram"].tolist(), stored["particle_name"].tolist(), strict=True)
                umap = stored.get("umap")
                return cls(tuple(ids), stored["pca"], umap, stored["explained_variance"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(f"{path}: is not a readable embedding ({error}); run `napari-tomodrgn analyze`") from error


@dataclass(frozen=True)
class AnalysisFolder:
    """Where the analysis of one epoch of a run lies, and what is in it."""

    run: Path
    epoch: int

    @property
    def path(self) -> Path:
        """``RUN/analysis/epoch-NNNN``."""
        return self.run / "analysis" / f"epoch-{self.epoch:04d}"

    @property
    def embedding(self) -> Path:
        """The file of the embedding."""
        return self.path / "embedding.npz"

    @property
    def losses(self) -> Path:
        """The table of particles' losses, where they were measured."""
        return self.path / "losses.csv"

    @property
    def calibration(self) -> Path:
        """The file that says how posterior widths compare with what half the tilts say."""
        return self.path / "calibration.json"

    @property
    def report(self) -> Path:
        """The report, one page for all labellings of the epoch."""
        return self.path / "report.html"

    def labels(self, labelling: str) -> Path:
        """Return the file of the labels of a labelling such as ``kmeans-4``."""
        return self.path / f"labels-{labelling}.csv"

    def labels_meant(self, given: Path, option: str = "--labels") -> Path:
        """Return the file of labels that a user means by a path or by the name of one of the labellings.

        Raises
        ------
        InputError
            Where there is no such labelling, and no such file.
        """
        if str(given) in self.labellings() or self.labels(str(given)).is_file():
            return self.labels(str(given))
        if not given.exists() and given.suffix != ".csv":
            there = ", ".join(self.labellings()) or "none"
            epoch = option.replace("labels", "epoch") if "labels" in option else "--epoch"
            advice = self.elsewhere(str(given), epoch) or "give one of them or a .csv"
            raise InputError(
                f"{option} {given}: is no labelling of epoch {self.epoch} of {self.run} (there are: {there}) and no "
                f"file; {advice}"
            )
        return given

    def others(self) -> list["AnalysisFolder"]:
        """Return the folders of the other epochs of the run that were analysed, the latest first."""
        found = (_EPOCH.fullmatch(path.name) for path in self.path.parent.glob("epoch-*"))
        epochs = {int(match[1]) for match in found if match} - {self.epoch}
        return [AnalysisFolder(self.run, epoch) for epoch in sorted(epochs, reverse=True)]

    def elsewhere(self, labelling: str | None = None, option: str = "--epoch") -> str:
        """Say which other epochs have a labelling, or any, and the option to give; empty where none has."""
        has = {each.epoch: each.labellings() for each in self.others()}
        epochs = [epoch for epoch, names in has.items() if (labelling in names if labelling else names)]
        what = labelling or ("" if not epochs else ", ".join(has[epochs[0]]))
        return epochs_text(epochs, what, option)

    def centres(self, labelling: str) -> Path:
        """Return the file of the class centres of a labelling."""
        return self.path / f"centres-{labelling}.csv"

    def evidence(self, labelling: str) -> Path:
        """Return the file of the particles' evidence for their labels."""
        return self.path / f"evidence-{labelling}.csv"

    def evidences(self) -> dict[str, Path]:
        """Return the files of evidence that are there, by labelling."""
        return {path.stem.removeprefix("evidence-"): path for path in sorted(self.path.glob("evidence-*.csv"))}

    def settings(self, labelling: str) -> Path:
        """Return the file of the settings that a labelling was made with."""
        return self.path / f"settings-{labelling}.json"

    def seeds(self, labelling: str) -> Path:
        """Return the table of how alike the classes of other seeds are, where they were found."""
        return self.path / f"seeds-{labelling}.csv"

    def columns(self, labelling: str) -> Path:
        """Return the table of the star's columns that were held against the latents with a labelling."""
        return self.path / f"columns-{labelling}.csv"

    def column_correlations(self, labelling: str) -> Path:
        """Return the table of their correlations with the principal components."""
        return self.path / f"column-correlations-{labelling}.csv"

    def figures(self, labelling: str) -> Path:
        """Return the folder of the figures of a labelling."""
        return self.path / "figures" / labelling

    def neighbours(self, name: str) -> Path:
        """Return the folder of what was found about the neighbours of particles."""
        return self.path / "neighbours" / name

    def neighbour_tables(self) -> list[Path]:
        """Return the tables of particles' neighbours that are there, by name."""
        return sorted(self.path.glob("neighbours/*/neighbours.csv"))

    def ensemble(self, name: str) -> Path:
        """Return the folder of what was found of every particle's volume."""
        return self.path / "ensemble" / name

    def ensembles(self) -> list[Path]:
        """Return the tables of ensembles of volumes that are there, by name."""
        return sorted(self.path.glob("ensemble/*/ensemble.csv"))

    def volumes(self, labelling: str) -> Path:
        """Return the folder of the class volumes of a labelling."""
        return self.run / "volumes" / f"epoch-{self.epoch:04d}" / labelling

    def occupancy(self, name: str) -> Path:
        """Return the folder of a measurement of occupancies."""
        return self.path / "occupancy" / name

    def occupancies(self) -> dict[str, Path]:
        """Return the tables of occupancies in the folder that have a row a particle, by name."""
        found = {}
        for path in sorted(self.path.glob("occupancy/*/occupancy.csv")):
            with suppress(OSError, UnicodeDecodeError), open(path, encoding="utf-8") as stream:
                if stream.readline().startswith("tomogram,particle,"):
                    found[path.parent.name] = path
        return found

    def labellings(self) -> list[str]:
        """Return the labellings in the folder, ``METHOD-K``, by method and number (of classes, or that names them)."""
        found = (_LABELLING_FILE.fullmatch(path.name) for path in self.path.glob("labels-*.csv"))
        keys = sorted((match[1], int(match[2])) for match in found if match)
        return [f"{method}-{classes}" for method, classes in keys]


def epochs_text(epochs: Sequence[int], what: str, option: str = "--epoch") -> str:
    """Say which epochs, the one to take first, have what is asked for, and the option to give; empty of none."""
    if not epochs:
        return ""
    many = f"epochs {', '.join(map(str, epochs))} have" if len(epochs) > 1 else f"epoch {epochs[0]} has"
    return f"{many} {what}, so give {option} {epochs[0]}"


def method_of(labelling: str) -> SeededMethod | None:
    """Return the method that found the K classes of a labelling, ``METHOD-K``; ``None`` where no other seed finds K."""
    method = labelling.rsplit("-", 1)[0]
    return cast(SeededMethod, method) if method in get_args(SeededMethod) else None


def write_labels(path: Path, ids: Sequence[ParticleId], labels: npt.NDArray[np.integer]) -> None:
    """Write labels (N,), from 0, as a table with the columns tomogram, particle and label."""
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(LABEL_COLUMNS)
        writer.writerows((*particle, int(label)) for particle, label in zip(ids, labels, strict=True))


def read_labels(path: Path) -> dict[ParticleId, int]:
    """Return the label of each particle, in file order, from a table written by :func:`write_labels`.

    Raises
    ------
    InputError
        Where the file is missing, lacks a column, labels nothing, or has a label that is no number or a particle twice.
    """
    ids, labels = [], []
    for number, (particle, row) in enumerate(read_particle_table(path, required=("label",)), start=2):
        if not row["label"].strip().isdecimal():
            raise InputError(f"{path}, line {number}: label is {row['label']!r}; expected a whole number from 0")
        ids.append(particle)
        labels.append(int(row["label"]))
    if not ids:
        raise InputError(f"{path}: labels no particle; give a table with a row for each")
    refuse_twice(path, ids)
    return dict(zip(ids, labels, strict=True))


def write_centres(path: Path, ids: Sequence[ParticleId], sizes: npt.NDArray[np.integer], z: npt.ArrayLike) -> None:
    """Write class centres: label, the particle standing for the class, the class's size, and that latent (K, z)."""
    latents = np.asarray(z, dtype=np.float32)
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["label", "tomogram", "particle", "particles", *(f"z{i}" for i in range(latents.shape[1]))])
        for label, (particle, size, row) in enumerate(zip(ids, sizes, latents, strict=True)):
            writer.writerow([label, *particle, int(size), *(f"{value:.7g}" for value in row)])


def read_centres(path: Path) -> pd.DataFrame:
    """Return the class centres: label, tomogram and particle as text, particles, z0, z1 and so on."""
    try:
        return pd.read_csv(path, dtype={"tomogram": str, "particle": str}, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable table of class centres; run `napari-tomodrgn analyze`") from error


def read_calibration_factor(path: Path) -> float | None:
    """Return what posterior widths have to be multiplied by, from a ``calibration.json``.

    ``None`` where they don't tell which particles are uncertain.

    Raises
    ------
    InputError
        Where it can't be read.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return float(document["factor"]) if document["tells_particles_apart"] else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: is no readable calibration ({error}); run `napari-tomodrgn calibrate`") from error
