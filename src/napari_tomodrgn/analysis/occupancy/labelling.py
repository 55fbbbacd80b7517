"""Where labels by thresholds are written: among the labellings of a run, or beside a table."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.analysis.occupancy.result import Occupancy
from napari_tomodrgn.analysis.occupancy.thresholds import Labels, Threshold, column_of, threshold_labels
from napari_tomodrgn.files import atomic_open, refuse_existing

_EPOCH = re.compile(r"epoch-(\d{4,})")


@dataclass(frozen=True)
class Labelling:
    """Labels of volumes and where they belong.

    Attributes
    ----------
    occupancy, thresholds, labels
        What was labelled, by what, and how.
    analysis
        The analysis of a run that they are added to as ``labels-NAME-K.csv``; ``None`` where the volumes are no run's.
    name
        ``NAME-K``.
    folder
        Of the files where there is no run.
    of_classes
        The labelling whose class centres were measured; its particles get the label of their class.
    """

    occupancy: Occupancy
    thresholds: tuple[Threshold, ...]
    labels: Labels
    analysis: AnalysisFolder | None
    name: str
    folder: Path
    of_classes: str | None

    def write(self) -> list[Path]:
        """Write labels and what they mean, and return the files."""
        path, meaning = _paths(self.analysis, self.name, self.folder)
        index = self.occupancy.index
        with atomic_open(meaning) as stream:
            json.dump(
                {
                    "labels": list(self.labels.names),
                    "thresholds": [
                        {
                            "part": self.occupancy.parts[column_of(self.occupancy.parts, each.part)],
                            "at_least": each.value,
                        }
                        for each in self.thresholds
                    ],
                    "rows": len(self.occupancy),
                    "of": self.occupancy.unit,
                },
                stream,
                indent=1,
            )
        codes = self.labels.codes
        if self.of_classes is not None and self.analysis is not None:
            of_class = dict(zip(index["label"].astype(int), codes.tolist(), strict=True))
            known = read_labels(self.analysis.labels(self.of_classes))
            ids = [particle for particle, label in known.items() if label in of_class]
            write_labels(path, ids, np.array([of_class[known[particle]] for particle in ids], dtype=np.int64))
        elif "tomogram" in index and self.occupancy.unit == "particle":
            write_labels(path, list(zip(index["tomogram"], index["particle"], strict=True)), codes)
        else:
            with atomic_open(path) as stream:
                writer = csv.writer(stream, lineterminator="\n")
                writer.writerow([*index.columns, "label"])
                writer.writerows((*row, int(code)) for row, code in zip(index.to_numpy(), codes, strict=True))
        return [path, meaning]


@dataclass(frozen=True)
class Target:
    """Thresholds that will be labelled by, and where; whether that may be written has been asked already."""

    thresholds: tuple[Threshold, ...]
    analysis: AnalysisFolder | None
    name: str
    folder: Path
    of_classes: str | None

    def of(self, occupancy: Occupancy) -> Labelling:
        """Return the labels of what was measured."""
        labels = threshold_labels(occupancy, self.thresholds)
        of_classes = self.of_classes or occupancy.facts.get("centres")
        return Labelling(occupancy, self.thresholds, labels, self.analysis, self.name, self.folder, of_classes)


def analysis_of_table(path: Path) -> AnalysisFolder | None:
    """Return the analysis of a run that a table lies in, ``None`` where it lies in none."""
    path = path.absolute()
    if len(path.parents) < 6 or path.parents[1].name != "occupancy" or path.parents[3].name != "analysis":
        return None
    epoch = _EPOCH.fullmatch(path.parents[2].name)
    return AnalysisFolder(path.parents[4], int(epoch[1])) if epoch else None


def labelling_of(
    options: OccupancyOptions,
    parts: Sequence[str],
    thresholds: tuple[Threshold, ...],
    analysis: AnalysisFolder | None,
    folder: Path,
) -> Target | None:
    """Return where labels go, ``None`` without thresholds.

    Raises
    ------
    InputError
        Where a threshold is on a part that isn't there, or the labels exist.
    """
    if not thresholds:
        return None
    for each in thresholds:
        column_of(parts, each.part)
    of_classes = options.centres
    if analysis is None and options.run.suffix.lower() == ".csv" and options.outdir is None:
        analysis = analysis_of_table(options.run)
    name = f"{options.name}-{2 ** len(thresholds)}"
    for path in _paths(analysis, name, folder):
        refuse_existing(path, options.overwrite)
    return Target(thresholds, analysis, name, folder, of_classes)


def _paths(analysis: AnalysisFolder | None, name: str, folder: Path) -> tuple[Path, Path]:
    if analysis is not None:
        return analysis.labels(name), analysis.settings(name)
    return folder / "labels.csv", folder / "labels.json"
