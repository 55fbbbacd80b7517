"""The tilts of a series, in the order in which they are taken."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
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


def given_tilts(path: Path, count: int | None = None) -> npt.NDArray[np.float64]:
    """Return stage tilts (T,) in degrees from a text file, one a line in order of acquisition.

    ``count`` keeps the first ones. Raises one sentence on anything else.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give a text file with one tilt a line") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable text file ({error}); give one with one tilt a line") from error
    tilts = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            tilt = float(line)
        except ValueError:
            tilt = np.nan
        if not abs(tilt) < 90:
            raise InputError(
                f"{path}: line {number} is {line.strip()[:40]!r}; expected a tilt between -90 and 90 degrees"
            )
        tilts.append(tilt)
    if not tilts:
        raise InputError(f"{path}: holds no tilts; give one a line, in order of acquisition")
    return np.array(tilts[:count])


def tilt_rotations(tilts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (T, 3, 3): rotations about the tilt axis y that take tomogram vectors (x, y, z) into the image frame."""
    return axis_rotation(1, tilts)
