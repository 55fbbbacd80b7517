"""Pictures of class volumes: slices and projections."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import colours_of_classes, empty

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
    colours = colours_of_classes(content.names)
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
        name = f"{content.names[label]}  ({content.sizes[label]})"
        axes.text(left + 0.5, top + 0.09, name, ha="center", va="bottom", fontsize=9, fontweight="bold")
        if column == 0:
            _name_views(axes, top)
    axes.set_axis_off()
    axes.set_anchor("NW")
    axes.set_xlim(-0.15, columns * _PITCH)
    axes.set_ylim(0.38 - _BLOCK * ((shown - 1) // columns + 1), 0.3)
    _scale_bar(axes, content)
    if shown < content.classes:
        axes.set_title(f"The {shown} largest of {content.classes} classes")


def _name_views(axes: Axes, top: float) -> None:
    for view, name in enumerate(VIEWS):
        axes.text(-0.05, top - 0.5 - view * _PITCH, name, rotation=90, ha="right", va="center", fontsize=8)


def montage_height(content: Content, columns: int = 8) -> float:
    """Return the height in inches that the montage of all classes needs at a width of 1.3 inches a class."""
    return 1.25 * _BLOCK * ((content.classes - 1) // columns + 1)


def _scale_bar(axes: Axes, content: Content) -> None:
    """Draw a round length of about a third of the box into the first picture."""
    assert content.volumes is not None
    side = content.volumes.shape[-1] * content.pixel_size
    power = 10.0 ** np.floor(np.log10(side / 3))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 3)
    axes.plot([0.06, 0.06 + length / side], [-0.93] * 2, color="white", linewidth=2.5, solid_capstyle="butt")
    axes.text(0.06, -0.9, f"{length:g} Å", color="white", fontsize=7, va="bottom")
