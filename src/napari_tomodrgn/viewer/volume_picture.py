"""The picture of a volume that is looked at: its surface, and the central slices beside it."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.figures.shaded import BACKGROUND, Colour, Matrix, Picture, shaded, shaded_difference
from napari_tomodrgn.viewer.meshes import without_dust
from napari_tomodrgn.viewer.treatment import Volume

MORE, LESS = (0.34, 0.71, 0.91), (0.90, 0.62, 0.0)  # sky blue and orange
GREYS = (1.0, 99.5)  # percentiles that slices span


@dataclass(frozen=True)
class Shown:
    """A volume as it is looked at.

    Attributes
    ----------
    volume
        (d, d, d), z, y, x; of a difference, B less A.
    density
        Where its surface lies.
    pixel_size
        Å.
    caption
        What it is.
    dust_angstrom
        Pieces of the surface whose longest side is shorter are not drawn.
    difference
        Whether it is one: drawn in one colour where it is above the density, in another where below its negative.
    """

    volume: Volume
    density: float
    pixel_size: float
    caption: str
    dust_angstrom: float = 0.0
    difference: bool = False

    def clean(self) -> "Shown":
        """Return it without the dust, to be drawn from many sides."""
        smallest = self.dust_angstrom / self.pixel_size
        volume = without_dust(self.volume, self.density, smallest)
        if self.difference:
            volume = -without_dust(-volume, self.density, smallest)
        return Shown(volume, self.density, self.pixel_size, self.caption, 0.0, self.difference)


def surface_picture(shown: Shown, turn: Matrix, colour: Colour, scale: int = 1) -> Picture:
    """Return a picture (scale d, scale d, 3) of a surface."""
    if shown.difference:
        return shaded_difference(shown.volume, shown.density, turn, MORE, LESS, BACKGROUND, scale)
    return shaded(shown.volume, shown.density, turn, colour, BACKGROUND, scale)


def beside_slices(picture: Picture, volume: npt.NDArray[np.float32]) -> Picture:
    """Return a picture (H, H, 3) with a volume's central slices z, y, x in a column to its right."""
    side = len(picture) // 3
    column = [_slice(volume, axis, side) for axis in range(3)]
    rest = len(picture) - 3 * side
    strip = np.concatenate([*column, np.zeros((rest, side, 3), np.uint8)])
    return np.concatenate([picture, strip], axis=1)


def _slice(volume: npt.NDArray[np.float32], axis: int, side: int) -> Picture:
    plane = np.take(volume, len(volume) // 2, axis=axis)[::-1]
    low, high = np.percentile(plane, GREYS)
    grey = (255 * np.clip((plane - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
    index = (np.arange(side) * len(plane)) // max(side, 1)
    return np.repeat(grey[np.ix_(index, index)][..., None], 3, axis=2)
