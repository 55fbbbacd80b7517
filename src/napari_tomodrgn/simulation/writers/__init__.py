"""One module a star dialect: what a simulated data set looks like in it.

A new dialect is a module like these, with the names of :class:`Writer`, and a line in ``WRITERS``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.plan import Plan
from napari_tomodrgn.simulation.writers import cryosrpnt, nextpyp, relion5, warp, warptools


class Writer(Protocol):
    """What every dialect module offers."""

    @property
    def FORWARD_MODEL(self) -> ForwardModel:  # noqa: N802 (a module's constant)
        """How the dialect's program makes images."""

    @property
    def BY_ANGLE(self) -> bool:  # noqa: N802
        """Whether the images of a particle run by tilt angle."""

    @property
    def SHIFT_BY_PARTICLE(self) -> bool:  # noqa: N802
        """Whether a particle has one shift in 3D instead of one in each image."""

    @property
    def NUMBERED_THROUGHOUT(self) -> bool:  # noqa: N802
        """Whether particles are numbered through the whole set instead of in each tomogram."""

    @property
    def STARS(self) -> tuple[str, ...]:  # noqa: N802
        """The files that ``write_stars`` writes, relative to the folder; the first is the one to open."""

    def stacks(self, plan: Plan) -> list[tuple[str, Sequence[int]]]:
        """Return the stacks' paths, relative to the folder, and the particles in each, in the plan's order."""

    def write_stars(self, plan: Plan, folder: Path) -> Path:
        """Write the star files and return the one to open."""


WRITERS: dict[str, Writer] = {
    "cryosrpnt": cryosrpnt,
    "warp": warp,
    "nextpyp": nextpyp,
    "warptools": warptools,
    "relion5": relion5,
}
