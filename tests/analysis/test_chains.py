"""Chains and dimers that were planted, and which way they wind, held against scipy's geometry."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.spatial.chains import ChainRule, Chains, find_chains
from napari_tomodrgn.analysis.spatial.handedness import handedness, torsions
from napari_tomodrgn.analysis.spatial.places import Places
from napari_tomodrgn.simulation.neighbourhoods import (
    BEFORE,
    NEXT,
    chains_among_others,
    dimers_among_others,
    tomograms_of,
)


def recall_precision(found: Chains, planted: set[tuple[int, int]]) -> tuple[float, float]:
    pairs = {tuple(edge) for edge in found.edges.tolist()}
    return len(pairs & planted) / len(planted), len(pairs & planted) / len(pairs)


RULE = ChainRule(NEXT, BEFORE, 35.0, 150.0, 310.0)


@pytest.mark.parametrize("seed", range(3))
def test_planted_chains_are_found_and_no_others(seed: int) -> None:
    where, planted = chains_among_others(seed, [2, 3, 5, 8, 12, 4], alone=60)

    recall, precision = recall_precision(find_chains(where, RULE), planted)

    assert recall >= 0.95
    assert precision >= 0.95


@pytest.mark.parametrize("seed", range(3))
def test_planted_dimers_are_found_and_no_others(seed: int) -> None:
    where, planted = dimers_among_others(seed, 30, alone=30)

    found = find_chains(where, ChainRule(NEXT, NEXT, 35.0, 150.0, 310.0))

    recall, precision = recall_precision(found, planted)
    assert recall >= 0.95
    assert precision >= 0.95
    assert (found.length[found.chain >= 0] == 2).mean() > 0.95


def test_members_of_a_chain_are_numbered_along_it() -> None:
    where, _ = chains_among_others(7, [6], alone=0, tomograms=2)

    found = find_chains(where, RULE)

    assert found.chain.tolist() == [0] * 6 + [1] * 6
    assert found.position.tolist() == [*range(6), *range(6)]
    assert set(found.length.tolist()) == {6}
    assert [each.tolist() for each in found.members] == [list(range(6)), list(range(6, 12))]
    np.testing.assert_allclose(
        found.distance, np.linalg.norm(where.position[found.edges[:, 1]] - where.position[found.edges[:, 0]], axis=1)
    )


def test_a_ring_is_cut_open_once() -> None:
    turn = Rotation.from_euler("z", np.arange(6)[:, None] * 60, degrees=True)
    where = tomograms_of([turn.apply([200.0, 0, 0]) + 500], [turn.as_matrix()])
    ahead = np.array([np.cos(np.deg2rad(120)), np.sin(np.deg2rad(120)), 0])

    found = find_chains(where, ChainRule(tuple(ahead.tolist()), None, 20.0, 100.0, 250.0))

    assert found.edges.tolist() == [[row, row + 1] for row in range(5)]
    assert found.length.tolist() == [6] * 6


def test_torsions_are_those_of_a_known_molecule_and_change_sign_in_a_mirror() -> None:
    from gemmi import Position, calculate_dihedral

    points = np.random.default_rng(0).normal(0, 100, (50, 4, 3))

    found = torsions(points)

    expected = [np.degrees(calculate_dihedral(*(Position(*each) for each in four))) for four in points.tolist()]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(torsions(points * [1, 1, -1]), -found)


def helices(sign: int) -> tuple[Places, ChainRule]:
    """Return rows of particles along helices, seven to a turn, that rise while turning about z as ``sign`` says."""
    step = Rotation.from_euler("z", sign * 360 / 7, degrees=True)
    rise = np.array([0, 0, 60.0])
    generator = np.random.default_rng(5)
    position, rotation = [], []
    for _ in range(3):
        whole = Rotation.random(random_state=generator)
        turns = [step**number for number in range(12)]
        place = np.array([each.apply([150.0, 0, 0]) + number * rise for number, each in enumerate(turns)])
        position.append(whole.apply(place) + 2000)
        rotation.append(np.array([(whole * each).as_matrix() for each in turns]))
    ahead = step.apply([150.0, 0, 0]) + rise - [150.0, 0, 0]
    return tomograms_of(position, rotation), ChainRule(
        tuple((ahead / np.linalg.norm(ahead)).tolist()), None, 20.0, 100.0, 200.0
    )


@pytest.mark.parametrize(("sign", "hand"), [(1, "right"), (-1, "left")])
def test_a_helix_reads_as_it_was_planted(sign: int, hand: str) -> None:
    where, rule = helices(sign)

    chains = find_chains(where, rule)
    found = handedness(where, chains)

    assert [len(each) for each in chains.members] == [12, 12, 12]
    assert found.reads == hand
    assert found.chains == ((3, 0) if sign > 0 else (0, 3))


def test_a_tomogram_in_the_other_hand_is_read_as_what_it_shows() -> None:
    where, rule = helices(1)

    flipped = ChainRule((*rule.direction[:2], -rule.direction[2]), None, rule.angle, rule.low, rule.high)

    assert find_chains(where, flipped, flipped=True).edges.tolist() == find_chains(where, rule).edges.tolist()
    assert handedness(where, find_chains(where, rule), flipped=True).reads == "left"


def test_chains_that_bend_at_random_wind_neither_way() -> None:
    where, _ = chains_among_others(1, [12, 12, 12, 12], alone=0)
    read = handedness(where, find_chains(where, RULE))
    assert len(read.torsion) > 50
    assert abs(read.right - 0.5) < 0.25
