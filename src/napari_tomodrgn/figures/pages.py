"""Whole figures: each panel on its own, and the page that holds them all."""

from collections.abc import Callable
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from napari_tomodrgn.figures.classes import draw_composition, draw_shares, draw_sizes
from napari_tomodrgn.figures.columns import columns_figure
from napari_tomodrgn.figures.comparison import draw_correlations, draw_fsc, draw_resolutions
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.hierarchy import hierarchy_figure
from napari_tomodrgn.figures.landscape import landscape_figure
from napari_tomodrgn.figures.latents import draw_explained_variance, draw_pca, draw_umap
from napari_tomodrgn.figures.seeds import seeds_figure
from napari_tomodrgn.figures.style import new_figure
from napari_tomodrgn.figures.training import draw_losses
from napari_tomodrgn.figures.volumes import draw_volumes, montage_height

_MOST_ON_THE_PAGE = 8
_FEW = 5  # classes whose volumes leave room beside them


def pca_figure(content: Content) -> Figure:
    """Principal components and the variance they explain."""
    figure = new_figure(8.0, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=[1.25, 1])
    draw_pca(left, content)
    draw_explained_variance(right, content)
    return figure


def umap_figure(content: Content) -> Figure:
    """UMAP coloured by class."""
    figure = new_figure(5.4, 4.4)
    draw_umap(figure.subplots(), content)
    return figure


def training_figure(metrics: pd.DataFrame, epoch: int | None) -> Figure:
    """Losses per epoch."""
    figure = new_figure(5.0, 3.5)
    draw_losses(figure.subplots(), metrics, epoch)
    return figure


def classes_figure(content: Content) -> Figure:
    """Class sizes, and classes by tomogram."""
    tomograms = min(len(content.composition), 30)
    figure = new_figure(9.0, max(3.2, 1.2 + 0.24 * tomograms))
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.2])
    draw_sizes(left, content)
    draw_composition(right, content)
    return figure


def composition_figure(content: Content) -> Figure:
    """Classes by tomogram, every area as large as the share of its particles among all."""
    figure = new_figure(9.0, 4.4)
    draw_shares(figure.subplots(), content)
    return figure


def volumes_figure(content: Content) -> Figure:
    """Slices and projections of the class volumes."""
    columns = min(content.classes, 8)
    figure = new_figure(0.5 + 1.3 * max(columns, 2), montage_height(content))
    draw_volumes(figure.subplots(), content)
    return figure


def comparison_figure(content: Content) -> Figure:
    """How the class volumes differ: FSC and correlation."""
    figure = new_figure(10.8, 3.6)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 1, 1])
    draw_fsc(left, content)
    draw_resolutions(middle, content)
    draw_correlations(right, content)
    return figure


def overview_figure(content: Content) -> Figure:
    """Everything on one page."""
    small = content.classes <= _FEW
    heights = [3.5, 3.1, 5.8] if small else [3.5, 3.1, 5.2, 3.6]
    figure = new_figure(12.0, sum(heights) + 0.4)
    title = f"{len(content.labels)} particles in {content.title}, epoch {content.epoch}"
    figure.suptitle(title, fontsize=14, fontweight="bold", x=0.01, ha="left")
    rows: Any = figure.subfigures(len(heights), 1, height_ratios=heights, hspace=0.03)
    latents, training, *volumes = rows
    pca, variance, umap = latents.subplots(1, 3, width_ratios=[1.2, 0.8, 1.2])
    draw_pca(pca, content)
    draw_explained_variance(variance, content)
    draw_umap(umap, content)
    losses, sizes, tomograms = training.subplots(1, 3, width_ratios=[1.1, 0.9, 1.2])
    draw_losses(losses, content.metrics, content.epoch)
    draw_sizes(sizes, content)
    draw_composition(tomograms, content)
    if small:
        montage, comparison = volumes[0].subfigures(1, 2, width_ratios=[1.15, 1], wspace=0.02)
        curves, correlations = comparison.subplots(2, 1)
    else:
        montage, comparison = volumes
        curves, correlations = comparison.subplots(1, 2, width_ratios=[1.4, 1])
    draw_volumes(montage.subplots(), content, most=_MOST_ON_THE_PAGE)
    draw_fsc(curves, content)
    draw_correlations(correlations, content)
    return figure


OPTIONAL = {"seeds", "columns"}  # figures of what was asked for besides


def figures_of(content: Content) -> dict[str, Callable[[Content], Figure]]:
    """Return the figures of a labelling: those that all have, and those of what was asked for besides."""
    further: dict[str, Callable[[Content], Figure]] = {}
    if content.seeds is not None:
        further["seeds"] = seeds_figure
    if content.columns is not None:
        further["columns"] = columns_figure
    return FIGURES | further


FIGURES: dict[str, Callable[[Content], Figure]] = {
    "overview": overview_figure,
    "pca": pca_figure,
    "umap": umap_figure,
    "landscape": landscape_figure,
    "training": lambda content: training_figure(content.metrics, content.epoch),
    "classes": classes_figure,
    "composition": composition_figure,
    "volumes": volumes_figure,
    "hierarchy": hierarchy_figure,
    "comparison": comparison_figure,
}
