"""The latent landscape: all particles as a grey density, class centres on it, class volumes pinned to their centres."""

from textwrap import fill

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from scipy.optimize import linear_sum_assignment

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.shaded import shaded
from napari_tomodrgn.figures.style import GREY, INK, colours_of_classes, new_figure, square

SIDE, FOOT = 9.0, 0.45  # inches: of the square, and of the caption beneath it
FEWEST_CELLS, MOST_CELLS = 4, 7  # along a side; pictures stand in the outermost ones
LEVEL = 3.0  # standard deviations above the mean
_SHARP = 180  # px that a picture has at least
_WITHIN, _MARGIN = 99.0, 1.15  # percent of what is above the level that is in sight, and the room around it
_PER_HEXAGON = 3  # particles, were they spread evenly
_LIGHTEST, _DARKEST = 0.4, 3.0  # of one particle and of the fullest hexagon: where the greys begin and end

Floats = npt.NDArray[np.floating]


def landscape_figure(content: Content) -> Figure:
    """Particles as a grey density, class centres numbered on it, and the class volumes around it."""
    figure = new_figure(SIDE, SIDE + FOOT)
    figure.set_layout_engine("none")  # every place is given
    shown = pinned(content)
    cells = cells_along_a_side(shown)
    border = SIDE / cells if shown else 0.35
    inner = SIDE - 2 * border - 0.3
    axes = figure.add_axes(_shares(border + 0.15, FOOT + border + 0.15, inner, inner))
    points = landscape_points(content)
    _draw_density(axes, points)
    _draw_centres(axes, points[content.centre_rows], content)
    if shown:
        _pin_volumes(figure, axes, points[content.centre_rows[:shown]], content)
    figure.text(0.15 / SIDE, 0.1 / (SIDE + FOOT), fill(caption(content), 150), fontsize=7, color=GREY, va="bottom")
    return figure


def caption(content: Content) -> str:
    """Return what the figure shows: of how many particles, by which settings."""
    shown = pinned(content)
    by = "two principal components" if content.embedding.umap is None else "UMAP"
    text = (
        f"{len(content.labels):,} particles of epoch {content.epoch} by {by}: grey by how many lie in a hexagon "
        f"(logarithm). Points: the particles nearest to the centres of {content.title} "
        f"({content.how})."
    )
    if not shown:
        return text
    which = "their volumes" if shown == content.classes else f"volumes of the {shown} largest"
    return (
        f"{text} Around them {which}, seen along z, all at one level, {LEVEL:g} standard deviations above the mean; "
        "in brackets particles."
    )


def landscape_points(content: Content) -> Floats:
    """Return where particles are drawn (N, 2): by UMAP, or by two principal components where it was left out."""
    umap = content.embedding.umap
    return square(content.embedding.pca) if umap is None else umap


def pinned(content: Content) -> int:
    """Return how many class volumes have room around the landscape, the largest classes first; 0 without volumes."""
    return 0 if content.volumes is None else min(content.classes, 4 * (MOST_CELLS - 1))


def cells_along_a_side(pictures: int) -> int:
    """Return the side of the smallest square of cells whose border has a cell for each picture."""
    return max(FEWEST_CELLS, int(np.ceil(pictures / 4)) + 1)


def border_cells(cells: int) -> Floats:
    """Return the middles (4 (cells - 1), 2), x and y, of the cells along the border of a square of side 1."""
    column, row = np.meshgrid(np.arange(cells), np.arange(cells))
    outer = (np.minimum(column, row) == 0) | (np.maximum(column, row) == cells - 1)
    return (np.column_stack([column[outer], row[outer]]) + 0.5) / cells


def places_for(
    points: Floats,  # (K, 2)
    cells: Floats,  # (P, 2), P at least K
) -> npt.NDArray[np.intp]:
    """Return the cell (K,) of each point so that the lines between them are shortest in all: then no two cross."""
    distance = np.linalg.norm(points[:, None] - cells[None], axis=2)
    return linear_sum_assignment(distance)[1]


def common_level(volumes: Floats) -> float:
    """Return the density at which all volumes (K, D, D, D) are seen."""
    return float(volumes.mean() + LEVEL * volumes.std())


def _draw_density(axes: Axes, points: Floats) -> None:
    """Draw how many particles lie where, in hexagons, darker by the logarithm, and never so dark as to hide numbers."""
    across = int(np.clip(np.sqrt(len(points) / _PER_HEXAGON), 18, 90))
    drawn = axes.hexbin(*points.T, gridsize=across, mincnt=1, cmap="Greys", linewidths=0.2, edgecolors="face")
    fullest = max(1.0, float(np.asarray(drawn.get_array()).max()))
    drawn.set_norm(LogNorm(_LIGHTEST, _DARKEST * fullest))
    axes.margins(0.06)
    axes.set_axis_off()


def _draw_centres(axes: Axes, centres: Floats, content: Content) -> None:
    for label, (centre, colour) in enumerate(zip(centres, colours_of_classes(content.names), strict=True)):
        axes.plot(*centre, marker="o", markersize=6, color=colour, markeredgecolor=INK, markeredgewidth=0.8, zorder=6)
        text = axes.annotate(
            content.class_name(label),
            centre,
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            zorder=7,
        )
        text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])


def _pin_volumes(figure: Figure, axes: Axes, centres: Floats, content: Content) -> None:
    """Draw the volumes in the cells along the border, and a line from each to its centre."""
    assert content.volumes is not None
    volumes = content.volumes[: len(centres)]
    density = common_level(volumes)
    reach = reach_of(volumes, density)
    cells = cells_along_a_side(len(centres))
    side = SIDE / cells
    axes.autoscale_view()  # limits are settled, and with them where a centre is in the figure
    at = axes.transData.transform(centres) / figure.dpi  # inches
    middles = border_cells(cells) * SIDE + (0, FOOT)
    colours = colours_of_classes(content.names)
    for label, middle in enumerate(middles[places_for(at, middles)]):
        left, bottom = middle - side / 2
        frame = (left + 0.03 * side, bottom + 0.03 * side, 0.94 * side, 0.94 * side)
        own = figure.add_axes(_shares(frame[0], frame[1], frame[2], frame[3] - 0.2))
        _draw_surface(own, volumes[label], density, reach, colours[label])
        if label == 0:
            _scale_bar(own, reach, content.pixel_size)
        _frame(figure, frame, colours[label], f"{content.class_name(label)}  ({content.sizes[label]:,})")
        _lead(figure, at[label], frame, colours[label])


def _frame(figure: Figure, frame: tuple[float, float, float, float], colour: str, name: str) -> None:
    """Draw a frame (left, bottom, width, height in inches) in a class's colour, and its name in it at the top."""
    left, bottom, width, height = frame
    corner = _shares(left, bottom, width, height)
    figure.add_artist(Rectangle(corner[:2], corner[2], corner[3], fill=False, edgecolor=colour, linewidth=1.2))
    x, y, _, _ = _shares(left + width / 2, bottom + height - 0.12, 0, 0)
    figure.text(x, y, name, ha="center", va="center", fontsize=8, fontweight="bold")


def _lead(figure: Figure, point: Floats, frame: tuple[float, float, float, float], colour: str) -> None:
    """Draw a line from a point to the nearest place of a frame, both in inches."""
    left, bottom, width, height = frame
    end = np.clip(point, (left, bottom), (left + width, bottom + height))
    whole = np.array([SIDE, SIDE + FOOT])
    line = ConnectionPatch(
        tuple(point / whole), tuple(end / whole), "figure fraction", "figure fraction", color=colour, linewidth=1.2
    )
    line.set_path_effects([patheffects.withStroke(linewidth=2.0, foreground=GREY)])  # pale colours are seen too
    figure.add_artist(line)


def _draw_surface(axes: Axes, volume: Floats, density: float, reach: int, colour: str) -> None:
    """Draw the surface of a volume in its class's colour on white, as far from its middle as ``reach`` px."""
    box = len(volume)
    scale = max(1, int(np.ceil(_SHARP / (2 * reach))))
    picture = shaded(volume.astype(np.float32), density, np.eye(3), to_rgb(colour), (1.0, 1.0, 1.0), scale)
    # rows go down: the middle, voxel D/2, is D - D/2 - 1 rows from the top
    row, column = box - box // 2 - 1, box // 2
    rows, columns = (slice(max(0, (at - reach) * scale), (at + reach + 1) * scale) for at in (row, column))
    axes.imshow(picture[rows, columns], interpolation="bilinear")
    axes.set_axis_off()


def reach_of(volumes: Floats, density: float) -> int:
    """Return how far from the middle (px) nearly all lies that any volume (K, D, D, D) shows above a density."""
    box = int(volumes.shape[-1])
    seen = np.argwhere((volumes > density).any(axis=0))[:, 1:] - box // 2
    if not len(seen):
        return box // 2 - 1
    far = float(np.percentile(np.abs(seen).max(axis=1), _WITHIN))
    return int(np.clip(np.ceil(_MARGIN * far), 2, box // 2 - 1))


def _scale_bar(axes: Axes, reach: int, pixel_size: float) -> None:
    """Draw a round length of about a third of what is in sight beneath a picture's left."""
    side = (2 * reach + 1) * pixel_size
    power = 10.0 ** np.floor(np.log10(side / 3))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 3)
    axes.plot([0.03, 0.03 + length / side], [0.03] * 2, color=INK, linewidth=2, transform=axes.transAxes)
    axes.text(0.03, 0.05, f"{length:g} Å", fontsize=7, va="bottom", transform=axes.transAxes)


def _shares(left: float, bottom: float, width: float, height: float) -> tuple[float, float, float, float]:
    """Return a rectangle in inches in shares of the figure."""
    return left / SIDE, bottom / (SIDE + FOOT), width / SIDE, height / (SIDE + FOOT)
