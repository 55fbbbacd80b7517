"""Surfaces as pictures of a movie: of the side asked for, with a scale bar and words in them."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.figures.shaded import BACKGROUND, PLAIN, Colour, Matrix, Picture, shaded

MOST_SAMPLES = 2**22  # that a volume is turned to, for a surface as fine as its picture; what lacks is stretched
INK = (225, 225, 225)
LONGEST_BAR = 0.3  # of the picture's side
NICE = (1, 2, 5)


def scale_for(side: int, box: int) -> int:
    """Return how many px a voxel is drawn with, of a volume of ``box`` voxels in a picture of ``side`` px."""
    return max(1, min(round(side / box), int((MOST_SAMPLES / box**3) ** 0.5)))


def stretched(picture: Picture, side: int) -> Picture:
    """Return a picture (H, H, 3) as one of (side, side, 3)."""
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))


def surface_frame(
    volume: npt.NDArray[np.float32],  # (D, D, D) z, y, x
    density: float,
    turn: Matrix,
    side: int,
    colour: Colour = PLAIN,
) -> Picture:
    """Return a picture (side, side, 3) of a volume's surface at a density, see :func:`shaded`."""
    return stretched(shaded(volume, density, turn, colour, BACKGROUND, scale_for(side, len(volume))), side)


def bar_length(longest: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, … that is not longer."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(nice for nice in NICE if nice * power <= longest * (1 + 1e-9)))


def labelled(picture: Picture, caption: str, px_per_angstrom: float, title: str = "") -> Picture:
    """Return a picture (H, W, 3) with a scale bar and words in its lower corners, and a title in the upper left one."""
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(picture)
    draw, side, width = ImageDraw.Draw(image), len(picture), picture.shape[1]
    margin, font = side // 32, ImageFont.load_default(max(side / 28, 10))
    nanometres = bar_length(LONGEST_BAR * side / px_per_angstrom / 10)
    length, bottom = nanometres * 10 * px_per_angstrom, side - margin
    draw.rectangle((margin, bottom - max(side // 128, 2), margin + length, bottom), fill=INK)
    draw.text((margin + length / 2, bottom - side // 64), f"{nanometres:g} nm", INK, font, anchor="mb")
    draw.text((width - margin, bottom), caption, INK, font, anchor="rb")
    draw.text((margin, margin), title, INK, font, anchor="lt")
    return np.asarray(image)
