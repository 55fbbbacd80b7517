"""Figures of occupancies, a clustered heat map and histograms, and the folder that holds them with the table."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.class_names import class_names
from napari_tomodrgn.analysis.occupancy.labelling import Labelling
from napari_tomodrgn.analysis.occupancy.occupancy import Result
from napari_tomodrgn.analysis.occupancy.ordering import Order, cluster_order
from napari_tomodrgn.analysis.occupancy.result import DOCUMENT, TABLE, Occupancy
from napari_tomodrgn.analysis.occupancy.thresholds import Threshold, column_of
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, SEQUENTIAL, new_figure, save, styled
from napari_tomodrgn.files import atomic_folder

FORMATS = ("png", "pdf")
FILES = (TABLE, DOCUMENT, "labels.csv", "labels.json", "*.png", "*.pdf")
MOST_ROW_NAMES, MOST_COLUMN_NAMES, MOST_HISTOGRAMS = 60, 150, 60
MOST_JOINTS = 250  # of a tree, the highest
LETTERS_PER_INCH = 15  # of a caption
_UNITS = {
    "volume": ("volume", "volumes"),
    "class": ("class centre", "class centres"),
    "particle": ("particle", "particles"),
}
_NORMALISED = {
    "ensemble": "1: the whole model's density in the mean of all volumes",
    "volume": "1: the whole model's density in the same volume",
    "none": "density per model density",
}


def write_occupancy(result: Result, *, figures: bool = True, overwrite: bool = False) -> list[Path]:
    """Write table and figures as a folder, whole or not at all, then the labels; return what was written.

    Raises
    ------
    InputError
        Where the folder may not be overwritten, or holds other files.
    """
    written: list[Path] = []
    if result.folder is not None:
        thresholds = () if result.labelling is None else result.labelling.thresholds
        with atomic_folder(result.folder, overwrite=overwrite, replaces=FILES) as unfinished:
            result.occupancy.write(unfinished)
            if figures:
                with styled():
                    save(heat_map_figure(result.occupancy), unfinished / "heat-map", FORMATS)
                    save(histograms_figure(result.occupancy, thresholds), unfinished / "histograms", FORMATS)
        written.append(result.folder)
    return written + _labels(result.labelling)


def _labels(labelling: Labelling | None) -> list[Path]:
    return [] if labelling is None else labelling.write()[:1]


def heat_map_figure(occupancy: Occupancy, order: Order | None = None) -> Figure:
    """Volumes by parts, each in the order of its tree."""
    order = cluster_order(occupancy.values) if order is None else order
    rows, columns = len(order.shown), len(occupancy.parts)
    named = rows <= MOST_ROW_NAMES
    width = float(np.clip(2.6 + 0.2 * columns, 5.0, 22.0))
    height = float(np.clip(2.2 + (0.17 * rows if named else 0.0025 * rows), 4.2 if named else 6.0, 14.0))
    figure = new_figure(width, height)
    axes = figure.subplots(2, 3, width_ratios=[0.9, width - 2.3, 0.12], height_ratios=[0.7, height - 1.9])
    for empty in (axes[0, 0], axes[0, 2], axes[1, 2]):
        empty.set_axis_off()
    _draw_tree(axes[0, 1], order.column_tree, columns, "top")
    _draw_tree(axes[1, 0], order.row_tree, rows, "left")
    _draw_values(axes[1, 1], axes[1, 2], occupancy, order, named)
    lines = [line for said in _caption(occupancy, order) for line in textwrap.wrap(said, int(LETTERS_PER_INCH * width))]
    figure.supxlabel("\n".join(lines), fontsize=8, x=0.01, ha="left", color=INK)
    return figure


def _draw_values(axes: Axes, beside: Axes, occupancy: Occupancy, order: Order, named: bool) -> None:
    values = occupancy.values[order.shown][order.rows][:, order.columns]
    low, high = 0.0, float(np.percentile(values, 99))
    if not high > low:  # nothing is there
        low, high = float(values.min()), float(values.max()) or 1.0
    image = axes.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=high, aspect="auto", interpolation="none")
    names = short_names(occupancy.parts)
    if len(names) <= MOST_COLUMN_NAMES:
        size = 8 if len(names) <= 60 else 5
        axes.set_xticks(np.arange(len(names)), [names[column] for column in order.columns], rotation=90, fontsize=size)
    else:
        axes.set_xticks([])
    axes.yaxis.tick_right()
    if named:
        said = occupancy.index.to_numpy()[order.shown][order.rows]
        axes.set_yticks(np.arange(len(said)), [_row_name(occupancy, row.tolist()) for row in said], fontsize=7)
    else:
        axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    extend = ("neither", "min", "max", "both")[int(values.min() < low) + 2 * int(values.max() > high)]
    bar = axes.figure.colorbar(image, cax=beside.inset_axes((0, 0.2, 1, 0.6)), extend=extend)
    bar.set_label("occupancy", fontsize=8)
    bar.outline.set_visible(False)


def _row_name(occupancy: Occupancy, row: list[str]) -> str:
    said = dict(zip(occupancy.index.columns, row, strict=True))
    if "volume" in said:
        return said["volume"].removesuffix(".mrc")
    if "label" not in said:
        return f"{said['tomogram']} {said['particle']}"
    label = int(said["label"])
    return class_names(label + 1, occupancy.facts.get("noise"))[label]


def short_names(parts: Sequence[str]) -> list[str]:
    """Return the parts' names without the file's where all are of one."""
    files = {name.rpartition(":")[0] for name in parts}
    return [name.rpartition(":")[2] for name in parts] if len(files) == 1 else list(parts)


def _draw_tree(axes: Axes, tree: Any, leaves: int, side: str) -> None:
    """Draw a linkage whose leaves stand beside the rows or columns of the heat map."""
    axes.set_axis_off()
    if tree is None:
        return
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(tree, no_plot=True)
    across = (np.array(drawn["icoord"]) - 5) / 10  # SciPy puts leaves at 5, 15, 25 …
    height = np.sqrt(np.array(drawn["dcoord"]))  # a root, so that the low joints can be seen
    highest = np.argsort(-height.max(axis=1))[:MOST_JOINTS]
    across, height = across[highest], height[highest]
    line: dict[str, Any] = {"color": INK, "linewidth": 0.7 if leaves <= 200 else 0.3}
    if side == "top":
        axes.plot(across.T, height.T, **line)
        axes.set_xlim(-0.5, leaves - 0.5)
        axes.set_ylim(0, None)
    else:
        axes.plot(height.T, across.T, **line)
        axes.set_ylim(leaves - 0.5, -0.5)
        axes.set_xlim(float(height.max()) * 1.02 or 1.0, 0)  # rows that are all alike are joined at no height


def _caption(occupancy: Occupancy, order: Order) -> list[str]:
    shown, there = len(order.shown), len(occupancy)
    count = _counted(occupancy) if shown == there else f"{shown:,} of {_counted(occupancy)}, drawn at random"
    facts, parts = occupancy.facts, len(occupancy.parts)
    unit = _NORMALISED.get(str(facts.get("normalise")), "")
    if facts.get("expected") == "model":
        unit += ", part by part"
    lines = [f"{count}, {parts} part{'s' * (parts > 1)}. {unit}"]
    distance = "correlation" if order.by_correlation else "Euclidean distance"
    lines.append(f"Ward's linkage; rows by {distance}, columns by Euclidean distance; heights of the trees as roots.")
    if facts.get("pixel_size"):
        lines.append(f"Volumes of {facts['box']}³ voxels of {facts['pixel_size']:.3g} Å.")
    return lines


def _counted(occupancy: Occupancy) -> str:
    """Return how many volumes there are, and of what."""
    one, more = _UNITS[occupancy.unit]
    return f"{len(occupancy):,} {one if len(occupancy) == 1 else more}"


def histograms_figure(occupancy: Occupancy, thresholds: Sequence[Threshold] = ()) -> Figure:
    """Distribution of each part's occupancy, with thresholds where there are any."""
    at: dict[int, list[float]] = {}
    for each in thresholds:
        at.setdefault(column_of(occupancy.parts, each.part), []).append(each.value)
    chosen = list(range(len(occupancy.parts)))
    if len(chosen) > MOST_HISTOGRAMS:
        by_spread = np.argsort(-occupancy.values.std(axis=0), kind="stable").tolist()
        chosen = sorted([*at, *(column for column in by_spread if column not in at)][:MOST_HISTOGRAMS])
    across = min(6, len(chosen))
    down = -(-len(chosen) // across)
    figure = new_figure(max(1.75 * across, 4.5), 0.75 + 1.25 * down)
    axes = figure.subplots(down, across, squeeze=False, sharex=True).ravel()
    low, high = (float(each) for each in np.percentile(occupancy.values, (0.2, 99.8)))
    room = 0.05 * max(high - low, 1e-6)
    bins = np.linspace(low - room, high + room, 41 if len(occupancy) > 200 else 21)
    names = short_names(occupancy.parts)
    for place, column in zip(axes, chosen, strict=False):
        _draw_histogram(place, occupancy.values[:, column], bins, names[column], at.get(column, []))
    for place in axes[len(chosen) :]:
        place.set_axis_off()
    for place in axes[len(chosen) - across : len(chosen)]:  # the lowest of each column
        place.tick_params(labelbottom=True)
    left = f"; the {len(chosen)} that vary most of {len(occupancy.parts)}" if len(chosen) < len(occupancy.parts) else ""
    figure.supxlabel(f"occupancy of each part in {_counted(occupancy)}{left}", fontsize=9)
    figure.supylabel(_UNITS[occupancy.unit][1], fontsize=9)
    return figure


def _draw_histogram(axes: Axes, values: Any, bins: Any, name: str, thresholds: Sequence[float]) -> None:
    axes.hist(np.clip(values, bins[0], bins[-1]), bins=bins, color=OKABE_ITO[0], linewidth=0)
    axes.axvline(0, color=GREY, linewidth=0.6, linestyle=":")
    for value in thresholds:
        axes.axvline(value, color=OKABE_ITO[5], linewidth=1.4)
    said = ", ".join(f"≥ {value:g}: {(values >= value).mean():.0%}" for value in thresholds)
    axes.set_title(said, loc="right", fontsize=7, pad=2, color=OKABE_ITO[5], fontweight="normal")
    axes.set_title(name, fontsize=8, pad=2)
    axes.tick_params(labelsize=7)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
