"""What lies where in a scene: particles, gold beads, vesicles, and picks that are no particles."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.placement import Tomogram, random_orientations, random_positions, tomogram_size
from napari_tomodrgn.simulation.scene.company import REACH, Company, draw_company, has_company, on_vesicles, with_mates
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
    in_dimer, on_membrane
        (N,) what particles are bound to.
    """

    kind: npt.NDArray[np.str_]
    position: FloatArray
    angles: FloatArray
    objects: tuple[tuple[RoundObject, ...], ...]
    in_dimer: npt.NDArray[np.bool_]
    on_membrane: npt.NDArray[np.bool_]

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
) -> tuple[tuple[Tomogram, ...], FloatArray, FloatArray, Scene]:
    """Return the tomograms, the place (N, 3) in x, y, z Å and the angles (N, 3) of each pick, and the scene.

    Particles, and the empty places that are picked as particles, are a ``diameter`` apart and touch neither membrane
    nor gold. Where there are dimers, or particles on membranes, whatever is not bound keeps farther off.

    Parameters
    ----------
    counts
        Number of picks in each tomogram.
    angles
        (N, 3) orientations of picks that are bound to nothing: those of their particles too, but for picks off centre,
        which are wrong.
    diameter
        Å, of the particles.
    """
    generator = np.random.default_rng([options.seed, _STREAM])
    kind = draw_kinds(options, generator)
    begin = np.cumsum(counts)[:-1]
    of_tomogram = np.split(kind, begin)
    company = draw_company(options, [each == PARTICLE for each in of_tomogram])
    field = _Field.around(options, of_tomogram, company, diameter)
    tomograms = tuple(Tomogram(f"{number:03d}", field.size) for number in range(1, len(counts) + 1))
    parts = zip(of_tomogram, company, np.split(angles, begin), strict=True)
    filled = [_fill(field, *each, diameter, generator) for each in parts]
    pick, particle, turned = (np.concatenate([each[number] for each in filled]) for number in range(3))
    own = np.where((kind == OFF_CENTRE)[:, None], random_orientations(len(kind), generator), turned)
    scene = Scene(
        kind,
        particle,
        own,
        tuple(each[3] for each in filled),
        in_dimer=np.concatenate([each.mate >= 0 for each in company]),
        on_membrane=np.concatenate([each.on_membrane for each in company]),
    )
    return tomograms, pick, turned, scene


@dataclass(frozen=True)
class _Field:
    """What there is in every tomogram, and room for it.

    Attributes
    ----------
    size
        x, y, z in Å.
    vesicles, beads
        Number of vesicles, and of beads that aren't picked.
    largest
        Å, radius of the largest vesicle there may be.
    margin
        Å about vesicles that are kept for particles on them.
    apart
        Å between the middles of what is bound to nothing: particles, or dimers.
    """

    size: tuple[float, float, float]
    vesicles: int
    beads: int
    largest: float
    margin: float
    apart: float

    @classmethod
    def around(
        cls, options: SimulateOptions, kinds: list[npt.NDArray[np.str_]], company: list[Company], diameter: float
    ) -> "_Field":
        """Return a field with room for the picks of the fullest tomogram, as crowded as it is without a scene."""
        most = max(len(each) for each in kinds)
        on_membrane = max(int((each == ON_MEMBRANE).sum()) for each in kinds)
        bound = max(int((each.on_membrane & each.leads).sum()) for each in company)
        margin = 1.5 * diameter if bound else 0.0
        apart = (REACH if has_company(options) else 1.0) * diameter
        thickness = max(options.thickness, 1.5 * apart)
        largest = min(VESICLE_RADIUS, thickness / 2 - MEMBRANE - margin - options.pixel_size)
        if largest < SMALLEST_VESICLE:
            least = 2 * (SMALLEST_VESICLE + MEMBRANE + margin + options.pixel_size)
            raise InputError(
                f"--thickness: is {options.thickness:g}; a scene's vesicles need at least {least:g} Å to lie in"
            )
        side = tomogram_size(most, apart, options.thickness, options.pixel_size, smallest=0)[0]
        smallest_area = 4 * np.pi * (SMALLER_BY * largest) ** 2
        for_picks = np.pi / 4 * (on_membrane * diameter**2 + bound * apart**2) / (MEMBRANE_TAKEN * smallest_area)
        vesicles = int(np.ceil(max(side**2 / AREA_PER_VESICLE, for_picks)))
        room = 2 * (2 * (largest + MEMBRANE + margin) + diameter) ** 2 * vesicles
        size = tomogram_size(most, apart, options.thickness, options.pixel_size, smallest=0, beside=room)
        return cls(size, vesicles, int(np.ceil(size[0] ** 2 / AREA_PER_BEAD)), largest, margin, apart)


def _fill(
    field: _Field,
    kind: npt.NDArray[np.str_],
    company: Company,
    angles: FloatArray,
    diameter: float,
    generator: np.random.Generator,
) -> tuple[FloatArray, FloatArray, FloatArray, tuple[RoundObject, ...]]:
    """Return places (n, 3) of one tomogram's picks and of their particles, the angles of both, beads and vesicles."""
    size = field.size
    centres = random_positions(field.vesicles, size, 2 * (field.largest + MEMBRANE + field.margin), generator)
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
    middle, turned = np.zeros((len(kind), 3)), angles.copy()
    bound = company.leads & company.on_membrane
    middle[bound], turned[bound] = on_vesicles(vesicles, beads, int(bound.sum()), diameter, generator)

    def free(places: FloatArray) -> npt.NDArray[np.bool_]:
        off = clear(places, objects, field.apart / 2)
        return off if not bound.any() else off & (cKDTree(middle[bound]).query(places)[0] >= field.apart)

    apart = np.isin(kind, (PARTICLE, OFF_CENTRE, NOISE)) & company.leads & ~company.on_membrane
    middle[apart] = random_positions(int(apart.sum()), size, field.apart, generator, free=free)
    particle, turned = with_mates(company, middle, turned, diameter)
    pick = particle.copy()
    pick[kind == BEAD] = centres[: count - field.beads]
    on_membrane = int((kind == ON_MEMBRANE).sum())
    pick[kind == ON_MEMBRANE] = _on_membranes(vesicles, on_membrane, diameter, particle[company.on_membrane], generator)
    off = kind == OFF_CENTRE
    length = diameter * generator.uniform(*OFF_BY, int(off.sum()))
    pick[off] += length[:, None] * _directions(int(off.sum()), generator)
    return pick, particle, turned, tuple(objects)


def _on_membranes(
    vesicles: list[RoundObject], count: int, distance: float, bound: FloatArray, generator: np.random.Generator
) -> FloatArray:
    """Return (count, 3) places in the middle of membranes, all of them equally likely, at least a distance apart.

    They are as far from the particles that are ``bound`` (n, 3).
    """
    area = np.array([each.radius**2 for each in vesicles])
    places = np.zeros((0, 3))
    while len(places) < count:
        vesicle = vesicles[generator.choice(len(vesicles), p=area / area.sum())]
        place = vesicle.position + vesicle.radius * _directions(1, generator)
        taken = np.vstack([places, bound])
        if not len(taken) or np.linalg.norm(taken - place, axis=1).min() >= distance:
            places = np.vstack([places, place])
    return places


def _directions(count: int, generator: np.random.Generator) -> FloatArray:
    """Return (count, 3) unit vectors, uniform on the sphere."""
    vectors = generator.standard_normal((count, 3))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
