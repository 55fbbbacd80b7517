"""The movie of a traversal: shaded surfaces at one level, or slices in one grey scale, one volume after the other."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.traverse import Traversal
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.figures.movie import check_movie, write_movie
from napari_tomodrgn.figures.shaded import Picture
from napari_tomodrgn.figures.surface_frames import labelled, surface_frame
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.progress import track

log = logging.getLogger("napari_tomodrgn")

SLICES = ("slice z", "slice y", "slice x", "projection")
STRIP = 24  # px below slices, with what they are
GREYS = (0.5, 99.8)  # percentiles that the greys of slices span


def check_traversal_movie(path: Path, volumes: int, options: TraverseOptions) -> None:
    """Raise one sentence where the movie that the options ask for, of so many volumes, can't be written."""
    check_movie(path, _size(options), len(_there_and_back(volumes)))


def write_traversal_movie(
    path: Path, traversal: Traversal, paths: list[Path], options: TraverseOptions, density: float | None
) -> None:
    """Write the volumes in files as a movie, there and back.

    Parameters
    ----------
    path
        To write, as ``.gif`` or ``.mp4``.
    traversal, paths
        Its volumes, in order.
    options
        What the movie shows, from which sides.
    density
        Where all surfaces lie; ``None`` for slices.
    """
    picture = _slices(traversal, paths, options) if density is None else _surfaces(traversal, paths, options, density)
    order = _there_and_back(len(paths))
    for _ in track(write_movie(path, map(picture, order), options.fps), "Movie", total=len(order), unit="pictures"):
        pass


def order_of(traversal: Traversal) -> npt.NDArray[np.float64]:
    """Return (n,) what volumes are in the order of: the values of a column, or the share of the way."""
    return traversal.share if traversal.values is None else traversal.values


def place_of(traversal: Traversal, number: int) -> str:
    """Return where a volume is in the order, in words."""
    value = order_of(traversal)[number]
    return f"{value:.0%}" if traversal.values is None else f"{value:.4g}"


def caption_of(traversal: Traversal, number: int) -> str:
    """Return where a volume is in the order and, of particles by a column, which rank that is."""
    place = place_of(traversal, number)
    if traversal.values is None:
        return place
    particles = int(traversal.facts["particles"])
    rank = round(float(traversal.share[number]) * (particles - 1)) + 1
    return f"{place}, rank {rank} of {particles}"


def _there_and_back(count: int) -> list[int]:
    return [*range(count), *range(count - 2, 0, -1)]


def _size(options: TraverseOptions) -> tuple[int, int]:
    """Return height and width of a picture, px."""
    if options.movie_of == "surfaces":
        return options.movie_side, options.movie_side * len(options.views)
    return options.movie_side // 2 + STRIP, options.movie_side // 2 * len(SLICES)


def _surfaces(
    traversal: Traversal, paths: list[Path], options: TraverseOptions, density: float
) -> Callable[[int], Picture]:
    """Return what draws the surface of a volume by its number, its sides next to one another."""
    highest = max(float(read_map(path).values.max()) for path in paths)
    if highest <= density:
        log.warning(
            "the movie is empty: its surfaces lie at %.4g, and no volume is above %.4g; give a lower --level",
            density, highest,
        )  # fmt: skip
    turns = [Rotation.from_euler("xyz", angles, degrees=True).as_matrix() for angles in options.views]
    title = traversal.title if traversal.values is None else str(traversal.facts["column"])

    def picture(number: int) -> Picture:
        found = read_map(paths[number])
        sides = [surface_frame(found.values, density, turn, options.movie_side) for turn in turns]
        px_per_angstrom = options.movie_side / (found.box * found.pixel_size)
        return labelled(np.concatenate(sides, axis=1), caption_of(traversal, number), px_per_angstrom, title)

    return picture


def _slices(traversal: Traversal, paths: list[Path], options: TraverseOptions) -> Callable[[int], Picture]:
    """Return what draws slices across z, y and x, and the projection; one grey scale for each kind in all pictures."""
    planes = [_planes(read_map(path).values) for path in paths]
    greys = [_grey(np.stack(each)) for each in zip(*planes, strict=True)]

    def picture(number: int) -> Picture:
        return _slices_frame([each[number] for each in greys], caption_of(traversal, number), options.movie_side // 2)

    return picture


def _planes(volume: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    middle = len(volume) // 2
    return [volume[middle], volume[:, middle], volume[..., middle], volume.sum(axis=0)]


def _grey(pictures: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    low, high = np.percentile(pictures, GREYS)
    share: npt.NDArray[np.floating] = np.clip((pictures - low) / max(high - low, 1e-12), 0, 1)
    return (255 * share).astype(np.uint8)


def _slices_frame(greys: list[npt.NDArray[np.uint8]], caption: str, side: int) -> Picture:
    """Return one picture: the four side by side, rows going down as y goes up, and words below."""
    from PIL import Image, ImageDraw, ImageFont

    frame = Image.new("L", (len(greys) * side, side + STRIP))
    for number, grey in enumerate(greys):
        frame.paste(Image.fromarray(grey[::-1]).resize((side, side), Image.Resampling.BICUBIC), (number * side, 0))
    draw, font = ImageDraw.Draw(frame), ImageFont.load_default(14)
    for number, name in enumerate(SLICES):
        draw.text((number * side + side // 2, side + STRIP // 2), name, 160, font, anchor="mm")
    draw.text((len(greys) * side - 6, side - 4), caption, 255, font, anchor="rb")
    return np.asarray(frame.convert("RGB"))
