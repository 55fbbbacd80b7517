"""Pictures of classes: how large they are and where they are found."""

import numpy as np
from matplotlib.axes import Axes

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import MOST_IN_A_LEGEND, class_colours

_MOST_TOMOGRAMS = 30


def draw_sizes(axes: Axes, content: Content) -> None:
    """Draw the number of particles of each class."""
    bars = axes.bar(np.arange(content.classes), content.sizes, color=class_colours(content.classes), width=0.8)
    if content.classes <= MOST_IN_A_LEGEND:
        axes.bar_label(bars, padding=2, fontsize=8)
    axes.set_xticks(np.arange(content.classes)[:: 1 + content.classes // 13])
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
    for label, colour in enumerate(class_colours(content.classes)):
        axes.barh(rows, shares[:, label], left=left, color=colour, height=0.72, label=str(label))
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


def _shortened(name: str, longest: int = 28) -> str:
    return name if len(name) <= longest else f"{name[: longest // 2 - 1]}…{name[-longest // 2 :]}"
