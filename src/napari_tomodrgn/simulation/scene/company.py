"""Particles of a scene that are not alone: dimers, and particles on membranes."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.placement import euler_angles, matrices, random_orientations
from napari_tomodrgn.simulation.scene.objects import MEMBRANE, RoundObject

TO_MATE, TO_MEMBRANE = (0.6, 0.0, 0.8), (0.8, 0.0, -0.6)  # in the frame of the map, at a right angle
REACH = 2.0  # diameters from the middle of a particle or dimer to the next one's
_STREAM = 10  # of random numbers, beside those of the plan and what else is in a scene
_TRIES = 1000  # of placing on one of the membranes: many times what is needed where there is room

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Company:
    """What the picks of one tomogram are bound to.

    Attributes
    ----------
    mate
        (n,) row of the other particle of the dimer, -1 where there is none.
    on_membrane
        (n,) whether a particle sits on a vesicle. Both of a dimer do, or none.
    """

    mate: npt.NDArray[np.int64]
    on_membrane: BoolArray

    @property
    def leads(self) -> BoolArray:
        """(n,) whether a particle stands for itself, or is the first of its dimer."""
        return (self.mate < 0) | (self.mate > np.arange(len(self.mate)))


def has_company(options: SimulateOptions) -> bool:
    """Return whether there are dimers, or particles on membranes."""
    return options.dimers > 0 or options.membrane_bound > 0


def draw_company(options: SimulateOptions, particle: list[BoolArray]) -> list[Company]:
    """Return what the picks of each tomogram are bound to, of which those that are a ``particle`` (n,) can be.

    Dimers and particles on membranes are as many as asked for in the whole set, in random tomograms, but that an odd
    number of particles in a tomogram can leave some without a mate.
    """
    generator = np.random.default_rng([options.seed, _STREAM])
    count = sum(int(each.sum()) for each in particle)
    dimers, bound = round(options.dimers * count / 2), round(options.membrane_bound * count)
    both = options.membrane_dimers
    both = options.dimers * options.membrane_bound if both is None else both
    bound_dimers = min(round(both * count / 2), dimers, bound // 2)
    alone = count - 2 * dimers
    bound_alone = min(bound - 2 * bound_dimers, alone)
    numbers = {
        (2, True): bound_dimers,
        (2, False): dimers - bound_dimers,
        (1, True): bound_alone,
        (1, False): alone - bound_alone,
    }
    units = [unit for unit, number in numbers.items() for _ in range(number)]
    dealt = [units[row] for row in generator.permutation(len(units))]
    return [_company(each, dealt) for each in particle]


def _company(particle: BoolArray, units: list[tuple[int, bool]]) -> Company:
    """Deal units (particles, whether on a membrane) out to a tomogram's particles; those dealt leave the list."""
    mate, bound = np.full(len(particle), -1), np.zeros(len(particle), dtype=bool)
    rows = np.flatnonzero(particle).tolist()
    while rows:
        fits = next((row for row, unit in enumerate(units) if unit[0] <= len(rows)), None)
        size, on_membrane = (1, False) if fits is None else units.pop(fits)
        own, rows = rows[:size], rows[size:]
        bound[own] = on_membrane
        if size == 2:
            mate[own] = own[::-1]
    return Company(mate, bound)


def on_vesicles(
    vesicles: list[RoundObject],
    beads: list[RoundObject],
    count: int,
    diameter: float,
    generator: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return (count, 3) places that touch a vesicle from outside, and the angles (count, 3) that face it.

    All places are equally likely, at least a reach apart, and free of gold.

    Raises
    ------
    InputError
        If there is no room for so many.
    """
    area = np.array([each.radius**2 for each in vesicles])
    places, angles = np.zeros((0, 3)), np.zeros((0, 3))
    for _ in range(_TRIES * count):
        if len(places) == count:
            break
        vesicle = vesicles[generator.choice(len(vesicles), p=area / area.sum())]
        turned = random_orientations(1, generator)
        out = -matrices(turned)[0] @ TO_MEMBRANE
        place = vesicle.position + (vesicle.radius + MEMBRANE + diameter / 2) * out
        near = len(places) and np.linalg.norm(places - place, axis=1).min() < REACH * diameter
        if not near and all(each.distance(place[None])[0] > diameter for each in beads):
            places, angles = np.vstack([places, place]), np.vstack([angles, turned])
    if len(places) < count:
        raise InputError(
            f"--membrane-bound: no room for {count} particles or dimers on the {len(vesicles)} vesicles of a tomogram; "
            "spread them over more --tomograms"
        )
    return places, angles


def with_mates(
    company: Company, middle: FloatArray, angles: FloatArray, diameter: float
) -> tuple[FloatArray, FloatArray]:
    """Return places and angles (n, 3) of all particles, from those of the leads, the places of dimers' middles.

    Mates are a ``diameter`` apart, each the other turned half about the direction to the membrane, so that each stands
    at ``TO_MATE`` of the other, and a membrane in the same direction of both.
    """
    position, turned = middle.copy(), angles.copy()
    first = np.flatnonzero(company.leads & (company.mate >= 0))
    second = company.mate[first]
    rotation = matrices(angles[first])
    half_way = diameter / 2 * rotation @ np.array(TO_MATE)
    position[first], position[second] = middle[first] - half_way, middle[first] + half_way
    half_turn = Rotation.from_rotvec(np.pi * np.array(TO_MEMBRANE)).as_matrix()
    turned[second] = euler_angles(rotation @ half_turn)
    return position, turned
