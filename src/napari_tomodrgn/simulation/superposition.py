"""Lay one conformation of a complex on another: turn it, and name like chains by the places where they lie."""

import logging
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.atoms import Atoms

ROUNDS = 20
FEWEST_RESIDUES = 3  # of a chain, to tell how it is turned
SAME = 0.1  # Å of RMSD within which two ways of pairing chains are as good
log = logging.getLogger("napari_tomodrgn")

Points = npt.NDArray[np.float64]
Sequence = tuple[str, ...]


@dataclass(frozen=True)
class _Chain:
    """The residues of a chain: their names, and the position (n, 3) of the first atom of each."""

    sequence: Sequence
    points: Points


def superposed(first: Atoms, last: Atoms) -> Atoms:
    """Return the last conformation laid on the first one, with least squares over the first atom of every residue.

    Chains of one sequence may be named in another order than in the first conformation (rings of equal subunits often
    are): each gets the name of the chain that it comes to lie on. Chains that the other file has no like of stay as
    they are, and where there are none at all, nothing is changed: pairing the atoms says so then.
    """
    fixed, moving = _chains(first), _chains(last)
    pairing = {name: name for name in moving if name in fixed and fixed[name].sequence == moving[name].sequence}
    starts = [pairing] if pairing else []
    groups = _like_chains(fixed, moving)
    long = [group for group in groups if len(fixed[group[0][0]].points) >= FEWEST_RESIDUES]
    if long:
        mine, theirs = min(long, key=lambda group: len(group[0]))  # the fewest ways to begin
        starts += [{other: mine[0]} for other in theirs]
    if not starts:
        return last
    found = [_settled(fixed, moving, groups, start) for start in starts]
    least = min(rmsd for rmsd, _ in found)
    rmsd, pairing = next((rmsd, pairs) for rmsd, pairs in sorted(found, key=_kept) if rmsd <= least + SAME)
    rotation, before, after = _laid_on(fixed, moving, pairing)
    renamed = {name: pairing[name] for name in pairing if pairing[name] != name}
    log.info(
        "the other conformation was turned by %.0f° onto the model (RMSD %.1f Å)%s",
        np.rad2deg(Rotation.from_matrix(rotation).magnitude()),
        rmsd,
        f"; {len(renamed)} chains lie where the model's have other names" if renamed else "",
    )
    return replace(
        last,
        position=(last.position - before) @ rotation.T + after,
        parts=tuple((stem, renamed.get(chain, chain)) for stem, chain in last.parts),
    )


def _kept(found: tuple[float, dict[str, str]]) -> int:
    """Sort pairings by how many chains keep their name, most first."""
    return -sum(mine == theirs for theirs, mine in found[1].items())


def _chains(atoms: Atoms) -> dict[str, _Chain]:
    chains = {}
    for row, (_, name) in enumerate(atoms.parts):
        own = np.flatnonzero(atoms.part == row)
        firsts = own[np.unique(atoms.place[own], return_index=True)[1]]
        sequence = tuple(each.split()[0] for each in atoms.name[firsts].tolist())
        chains[name] = _Chain(sequence, atoms.position[firsts])
    return chains


def _like_chains(fixed: dict[str, _Chain], moving: dict[str, _Chain]) -> list[tuple[list[str], list[str]]]:
    """Return the names of chains of one sequence, of which there are as many in both conformations."""
    groups: dict[Sequence, tuple[list[str], list[str]]] = defaultdict(lambda: ([], []))
    for side, chains in enumerate((fixed, moving)):
        for name, chain in chains.items():
            groups[chain.sequence][side].append(name)
    return [group for group in groups.values() if len(group[0]) == len(group[1])]


def _settled(
    fixed: dict[str, _Chain],
    moving: dict[str, _Chain],
    groups: list[tuple[list[str], list[str]]],
    pairing: dict[str, str],
) -> tuple[float, dict[str, str]]:
    """Turn and pair in turn until no pair changes; return the RMSD in Å and the name each chain of ``moving`` gets."""
    for _ in range(ROUNDS):
        rotation, before, after = _laid_on(fixed, moving, pairing)
        paired: dict[str, str] = {}
        for mine, theirs in groups:
            moved = [(moving[name].points - before) @ rotation.T + after for name in theirs]
            distance = [[((fixed[name].points - points) ** 2).sum(axis=1).mean() for name in mine] for points in moved]
            paired |= {theirs[row]: mine[column] for row, column in zip(*linear_sum_assignment(distance), strict=True)}
        if not paired or paired == pairing:
            break
        pairing = paired
    rotation, before, after = _laid_on(fixed, moving, pairing)
    squared = [
        (((moving[theirs].points - before) @ rotation.T + after - fixed[mine].points) ** 2).sum(axis=1)
        for theirs, mine in pairing.items()
    ]
    return float(np.sqrt(np.concatenate(squared).mean())), pairing


def _laid_on(
    fixed: dict[str, _Chain], moving: dict[str, _Chain], pairing: dict[str, str]
) -> tuple[Points, Points, Points]:
    """Return the rotation (3, 3) that lays paired chains on one another, and the centres (3,) before and after."""
    theirs = np.concatenate([moving[name].points for name in pairing])
    mine = np.concatenate([fixed[name].points for name in pairing.values()])
    before, after = theirs.mean(axis=0), mine.mean(axis=0)
    rotation, _ = Rotation.align_vectors(mine - after, theirs - before)
    return rotation.as_matrix(), before, after
