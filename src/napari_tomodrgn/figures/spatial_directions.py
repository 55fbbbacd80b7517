"""Directions of neighbours on the sphere, as a Mollweide map."""

from textwrap import fill

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.spatial.directions import Cells
from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, SEQUENTIAL, colours_of_classes, new_figure

_MOST_CLASSES = 5
_STEPS = 12  # of a cell's sides, which are curved
_FEWEST = 20  # directions of a class that is drawn


def directions_figure(found: Neighbourhood) -> Figure:
    """Directions of the nearest neighbours in the consensus frame: of all particles, and of each class."""
    test, direction, labelling = found.directions, found.direction, found.labelling
    assert test is not None
    assert direction is not None
    known = np.isfinite(direction[:, 0, 0])
    groups = [("all particles", known)]
    if labelling is not None and (labelling.sizes > 0).sum() > 1:
        own = [(name, known & (labelling.codes == label)) for label, name in enumerate(labelling.names)]
        groups += [(name, chosen) for name, chosen in own if chosen.sum() >= _FEWEST][:_MOST_CLASSES]
    columns = 2 if len(groups) == 4 else min(len(groups), 3)
    rows = -(-len(groups) // columns)
    figure = new_figure(4.0 * columns + 0.9, 2.25 * rows + 0.8)
    panels = figure.subplots(rows, columns, subplot_kw={"projection": "mollweide"}, squeeze=False).ravel()
    densities = []
    for number, (_, chosen) in enumerate(groups):
        cells = test.cells if number == 0 else Cells.for_count(int(chosen.sum()))
        densities.append((cells, _density(cells, direction[chosen, 0])))
    top = max(2.0, *(float(density.max()) for _, density in densities))
    norm = Normalize(0, top)
    for axes, (name, chosen), (cells, density) in zip(panels, groups, densities, strict=False):
        _draw_map(axes, cells, density, norm)
        axes.set_title(f"{name} ({int(chosen.sum()):,})", loc="left")
    for axes in panels[len(groups) :]:
        axes.set_axis_off()
    _mark_peak(panels[0], found)
    colours = matplotlib.cm.ScalarMappable(norm, SEQUENTIAL)
    bar = figure.colorbar(colours, ax=panels.tolist(), shrink=0.7, aspect=25)
    bar.set_label("density, 1 where even")
    caption = (
        "Directions from particles to their nearest neighbour in the consensus frame, cells of equal area, seen from "
        "outside: +x in the middle, +y to the right, +z up. Ring: the fullest cell, "
        f"p\u00a0=\u00a0{test.p:.2g} of any direction (orientations exchanged within tomograms "
        f"{found.options.permutations} times)."
    )
    figure.supxlabel(fill(caption, 62 * columns), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure


def orientations_figure(found: Neighbourhood) -> Figure:
    """Angles between the orientations of nearest neighbours, and what particles turned at random give."""
    assert found.angle is not None
    angle = found.angle[:, 0]
    known = np.isfinite(angle)
    figure = new_figure(6.2, 3.4)
    axes = figure.subplots()
    edges = np.arange(0, 181, 10)
    labelling = found.labelling
    groups = [("all", known, INK)]
    if labelling is not None and 1 < (labelling.sizes > 0).sum() <= _MOST_CLASSES:
        colours = colours_of_classes(labelling.names)
        groups += [
            (name, known & (labelling.codes == label), colours[label]) for label, name in enumerate(labelling.names)
        ]
    for name, chosen, colour in groups:
        if chosen.sum() >= _FEWEST or name == "all":
            share = np.histogram(angle[chosen], edges)[0] / max(int(chosen.sum()), 1)
            axes.stairs(share, edges, color=colour, linewidth=1.6, label=f"{name} ({int(chosen.sum()):,})")
    turned = np.deg2rad(edges)
    by_chance = np.diff(turned - np.sin(turned)) / np.pi  # of rotations at random: density (1 - cos) / π
    axes.stairs(by_chance, edges, color=GREY, linestyle="--", linewidth=1.2, label="turned at random")
    axes.set_xlim(0, 180)
    axes.set_xticks(range(0, 181, 30))
    axes.set_ylim(0, None)
    axes.set_xlabel("angle between orientations (°)")
    axes.set_ylabel("share of particles")
    axes.set_title("Orientation of the nearest neighbour")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def _density(cells: Cells, direction: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (C,) directions in each cell over the mean of cells."""
    counts = np.bincount(cells.of(direction), minlength=len(cells))
    return np.asarray(counts * (len(cells) / max(len(direction), 1)))


def _draw_map(axes: Axes, cells: Cells, density: npt.NDArray[np.float64], norm: Normalize) -> None:
    latitude = np.arcsin(np.clip(cells.sines, -1, 1))
    for band, count in enumerate(cells.of_band):
        longitude = np.linspace(-np.pi, np.pi, count + 1)
        sides = np.linspace(latitude[band], latitude[band + 1], _STEPS + 1)
        own = np.tile(density[cells.first[band] : cells.first[band + 1]], (_STEPS, 1))
        axes.pcolormesh(longitude, sides, own, cmap=SEQUENTIAL, norm=norm, edgecolors="face", linewidth=0.2)
    axes.set_xticks(np.deg2rad([-120, -60, 0, 60, 120]), ["−120°", "−60°", "0°", "60°", "120°"], color="white")
    axes.set_yticks(np.deg2rad([-60, -30, 0, 30, 60]), ["−60°", "−30°", "0°", "30°", "60°"])
    axes.tick_params(labelsize=6.5)
    axes.grid(color="white", alpha=0.35, linewidth=0.4)


def _mark_peak(axes: Axes, found: Neighbourhood) -> None:
    assert found.directions is not None
    x, y, z = found.directions.cells.centres[found.directions.peak]
    axes.plot(
        np.arctan2(y, x), np.arcsin(z), "o", markersize=11, markerfacecolor="none", markeredgecolor=OKABE_ITO[5],
        markeredgewidth=1.6,
    )  # fmt: skip
