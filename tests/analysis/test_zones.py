"""Zones around chains against distances of every voxel to every atom."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.fitting.placement import Placement
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.zones import zone
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import read_atoms

FRAME = Frame(32, 5.0)


def by_brute_force(positions: np.ndarray, radius: float) -> np.ndarray:
    z, y, x = np.mgrid[:32, :32, :32] * 5.0
    nearest = np.full((32, 32, 32), np.inf)
    for atom_x, atom_y, atom_z in positions:
        nearest = np.minimum(nearest, (x - atom_x) ** 2 + (y - atom_y) ** 2 + (z - atom_z) ** 2)
    return np.sqrt(nearest) <= radius


@pytest.mark.parametrize("radius", [3.0, 10.0, 40.0])
def test_a_zone_holds_the_voxels_near_its_chains(four_chains: Path, radius: float) -> None:
    atoms = read_atoms([four_chains])
    found = zone(atoms, FRAME, radius, parts=("A,D",))
    np.testing.assert_array_equal(found, by_brute_force(atoms.position[np.isin(atoms.part, [0, 3])], radius))
    assert found.any()
    assert not found.all()


def test_a_zone_lies_where_the_model_was_placed(four_chains: Path) -> None:
    """A model that was turned and fits the mirrored map: the zone is where its atoms are in the map as it is."""
    atoms = read_atoms([four_chains])
    turn = Rotation.from_euler("xyz", [20, -50, 110], degrees=True).as_matrix()
    placement = Placement(turn, -turn @ np.full(3, 80.0) + np.array([5.0, -10.0, 12.0]), "flip")
    moved = (atoms.position - 80) @ turn.T + np.array([5.0, -10.0, 12.0]) + 80
    mirrored = moved * [1, 1, -1] + [0, 0, 160]  # along z about voxel 16
    np.testing.assert_array_equal(zone(atoms, FRAME, 8.0, placement=placement), by_brute_force(mirrored, 8.0))


def test_zones_that_can_not_be_are_refused(four_chains: Path) -> None:
    atoms = read_atoms([four_chains])
    with pytest.raises(InputError, match=r"there is no such part; there are four:A,B,C,D"):
        zone(atoms, FRAME, 5.0, parts=("E",))
    with pytest.raises(InputError, match=r"its radius is -1 Å"):
        zone(atoms, FRAME, -1)
    with pytest.raises(InputError, match=r"no voxel of the maps of 32³ voxels of 5 Å is within 5 Å"):
        zone(replace(atoms, position=atoms.position + 1000), FRAME, 5.0)
