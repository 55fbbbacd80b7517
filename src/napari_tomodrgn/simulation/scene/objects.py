"""Gold beads and vesicles: round, so that their projection is the same from every side, and known exactly."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import spherical_jn

from napari_tomodrgn.simulation.shapes import CUT_OFF, EDGE

BEAD_RADIUS = 50.0  # Å
GOLD = 8.0  # density, as times the particles'
LEAFLETS_APART, LEAFLET_SIGMA = 36.0, 6.0  # Å; a leaflet is as dense as the particles
MEMBRANE = LEAFLETS_APART / 2 + 2 * LEAFLET_SIGMA  # Å from the middle of the membrane to its surface
_BLUR = 0.6  # px, so that sharp edges don't ring
_MARGIN = 6  # px about an object

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class RoundObject:
    """A gold bead, or a vesicle of two leaflets.

    Attributes
    ----------
    position
        (3,) x, y, z in Å, as the particles'.
    radius
        Å, of a vesicle to the middle of its membrane.
    hollow
        Whether it is a vesicle.
    """

    position: FloatArray
    radius: float
    hollow: bool

    @property
    def outer_radius(self) -> float:
        """Å, with the membrane."""
        return self.radius + (MEMBRANE if self.hollow else 0)

    def distance(self, places: FloatArray) -> FloatArray:
        """Return how far places (n, 3) are from its surface in Å, negative in gold or membrane."""
        far: FloatArray = np.linalg.norm(places - self.position, axis=1) - self.radius
        return np.abs(far) - MEMBRANE if self.hollow else far

    def transform(self, k: FloatArray) -> FloatArray:
        """Return its Fourier transform (...,) in Å³ at |k| (...,) in 1/Å, about its centre, at particle density 1.

        That of a ball is 4 pi R³ j1(x)/x with x = 2 pi k R. A leaflet is a thin shell, 4 pi R² sin(x)/x, blurred.
        """
        if not self.hollow:
            x = np.maximum(2 * np.pi * self.radius * k, 1e-6)
            ball: FloatArray = GOLD * 4 * np.pi * self.radius**3 * spherical_jn(1, x) / x
            return ball
        thickness = LEAFLET_SIGMA * np.sqrt(2 * np.pi)  # of a layer of density 1 that holds as much
        radii = (self.radius - LEAFLETS_APART / 2, self.radius + LEAFLETS_APART / 2)
        shells = [4 * np.pi * radius**2 * np.sinc(2 * radius * k) for radius in radii]
        leaflets: FloatArray = thickness * np.sum(shells, axis=0) * np.exp(-2 * (np.pi * LEAFLET_SIGMA * k) ** 2)
        return leaflets

    def drawn(self, pixel_size: float, dimensions: int) -> "DrawnObject":
        """Return what is needed to draw its projection (2 dimensions) or itself (3) in pixels of so many Å."""
        size = 2 * (int(np.ceil(self.outer_radius / pixel_size)) + _MARGIN)
        steps, half = np.fft.fftfreq(size), np.fft.rfftfreq(size)
        grid = np.meshgrid(*[steps] * (dimensions - 1), half, indexing="ij")
        radius = np.sqrt(np.sum(np.square(grid), axis=0))
        seen = np.exp(-2 * (np.pi * _BLUR * radius) ** 2) * (
            0.5 + 0.5 * np.cos(np.pi * np.clip((radius - CUT_OFF) / EDGE, 0, 1))
        )
        return DrawnObject(size, self.transform(radius / pixel_size) / pixel_size**3 * seen)


@dataclass(frozen=True)
class DrawnObject:
    """The transform of an object's picture of ``size`` pixels, its centre on the first one."""

    size: int
    transform: FloatArray

    def add_to(self, values: npt.NDArray[np.float32], centre: FloatArray, factor: float) -> None:
        """Add it, times a factor, at ``centre`` in pixels, in the order of the axes; beyond the edge it is cut off."""
        nearest = np.round(centre).astype(int)
        begin = nearest - self.size // 2
        transform = self.transform.astype(np.complex64)
        for axis, moved in enumerate(centre - begin):
            last = axis == len(centre) - 1
            k = np.fft.rfftfreq(self.size) if last else np.fft.fftfreq(self.size)
            shape = [-1 if other == axis else 1 for other in range(len(centre))]
            transform *= np.exp(-2j * np.pi * k * moved).reshape(shape)
        axes = tuple(range(len(centre)))
        picture = np.fft.irfftn(transform, s=(self.size,) * len(centre), axes=axes)
        low, high = np.maximum(begin, 0), np.minimum(begin + self.size, values.shape)
        if (low < high).all():
            inside = tuple(slice(*ends) for ends in zip(low, high, strict=True))
            part = tuple(slice(*ends) for ends in zip(low - begin, high - begin, strict=True))
            values[inside] += np.float32(factor) * picture[part].astype(np.float32)


def particle_density(maps: npt.NDArray[np.floating]) -> float:
    """Return the density inside the particles (S, D, D, D): the mean over what is above 0, weighted by itself."""
    above = np.clip(maps, 0, None)
    return float((above**2).sum() / above.sum())
