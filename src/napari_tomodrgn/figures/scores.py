"""The figure of evidence scores, and the table beside it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.scoring.score import Scores
from napari_tomodrgn.figures.style import GREY, INK, PALE, colours_of_classes, new_figure, save, styled

FORMATS = ("png", "svg")
_SHOWN = (0.005, 0.995)  # quantiles of the scores that the axes reach to


def save_scores(found: Scores, *, figures: bool = True) -> list[Path]:
    """Write the table, and the figure unless it is not wanted, and return their paths."""
    found.write()
    if not figures:
        return [found.path]
    with styled():
        return [found.path, *save(draw_scores(found), found.figure, FORMATS)]


def draw_scores(found: Scores) -> Figure:
    """Return the scores of each class, and own evidence against the runner-up's."""
    figure = new_figure(10.0, max(3.6, 1.6 + 0.3 * len(found.classes)))
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    # the colours of the whole labelling, whatever classes are empty
    colours = colours_of_classes(found.names)
    _draw_classes(left, found, colours)
    _draw_pairs(right, found, colours)
    figure.supxlabel(
        f"n = {len(found.ids):,} particles, {found.labelling}; volumes from half of the tilts, scored on the other",
        fontsize=8,
        color=GREY,
    )
    return figure


def _draw_classes(axes: Axes, found: Scores, colours: list[str]) -> None:
    score = found.score
    low, high = _limits(score)
    for row, label in enumerate(found.classes):
        own = score[found.labels == label]
        quartiles = np.quantile(own, (0.05, 0.25, 0.5, 0.75, 0.95))
        axes.plot(quartiles[[0, 4]], (row, row), color=colours[label], linewidth=1.2)
        axes.plot(quartiles[[1, 3]], (row, row), color=colours[label], linewidth=8, solid_capstyle="butt")
        axes.plot(quartiles[2], row, marker="|", color=INK, markersize=11, markeredgewidth=1.6)
        below = int((own < 0).sum())
        axes.annotate(
            f"{below} of {len(own)} below 0", (1.01, row), xycoords=("axes fraction", "data"), va="center", fontsize=8,
            color=GREY, annotation_clip=False,
        )  # fmt: skip
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    axes.set_xlim(low, high)
    axes.set_ylim(len(found.classes) - 0.5, -0.5)
    axes.set_yticks(range(len(found.classes)), [found.names[label] for label in found.classes])
    axes.set_xlabel("score: own less runner-up (nats)")
    axes.set_title("Median, half and 90 % of each class")


def _draw_pairs(axes: Axes, found: Scores, colours: list[str]) -> None:
    own, other = found.own - found.consensus, found.runner_up - found.consensus
    order = np.random.default_rng(0).permutation(len(own))
    palette = np.array(colours, dtype=object)[found.labels]
    size = float(np.clip(3000 / len(own), 2, 16))
    axes.scatter(other[order], own[order], s=size, c=palette[order].tolist(), alpha=0.8, linewidths=0, rasterized=True)
    low, high = _limits(np.concatenate([own, other]))
    axes.plot((low, high), (low, high), color=GREY, linewidth=0.8, linestyle="--")
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    axes.set_aspect("equal")
    axes.set_xlabel("runner-up less consensus (nats)")
    axes.set_ylabel("own less consensus (nats)")
    axes.set_title("Each particle")


def _limits(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, _SHOWN)
    room = 0.05 * max(high - low, 1e-9)
    return float(min(low, 0) - room), float(max(high, 0) + room)
