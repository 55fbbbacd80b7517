"""A motion from one conformation to another: the same atoms in both files, moved along straight lines."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import Atoms

LEAST_SHARE = 0.9  # of the atoms of either end that the other must have, too

Key = tuple[str, str, str]


def paired_atoms(first: Atoms, last: Atoms, last_path: Path) -> tuple[Atoms, Atoms]:
    """Return the atoms that both conformations have, in one order.

    Atoms are the same where chain, residue and names (residue, atom, alternate location) are. A residue is known by its
    number, or, where that pairs fewer atoms, by its place in the chain: some files number on from chain to chain.

    Raises
    ------
    InputError
        Where fewer than 90 % of the atoms of either conformation are in the other.
    """
    pairs = max((_pairs(first, last, by_place=by_place) for by_place in (False, True)), key=len)
    share = len(pairs) / max(len(first), len(last))
    if share < LEAST_SHARE:
        raise InputError(
            f"{last_path}: only {share:.0%} of its atoms and the model's are the same (chain, residue and atom name); "
            f"give two conformations that share at least {LEAST_SHARE:.0%}"
        )
    return _taken(first, pairs[:, 0]), _taken(last, pairs[:, 1])


def moved(first: Atoms, last: Atoms, coordinate: float) -> Atoms:
    """Return paired atoms at a coordinate from 0 (first) to 1 (last)."""
    return replace(first, position=(1 - coordinate) * first.position + coordinate * last.position)


def _pairs(first: Atoms, last: Atoms, *, by_place: bool) -> npt.NDArray[np.int64]:
    """Return (pairs, 2) rows of the same atoms."""
    row_of = {key: row for row, key in enumerate(_keys(last, by_place=by_place))}
    keys = _keys(first, by_place=by_place)
    found = [(row, row_of[key]) for row, key in enumerate(keys) if key in row_of]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _keys(atoms: Atoms, *, by_place: bool) -> list[Key]:
    residues = (atoms.place if by_place else atoms.residue).tolist()
    chains = [atoms.parts[part][1] for part in atoms.part]
    return [(chain, str(residue), name) for chain, residue, name in zip(chains, residues, atoms.name, strict=True)]


def _taken(atoms: Atoms, rows: npt.NDArray[np.int64]) -> Atoms:
    arrays = ("position", "element", "occupancy", "mass", "part", "residue", "place", "name")
    return replace(atoms, **{name: getattr(atoms, name)[rows] for name in arrays})
