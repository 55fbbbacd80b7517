"""Conformations laid on one another, against turns and names that were given to them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.particles.atoms import Atoms, read_atoms
from napari_tomodrgn.simulation.motion import paired_atoms
from napari_tomodrgn.simulation.superposition import superposed

TURN = Rotation.from_euler("ZYZ", [40, 70, -110], degrees=True)
CHAINS, RESIDUES = "ABCDEF", 40


def subunits(sequences: str, *, swing: float = 0.0) -> Atoms:
    """Six chiral subunits on a ring, each turned about its own axis by ``swing`` degrees; letters name sequences."""
    shape = 6 * np.random.default_rng(1).standard_normal((RESIDUES, 3))
    positions = []
    for number in range(len(CHAINS)):
        own = Rotation.from_euler("x", swing, degrees=True).apply(shape) + np.array([45, 0, 0])
        positions.append(Rotation.from_euler("z", 60 * number, degrees=True).apply(own))
    place = np.tile(np.arange(RESIDUES), len(CHAINS))
    part = np.repeat(np.arange(len(CHAINS)), RESIDUES)
    residues = {"a": "GLY", "b": "ALA"}
    return Atoms(
        position=np.concatenate(positions),
        element=np.full(len(part), "C"),
        occupancy=np.ones(len(part)),
        mass=np.full(len(part), 12.0),
        part=part,
        parts=tuple(("model", chain) for chain in CHAINS),
        residue=(place + 1).astype(str),
        place=place,
        name=np.array([f"{residues[sequences[row]]} CA " for row in part]),
    )


def renamed(atoms: Atoms, names: str) -> Atoms:
    return replace(atoms, parts=tuple(("other", name) for name in names))


def rmsd(first: Atoms, last: Atoms) -> float:
    one, other = paired_atoms(first, last, Path("other.pdb"))
    return float(np.sqrt(((one.position - other.position) ** 2).sum(axis=1).mean()))


@pytest.mark.parametrize(
    ("sequences", "names"),
    [("aaaaaa", "ABCDEF"), ("aaaaaa", "ADFBEC"), ("abbaab", "DCBAEF"), ("aabbaa", "FEDCBA")],
)
def test_turned_moved_and_renamed_complexes_come_back(sequences: str, names: str) -> None:
    first = subunits(sequences)
    last = renamed(replace(first, position=TURN.apply(first.position) + np.array([80, -30, 12])), names)
    assert rmsd(first, superposed(first, last)) < 1e-6


def test_subunits_that_swing_stay_in_their_places() -> None:
    first, last = subunits("aaaaaa"), subunits("aaaaaa", swing=40)
    turned = renamed(replace(last, position=TURN.apply(last.position)), "CFBEAD")
    centred = [each.position - each.position.mean(axis=0) for each in (first, last)]
    least = Rotation.align_vectors(*centred)[1] / np.sqrt(len(first))
    assert rmsd(first, superposed(first, turned)) == pytest.approx(least, rel=1e-6)


def test_names_are_kept_where_they_do_as_well() -> None:
    first = subunits("aaaaaa")
    last = replace(first, position=Rotation.from_euler("z", 120, degrees=True).apply(first.position))
    assert superposed(first, last).parts == first.parts


def test_a_ligand_tells_no_turn() -> None:
    """Of all chains of one sequence, those of a ligand are fewest, and of one residue."""
    first = subunits("aaaaab")
    of_ligand = first.part == 5
    few = ~of_ligand | (first.place == 0)
    first = replace(
        first,
        **{
            name: getattr(first, name)[few]
            for name in ("position", "element", "occupancy", "mass", "part", "residue", "place", "name")
        },
    )
    last = renamed(replace(first, position=TURN.apply(first.position)), "BCDEAF")
    assert rmsd(first, superposed(first, last)) < 1e-6


def test_other_molecules_are_left_as_they_are() -> None:
    first, last = subunits("aaaaaa"), subunits("bbbbbb")
    assert superposed(first, last) is last


def test_chaperonins_are_opened_without_crossing(shared_data: Path) -> None:
    """As they are, the subunits of one ring are named the other way round and lie 61 Å from their own."""
    opened, closed = (read_atoms([shared_data / "mmcpn" / name]) for name in ("3iyf.pdb", "3j03.pdb"))
    laid = superposed(opened, closed)
    assert rmsd(opened, laid) < 17
    assert sorted(chain for _, chain in laid.parts) == sorted(chain for _, chain in opened.parts)
    for part in range(16):  # every subunit stays on its side of both rings
        name = laid.parts[part][1]
        own = opened.position[opened.part == [chain for _, chain in opened.parts].index(name)].mean(axis=0)
        assert np.linalg.norm(laid.position[laid.part == part].mean(axis=0) - own) < 15
