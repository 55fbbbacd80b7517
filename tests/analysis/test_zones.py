"""Zones around chains against distances of every voxel to every atom."""

from dataclasses import replace
from pathlib import Path

import gemmi
import numpy as np
import pytest
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.fitting.placement import Placement
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.zones import EDGE, zone, zone_of_model
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import read_atoms
from napari_tomodrgn.particles.maps import read_map

FRAME = Frame(32, 5.0)


def distances(positions: np.ndarray) -> np.ndarray:
    z, y, x = np.mgrid[:32, :32, :32] * 5.0
    nearest = np.full((32, 32, 32), np.inf)
    for atom_x, atom_y, atom_z in positions:
        nearest = np.minimum(nearest, (x - atom_x) ** 2 + (y - atom_y) ** 2 + (z - atom_z) ** 2)
    return np.sqrt(nearest)


def by_brute_force(positions: np.ndarray, radius: float) -> np.ndarray:
    return distances(positions) <= radius


@pytest.mark.parametrize("radius", [3.0, 10.0, 40.0])
def test_a_zone_holds_the_voxels_near_its_chains(four_chains: Path, radius: float) -> None:
    atoms = read_atoms([four_chains])
    found = zone(atoms, FRAME, radius, parts=("A,D",))
    np.testing.assert_array_equal(found, by_brute_force(atoms.position[np.isin(atoms.part, [0, 3])], radius))
    assert 0 < found.sum() < found.size


def test_its_edge_is_half_a_period_of_a_cosine(four_chains: Path) -> None:
    atoms = read_atoms([four_chains])
    found = zone(atoms, FRAME, 8.0, edge=12.0, parts=("B",))
    apart = distances(atoms.position[atoms.part == 1])
    expected = np.select([apart <= 8, apart < 20], [1, (1 + np.cos(np.pi * (apart - 8) / 12)) / 2], 0)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert ((found > 0.1) & (found < 0.9)).sum() > 100


def test_a_zone_of_the_50s_holds_what_a_search_from_its_atoms_finds(shared_data: Path) -> None:
    """Two proteins and the 5S RNA; the model lies in these maps as it is."""
    found, radius = read_map(shared_data / "50S" / "vol_385.mrc"), 8.0
    files = [shared_data / "50S" / f"{name}.pdb" for name in ("prots1", "RNA_5S")]
    frame = Frame(found.box, found.pixel_size)
    kept = zone_of_model(files, frame, radius, parts=("prots1:N,prots1:E", "RNA_5S"))

    near, nearly = np.zeros((2, found.values.size), dtype=bool)
    voxels = KDTree(np.indices(found.values.shape).reshape(3, -1).T[:, ::-1] * found.pixel_size)
    for file, chains in zip(files, ("NE", None), strict=True):
        for chain in gemmi.read_structure(str(file))[0]:
            if chains is None or chain.name in chains:
                atoms = np.array([atom.pos.tolist() for residue in chain for atom in residue])
                near[np.concatenate(voxels.query_ball_point(atoms, radius))] = True
                nearly[np.concatenate(voxels.query_ball_point(atoms, radius + EDGE * found.pixel_size))] = True

    assert 500 < near.sum() < nearly.sum() < 0.2 * near.size
    assert (kept.ravel()[near] == 1).all()
    assert (kept.ravel()[~nearly] == 0).all()
    values = found.values.clip(0).ravel()
    assert values[near].sum() <= (values * kept.ravel()).sum() <= values[nearly].sum()


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
    one = replace(atoms, position=np.full_like(atoms.position, 52.5))
    with pytest.raises(InputError, match=r"no voxel of the maps of 32³ voxels of 5 Å is within 1 Å"):
        zone(one, FRAME, 1.0)
    with pytest.raises(
        InputError,
        match=r"600 of 600 atoms lie outside the maps of 32³ voxels of 5 Å, the first in four:A; fit the model",
    ):
        zone(replace(atoms, position=atoms.position + 1000), FRAME, 5.0)
