"""Which of the volumes at their poses matter, and what the others look like."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

GREY = (0.36, 0.36, 0.38, 1.0)
Colours = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class VolumeStyle:
    """How volumes at their poses are shown.

    Attributes
    ----------
    only_selected
        Whether those of particles that are not selected are grey and coarse, while there is a selection.
    beside
        The column whose colours the same volumes have in a second view, ``None`` for one view.
    """

    only_selected: bool = False
    beside: str | None = None


def that_matter(rgba: Colours, selected: Mask, style: VolumeStyle) -> Mask:
    """Return which particles (N,) are neither hidden nor faded, and are selected where only those are asked for.

    Parameters
    ----------
    rgba
        (N, 4) colours of the particles; alpha 0 is hidden, less than 1 is faded.
    selected
        (N,) which are selected.
    style
        How volumes are shown.
    """
    mask = rgba[:, 3] >= 1
    return mask & selected if style.only_selected and selected.any() else mask


def volume_colours(rgba: Colours, matter: Mask) -> Colours:
    """Return the colours (N, 4) of volumes: particles' own, or grey; whoever is hidden stays so (alpha 0)."""
    colours = np.array(rgba, dtype=np.float32)
    colours[~matter & (colours[:, 3] > 0)] = GREY
    return colours
