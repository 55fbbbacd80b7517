"""Pictures of a way through latent space: the way among the particles, a sheet of its volumes, and a movie of them."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.traverse import OWN_FILES, Traversal, output_folder, write_traversal
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.figures.style import INK, OKABE_ITO, PALE, SEQUENTIAL, new_figure, save, square, styled
from napari_tomodrgn.figures.volumes import views
from napari_tomodrgn.files import atomic_folder, atomic_path
from napari_tomodrgn.particles.maps import Map, read_map

_ROWS = ("slice along z", "slice along y", "projection", "less the first")
_DIVERGING = "PuOr_r"  # orange: more than at the beginning, purple: less
_GREYS = (0.5, 99.8)  # percentiles that the greys span
MOST_SHOWN = 12  # volumes on a sheet
MOVIE_SIDE = 240  # px of each picture in it
SECONDS_A_FRAME = 0.12

Volumes = npt.NDArray[np.float32]


def save_traversal(traversal: Traversal, options: TraverseOptions) -> Path:
    """Write a traversal with its pictures as a folder that is whole or absent, and return it.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or the volumes can't be decoded as asked.
    """
    target = output_folder(traversal, options)
    with atomic_folder(target, overwrite=options.overwrite, replaces=OWN_FILES) as folder:
        write_traversal(traversal, options, folder)
        maps = [read_map(path) for path in sorted(folder.glob("vol_*.mrc"))]
        if options.figures:
            with styled():
                save(draw_way(traversal), folder / "way")
                if maps:
                    save(draw_sheet(traversal, maps), folder / "slices")
        if options.movie and maps:
            write_movie(folder / "movie.gif", traversal, maps)
    return target


def draw_way(traversal: Traversal) -> Figure:
    """Draw the particles along their first two principal components, and the way among them."""
    figure = new_figure(5.2, 4.6)
    axes = figure.subplots()
    components = principal_components(traversal.latents.z_mean)
    points = square(components.coordinates)
    size = float(np.clip(3000 / len(points), 1.5, 14))
    axes.scatter(
        points[:, 0], points[:, 1], s=size, color=PALE, linewidths=0, rasterized=True, label=f"{len(points)} particles"
    )
    way = square((traversal.z - components.mean) @ components.directions.T)
    if traversal.values is None:
        axes.plot(*way.T, color=INK, linewidth=1, zorder=2)
    shown = axes.scatter(
        way[:, 0], way[:, 1], c=_order(traversal), cmap=SEQUENTIAL, s=26, edgecolors=INK, linewidths=0.5, zorder=3
    )
    name = "share of the way" if traversal.values is None else str(traversal.facts["column"])
    figure.colorbar(shown, ax=axes, label=name, shrink=0.8)
    for axis, number in ((axes.xaxis, 0), (axes.yaxis, 1)):
        if number < len(components.explained_variance):
            axis.set_label_text(f"PC {number + 1} ({components.explained_variance[number]:.0%} of the variance)")
    axes.set_title(_title(traversal), fontsize=9)
    return figure


def draw_sheet(traversal: Traversal, maps: list[Map]) -> Figure:
    """Draw central slices, the projection, and how it differs from the first, of up to twelve of the volumes.

    One scale a row, so that the volumes may be compared.
    """
    chosen = np.unique(np.rint(np.linspace(0, len(maps) - 1, min(MOST_SHOWN, len(maps)))).astype(int))
    pictures = views(np.stack([maps[number].values for number in chosen]))[:3]
    pictures.append(pictures[2] - pictures[2][0])
    ranges = [tuple(np.percentile(each, _GREYS)) for each in pictures[:3]]
    furthest = max(float(np.abs(pictures[3]).max()), 1e-12)
    ranges.append((-furthest, furthest))
    figure = new_figure(1.05 * len(chosen) + 0.5, 1.02 * len(_ROWS) + 0.55)
    grid = figure.subplots(len(_ROWS), len(chosen), squeeze=False)
    for row, name in enumerate(_ROWS):
        for column, axes in enumerate(grid[row]):
            axes.imshow(
                pictures[row][column],
                cmap=_DIVERGING if row == 3 else "gray",
                vmin=ranges[row][0],
                vmax=ranges[row][1],
                origin="lower",
                interpolation="bicubic",
            )
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            if row == 0:
                axes.set_title(_caption(traversal, int(chosen[column])), loc="center", fontsize=8, fontweight="normal")
        grid[row, 0].set_ylabel(name, fontsize=8)
    _scale_bar(grid[0, 0], maps[0])
    left_out = f"; {len(chosen)} of {len(maps)} volumes" if len(chosen) < len(maps) else ""
    figure.suptitle(_title(traversal) + left_out, fontsize=9, fontweight="bold", ha="left", x=0.01)
    return figure


def write_movie(path: Path, traversal: Traversal, maps: list[Map]) -> None:
    """Write slices across z, y and x, and the projection, of the volumes one after the other, there and back, as GIF.

    One grey scale for each kind of picture through the whole movie; rows of a picture go down, y goes up.
    """
    volumes = np.stack([each.values for each in maps])
    middle = volumes.shape[-1] // 2
    pictures = [volumes[:, middle], volumes[:, :, middle], volumes[..., middle], volumes.sum(axis=1)]
    greys = [_grey(each) for each in pictures]
    order = [*range(len(maps)), *range(len(maps) - 2, 0, -1)]
    frames = [_frame([each[number] for each in greys], _caption(traversal, number)) for number in order]
    with atomic_path(path) as temporary:
        frames[0].save(
            temporary,
            save_all=True,
            append_images=frames[1:],
            duration=round(1000 * SECONDS_A_FRAME),
            loop=0,
            disposal=1,
        )


def _grey(pictures: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    low, high = np.percentile(pictures, _GREYS)
    share: npt.NDArray[np.floating] = np.clip((pictures - low) / max(high - low, 1e-12), 0, 1)
    return (255 * share).astype(np.uint8)


def _frame(greys: list[npt.NDArray[np.uint8]], caption: str) -> Image.Image:
    """Return one picture: the four side by side, and words below."""
    strip = 24
    frame = Image.new("L", (len(greys) * MOVIE_SIDE, MOVIE_SIDE + strip))
    for number, grey in enumerate(greys):
        picture = Image.fromarray(grey[::-1]).resize((MOVIE_SIDE, MOVIE_SIDE), Image.Resampling.BICUBIC)
        frame.paste(picture, (number * MOVIE_SIDE, 0))
    draw, font = ImageDraw.Draw(frame), ImageFont.load_default(14)
    for number, name in enumerate(("slice z", "slice y", "slice x", "projection")):
        draw.text((number * MOVIE_SIDE + MOVIE_SIDE // 2, MOVIE_SIDE + strip // 2), name, 160, font, anchor="mm")
    draw.text((len(greys) * MOVIE_SIDE - 6, MOVIE_SIDE - 4), caption, 255, font, anchor="rb")
    return frame


def _order(traversal: Traversal) -> npt.NDArray[np.float64]:
    return traversal.share if traversal.values is None else traversal.values


def _caption(traversal: Traversal, number: int) -> str:
    value = _order(traversal)[number]
    return f"{value:.0%}" if traversal.values is None else f"{value:.4g}"


def _title(traversal: Traversal) -> str:
    return f"{traversal.title}; epoch {traversal.epoch}"


def _scale_bar(axes: Axes, first: Map) -> None:
    """Draw a round length of about a third of the box into a picture."""
    side = first.box * first.pixel_size
    if side <= 0:
        return
    power = 10.0 ** np.floor(np.log10(side / 3))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 3)
    begin, height = 0.06 * first.box, 0.08 * first.box
    axes.plot([begin, begin + length / first.pixel_size], [height] * 2, color=OKABE_ITO[6], linewidth=2)
    axes.text(begin, 1.5 * height, f"{length:g} Å", color=OKABE_ITO[6], fontsize=7, va="bottom")
