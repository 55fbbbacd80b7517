"""The chains of a fitted model as lines from residue to residue, where volumes are decoded and looked at."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.fitting.placement import read_placement
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import Matrix
from napari_tomodrgn.particles.atoms import Atoms, read_atoms

TRACED = ("CA", "P")  # of proteins and of nucleic acids
LONGEST_STEP = 12.0  # Å from one residue to the next; what is farther has others in between that are not modelled
FIT_FILE = "fit.json"
Line = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chains:
    """Lines of a model.

    Attributes
    ----------
    path
        The fit.
    names
        File and chain of each line.
    lines
        Each (n, 3) x, y, z in Å from voxel D/2 of volumes as they are decoded.
    """

    path: Path
    names: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def numbers(self) -> list[int]:
        """Of each line the number of its chain, as lines of one chain have one colour."""
        order = list(dict.fromkeys(self.names))
        return [order.index(name) for name in self.names]

    def seen(self, turn: Matrix, box: int, pixel_size: float, scale: float) -> tuple[Line, ...]:
        """Return each line (n, 3) in the picture of a surface: column, row, from its corner, and how near, in px.

        Parameters
        ----------
        turn
            (3, 3), acts on x, y, z.
        box, pixel_size
            px and Å of the volume; the picture has scale × box px a side.
        """
        # a picture begins at the middle of voxel 0; its rows go down, y of a volume goes up
        turned = [scale * (line @ turn.T / pixel_size + box // 2) for line in self.lines]
        return tuple(np.stack([at[:, 0], scale * box - at[:, 1], at[:, 2]], axis=1) for at in turned)


def read_chains(fit: Path, map_hand: str = "keep") -> Chains:
    """Return the chains of the model that ``fit`` put into a map.

    Parameters
    ----------
    fit
        fit.json, which names the model's files.
    map_hand
        Of the run: where it is ``"flip"``, maps are written mirrored along z, and looked at as they are decoded.

    Raises
    ------
    InputError
        Where it is no fit, or its model can't be read or has no residues to be traced.
    """
    placement = read_placement(fit)
    try:
        files = [Path(each) for each in json.loads(fit.read_text(encoding="utf-8"))["model"]]
    except (KeyError, TypeError) as error:
        raise InputError(f"{fit}: does not name its model; fit it again (`napari-tomodrgn fit`)") from error
    atoms = read_atoms(files)
    kept = np.array([name.split()[1] in TRACED for name in atoms.name.tolist()])
    if not kept.any():
        raise InputError(f"{fit}: its model has no residues with a CA or P atom, so there is no chain to draw")
    atoms = atoms.take(kept)
    places = atoms.position @ placement.rotation.T + placement.shift
    if (placement.hand == "flip") != (map_hand == "flip"):
        places[:, 2] *= -1
    names, lines = [], []
    for part, line in _pieces(atoms, places):
        names.append(":".join(atoms.parts[part]))
        lines.append(line)
    return Chains(fit, tuple(names), tuple(lines))


def _pieces(atoms: Atoms, places: Line) -> list[tuple[int, Line]]:
    """Return the lines of each part, cut where residues are missing; one atom a residue, the first."""
    found = []
    for part in np.unique(atoms.part).tolist():
        rows = np.flatnonzero(atoms.part == part)
        _, first = np.unique(atoms.place[rows], return_index=True)
        line = places[rows[np.sort(first)]]
        far = np.flatnonzero(np.linalg.norm(np.diff(line, axis=0), axis=1) > LONGEST_STEP) + 1
        found += [(part, piece) for piece in np.split(line, far) if len(piece) > 1]
    return found
