"""Whether a tomogram file is of the size that the data set says, and holds the particles."""

from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.particle_set import ParticleSet

ROUNDING = 0.02  # relative, by which sizes differ where binning cuts off a rest
ROUNDING_VOXELS = 2
AXES = "zyx"

Size = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TomogramFit:
    """What was found on holding a volume against a data set.

    Attributes
    ----------
    messages
        One sentence for each thing that does not fit; none where all does.
    outside
        (n,) rows of the set's particles in this tomogram that lie outside the volume.
    particles
        How many particles with a position the tomogram has.
    suggested_pixel_size
        Å per voxel that would make the sizes agree, where another one than the volume's would.
    """

    messages: tuple[str, ...]
    outside: npt.NDArray[np.int64]
    particles: int
    suggested_pixel_size: float | None = None


def check_fit(
    name: str, shape: tuple[int, ...], pixel_size: float | None, particle_set: ParticleSet, tomogram: str
) -> TomogramFit:
    """Hold a volume against the size of its tomogram and the positions of its particles.

    Sizes are compared in Å, so that a binned volume fits as the unbinned one does.

    Parameters
    ----------
    name
        Of the volume, in messages.
    shape
        (Z, Y, X) in voxels.
    pixel_size
        Å per voxel; ``None`` where it is not known: it is suggested where the tomogram's size tells it.
    particle_set, tomogram
        The data set, and the name that it gives to the tomogram.
    """
    expected = _size_of(particle_set, tomogram)
    messages, suggestion = [], None
    if expected is not None:
        message, suggestion = _compare(name, np.array(shape, dtype=np.float64), pixel_size, expected)
        messages += [message] if message else []
    table = particle_set.particles
    position = table[["z", "y", "x"]].to_numpy(np.float64)
    rows = np.flatnonzero((table["tomogram"] == tomogram).to_numpy() & np.isfinite(position).all(axis=1))
    outside = np.zeros(0, dtype=np.int64)
    if pixel_size is not None:
        # a voxel reaches half its side beyond its centre
        reach = (np.array(shape) - 0.5) * pixel_size
        beyond = (position[rows] < -0.5 * pixel_size) | (position[rows] > reach)
        outside = rows[beyond.any(axis=1)]
        if len(outside):
            messages.append(
                f"{name}: {len(outside)} of {len(rows)} particles of {tomogram} lie outside this volume; check that it "
                "is the right tomogram, whole, and of the right pixel size"
            )
    return TomogramFit(tuple(messages), outside, len(rows), suggestion)


def _size_of(particle_set: ParticleSet, tomogram: str) -> Size | None:
    """Return the size (3,) z, y, x in Å of a tomogram, ``None`` where the data set does not say it."""
    table = particle_set.tomograms
    rows = table.loc[table["name"] == tomogram, ["size_z", "size_y", "size_x"]].to_numpy(np.float64)
    return rows[0] if len(rows) and np.isfinite(rows[0]).all() and (rows[0] > 0).all() else None


def _compare(name: str, shape: Size, pixel_size: float | None, expected: Size) -> tuple[str | None, float | None]:
    """Return what is wrong with a volume's size, and the pixel size that would mend it."""
    needed = expected / shape
    one_size = float(np.median(needed))
    if pixel_size is not None and _agree(shape, pixel_size, expected):
        return None, None
    asked = " x ".join(f"{length:.0f}" for length in expected)
    if _agree(shape, one_size, expected):
        is_now = "it has no pixel size" if pixel_size is None else f"its pixel size is {pixel_size:.4g} Å"
        return (
            f"{name}: {is_now}, and its tomogram of {asked} Å (z, y, x) asks for {one_size:.4g} Å; set that",
            one_size,
        )
    for order in permutations(range(3)):
        turned = shape[list(order)]
        side = pixel_size or float(np.median(expected / turned))
        if _agree(turned, side, expected):
            axes = ", ".join(AXES[axis] for axis in order)
            fits = f"fits its tomogram of {asked} Å (z, y, x) only with its axes taken as {axes}"
            return f"{name}: {fits}; write it with z along the beam", None
    found = " x ".join(f"{length:.0f}" for length in shape * (pixel_size or 1))
    unit = "voxels" if pixel_size is None else "Å"
    return f"{name}: is {found} {unit} (z, y, x), and its tomogram is {asked} Å; check that it is that one, whole", None


def _agree(shape: Size, pixel_size: float, expected: Size) -> bool:
    allowed = np.maximum(ROUNDING * expected, ROUNDING_VOXELS * pixel_size)
    return bool((np.abs(shape * pixel_size - expected) <= allowed).all())
