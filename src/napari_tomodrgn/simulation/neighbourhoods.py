"""Particles at places in tomograms, without images, whose neighbours and classes are planted."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.spatial.nearest import nearest
from napari_tomodrgn.analysis.spatial.places import Floats, Integers, Places
from napari_tomodrgn.simulation.placement import random_positions

SIZE = (4000.0, 4000.0, 1500.0)  # Å, x, y, z, of the tomograms
NEXT, BEFORE = (0.0, 0.6, 0.8), (0.6, 0.0, -0.8)  # where neighbours in a chain stand in the consensus frame
APART = 230.0  # Å from one to the next
_CHAINS_A_ROW, _BETWEEN_CHAINS = 4, 900.0  # Å

Edges = set[tuple[int, int]]


def tomograms_of(position: list[Floats], rotation: list[Floats] | None = None) -> Places:
    """Return tomograms of particles at positions (n, 3), x, y, z in Å, turned by (n, 3, 3): one array a tomogram."""
    tomogram = np.repeat(np.arange(len(position)), [len(each) for each in position])
    ids = tuple((f"t{own}", str(number)) for number, own in enumerate(tomogram.tolist()))
    turned = None if rotation is None else np.concatenate(rotation)
    names = tuple(f"t{number}" for number in range(len(position)))
    return Places(ids, tomogram, names, np.concatenate(position).astype(np.float64), turned)


def scattered(tomograms: int, particles: int, seed: int, *, apart: float = 250.0, poses: bool = False) -> Places:
    """Return so many particles a tomogram at random places, a distance apart, and turned at random."""
    generator = np.random.default_rng(seed)
    position = [random_positions(particles, SIZE, apart, generator) for _ in range(tomograms)]
    turned = [Rotation.random(particles, random_state=generator).as_matrix() for _ in range(tomograms)]
    return tomograms_of(position, turned if poses else None)


def labels_following_position(
    places: Places, classes: int, seed: int, *, wavelength: float = 4000.0, strength: float = 1.0
) -> Integers:
    """Return labels (N,) whose frequencies are smooth functions of position; nothing else draws particles together.

    The logarithm of each class's frequency is a sum of three waves of once to twice the wavelength in Å, of a standard
    deviation ``strength`` in all, other ones in each tomogram.
    """
    generator = np.random.default_rng(seed)
    labels = np.zeros(len(places), dtype=np.int64)
    for tomogram in range(len(places.tomograms)):
        rows = places.rows_of(tomogram)
        position = places.position[rows]
        field = np.zeros((len(position), classes))
        for label in range(classes):
            for _ in range(3):
                along = generator.standard_normal(3)
                along /= np.linalg.norm(along)
                phase = 2 * np.pi * position @ along / generator.uniform(wavelength, 2 * wavelength)
                field[:, label] += strength * np.sqrt(2 / 3) * np.sin(phase + generator.uniform(0, 2 * np.pi))
        share = np.exp(field)
        share /= share.sum(axis=1, keepdims=True)
        labels[rows] = (share.cumsum(axis=1)[:, :-1] < generator.random(len(position))[:, None]).sum(axis=1)
    return labels


def with_a_pair(places: Places, labels: Integers, classes: int, seed: int) -> Integers:
    """Return labels in which the nearest of class 0 is of class 1 twice as often as before (log₂ enrichment 1).

    For classes of about equal frequency.
    """
    generator = np.random.default_rng([seed, 1])
    beside = nearest(places, 1).row[:, 0]
    first = np.flatnonzero(labels == 0)
    chance = 1 / classes
    result = labels.copy()
    result[beside[first[generator.random(len(first)) < chance / (1 - chance)]]] = 1
    return result


def chains_among_others(
    seed: int, lengths: list[int], alone: int, *, tomograms: int = 4, bend: float = 0.12
) -> tuple[Places, Edges]:
    """Return tomograms with chains of given lengths and particles that are alone, and the rows that follow one another.

    Each next particle stands at ``NEXT`` of the one before, and sees it at ``BEFORE``, turned about the line between
    them at random; off by ``bend`` of their distance (standard deviation, each axis). The others keep off them.
    """
    generator = np.random.default_rng(seed)
    position, rotation, begin = [], [], 0
    edges: Edges = set()
    for _ in range(tomograms):
        chains, row = [], begin + alone
        for number, length in enumerate(lengths):
            across, along = divmod(number, _CHAINS_A_ROW)
            start = np.array([600 + _BETWEEN_CHAINS * along, 600 + _BETWEEN_CHAINS * across, SIZE[2] / 2])
            chains.append(_chain(length, start, bend, generator))
            edges |= {(row + each, row + each + 1) for each in range(length - 1)}
            row += length
        free = _clear_of(np.concatenate([each[0] for each in chains]))
        single = random_positions(alone, SIZE, APART, generator, free=free)
        turned = Rotation.random(alone, random_state=generator).as_matrix()
        position.append(np.concatenate([single, *(each[0] for each in chains)]))
        rotation.append(np.concatenate([turned, *(each[1] for each in chains)]))
        begin = row
    return tomograms_of(position, rotation), edges


def _clear_of(position: Floats) -> Callable[[Floats], npt.NDArray[np.bool_]]:
    """Return what says which places (n, 3) are free of particles that are there."""
    tree = cKDTree(position)
    return lambda tried: np.asarray(tree.query(tried)[0] >= APART)


def _chain(length: int, start: Floats, bend: float, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Return positions (n, 3) and rotations (n, 3, 3) of a chain."""
    turned, position = [Rotation.random(random_state=generator)], [start]
    joint, _ = Rotation.align_vectors([[-each for each in NEXT]], [list(BEFORE)])
    for _ in range(length - 1):
        off = generator.normal(0, bend, 3)
        position.append(position[-1] + APART * turned[-1].apply(np.array(NEXT) + off))
        about = Rotation.from_rotvec(generator.uniform(0, 2 * np.pi) * -np.array(NEXT))
        turned.append(turned[-1] * about * joint)
    return np.array(position), np.array([each.as_matrix() for each in turned])


def dimers_among_others(
    seed: int, dimers: int, alone: int, *, tomograms: int = 4, bend: float = 0.1
) -> tuple[Places, Edges]:
    """Return tomograms with dimers, whose particles see one another at ``NEXT``, and single ones; and their rows."""
    generator = np.random.default_rng(seed)
    across = np.cross(NEXT, [1.0, 0, 0])
    half_turn = Rotation.from_rotvec(np.pi * across / np.linalg.norm(across))
    position, rotation, begin = [], [], 0
    edges: Edges = set()
    for _ in range(tomograms):
        single = scattered(1, dimers + alone, int(generator.integers(1 << 30)), apart=500, poses=True)
        assert single.rotation is not None
        first = single.rotation[:dimers]
        away = np.einsum("nij,nj->ni", first, np.array(NEXT) + generator.normal(0, bend, (dimers, 3)))
        position.append(np.concatenate([single.position, single.position[:dimers] + APART * away]))
        rotation.append(np.concatenate([single.rotation, (Rotation.from_matrix(first) * half_turn).as_matrix()]))
        edges |= {(begin + each, begin + dimers + alone + each) for each in range(dimers)}
        begin += 2 * dimers + alone
    return tomograms_of(position, rotation), edges
