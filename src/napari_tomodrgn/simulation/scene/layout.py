"""What lies where in a scene: particles, gold beads, vesicles, and picks that are no particles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.placement import Tomogram, random_orientations, random_positions, tomogram_size
from napari_tomodrgn.simulation.scene.objects import BEAD_RADIUS, MEMBRANE, RoundObject

PARTICLE, NOISE, ON_MEMBRANE, BEAD, OFF_CENTRE = KINDS = ("particle", "noise", "membrane", "bead", "off-centre")
OFF_BY = (0.3, 0.5)  # particle diameters
VESICLE_RADIUS, SMALLEST_VESICLE = 450.0, 100.0  # Å, of the largest there may be
SMALLER_BY = 0.6  # the smallest vesicle of a scene, as a share of its largest
AREA_PER_VESICLE, AREA_PER_BEAD = 2500.0**2, 1500.0**2  # Å² of field
MEMBRANE_TAKEN = 0.25  # share of it that membrane picks may take, so that they are found without a search
_STREAM = 7  # of random numbers, beside those of the plan

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scene:
    """What is in the tomograms beside the particles that were picked well.

    Attributes
    ----------
    kind
        (N,) what each pick is, one of ``KINDS``.
    position, angles
        (N, 3) x, y, z in Å and rot, tilt, psi in degrees of the particle that belongs to a pick, where one does.
    objects
        Beads and vesicles of each tomogram.
    """

    kind: npt.NDArray[np.str_]
    position: FloatArray
    angles: FloatArray
    objects: tuple[tuple[RoundObject, ...], ...]

    @property
    def has_particle(self) -> npt.NDArray[np.bool_]:
        """(N,) whether there is a particle at a pick or beside it."""
        return np.isin(self.kind, (PARTICLE, OFF_CENTRE))


def junk_count(options: SimulateOptions) -> int:
    """Return how many picks are no particles."""
    return round(options.junk * options.particles)


def draw_kinds(options: SimulateOptions, generator: np.random.Generator) -> npt.NDArray[np.str_]:
    """Return what each pick (N,) is: the kinds of junk are equally frequent, and anywhere among the picks."""
    junk = junk_count(options)
    kinds = options.junk_kinds or KINDS[1:]
    drawn = [PARTICLE] * (options.particles - junk) + [kinds[number % len(kinds)] for number in range(junk)]
    return generator.permutation(np.array(drawn))


def lay_out(
    options: SimulateOptions, counts: npt.NDArray[np.int64], angles: FloatArray, diameter: float
) -> tuple[tuple[Tomogram, ...], FloatArray, Scene]:
    """Return the tomograms, the place of each pick (N, 3) in x, y, z Å, and the scene.

    Particles, and the empty places that are picked as particles, are a ``diameter`` apart and touch neither membrane
    nor gold.

    Parameters
    ----------
    counts
        Number of picks in each tomogram.
    angles
        (N, 3) orientations of the picks: those of their particles too, but for picks off centre, which are wrong.
    diameter
        Å, of the particles.
    """
    generator = np.random.default_rng([options.seed, _STREAM])
    kind = draw_kinds(options, generator)
    of_tomogram = np.split(kind, np.cumsum(counts)[:-1])
    field = _Field.around(options, of_tomogram, diameter)
    tomograms = tuple(Tomogram(f"{number:03d}", field.size) for number in range(1, len(counts) + 1))
    filled = [_fill(field, each, diameter, generator) for each in of_tomogram]
    pick, particle = (np.concatenate([each[number] for each in filled]) for number in range(2))
    own = np.where((kind == OFF_CENTRE)[:, None], random_orientations(len(kind), generator), angles)
    return tomograms, pick, Scene(kind, particle, own, tuple(each[2] for each in filled))


@dataclass(frozen=True)
class _Field:
    """Size of every tomogram, x, y, z in Å, its number of vesicles and of beads that aren't picked, and their size."""

    size: tuple[float, float, float]
    vesicles: int
    beads: int
    largest: float

    @classmethod
    def around(cls, options: SimulateOptions, kinds: list[npt.NDArray[np.str_]], diameter: float) -> "_Field":
        """Return a field with room for the picks of the fullest tomogram, as crowded as it is without a scene."""
        most = max(len(each) for each in kinds)
        on_membrane = max(int((each == ON_MEMBRANE).sum()) for each in kinds)
        thickness = max(options.thickness, 1.5 * diameter)
        largest = min(VESICLE_RADIUS, thickness / 2 - MEMBRANE - options.pixel_size)
        if largest < SMALLEST_VESICLE:
            least = 2 * (SMALLEST_VESICLE + MEMBRANE + options.pixel_size)
            raise InputError(
                f"--thickness: is {options.thickness:g}; a scene's vesicles need at least {least:g} Å to lie in"
            )
        side = tomogram_size(most, diameter, options.thickness, options.pixel_size, smallest=0)[0]
        smallest_area = 4 * np.pi * (SMALLER_BY * largest) ** 2
        for_picks = on_membrane * np.pi / 4 * diameter**2 / (MEMBRANE_TAKEN * smallest_area)
        vesicles = int(np.ceil(max(side**2 / AREA_PER_VESICLE, for_picks)))
        room = 2 * (2 * (largest + MEMBRANE) + diameter) ** 2 * vesicles
        size = tomogram_size(most, diameter, options.thickness, options.pixel_size, smallest=0, beside=room)
        return cls(size, vesicles, int(np.ceil(size[0] ** 2 / AREA_PER_BEAD)), largest)


def _fill(
    field: _Field, kind: npt.NDArray[np.str_], diameter: float, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray, tuple[RoundObject, ...]]:
    """Return places (n, 3) of one tomogram's picks and of their particles, and its beads and vesicles."""
    size = field.size
    centres = random_positions(field.vesicles, size, 2 * (field.largest + MEMBRANE), generator)
    radii = generator.uniform(SMALLER_BY * field.largest, field.largest, len(centres))
    vesicles = [RoundObject(*each, hollow=True) for each in zip(centres, radii.tolist(), strict=True)]

    def clear(places: FloatArray, objects: list[RoundObject], distance: float) -> npt.NDArray[np.bool_]:
        return np.asarray(np.all([each.distance(places) >= distance for each in objects], axis=0))

    count = field.beads + int((kind == BEAD).sum())
    centres = random_positions(
        count, size, 4 * BEAD_RADIUS, generator, free=lambda places: clear(places, vesicles, BEAD_RADIUS)
    )
    beads = [RoundObject(each, BEAD_RADIUS, hollow=False) for each in centres]
    objects = [*vesicles, *beads]
    apart = np.isin(kind, (PARTICLE, OFF_CENTRE, NOISE))
    particle = np.zeros((len(kind), 3))
    particle[apart] = random_positions(
        int(apart.sum()), size, diameter, generator, free=lambda places: clear(places, objects, diameter / 2)
    )
    pick = particle.copy()
    pick[kind == BEAD] = centres[: count - field.beads]
    pick[kind == ON_MEMBRANE] = _on_membranes(vesicles, int((kind == ON_MEMBRANE).sum()), diameter, generator)
    off = kind == OFF_CENTRE
    length = diameter * generator.uniform(*OFF_BY, int(off.sum()))
    pick[off] += length[:, None] * _directions(int(off.sum()), generator)
    return pick, particle, tuple(objects)


def _on_membranes(
    vesicles: list[RoundObject], count: int, distance: float, generator: np.random.Generator
) -> FloatArray:
    """Return (count, 3) places in the middle of membranes, all of them equally likely, at least a distance apart."""
    area = np.array([each.radius**2 for each in vesicles])
    places = np.zeros((0, 3))
    while len(places) < count:
        vesicle = vesicles[generator.choice(len(vesicles), p=area / area.sum())]
        place = vesicle.position + vesicle.radius * _directions(1, generator)
        if not len(places) or np.linalg.norm(places - place, axis=1).min() >= distance:
            places = np.vstack([places, place])
    return places


def _directions(count: int, generator: np.random.Generator) -> FloatArray:
    """Return (count, 3) unit vectors, uniform on the sphere."""
    vectors = generator.standard_normal((count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
