"""Chains of particles, each of which stands where the one before expects the next one."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places
from napari_tomodrgn.errors import InputError

ALONE = -1


@dataclass(frozen=True)
class ChainRule:
    """When one particle is the next after another.

    Attributes
    ----------
    direction
        Unit vector x, y, z of the consensus frame: where the next one stands.
    back
        Where the one before stands in the next one's frame; ``None`` anywhere.
    angle
        Degrees that each may be off.
    low, high
        Å between the two.
    """

    direction: tuple[float, float, float]
    back: tuple[float, float, float] | None
    angle: float
    low: float
    high: float


@dataclass(frozen=True)
class Chains:
    """Chains of N particles.

    Attributes
    ----------
    edges
        (E, 2) rows of one particle and the next, chain after chain, in order.
    distance, off
        (E,) Å between them, and degrees that the next is off the expected direction.
    chain
        (N,) number of the chain from 0, -1 for a particle that is in none.
    position
        (N,) place in it from 0, -1 for a particle that is in none.
    length
        (N,) how many particles it has; 1 for one that is alone.
    """

    edges: Integers
    distance: Floats
    off: Floats
    chain: Integers
    position: Integers
    length: Integers

    @property
    def members(self) -> list[Integers]:
        """The rows of each chain, in order."""
        rows = np.flatnonzero(self.chain != ALONE)
        rows = rows[np.lexsort((self.position[rows], self.chain[rows]))]
        ends = np.flatnonzero(np.diff(self.chain[rows])) + 1
        return [each for each in np.split(rows, ends) if len(each)]


def find_chains(places: Places, rule: ChainRule, *, flipped: bool = False) -> Chains:
    """Return the chains that a rule makes.

    A particle takes as its next the one that is least off the expected direction (and, with ``back``, sees it least off
    where the one before is expected), and the two are joined where the next would take it, too: none has two before
    or after it. What would close a ring is cut open before its first particle.

    Raises
    ------
    InputError
        Where orientations are not known.
    """
    if places.rotation is None:
        raise InputError("chains need the particles' orientations, which these have not; leave --chain-direction out")
    source, target, distance, off, cost = _candidates(places, rule, flipped)
    best_next = _cheapest(source, cost, len(places))
    best_before = _cheapest(target, cost, len(places))
    joined = [edge for edge in best_next[best_next != ALONE].tolist() if best_before[target[edge]] == edge]
    edges = np.array(joined, dtype=np.int64)
    following = np.full(len(places), ALONE, dtype=np.int64)
    following[source[edges]] = edges
    return _numbered(following, source, target, distance, off)


def _candidates(places: Places, rule: ChainRule, flipped: bool) -> tuple[Integers, Integers, Floats, Floats, Floats]:
    """Return source, target, distance, degrees off, and their cost, of all pairs that the rule lets be."""
    from scipy.spatial import cKDTree

    found = []
    for tomogram in range(len(places.tomograms)):
        rows = places.rows_of(tomogram)
        pairs = cKDTree(places.position[rows]).query_pairs(rule.high, output_type="ndarray") + rows.start
        found.append(pairs.reshape(-1, 2))
    pairs = np.concatenate(found).astype(np.int64)
    source, target = np.concatenate([pairs, pairs[:, ::-1]]).T
    away = places.position[target] - places.position[source]
    distance = np.linalg.norm(away, axis=1)
    near = (distance >= rule.low) & (distance > 0)
    source, target, away, distance = source[near], target[near], away[near], distance[near]
    off = _off(places, source, away / distance[:, None], rule.direction, flipped)
    cost = off
    fits = off <= rule.angle
    if rule.back is not None:
        behind = _off(places, target, -away / distance[:, None], rule.back, flipped)
        fits &= behind <= rule.angle
        cost = np.hypot(off, behind)
    return source[fits], target[fits], distance[fits], off[fits], cost[fits]


def _off(places: Places, row: Integers, unit: Floats, direction: tuple[float, float, float], flipped: bool) -> Floats:
    """Return degrees (P,) between unit vectors in the tomogram (P, 3) and a direction of particles' own frames."""
    assert places.rotation is not None
    own = np.array(direction) * ([1, 1, -1] if flipped else 1)
    cosine = np.einsum("nij,j,ni->n", places.rotation[row], own, unit)
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _cheapest(owner: Integers, cost: Floats, count: int) -> Integers:
    """Return (N,) the cheapest pair of each particle, -1 where it has none."""
    order = np.lexsort((cost, owner))
    first = np.unique(owner[order], return_index=True)[1]
    result = np.full(count, ALONE, dtype=np.int64)
    result[owner[order[first]]] = order[first]
    return result


def _numbered(
    following: Integers,  # (N,) the pair that leads on from each particle, -1 where none does
    source: Integers,
    target: Integers,
    distance: Floats,
    off: Floats,
) -> Chains:
    count = len(following)
    after = np.where(following == ALONE, ALONE, target[following] if len(target) else ALONE)
    led_to = np.zeros(count, dtype=bool)
    led_to[after[after != ALONE]] = True
    chain, position, length = (np.full(count, value, dtype=np.int64) for value in (ALONE, ALONE, 1))
    kept: list[int] = []
    number = 0
    begins = np.flatnonzero(~led_to & (after != ALONE)).tolist()
    for begin in [*begins, *np.flatnonzero(led_to).tolist()]:  # what is not reached from a beginning is a ring
        if chain[begin] != ALONE:
            continue
        members = [begin]
        chain[begin] = number
        while (row := int(after[members[-1]])) != ALONE and chain[row] == ALONE:
            kept.append(int(following[members[-1]]))
            chain[row] = number
            members.append(row)
        position[members], length[members] = np.arange(len(members)), len(members)
        number += 1
    edges: npt.NDArray[np.int64] = np.array(kept, dtype=np.int64)
    return Chains(
        np.stack([source[edges], target[edges]], axis=1), distance[edges], off[edges], chain, position, length
    )
