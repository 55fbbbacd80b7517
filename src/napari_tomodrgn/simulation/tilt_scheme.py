"""The tilts of a series, in the order in which they are taken."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.geometry import axis_rotation


def dose_symmetric(max_tilt: float, step: float, count: int | None = None, group: int = 2) -> npt.NDArray[np.float64]:
    """Return stage tilts (T,) in degrees in order of acquisition: 0, then groups on alternating sides.

    With groups of two and steps of 3°: 0, +3, -3, -6, +6, +9, -9, -12, … (Hagen et al. 2017).
    ``count`` keeps the first ones.
    """
    per_side = int(np.floor(max_tilt / step + 1e-9))
    order = [0.0]
    done = {1: 0, -1: 0}
    side, length = 1, 1
    while done[1] < per_side or done[-1] < per_side:
        for _ in range(length):
            if done[side] < per_side:
                done[side] += 1
                order.append(side * done[side] * step)
        # The first group has one tilt on the plus side: 0 is the other member of it.
        side, length = -side, group
    return np.array(order[:count])


def tilt_rotations(tilts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (T, 3, 3): rotations about the tilt axis y that take tomogram vectors (x, y, z) into the image frame."""
    return axis_rotation(1, tilts)
