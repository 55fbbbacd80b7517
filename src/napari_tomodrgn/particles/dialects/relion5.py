"""RELION 5 optimisation sets of 2D stacks: one star per tilt series (or blocks), centred coordinates in Å.

Older files hold rlnCoordinateX/Y/Z instead, in unbinned pixels of the tilt series. Stacks hold visible frames only.
"""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.dialects.optimisation_set import (
    ANGLES,
    CENTRED,
    COORDINATES,
    ParticleRows,
    read_optimisation_set,
)
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.tilt_series import TiltSeries


def coordinate(rows: ParticleRows, series: TiltSeries) -> npt.NDArray[np.float64]:
    """Return (N, 3) x, y, z in Å from the tomogram's corner."""
    if all(column in rows.floats for column in CENTRED):
        size = series.size[rows.tomogram]
        if not np.isfinite(size).all():
            raise InputError(
                f"{rows.block.where}: its coordinates are relative to the tomogram's centre, but the tomograms star "
                "has no rlnTomoSizeX/Y/Z"
            )
        return rows.vectors(CENTRED) + size / 2
    return rows.vectors(COORDINATES) * series.pixel_size[rows.tomogram][:, None]


def read(sources: Sources, dialect: Dialect, options: ReadOptions) -> ParticleSet:
    """Read a RELION 5 set."""
    return read_optimisation_set(
        sources, dialect, options, coordinate=coordinate, stacks_hold_all=False, height="hand", b_factor=True
    )


DIALECT = Dialect(
    name="relion5",
    forward_model=ForwardModel(1, "dose", "before", "300kv", "bright", "keep", "plus"),
    needs=(
        *((column,) for column in ("rlnTomoName", "rlnImageName", "rlnTomoVisibleFrames", "rlnOpticsGroup", *ANGLES)),
        ("rlnCenteredCoordinateXAngst", "rlnCoordinateX"),
        ("rlnTomoTiltSeriesStarFile", "rlnTomoProjX"),
    ),
    shows=("rlnTomoTiltSeriesStarFile", "rlnCenteredCoordinateXAngst"),
    read=read,
)
