"""Pictures of a way through latent space: the way among the particles, and a sheet of its volumes."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.traversal_volumes import OWN_FILES, write_traversal
from napari_tomodrgn.analysis.traverse import Traversal, output_folder
from napari_tomodrgn.analysis.traverse_options import TraverseOptions
from napari_tomodrgn.figures.style import INK, OKABE_ITO, PALE, SEQUENTIAL, new_figure, save, square, styled
from napari_tomodrgn.figures.traversal_movie import check_traversal_movie, order_of, place_of, write_traversal_movie
from napari_tomodrgn.figures.volumes import views
from napari_tomodrgn.files import atomic_folder
from napari_tomodrgn.particles.maps import Map, read_map

_ROWS = ("slice along z", "slice along y", "projection", "less the first")
_DIVERGING = "PuOr_r"  # orange: more than at the beginning, purple: less
_GREYS = (0.5, 99.8)  # percentiles that the greys span
MOST_SHOWN = 12  # volumes on a sheet


def save_traversal(traversal: Traversal, options: TraverseOptions) -> tuple[dict[str, Any], Path]:
    """Write a traversal with its pictures as a folder that is whole or absent; return what was found, and the folder.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or volumes or movie can't be made as asked.
    """
    target = output_folder(traversal, options)
    movie = f"movie.{options.movie_format}"
    if options.movie:
        check_traversal_movie(target / movie, len(traversal.z), options)
    with atomic_folder(target, overwrite=options.overwrite, replaces=OWN_FILES) as folder:
        document = write_traversal(traversal, options, folder)
        paths = sorted(folder.glob("vol_*.mrc"))
        if options.figures:
            with styled():
                save(draw_way(traversal), folder / "way")
                if paths:
                    save(draw_sheet(traversal, paths), folder / "slices")
        if options.movie:
            write_traversal_movie(folder / movie, traversal, paths, options, document.get("surfaces_at"))
    return document, target


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
        way[:, 0], way[:, 1], c=order_of(traversal), cmap=SEQUENTIAL, s=26, edgecolors=INK, linewidths=0.5, zorder=3
    )
    name = "share of the way" if traversal.values is None else str(traversal.facts["column"])
    figure.colorbar(shown, ax=axes, label=name, shrink=0.8)
    for axis, number in ((axes.xaxis, 0), (axes.yaxis, 1)):
        if number < len(components.explained_variance):
            axis.set_label_text(f"PC {number + 1} ({components.explained_variance[number]:.0%} of the variance)")
    axes.set_title(_title(traversal), fontsize=9)
    return figure


def draw_sheet(traversal: Traversal, paths: list[Path]) -> Figure:
    """Draw central slices, the projection, and how it differs from the first, of up to twelve of the volumes.

    One scale a row, so that the volumes may be compared.
    """
    chosen = np.unique(np.rint(np.linspace(0, len(paths) - 1, min(MOST_SHOWN, len(paths)))).astype(int))
    maps = [read_map(paths[number]) for number in chosen]
    pictures = views(np.stack([each.values for each in maps]))[:3]
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
                axes.set_title(place_of(traversal, int(chosen[column])), loc="center", fontsize=8, fontweight="normal")
        grid[row, 0].set_ylabel(name, fontsize=8)
    _scale_bar(grid[0, 0], maps[0])
    left_out = f"; {len(chosen)} of {len(paths)} volumes" if len(chosen) < len(paths) else ""
    figure.suptitle(_title(traversal) + left_out, fontsize=9, fontweight="bold", ha="left", x=0.01)
    return figure


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
