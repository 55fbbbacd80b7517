"""Pictures of the latent space: principal components, their variance, and UMAP."""

import numpy as np
import numpy.typing as npt
from matplotlib import patheffects
from matplotlib.axes import Axes

from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import (
    INK,
    MOST_IN_A_LEGEND,
    class_colours,
    colours_of_classes,
    empty,
    integer_ticks,
    square,
)


def draw_pca(axes: Axes, content: Content) -> None:
    """Draw particles along the first two principal components, coloured by class."""
    share = content.embedding.explained_variance
    _draw_classes(axes, square(content.embedding.pca), content)
    axes.set_xlabel(f"PC 1 ({share[0]:.0%} of variance)")
    axes.set_ylabel(f"PC 2 ({share[1]:.0%} of variance)" if len(share) > 1 else "one latent dimension")
    axes.set_title("Principal components")


def draw_umap(axes: Axes, content: Content, *, legend: bool = True) -> None:
    """Draw particles in UMAP coordinates, coloured by class, class centres numbered."""
    axes.set_title("UMAP")
    if content.embedding.umap is None:
        empty(axes, "left out (--no-umap)")
        return
    _draw_classes(axes, content.embedding.umap, content)
    axes.set_xlabel("UMAP 1")
    axes.set_ylabel("UMAP 2")
    axes.set_xticks([])
    axes.set_yticks([])
    if legend and content.classes <= MOST_IN_A_LEGEND:
        axes.legend(
            title="class",
            loc="center left",
            bbox_to_anchor=(1.0, 0.5),
            markerscale=2,
            handletextpad=0.1,
            alignment="left",
        )


def draw_explained_variance(axes: Axes, content: Content) -> None:
    """Draw the share of the variance that each principal component holds, and their sum."""
    share = content.embedding.explained_variance[:20]
    number = np.arange(1, len(share) + 1)
    axes.bar(number, 100 * share, color=class_colours(1)[0], width=0.7, label="each")
    axes.plot(number, 100 * np.cumsum(share), color=INK, marker="o", markersize=3, linewidth=1, label="sum")
    axes.set_ylim(0, 108)
    integer_ticks(axes.xaxis)
    axes.set_xlabel("principal component")
    axes.set_ylabel("variance (%)")
    axes.legend(loc="center right")
    axes.set_title("Explained variance")


def _draw_classes(axes: Axes, points: npt.NDArray[np.floating], content: Content) -> None:
    """Draw points (N, 2) by class, in an order that hides no class, and number the class centres."""
    colours = np.array(colours_of_classes(content.names))
    size = float(np.clip(3000 / len(points), 2, 18))
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    axes.scatter(x, y, s=size, c=colours[content.labels[order]].tolist(), alpha=0.85, linewidths=0, rasterized=True)
    for label, colour in enumerate(colours):
        axes.scatter([], [], s=size, c=colour, label=content.class_name(label))
    for label, row in enumerate(content.centre_rows):
        axes.plot(
            *points[row], marker="o", markersize=4, markerfacecolor="white", markeredgecolor=INK, linestyle="none"
        )
        text = axes.annotate(
            content.class_name(label),
            points[row],
            xytext=(4, 4),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
        )
        text.set_path_effects([patheffects.withStroke(linewidth=2.5, foreground="white")])
    axes.margins(0.08)
