"""Pictures of class volumes: slices, projections, and how they differ."""

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import GREY, MOST_IN_A_LEGEND, SEQUENTIAL, class_colours, empty

VIEWS = ("slice along z", "slice along y", "projection along z", "its difference")
_DIFFERENCE = len(VIEWS) - 1
_DIVERGING = "PuOr_r"  # orange: more than the mean of the classes, purple: less


def views(volumes: npt.NDArray[np.floating]) -> list[npt.NDArray[np.floating]]:
    """Return the pictures (K, D, D) of volumes (K, D, D, D), one array a view.

    Central slices across z and y, the projection along z, and that projection less the mean over all volumes.
    """
    middle = volumes.shape[-1] // 2
    projections = volumes.sum(axis=1)
    return [volumes[:, middle], volumes[:, :, middle], projections, projections - projections.mean(axis=0)]


def draw_volumes(figure: Figure | SubFigure, content: Content, *, columns: int = 8, most: int | None = None) -> None:
    """Draw the class volumes as a montage: classes side by side, the views of each beneath one another.

    One scale a view, the same for all classes, so that they may be compared.
    """
    if content.volumes is None:
        empty(figure.subplots(), "class volumes were left out (--no-volumes)")
        return
    shown = min(content.classes, most or content.classes)
    columns = min(columns, shown)
    blocks = -(-shown // columns)
    grid = figure.subplots(blocks * len(VIEWS), columns, squeeze=False)
    pictures = views(content.volumes)
    ranges = [np.percentile(each, (0.5, 99.8)) for each in pictures]
    ranges[_DIFFERENCE] = np.array([-1, 1]) * np.abs(pictures[_DIFFERENCE]).max()
    for axes in grid.flat:
        axes.set_axis_off()
    for label in range(shown):
        block, column = divmod(label, columns)
        for view, name in enumerate(VIEWS):
            axes = grid[block * len(VIEWS) + view, column]
            low, high = ranges[view]
            colours = _DIVERGING if view == _DIFFERENCE else "gray"
            picture = pictures[view][label]
            axes.imshow(picture, cmap=colours, vmin=low, vmax=high, origin="lower", interpolation="bicubic")
            if column == 0:
                axes.text(-0.06, 0.5, name, rotation=90, ha="right", va="center", transform=axes.transAxes, fontsize=8)
        top = grid[block * len(VIEWS), column]
        top.set_title(f"class {label}  ({content.sizes[label]})", fontsize=9, loc="center")
        top.plot([0.0, 1.0], [1.0, 1.0], color=class_colours(content.classes)[label], lw=5, transform=top.transAxes)
    _scale_bar(grid[0, 0], content)
    if shown < content.classes:
        figure.suptitle(f"The {shown} largest of {content.classes} classes", fontsize=10, fontweight="bold")


def montage_height(content: Content, columns: int = 8) -> float:
    """Return the height in inches that the montage of all classes needs at a width of 1.3 inches a class."""
    return 0.3 + 5.4 * -(-content.classes // columns)


def draw_fsc(axes: Axes, content: Content) -> None:
    """Draw the FSC between each class volume and that of the largest class, and where each falls below 0.5."""
    axes.set_title("FSC with the volume of class 0")
    if content.curves is None or content.curves.empty:
        empty(axes, "needs the volumes of two classes")
        return
    frequency = content.curves.index.to_numpy(dtype=float)
    colours = class_colours(content.classes)
    for label in range(1, content.classes):
        axes.plot(frequency, content.curves[f"0-{label}"], color=colours[label], label=f"class {label}")
    axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(min(0.0, float(content.curves.to_numpy().min())) - 0.02, 1.03)
    axes.set_xlim(0, frequency[-1])
    ticks = np.linspace(frequency[-1] / 4, frequency[-1], 4)
    axes.set_xticks(ticks, [f"{1 / tick:.0f}" if 1 / tick >= 10 else f"{1 / tick:.1f}" for tick in ticks])
    axes.set_xlabel("resolution (Å)")
    axes.set_ylabel("Fourier shell correlation")
    if content.classes - 1 <= MOST_IN_A_LEGEND:
        axes.legend(loc="lower left")


def draw_correlations(axes: Axes, content: Content) -> None:
    """Draw the correlation of every pair of class volumes."""
    axes.set_title("Correlation of class volumes")
    if content.correlations is None or content.classes < 2:
        empty(axes, "needs the volumes of two classes")
        return
    values = content.correlations
    low = float(values.min())
    image = axes.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=1)
    ticks = np.arange(content.classes)[:: 1 + content.classes // 12]
    axes.set_xticks(ticks)
    axes.set_yticks(ticks)
    axes.set_xlabel("class")
    axes.set_ylabel("class")
    axes.spines[:].set_visible(False)
    if content.classes <= MOST_IN_A_LEGEND:
        _write_values(axes, values, low)
        return
    axes.figure.colorbar(image, ax=axes, shrink=0.8)


def _write_values(axes: Axes, values: npt.NDArray[np.float64], low: float) -> None:
    colour_map = matplotlib.colormaps[SEQUENTIAL]
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = colour_map((value - low) / max(1 - low, 1e-9))
        ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=ink, fontsize=8)


def _scale_bar(axes: Axes, content: Content) -> None:
    """Draw a round length of about a third of the box."""
    assert content.volumes is not None
    box = content.volumes.shape[-1]
    wanted = box * content.pixel_size / 3
    power = 10.0 ** np.floor(np.log10(wanted))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= wanted)
    begin, height = 0.06 * box, 0.07 * box
    axes.plot([begin, begin + length / content.pixel_size], [height, height], color="white", lw=2.5)
    axes.text(begin, height * 1.5, f"{length:g} Å", color="white", fontsize=7, va="bottom")
