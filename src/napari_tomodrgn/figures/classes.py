"""Pictures of classes: how large they are and where they are found."""

import numpy as np
from matplotlib.axes import Axes

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import MOST_IN_A_LEGEND, colours_of_classes

_MOST_TOMOGRAMS = 30
_ALL_AT, _ALL_WIDE = 103.0, 6.0  # % of all particles: where the column of all stands
_LEAST_WIDE = 1.6  # % of all particles: the narrowest column that has room for a name
_WIDE = 20.0  # % of all particles: the narrowest column whose name need not be turned
_LEAST_NAMED = 2.5  # %: the smallest share that has room for its class's number


def draw_sizes(axes: Axes, content: Content) -> None:
    """Draw the number of particles of each class."""
    bars = axes.bar(np.arange(content.classes), content.sizes, color=colours_of_classes(content.names), width=0.8)
    if content.classes <= MOST_IN_A_LEGEND:
        axes.bar_label(bars, padding=2, fontsize=8)
    ticks = range(0, content.classes, 1 + content.classes // 13)
    axes.set_xticks(ticks, [content.class_name(label) for label in ticks])
    axes.margins(y=0.1)
    axes.set_xlabel("class")
    axes.set_ylabel("particles")
    axes.set_title("Class sizes")


def draw_composition(axes: Axes, content: Content) -> None:
    """Draw the share of each class in each tomogram; the largest tomograms where there are very many."""
    table = content.composition
    largest = np.sort(np.argsort(-table.sum(axis=1).to_numpy(), kind="stable")[:_MOST_TOMOGRAMS])
    table = table.iloc[largest]
    counts = table.to_numpy(dtype=float)
    shares = 100 * counts / counts.sum(axis=1, keepdims=True)
    left = np.zeros(len(table))
    rows = np.arange(len(table))
    for label, colour in enumerate(colours_of_classes(content.names)):
        axes.barh(rows, shares[:, label], left=left, color=colour, height=0.72, label=content.class_name(label))
        left += shares[:, label]
    names = [f"{name}  ({int(total)})" for name, total in zip(table.index, counts.sum(axis=1), strict=True)]
    axes.set_yticks(rows, [_shortened(name) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_ylim(len(table) - 0.5 + max(0.0, 0.6 * (3 - len(table))), -0.5)
    axes.set_xlabel("share of the tomogram's particles (%)")
    every = len(content.composition)
    some = f"Composition ({len(table)} of {every} tomograms)"
    axes.set_title("Composition of tomograms" if len(table) == every else some)
    if content.classes <= MOST_IN_A_LEGEND:
        axes.legend(title="class", loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=0.9, alignment="left")


def draw_shares(axes: Axes, content: Content) -> None:
    """Draw a column a tomogram, as wide as its share of the particles, divided by class; beside them all particles.

    So every area is a share of all particles. All tomograms are drawn, those named whose columns are wide enough.
    """
    counts = content.composition.to_numpy(dtype=float)
    width = 100 * counts.sum(axis=1) / counts.sum()
    left = np.cumsum(width) - width
    share = 100 * counts / counts.sum(axis=1, keepdims=True)
    overall = 100 * counts.sum(axis=0) / counts.sum()
    line = 0.6 if len(counts) <= _MOST_TOMOGRAMS else 0.1
    for label, colour in enumerate(colours_of_classes(content.names)):
        bottom = share[:, :label].sum(axis=1)
        axes.bar(left, share[:, label], width, bottom, align="edge", color=colour, edgecolor="white", linewidth=line)
        below = overall[:label].sum()
        axes.bar(
            _ALL_AT, overall[label], _ALL_WIDE, below, align="edge", color=colour, edgecolor="white", linewidth=0.6
        )
        if overall[label] >= _LEAST_NAMED:
            middle = below + overall[label] / 2
            axes.text(_ALL_AT + _ALL_WIDE + 0.8, middle, content.class_name(label), va="center", fontsize=8)
    names = [*content.composition.index, "all"]
    middles, widths = [*(left + width / 2), _ALL_AT + _ALL_WIDE / 2], [*width, _ALL_WIDE]
    for name, middle, wide in zip(names, middles, widths, strict=True):
        if wide >= _LEAST_WIDE:
            axes.text(
                middle,
                101.5,
                _shortened(str(name)),
                rotation=0 if wide > _WIDE else 90,
                ha="center",
                va="bottom",
                fontsize=7,
            )
    axes.text(_ALL_AT + _ALL_WIDE + 0.8, 101.5, "class", va="bottom", fontsize=8)
    axes.set_xlim(0, _ALL_AT + _ALL_WIDE)
    axes.set_ylim(0, 100)
    axes.set_xticks(np.arange(0, 101, 20))
    axes.spines["bottom"].set_bounds(0, 100)
    axes.set_xlabel(
        f"share of all {int(counts.sum()):,} particles (%), a column a tomogram ({len(counts)})", loc="left"
    )
    axes.set_ylabel("share of the tomogram's particles (%)")


def _shortened(name: str, longest: int = 28) -> str:
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"
