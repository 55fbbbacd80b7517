"""Which frequencies of which tilt image count, and how much: the weights of a training, and its dose mask."""

from pathlib import Path
from textwrap import fill
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.inspection.weights import TiltWeights
from napari_tomodrgn.figures.style import GREY, INK, SEQUENTIAL, new_figure, save, styled

_CURVES = 7  # images whose weights are drawn as curves
_MOST_NAMED = 21  # images that are all named
_IN_IMAGES = {
    "none": "",
    "dose": " The images hold the exposure's weights already, so it isn't weighted for again.",
    "dose-tilt": " The images hold the weights of exposure and tilt already, so nothing is weighted for again.",
}


def write_weights_figure(path: Path, found: TiltWeights, facts: dict[str, Any], particles: int) -> list[Path]:
    """Write the figure of the weights as PNG and SVG."""
    with styled():
        return save(weights_figure(found, facts, particles), path, ("png", "svg"))


def weights_figure(found: TiltWeights, facts: dict[str, Any], particles: int) -> Figure:
    """Draw the weight of each frequency of each image, what the dose mask leaves out in white; and some as curves."""
    figure = new_figure(10.4, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    _draw_map(left, found)
    _draw_curves(right, found)
    count = facts["particles_with_this_scheme"]
    text = (
        f"Tilt images of the scheme that {count:,} of {particles:,} particles have, the least exposed first; weights "
        "of the loss, exposure × cos tilt (Grant and Grigorieff 2015), by the defaults. White: shells of which "
        "the dose mask leaves out more than half (2.51 times the critical dose is past)."
        f"{_IN_IMAGES[facts['in_the_images_already']]}"
    )
    figure.supxlabel(fill(text, 165), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure


def _draw_map(axes: Axes, found: TiltWeights) -> None:
    step = found.frequency[1]
    edges = np.append(found.frequency - step / 2, found.frequency[-1] + step / 2)
    rows = np.arange(len(found.dose) + 1) - 0.5
    shown = np.ma.masked_where(found.used < 0.5, found.weight)
    image = axes.pcolormesh(edges, rows, shown, cmap=SEQUENTIAL, vmin=0, vmax=1, rasterized=True)
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(rows[-1], rows[0])
    named = np.arange(len(found.dose))[:: 1 + (len(found.dose) - 1) // _MOST_NAMED]
    axes.set_yticks(named, [f"{found.dose[image]:.3g} e/Å², {found.tilt[image]:.0f}°" for image in named], fontsize=7)
    axes.set_ylabel("dose and tilt")
    axes.set_xlabel("spatial frequency (1/Å)")
    axes.set_title("Weight of each frequency")
    axes.figure.colorbar(image, ax=axes, shrink=0.8).set_label("weight")


def _draw_curves(axes: Axes, found: TiltWeights) -> None:
    count = len(found.dose)
    chosen = np.unique(np.linspace(0, count - 1, min(_CURVES, count)).round().astype(int))
    colours = matplotlib.colormaps[SEQUENTIAL](np.linspace(0, 0.9, len(chosen)))
    for image, colour in zip(chosen, colours, strict=True):
        through = found.used[image] >= 0.5
        label = f"{found.dose[image]:.3g} e/Å², {found.tilt[image]:.0f}°"
        axes.plot(found.frequency[through], found.weight[image][through], color=colour, label=label)
        last = np.flatnonzero(through)
        if len(last) and last[-1] < len(found.frequency) - 1:  # where the mask ends it
            axes.plot(found.frequency[last[-1]], found.weight[image][last[-1]], "o", color=colour, markersize=4)
    axes.axvline(found.frequency[-1], color=GREY, linewidth=0.8, linestyle="--")
    axes.text(found.frequency[-1], 1.0, "Nyquist ", color=GREY, fontsize=7, rotation=90, ha="right", va="top")
    axes.set_ylim(0, 1.03)
    axes.set_xlim(0, 1.02 * found.frequency[-1])
    axes.set_xlabel("spatial frequency (1/Å)")
    axes.set_ylabel("weight")
    axes.set_title("Weights, and where the mask ends (point)")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), labelcolor=INK)
