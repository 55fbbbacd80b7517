"""WarpTools optimisation sets: tilt series as blocks of the tomograms star, coordinates in binned output pixels.

Images hold crop x CTF x exposure weight x cos(tilt); stacks hold all frames or only the visible ones.
"""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.dialects.optimisation_set import (
    ANGLES,
    COORDINATES,
    ParticleRows,
    image_pixel_size,
    read_optimisation_set,
)
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.tilt_series import TiltSeries


def coordinate(rows: ParticleRows, _series: TiltSeries) -> npt.NDArray[np.float64]:
    """Return (N, 3) x, y, z in Å: rlnCoordinateX/Y/Z are pixels of the extracted images."""
    pixel_size = image_pixel_size(rows)
    if pixel_size is None:
        raise InputError(f"{rows.block.where}: its coordinates are in image pixels, but rlnImagePixelSize is missing")
    return rows.vectors(COORDINATES) * pixel_size[:, None]


def read(sources: Sources, dialect: Dialect, options: ReadOptions) -> ParticleSet:
    """Read a WarpTools set."""
    return read_optimisation_set(
        sources, dialect, options, coordinate=coordinate, stacks_hold_all=True, height="plus", b_factor=False
    )


DIALECT = Dialect(
    name="warptools",
    forward_model=ForwardModel(1, "dose-tilt", "before", "300kv", "bright", "keep", "plus"),
    needs=(
        *((column,) for column in ("rlnTomoName", "rlnImageName", "rlnTomoVisibleFrames", "rlnOpticsGroup")),
        *((column,) for column in (*COORDINATES, *ANGLES, "rlnTomoProjX")),
    ),
    excludes=("rlnTomoTiltSeriesStarFile", "rlnCenteredCoordinateXAngst"),
    read=read,
)
