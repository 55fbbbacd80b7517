"""What latents should not follow: how a particle's images were taken, and from where."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.particle_set import ParticleSet

Array = npt.NDArray[np.float64]

VIEW, TILT_AXIS = "view direction", "tilt-axis direction"
_FLAT = 1e-3  # of the largest spread of beam directions: below it they lie on one line, and no tilt axis can be told


@dataclass(frozen=True)
class Quantity:
    """Something about the images of N particles, as M numbers each.

    Attributes
    ----------
    name, unit
        As they are written; a direction has no unit.
    values
        (N, M) numbers; NaN where they are not known.
    """

    name: str
    unit: str
    values: Array

    @property
    def shown(self) -> Array | None:
        """(N,) the values as a person reads them, ``None`` of a direction."""
        return self.values[:, 0] if self.values.shape[1] == 1 else None


def quantities_of(particle_set: ParticleSet) -> list[Quantity]:
    """Return mean defocus, number of tilt images, first and last dose, and two directions of each particle.

    The view direction is that of the beam at the lowest tilt, seen from the particle; the tilt-axis direction likewise,
    which says where the missing wedge lies. Directions are given as real spherical harmonics, of degree 1 and 2, the
    tilt axis, which has no sign, of degree 2 alone: a linear function of them is any smooth function of the direction.
    """
    view, axis = directions_of(particle_set)
    return [
        *single_numbers(particle_set),
        Quantity(VIEW, "", np.column_stack([view, quadratic_harmonics(view)])),
        Quantity(TILT_AXIS, "", quadratic_harmonics(axis)),
    ]


def single_numbers(particle_set: ParticleSet) -> list[Quantity]:
    """Return the quantities that are one number a particle: defocus, number of tilt images, first and last dose."""
    owner = particle_set.tilt_images["particle"].to_numpy()
    first = particle_set.first_tilt[:-1]
    count = particle_set.tilts_per_particle.astype(np.float64)
    defocus = particle_set.tilt_images[["defocus_u", "defocus_v"]].to_numpy(np.float64).mean(axis=1)
    dose = particle_set.tilt_images["dose"].to_numpy(np.float64)
    return [
        Quantity("defocus", "µm", (np.bincount(owner, defocus) / count / 1e4)[:, None]),
        Quantity("tilt count", "images", count[:, None]),
        Quantity("first dose", "e/Å²", np.minimum.reduceat(dose, first)[:, None]),
        Quantity("last dose", "e/Å²", np.maximum.reduceat(dose, first)[:, None]),
    ]


def directions_of(particle_set: ParticleSet) -> tuple[Array, Array]:
    """Return unit vectors (N, 3), x, y, z, in each particle's own frame: of the beam at the lowest tilt, of the axis.

    A rotation takes vectors of the particle to the image, whose z is the beam: so its last row is the beam seen from
    the particle. The beams of a tilt series lie in a plane, whose normal is the tilt axis; its sign can't be told, and
    where all tilts are alike there is none (NaN).
    """
    images = particle_set.tilt_images
    owner, beams = images["particle"].to_numpy(), particle_set.rotations[:, 2].astype(np.float64)
    order = np.lexsort((-images["tilt_cosine"].to_numpy(np.float64), owner))
    lowest = order[particle_set.first_tilt[:-1]]
    spread = np.zeros((len(particle_set), 3, 3))
    np.add.at(spread, owner, beams[:, :, None] * beams[:, None, :])
    size, vectors = np.linalg.eigh(spread)  # ascending
    known = size[:, 1] > _FLAT * size[:, 2]
    return beams[lowest], np.where(known[:, None], vectors[:, :, 0], np.nan)


def quadratic_harmonics(direction: Array) -> Array:
    """Return the real spherical harmonics (N, 5) of degree 2 of unit vectors (N, 3), up to one common factor."""
    x, y, z = direction.T
    return np.column_stack([x * y, y * z, x * z, (x**2 - y**2) / 2, (3 * z**2 - 1) / np.sqrt(12)])
