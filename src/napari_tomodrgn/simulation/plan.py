"""What is simulated, before any image is formed: particles, poses, defoci, shifts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.nuisance import Nuisance, draw_nuisance
from napari_tomodrgn.simulation.options import SimulateOptions, tilts_of
from napari_tomodrgn.simulation.placement import (
    Tomogram,
    matrices,
    random_orientations,
    random_positions,
    tomogram_size,
)
from napari_tomodrgn.simulation.scene.layout import Scene, lay_out
from napari_tomodrgn.simulation.shapes import LARGEST_SHARE
from napari_tomodrgn.simulation.tilt_scheme import tilt_rotations

_MOTION = 4  # stream of random numbers, beside those of the image formation

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Plan:
    """Every number of a simulated data set: N particles with T tilt images each.

    Attributes
    ----------
    tomograms
        The tomograms; ``tomogram`` (N,) says which one a particle lies in. Particles of one tomogram are contiguous.
    names
        Particle names, unique in their tomogram.
    label
        (N,) the state of each particle, from 0; of a motion the step below its coordinate.
    coordinate, steps
        (N,) where on a motion each particle lies, from 0 to 1, and in how many maps the motion is given; ``None`` where
        the states are discrete.
    scene
        What is in the tomograms beside particles that were picked well; ``None``: nothing, and each is imaged alone.
    position
        (N, 3) x, y, z in Å from the centre of the tomogram's first voxel.
    origin
        (N, 3) x, y, z in Å: the particles were cut out at ``position + origin``.
    angles
        (N, 3) rot, tilt, psi in degrees, the orientation in the tomogram.
    tilts, acquired
        (T,) stage tilts in degrees, in the order of the images in the stacks, and when each was taken, from 0.
    dose
        (tomograms, T) e/Å² as the dialect counts it.
    nuisance
        What differs between the tomograms, missing tilts among it: the arrays here hold all T images of a particle, the
        files those that ``shown`` says.
    rotations
        (N, T, 3, 3) reference into image frame.
    displacement
        (N, T, 2) x, y in px: where the content lies off centre.
    tilt_defocus
        (tomograms, T) Å, of the tomogram's centre.
    defocus
        (N, T) Å, of each image.
    """

    options: SimulateOptions
    forward_model: ForwardModel
    tomograms: tuple[Tomogram, ...]
    tomogram: npt.NDArray[np.int64]
    names: tuple[str, ...]
    label: npt.NDArray[np.int64]
    position: FloatArray
    origin: FloatArray
    angles: FloatArray
    tilts: FloatArray
    acquired: npt.NDArray[np.int64]
    dose: FloatArray
    nuisance: Nuisance
    rotations: FloatArray
    displacement: FloatArray
    tilt_defocus: FloatArray
    defocus: FloatArray
    coordinate: FloatArray | None = None
    steps: int | None = None
    scene: Scene | None = None

    def __len__(self) -> int:
        return len(self.label)

    @property
    def tilt_cosine(self) -> FloatArray:
        """(T,) the cosine of each tilt."""
        return np.cos(np.deg2rad(self.tilts))

    @property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(N, T) which images are there."""
        return self.nuisance.shown[self.tomogram]

    def each_image(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values (M, …) of the images that are there, particle by particle, from those of all (N, T, …)."""
        return np.asarray(values[self.shown])

    def placed(self, tomogram: int) -> Iterator[tuple[int, FloatArray, FloatArray]]:
        """Yield the row, position (3,) and angles (3,) of every particle that is in a tomogram."""
        position, angles, there = self.position, self.angles, self.tomogram == tomogram
        if self.scene is not None:
            position, angles, there = self.scene.position, self.scene.angles, there & self.scene.has_particle
        for row in np.flatnonzero(there).tolist():
            yield row, position[row], angles[row]

    def maps_of(self, row: int) -> list[tuple[int, float]]:
        """Return the maps that a particle is made of, and the share of each."""
        if self.coordinate is None or self.steps is None:
            return [(int(self.label[row]), 1.0)]
        low = int(self.label[row])
        upper = float(self.coordinate[row] * (self.steps - 1) - low)
        return [(low, 1 - upper), (low + 1, upper)]


def make_plan(
    options: SimulateOptions,
    forward_model: ForwardModel,
    states: int,
    *,
    by_angle: bool,
    numbered_throughout: bool = False,
    steps: int | None = None,
    diameter: float | None = None,
) -> Plan:
    """Draw a data set of discrete ``states``, or of one motion in so many ``steps``.

    Particles are at least a ``diameter`` in Å apart, by default 66 % of the box.

    Everything is drawn in the order of acquisition, so that one seed gives the same images whatever their order:
    ``by_angle`` then orders the tilts by angle. Particles are numbered from 0 in each tomogram, or from 1 in the whole
    set where they are ``numbered_throughout``.

    The defocus of an image is that of its tomogram, plus the particle's height along the beam (as
    ``forward_model.defocus_height`` says), plus a small error that all particles of one tilt share.
    """
    generator = np.random.default_rng([options.seed, 0])
    tilts = tilts_of(options)
    nuisance = draw_nuisance(options, len(tilts))
    within = {"before": 0.0, "middle": 0.5, "after": 1.0}[forward_model.dose_at]
    diameter = diameter or LARGEST_SHARE * options.box * options.pixel_size
    counts = np.bincount(np.arange(options.particles) % options.tomograms)
    tomogram = np.repeat(np.arange(options.tomograms), counts)
    scene = None
    if not options.scene:
        tomograms, position = _place(options, counts, diameter, generator)
    label = generator.permutation(np.arange(options.particles) % states)
    angles = random_orientations(options.particles, generator)
    if options.scene:
        tomograms, position, angles, scene = lay_out(options, counts, angles, diameter)
    series = tilt_rotations(tilts)
    tilt_defocus, defocus = _defoci(options, forward_model, tomograms, tomogram, position, series, generator)
    origin, displacement = _shifts(options, series, generator)
    coordinate = None
    if steps is not None:
        coordinate = np.random.default_rng([options.seed, _MOTION]).uniform(size=options.particles)
        label = np.minimum((coordinate * (steps - 1)).astype(np.int64), steps - 2)
    order = np.argsort(tilts) if by_angle else np.arange(len(tilts))
    return Plan(
        options=options,
        forward_model=forward_model,
        tomograms=tomograms,
        tomogram=tomogram,
        names=_names(tomogram, throughout=numbered_throughout),
        label=label,
        position=position,
        origin=origin,
        angles=angles,
        tilts=tilts[order],
        acquired=order,
        dose=nuisance.dose_per_tilt[:, None] * (order + within),
        nuisance=nuisance.ordered(order),
        rotations=np.einsum("tij,njk->ntik", series, matrices(angles))[:, order],
        displacement=displacement[:, order],
        tilt_defocus=tilt_defocus[:, order],
        defocus=defocus[:, order],
        coordinate=coordinate,
        steps=steps,
        scene=scene,
    )


def _names(tomogram: npt.NDArray[np.int64], *, throughout: bool) -> tuple[str, ...]:
    """Return the particles' names from their tomograms (N,), which are contiguous."""
    number = np.arange(len(tomogram))
    if throughout:
        return tuple(str(each + 1) for each in number)
    return tuple(f"{each:06d}" for each in number - np.searchsorted(tomogram, tomogram))


def _place(
    options: SimulateOptions, counts: npt.NDArray[np.int64], diameter: float, generator: np.random.Generator
) -> tuple[tuple[Tomogram, ...], FloatArray]:
    """Return the tomograms, which hold so many particles each, and the particles' positions (N, 3)."""
    size = tomogram_size(int(counts.max()), diameter, options.thickness, options.pixel_size)
    tomograms = tuple(Tomogram(f"{number:03d}", size) for number in range(1, options.tomograms + 1))
    return tomograms, np.concatenate([random_positions(int(count), size, diameter, generator) for count in counts])


def _shifts(
    options: SimulateOptions, series: FloatArray, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Return the origins (N, 3) in Å and where the content lies in the images (N, T, 2) in px."""
    offset = options.shift * generator.standard_normal((options.particles, 3))
    own = options.image_shift * generator.standard_normal((options.particles, len(series), 2))
    return options.pixel_size * offset, own - np.einsum("tij,nj->nti", series[:, :2], offset)


def _defoci(
    options: SimulateOptions,
    forward_model: ForwardModel,
    tomograms: tuple[Tomogram, ...],
    tomogram: npt.NDArray[np.int64],
    position: FloatArray,
    series: FloatArray,
    generator: np.random.Generator,
) -> tuple[FloatArray, FloatArray]:
    """Return the defocus of each tilt (tomograms, T) and of each image (N, T) in Å."""
    steps = int(np.floor((options.defocus_max - options.defocus_min) / options.defocus_step + 1e-9)) + 1
    means = options.defocus_min + options.defocus_step * np.arange(steps)

    def draw(count: int) -> FloatArray:
        # Whole rounds through the means: few tomograms differ as much as many do.
        rounds = [generator.permutation(means) for _ in range(-(-count // steps))]
        return np.concatenate(rounds)[:count] + options.defocus_spread * generator.standard_normal(count)

    error = options.defocus_error * generator.standard_normal((len(tomograms), len(series)))
    tilt_defocus = 1e4 * (draw(len(tomograms))[:, None] + error)
    centre = np.array([each.size for each in tomograms])[tomogram] / 2
    height = np.einsum("tj,nj->nt", series[:, 2], position - centre)
    sign = {"plus": 1.0, "minus": -1.0, "none": 0.0}[forward_model.defocus_height]
    own = tilt_defocus[tomogram]
    if options.per_image_defocus:
        own = 1e4 * draw(height.size).reshape(height.shape)
    return tilt_defocus, own + sign * height
