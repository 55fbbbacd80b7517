"""What a window shows, with the legends of its colours below, as a picture for a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import Classes, Column
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.viewer.colouring import CONTINUOUS, Colour, Colouring

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 300
TEXT_PT = 7
LINE_INCHES = 0.16
ENTRY_INCHES = 0.85
MOST_ENTRIES = 32  # that a legend names
Picture = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """What the colours of a view mean.

    Attributes
    ----------
    title
        What particles are coloured by.
    entries
        Colours and what they stand for.
    limits
        What the ends of the colour map stand for, where particles are coloured by a number.
    """

    title: str
    entries: tuple[tuple[Colour, str], ...]
    limits: tuple[float, float] | None = None


def view_of(title: str, column: Column, colouring: Colouring, shown: Rows, grey: tuple[Colour, str] | None) -> View:
    """Return what the colours mean of the particles that are shown: of their classes, or of a number.

    Parameters
    ----------
    title
        What the column is called.
    column, colouring
        What particles are coloured by, and their colours.
    shown
        (n,) rows of the particles shown.
    grey
        The colour and the name of what is only there for the sake of the others, ``None`` where nothing is.
    """
    last = () if grey is None else (grey,)
    if not isinstance(column, Classes):
        return View(title, last, colouring.limits)
    there = np.bincount(column.codes[shown][column.codes[shown] >= 0], minlength=len(column.names)) > 0
    own = [each for each in colouring.classes if there[each.code] and each.colour[3] >= 1]
    entries = tuple((each.colour, each.name) for each in own[:MOST_ENTRIES])
    if len(own) > MOST_ENTRIES:
        entries += (((0.0, 0.0, 0.0, 0.0), f"and {len(own) - MOST_ENTRIES} more"),)
    return View(title, entries + last)


def save_picture(path: Path, canvas: Picture, views: Sequence[View]) -> None:
    """Write a PNG of 300 dots an inch: a canvas, and under each of its views what the colours mean.

    Parameters
    ----------
    path
        Replaced where it is there.
    canvas
        (H, W, 4) what is seen.
    views
        From left to right, of one width.

    Raises
    ------
    InputError, RunError
        Where it can't be written.
    """
    from matplotlib.figure import Figure

    high, wide = canvas.shape[0] / DPI, canvas.shape[1] / DPI  # inches
    columns = max(int(wide / len(views) / ENTRY_INCHES), 1)
    lines = max(-(-len(view.entries) // columns) + 2 * (view.limits is not None) for view in views)
    below = LINE_INCHES * (lines + 1.5)
    figure = Figure(figsize=(wide, high + below), dpi=DPI)
    figure.figimage(canvas, 0, round(below * DPI))
    for number, view in enumerate(views):
        axes = figure.add_axes((number / len(views), 0, 1 / len(views), below / (high + below)))
        axes.axis("off")
        _draw_entries(axes, view, columns)
        if view.limits is not None:
            _draw_bar(axes, view.limits)
    with atomic_open(path, "wb") as stream:
        figure.savefig(stream, format="png", dpi=DPI)


def _draw_entries(axes: "Axes", view: View, columns: int) -> None:
    from matplotlib.patches import Patch

    patches = [Patch(facecolor=colour, label=name) for colour, name in view.entries]
    axes.legend(
        handles=patches, title=view.title, ncols=min(columns, max(len(patches), 1)), loc="upper center",
        fontsize=TEXT_PT, title_fontsize=TEXT_PT, frameon=False, handlelength=1, columnspacing=1, borderaxespad=0.2,
    )  # fmt: skip


def _draw_bar(axes: "Axes", limits: tuple[float, float]) -> None:
    """Draw the colour map at the bottom of a legend."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = axes.figure
    assert isinstance(figure, Figure)
    high = LINE_INCHES / (axes.get_position().height * figure.get_figheight())
    inside = axes.inset_axes((0.25, 1.5 * high, 0.5, 0.6 * high))
    bar = figure.colorbar(ScalarMappable(Normalize(*limits), CONTINUOUS), cax=inside, orientation="horizontal")
    bar.ax.tick_params(labelsize=TEXT_PT, pad=1)
