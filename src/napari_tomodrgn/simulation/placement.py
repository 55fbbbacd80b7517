"""Where particles lie in a tomogram, and how they are turned."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.geometry import euler_matrices

FILLING = 0.06  # share of the tomogram's volume that particles take: random places are found without a search
SMALLEST_FIELD = 4000.0  # Å
_ROUNDS = 1000  # of looking for places: many times what is needed where there is room


@dataclass(frozen=True)
class Tomogram:
    """A simulated tomogram: name, and size x, y, z in Å (a whole number of pixels)."""

    name: str
    size: tuple[float, float, float]


def tomogram_size(
    particles: int,
    diameter: float,
    thickness: float,
    pixel_size: float,
    *,
    smallest: float = SMALLEST_FIELD,
    beside: float = 0.0,
) -> tuple[float, float, float]:
    """Return x, y, z in Å of a square field that has room for ``particles`` that don't overlap.

    Its side is at least ``smallest`` Å; ``beside`` is an area in Å² for other things.
    """
    thickness = max(thickness, 1.5 * diameter)
    area = particles * np.pi / 6 * diameter**3 / FILLING / (thickness - diameter)
    side = max(smallest, float(np.sqrt(area + beside)) + diameter)
    x, z = (2 * np.ceil(length / pixel_size / 2) * pixel_size for length in (side, thickness))
    return float(x), float(x), float(z)


def random_positions(
    count: int,
    size: tuple[float, float, float],
    diameter: float,
    generator: np.random.Generator,
    free: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.bool_]] | None = None,
) -> npt.NDArray[np.float64]:
    """Return (count, 3) x, y, z in Å, uniform in the tomogram, at least a diameter apart and half a one inside.

    ``free`` says which of the places (n, 3) it is given may be taken.

    Raises
    ------
    InputError
        If there is no room for so many.
    """
    placed = np.zeros((0, 3))
    rounds = 0
    while len(placed) < count:
        rounds += 1
        if rounds > _ROUNDS:
            field = " x ".join(f"{length:.0f}" for length in size)
            raise InputError(
                f"no room for {count} things of {diameter:.0f} Å in a tomogram of {field} Å, too crowded with what is "
                "there already; spread them over more --tomograms"
            )
        tried = generator.uniform(diameter / 2, np.array(size) - diameter / 2, (2 * count, 3))
        if free is not None:
            tried = tried[free(tried)]
        if len(placed):
            tried = tried[cKDTree(placed).query(tried)[0] >= diameter]
        close = cKDTree(tried).query_pairs(diameter, output_type="ndarray")
        # Of two candidates that overlap the later one goes.
        keep = np.ones(len(tried), dtype=bool)
        keep[close.max(axis=1)] = False
        placed = np.vstack([placed, tried[keep]])
    return placed[:count]


def random_orientations(count: int, generator: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return (count, 3) rot, tilt, psi in degrees, uniform over SO(3)."""
    rot, psi = generator.uniform(-180, 180, (2, count))
    tilt = np.rad2deg(np.arccos(generator.uniform(-1, 1, count)))
    return np.stack([rot, tilt, psi], axis=1)


def matrices(angles: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (..., 3, 3) RELION matrices of rot, tilt, psi (..., 3) in degrees: reference into image frame."""
    return euler_matrices(*np.moveaxis(angles, -1, 0))


def euler_angles(rotations: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return rot, tilt, psi (..., 3) in degrees of RELION matrices (..., 3, 3)."""
    flat = np.swapaxes(rotations.reshape(-1, 3, 3), 1, 2)
    return Rotation.from_matrix(flat).as_euler("ZYZ", degrees=True).reshape(*rotations.shape[:-2], 3)
