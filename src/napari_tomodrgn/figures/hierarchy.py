"""Which classes are alike: a tree of the classes beside the matrix that it was made of."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation
from scipy.cluster.hierarchy import dendrogram
from scipy.spatial.distance import pdist, squareform

from napari_tomodrgn.analysis.hierarchy import Hierarchy, hierarchy_of_centres, hierarchy_of_volumes
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import INK, SEQUENTIAL, colours_of_classes, empty, new_figure

_MOST_NUMBERED = 12  # classes a side up to which each cell holds its number


def hierarchy_figure(content: Content) -> Figure:
    """Draw the tree of classes, and how alike every pair is, in the order of the tree's leaves."""
    side = float(np.clip(1.6 + 0.26 * content.classes, 3.4, 8.0))
    figure = new_figure(side + 3.4, side + 0.5)
    tree, matrix = figure.subplots(1, 2, width_ratios=[1.6, side])
    if content.classes < 2:
        tree.set_axis_off()
        empty(matrix, "needs two classes")
        return figure
    found, values, quantity, distance = _likeness(content)
    _draw_tree(tree, found, distance)
    image = matrix.imshow(values[np.ix_(found.order, found.order)], cmap=SEQUENTIAL)
    names = [content.class_name(label) for label in found.order]
    matrix.set_xticks(range(len(names)), names, rotation=90 if len(names) > _MOST_NUMBERED else 0)
    matrix.set_yticks(range(len(names)), names)
    matrix.tick_params(axis="both", length=0)
    matrix.tick_params(axis="y", pad=12)
    matrix.spines[:].set_visible(False)
    colours = colours_of_classes(content.names)
    beside = matrix.get_yaxis_transform() + ScaledTranslation(-6 / 72, 0, figure.dpi_scale_trans)  # the matrix's edge
    for row, label in enumerate(found.order):  # each class's colour beside its name
        matrix.plot([0], [row], "s", color=colours[label], markersize=6, clip_on=False, transform=beside)
    matrix.set_xlim(-0.5, len(names) - 0.5)
    matrix.set_ylim(len(names) - 0.5, -0.5)
    matrix.set_xlabel("class, by likeness")
    if len(names) <= _MOST_NUMBERED:
        _write_numbers(matrix, values, found)
    figure.colorbar(image, ax=matrix, shrink=0.7).set_label(quantity)
    return figure


def _likeness(content: Content) -> tuple[Hierarchy, np.ndarray, str, str]:
    """Return the tree, the matrix (K, K) it was made of, what that holds, and what the tree's lengths are."""
    if content.comparison is not None:
        correlations = content.comparison.correlations
        return hierarchy_of_volumes(correlations), correlations, "correlation of class volumes r", "1 − r"
    centres = content.centres.filter(regex=r"^z\d+$").to_numpy(dtype=float)
    distances = squareform(pdist(centres))
    return hierarchy_of_centres(centres), distances, "distance of class centres in latents", "distance in latents"


def _draw_tree(axes: Axes, found: Hierarchy, distance: str) -> None:
    """Draw the tree from its root at the left to a leaf beside each row of the matrix."""
    drawn = dendrogram(found.linkage, no_plot=True)
    for across, down in zip(drawn["dcoord"], drawn["icoord"], strict=True):
        axes.plot(across, (np.array(down) - 5) / 10, color=INK, linewidth=1)  # scipy's leaves are at 5, 15, 25 …
    axes.set_ylim(len(found.order) - 0.5, -0.5)
    highest = float(found.linkage[:, 2].max()) or 1.0
    axes.set_xlim(1.04 * highest, 0)
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.set_xlabel(distance)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])


def _write_numbers(axes: Axes, values: np.ndarray, found: Hierarchy) -> None:
    low, high = float(values.min()), float(values.max())
    for row, column in np.ndindex(values.shape):
        value = float(values[found.order[row], found.order[column]])
        ink = "black" if value > (low + high) / 2 else "white"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=ink)
