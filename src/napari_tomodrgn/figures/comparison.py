"""Pictures of how class volumes differ from one another."""

from collections.abc import Callable

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize

from napari_tomodrgn.analysis.comparison import THRESHOLD
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import GREY, MOST_IN_A_LEGEND, SEQUENTIAL, colours_of_classes, empty

_MISSING = "needs the volumes of two classes"


def draw_fsc(axes: Axes, content: Content) -> None:
    """Draw the FSC between each class volume and that of the largest class, the line at 0.5, and Nyquist."""
    axes.set_title("FSC with the volume of class 0")
    if content.comparison is None or content.comparison.curves.empty:
        empty(axes, _MISSING)
        return
    curves = content.comparison.curves
    frequency = curves.index.to_numpy(dtype=float)
    end = float(frequency[-1])
    colours = colours_of_classes(content.names)
    for label in range(1, content.classes):
        axes.plot(frequency, curves[f"0-{label}"], color=colours[label], label=content.names[label])
    _mark_limits(axes, end, "Nyquist" if content.at_nyquist(end) else "low-pass")
    axes.set_ylim(min(0.0, float(curves.to_numpy().min())) - 0.02, 1.03)
    axes.set_xlim(0, 1.04 * end)
    ticks = np.linspace(end / 4, end, 4)
    axes.set_xticks(ticks, [_angstrom(1 / tick) for tick in ticks])
    axes.set_xlabel("resolution (Å)")
    axes.set_ylabel("Fourier shell correlation")
    if content.classes - 1 <= MOST_IN_A_LEGEND:
        axes.legend(loc="lower left", bbox_to_anchor=(0.04, 0.0))


def draw_resolutions(axes: Axes, content: Content) -> None:
    """Draw for every pair of class volumes the resolution at which their FSC falls below 0.5."""
    axes.set_title("FSC is above 0.5 down to (Å)")
    if content.comparison is None or content.comparison.curves.empty:
        empty(axes, _MISSING)
        return
    values = content.comparison.resolutions()
    limit = 1 / float(content.comparison.curves.index[-1])
    # Coloured by frequency, as a curve that begins below 0.5 has an infinite resolution; a class never leaves itself.
    share = np.nan_to_num(limit / values, nan=1.0)

    def text(a: int, b: int) -> str:
        return "" if a == b else f"≤ {_angstrom(limit)}" if share[a, b] > 1 - 1e-6 else _angstrom(values[a, b])

    _draw_pairs(axes, content, share, text, lambda value: f"{limit / value:.1f}")


def draw_correlations(axes: Axes, content: Content) -> None:
    """Draw the correlation of every pair of class volumes."""
    axes.set_title("Correlation of class volumes")
    if content.comparison is None or content.classes < 2:
        empty(axes, _MISSING)
        return
    values = content.comparison.correlations
    _draw_pairs(axes, content, values, lambda a, b: f"{values[a, b]:.2f}", lambda value: f"{value:.2f}")


def _mark_limits(axes: Axes, end: float, name: str) -> None:
    """Mark the line at 0.5, and the frequency (1/Å) at which the curves end."""
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(0.01 * end, THRESHOLD + 0.01, f"{THRESHOLD}", color=GREY, fontsize=7, va="bottom")
    axes.axvline(end, color=GREY, linewidth=0.8, linestyle="--")
    axes.text(0.985 * end, 0.03, name, color=GREY, fontsize=7, rotation=90, ha="right", va="bottom")


def _angstrom(value: float) -> str:
    return f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _draw_pairs(
    axes: Axes,
    content: Content,
    values: npt.NDArray[np.float64],  # (K, K), at most 1
    text: Callable[[int, int], str],
    tick: Callable[[float], str],
) -> None:
    """Draw a matrix of pairs of classes: with a text in every cell where they are few, else with a colour bar."""
    classes, names = content.classes, [content.class_name(label) for label in range(content.classes)]
    low = min(float(values.min()), 0.99)
    image = axes.imshow(values, cmap=SEQUENTIAL, norm=Normalize(low, 1))
    ticks = range(0, classes, 1 + classes // 12)
    axes.set_xticks(ticks, [names[label] for label in ticks])
    axes.set_yticks(ticks, [names[label] for label in ticks])
    axes.set_xlabel("class")
    axes.set_ylabel("class")
    axes.spines[:].set_visible(False)
    if classes > MOST_IN_A_LEGEND:
        axes.figure.colorbar(image, ax=axes, shrink=0.8, format=lambda value, _: tick(value))
        return
    for row, column in np.ndindex(classes, classes):
        ink = _ink((float(values[row, column]) - low) / (1 - low))
        axes.text(column, row, text(row, column), ha="center", va="center", color=ink, fontsize=8 if classes < 8 else 6)


def _ink(value: float) -> str:
    """Return black or white, whichever can be read on the colour of a value from 0 to 1."""
    red, green, blue, _ = matplotlib.colormaps[SEQUENTIAL](value)
    return "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
