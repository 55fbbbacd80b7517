"""Columns of a star file held against the latents: where they are high, and which component follows them."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.column_likeness import ColumnLikeness, likeness
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.landscape import landscape_points
from napari_tomodrgn.figures.style import GREY, OKABE_ITO, SEQUENTIAL, class_colours, empty, new_figure

_ROW = 3.0  # inches


def columns_figure(content: Content) -> Figure:
    """Draw a row a column: the latents coloured by it, it against the component that follows it most, and all."""
    assert content.columns is not None
    figure = new_figure(11.5, _ROW * len(content.columns) + 0.2)
    rows = figure.subplots(len(content.columns), 3, squeeze=False, width_ratios=[1.1, 1, 1.1])
    for axes, own in zip(rows, column_likenesses(content), strict=True):
        values = content.columns[own.name]
        _draw_coloured(axes[0], content, own, values)
        _draw_against(axes[1], content, own, values)
        _draw_correlations(axes[2], own)
    return figure


def column_likenesses(content: Content) -> list[ColumnLikeness]:
    """Return how each column that was asked for goes with the components."""
    tomograms = [tomogram for tomogram, _ in content.embedding.ids]
    columns = content.columns or {}
    return [likeness(name, values, content.embedding.pca, tomograms) for name, values in columns.items()]


def columns_caption(content: Content) -> str:
    """Return what the figure shows, of how many particles and tomograms."""
    found = column_likenesses(content)
    strongest = "; ".join(_in_words(own) for own in found)
    kind = "principal components" if content.embedding.umap is None else "UMAP"
    return (
        f"Columns of the star file against the latents. Left: particles by {kind}, hexagons coloured by the median of "
        "the column. Middle: the column and the component that follows it most. Right: Spearman's ρ with each "
        "component, bars over all particles, points in each tomogram of ten particles or more. A ρ over all that no "
        f"tomogram has by itself is a difference between tomograms. {strongest}."
    )


def _in_words(own: ColumnLikeness) -> str:
    if not np.isfinite(own.overall).any():
        return f"{own.name}: the same for all {own.particles:,} particles"
    rho = own.overall[own.strongest]
    within = own.within[:, own.strongest][np.isfinite(own.within[:, own.strongest])]
    inside = f", median in {len(within)} tomograms {np.median(within):.2f}" if len(within) else ""
    return f"{own.name}: ρ {rho:.2f} with PC {own.strongest + 1} (n = {own.particles:,}{inside})"


def _draw_coloured(axes: Axes, content: Content, own: ColumnLikeness, values: np.ndarray) -> None:
    axes.set_title(own.name)
    there = np.isfinite(values)
    if not there.any():
        empty(axes, "no particle has a number in it")
        return
    points = landscape_points(content)[there]
    across = int(np.clip(np.sqrt(len(points) / 2), 12, 70))
    x, y = points.T
    drawn = axes.hexbin(
        x, y, C=values[there], reduce_C_function=np.median, gridsize=across, cmap=SEQUENTIAL, linewidths=0.2
    )
    drawn.set_edgecolor("face")
    axes.figure.colorbar(drawn, ax=axes).set_label(f"median of {own.name}", fontsize=8)
    kind = "PC" if content.embedding.umap is None else "UMAP"
    axes.set(xlabel=f"{kind} 1", ylabel=f"{kind} 2", xticks=[], yticks=[])


def _draw_against(axes: Axes, content: Content, own: ColumnLikeness, values: np.ndarray) -> None:
    there = np.isfinite(values)
    if not there.any():
        empty(axes, "")
        return
    x, y = content.embedding.pca[there, own.strongest], values[there]
    axes.hexbin(x, y, gridsize=40, bins="log", mincnt=1, cmap="Greys", linewidths=0.2)
    rho = own.overall[own.strongest]
    axes.set_title(f"ρ = {rho:.2f}, n = {own.particles:,}" if np.isfinite(rho) else f"n = {own.particles:,}")
    axes.set(xlabel=f"PC {own.strongest + 1}", ylabel=own.name)


def _draw_correlations(axes: Axes, own: ColumnLikeness) -> None:
    number = np.arange(1, len(own.overall) + 1)
    axes.bar(number, np.nan_to_num(own.overall), color=class_colours(1)[0], width=0.7, label="all particles")
    generator = np.random.default_rng(0)
    for place, values in zip(number, own.within.T, strict=True):
        aside = generator.uniform(-0.2, 0.2, len(values))
        axes.plot(place + aside, values, "o", color=OKABE_ITO[1], markersize=3, alpha=0.8, markeredgewidth=0)
    axes.plot([], [], "o", color=OKABE_ITO[1], markersize=4, label=f"each of {len(own.tomograms)} tomograms")
    axes.axhline(0, color=GREY, linewidth=0.8)
    axes.set(xlabel="principal component", ylabel="Spearman's ρ", ylim=(-1.05, 1.05), xticks=number)
    axes.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
