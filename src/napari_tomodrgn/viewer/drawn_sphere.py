"""A sphere that a person draws into the volume that is looked at, to be measured in all volumes. No Qt."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

FIRST_RADIUS = 0.12  # of the box's side
Vector = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sphere:
    """A sphere in volumes as they are shown, in the hand of the poses.

    Attributes
    ----------
    z, y, x, radius
        Å; 0 is the centre of the first voxel.
    """

    z: float
    y: float
    x: float
    radius: float

    def as_option(self, extent: float, map_hand: str) -> str:
        """Return the ``--sphere`` of the command, whose volumes may be flipped along z about their middle.

        Parameters
        ----------
        extent
            Side of the box, Å.
        map_hand
            ``"flip"`` where volumes are written so.
        """
        z = extent - self.z if map_hand == "flip" else self.z
        return ",".join(f"{round(value, 3) + 0.0:g}" for value in (z, self.y, self.x, self.radius))


class DrawnSphere:
    """The sphere in the volume that is looked at.

    Attributes
    ----------
    sphere
        As it is now, ``None`` where none is drawn.
    extent
        Side of the volumes' box, Å.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.sphere: Sphere | None = None
        self.extent = 0.0

    def begin(self, extent: float) -> None:
        """Put a sphere into the middle of a box of such a side (Å); one that is there in a box like it stays."""
        if self.sphere is None or self.extent != extent:
            self.extent = extent
            middle = round(extent / 2, 1)
            self.sphere = Sphere(middle, middle, middle, max(round(FIRST_RADIUS * extent, 1), 1.0))
            self.changed.emit()

    def end(self) -> None:
        """Draw none."""
        self.sphere = None
        self.changed.emit()

    def set(self, **values: Any) -> None:
        """Move the sphere, or make it larger or smaller: ``z, y, x, radius`` in Å; it stays in the box."""
        if self.sphere is None:
            return
        rounded = {name: round(min(max(value, 0.0), self.extent), 1) for name, value in values.items()}
        if "radius" in rounded:
            rounded["radius"] = min(max(rounded["radius"], 1.0), self.extent / 2)
        after = replace(self.sphere, **rounded)
        if after != self.sphere:
            self.sphere = after
            self.changed.emit()

    def seen(self, turn: Vector) -> tuple[float, float, float]:
        """Return where the sphere is seen of a volume that was turned (3, 3): right and up of the middle, and radius.

        All as shares of the box's side; the turn acts on x, y, z, and the eye looks along −z of what it gives.
        """
        assert self.sphere is not None
        place = np.array([self.sphere.x, self.sphere.y, self.sphere.z]) - self.extent / 2
        right, up, _ = turn @ place / self.extent
        return float(right), float(up), self.sphere.radius / self.extent

    def move(self, right: float, up: float, turn: Vector) -> None:
        """Move the sphere in the plane that is seen, by shares of the box's side."""
        if self.sphere is not None:
            x, y, z = turn.T @ np.array([right, up, 0.0]) * self.extent
            self.set(x=self.sphere.x + x, y=self.sphere.y + y, z=self.sphere.z + z)
