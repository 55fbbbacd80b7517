"""Pictures of class volumes: slices, projections, and how they differ."""

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import GREY, MOST_IN_A_LEGEND, SEQUENTIAL, class_colours, empty

VIEWS = ("slice along z", "slice along y", "projection along z", "less the mean")
_DIFFERENCE = len(VIEWS) - 1
_DIVERGING = "PuOr_r"  # orange: more than the mean of the classes, purple: less
_PITCH = 1.06  # from picture to picture; a picture is 1 wide
_BLOCK = len(VIEWS) * _PITCH + 0.4  # from one row of classes to the next


def views(volumes: npt.NDArray[np.floating]) -> list[npt.NDArray[np.floating]]:
    """Return the pictures (K, D, D) of volumes (K, D, D, D), one array a view.

    Central slices across z and y, the projection along z, and that projection less the mean over all volumes.
    """
    middle = volumes.shape[-1] // 2
    projections = volumes.sum(axis=1)
    return [volumes[:, middle], volumes[:, :, middle], projections, projections - projections.mean(axis=0)]


def draw_volumes(axes: Axes, content: Content, *, columns: int = 8, most: int | None = None) -> None:
    """Draw the class volumes as a montage: classes side by side, the views of each beneath one another.

    One scale a view, the same for all classes, so that they may be compared.
    """
    if content.volumes is None:
        empty(axes, "class volumes were left out (--no-volumes)")
        return
    shown = min(content.classes, most or content.classes)
    columns = min(columns, shown)
    pictures = views(content.volumes)
    ranges = [np.percentile(each, (0.5, 99.8)) for each in pictures]
    ranges[_DIFFERENCE] = np.array([-1, 1]) * max(np.abs(pictures[_DIFFERENCE]).max(), 1e-12)
    colours = class_colours(content.classes)
    for label in range(shown):
        block, column = divmod(label, columns)
        left, top = column * _PITCH, -block * _BLOCK
        for view in range(len(VIEWS)):
            bottom = top - 1 - view * _PITCH
            axes.imshow(
                pictures[view][label],
                cmap=_DIVERGING if view == _DIFFERENCE else "gray",
                vmin=ranges[view][0],
                vmax=ranges[view][1],
                extent=(left, left + 1, bottom, bottom + 1),
                origin="lower",
                interpolation="bicubic",
            )
        axes.plot([left, left + 1], [top + 0.03] * 2, color=colours[label], linewidth=5, solid_capstyle="butt")
        name = f"class {label}  ({content.sizes[label]})"
        axes.text(left + 0.5, top + 0.09, name, ha="center", va="bottom", fontsize=9, fontweight="bold")
        if column == 0:
            _name_views(axes, top)
    axes.set_axis_off()
    axes.set_anchor("NW")
    axes.set_xlim(-0.15, columns * _PITCH)
    axes.set_ylim(0.25 - _BLOCK * ((shown - 1) // columns + 1), 0.3)
    _scale_bar(axes, content)
    if shown < content.classes:
        axes.set_title(f"The {shown} largest of {content.classes} classes")


def _name_views(axes: Axes, top: float) -> None:
    for view, name in enumerate(VIEWS):
        axes.text(-0.05, top - 0.5 - view * _PITCH, name, rotation=90, ha="right", va="center", fontsize=8)


def montage_height(content: Content, columns: int = 8) -> float:
    """Return the height in inches that the montage of all classes needs at a width of 1.3 inches a class."""
    return 0.3 + 1.25 * _BLOCK * ((content.classes - 1) // columns + 1)


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
    """Draw a round length of about a third of the box into the first picture."""
    assert content.volumes is not None
    side = content.volumes.shape[-1] * content.pixel_size
    power = 10.0 ** np.floor(np.log10(side / 3))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 3)
    axes.plot([0.06, 0.06 + length / side], [-0.93] * 2, color="white", linewidth=2.5, solid_capstyle="butt")
    axes.text(0.06, -0.9, f"{length:g} Å", color="white", fontsize=7, va="bottom")
