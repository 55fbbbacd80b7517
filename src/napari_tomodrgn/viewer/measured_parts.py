"""Tables of occupancies of an open run, as particles have them. No Qt."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import Classes, Columns
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.occupancy.result import TABLE, Occupancy, read_occupancy
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class MeasuredParts:
    """A table of occupancies.

    Attributes
    ----------
    name
        Of its folder.
    path
        Its file.
    occupancy
        What is in it, a row a particle or a class centre.
    rows
        (N,) the row of each particle of the open set, -1 where it has none.
    written
        When the file was written, ns.
    """

    name: str
    path: Path
    occupancy: Occupancy
    rows: Rows
    written: int

    @property
    def fresh(self) -> bool:
        """Whether its file is as it was when it was read."""
        return self.path.is_file() and self.path.stat().st_mtime_ns == self.written

    def of_particles(self, values: npt.NDArray[np.float64]) -> Floats:
        """Return values of the table's rows (n,) by particle (N,), NaN where one has none."""
        return np.where(self.rows >= 0, values[self.rows], np.nan)

    def codes_of_particles(self, codes: Rows) -> Rows:
        """Return codes of the table's rows (n,) by particle (N,), -1 where one has none."""
        return np.where(self.rows >= 0, codes[self.rows], -1)

    def column(self, part: str) -> str:
        """Return the name of the session's column that holds the occupancies of a part."""
        return f"{self.name} {part.replace('_', ' ')}"


def measured_names(folder: AnalysisFolder) -> list[str]:
    """Return the names of the tables of occupancies that are in the folder."""
    return sorted(path.parent.name for path in folder.path.glob(f"occupancy/*/{TABLE}"))


def read_measured(folder: AnalysisFolder, name: str, row_of: dict[ParticleId, int], columns: Columns) -> MeasuredParts:
    """Read a table of occupancies.

    Parameters
    ----------
    row_of
        The row of each particle of the open set.
    columns
        What is known of them: where class centres were measured, the classes are among it.

    Raises
    ------
    InputError
        Where it can't be read, or is of other particles or classes.
    """
    path = folder.occupancy(name) / TABLE
    written = path.stat().st_mtime_ns if path.is_file() else 0
    found = read_occupancy(path)
    rows = np.full(len(row_of), -1, dtype=np.int64)
    if found.unit == "class":
        labelling = str(found.facts.get("centres") or "")
        classes = columns.get(labelling)
        if not isinstance(classes, Classes):
            raise InputError(f"{path}: is of the class centres of {labelling}, which is gone; measure again")
        for row, label in enumerate(found.index["label"].astype(int)):
            rows[classes.codes == label] = row
    else:
        for row, particle in enumerate(zip(found.index["tomogram"], found.index["particle"], strict=True)):
            at = row_of.get(particle)
            if at is not None:
                rows[at] = row
    if not (rows >= 0).any():
        raise InputError(f"{path}: is of none of the open particles; measure again")
    return MeasuredParts(name, path, found, rows, written)
