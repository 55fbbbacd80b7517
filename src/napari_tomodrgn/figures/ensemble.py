"""Pictures of an ensemble of volumes, and how it is written as a whole."""

from contextlib import ExitStack, suppress
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.ensemble.ensemble import OWN_FILES, Ensemble, find_ensemble, write_ensemble
from napari_tomodrgn.analysis.ensemble.options import EnsembleOptions
from napari_tomodrgn.analysis.folder import AnalysisFolder, write_labels
from napari_tomodrgn.figures.style import (
    INK,
    MOST_IN_A_LEGEND,
    OKABE_ITO,
    class_colours,
    integer_ticks,
    new_figure,
    save,
    square,
    styled,
)
from napari_tomodrgn.files import atomic_folder, atomic_path, refuse_existing
from napari_tomodrgn.runs.run import Run

_DIVERGING = "PuOr_r"  # orange: more with a greater coordinate, purple: less
MOST_COMPONENTS = 4


def save_ensemble(options: EnsembleOptions) -> tuple[Ensemble, Path]:
    """Find the ensemble of a run's volumes and write it, with its classes, whole or not at all; return both.

    Raises
    ------
    InputError
        Where there is one of that name and it may not be overwritten, or as of :func:`find_ensemble`.
    """
    run = Run.open(options.run)
    folder = AnalysisFolder(run.path, run.chosen_epoch if options.epoch is None else options.epoch)
    run.checkpoint(folder.epoch)
    target = folder.ensemble(options.name or options.labelling)
    labels = folder.labels(options.labelling)
    refuse_existing(labels, options.overwrite)
    with ExitStack() as whole:
        whole.callback(_remove_empty, target.parent, folder.path, folder.path.parent)
        inside = whole.enter_context(atomic_folder(target, overwrite=options.overwrite, replaces=OWN_FILES))
        found = find_ensemble(options, inside)
        write_ensemble(found, inside)
        if options.figures:
            with styled():
                save(draw_ensemble(found), inside / "ensemble")
        write_labels(whole.enter_context(atomic_path(labels)), found.latents.ids, found.clusters.labels)
    return found, target


def _remove_empty(*folders: Path) -> None:
    for path in folders:
        with suppress(OSError):  # there is something in it, or no folder
            path.rmdir()


def draw_ensemble(found: Ensemble) -> Figure:
    """Draw the particles along the first two components, shares of variance, likeness, and what the components show."""
    figure = new_figure(9.6, 6.4)
    shown = min(MOST_COMPONENTS, len(found.components.directions))
    (upper,), (lower,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.5, 1))
    left, middle, right = upper.subplots(1, 3, width_ratios=(1.35, 1, 1))
    _draw_particles(left, found)
    _draw_variance(middle, found)
    _draw_likeness(right, found)
    grid = lower.subplots(1, shown + 1, squeeze=False)[0]
    centre = len(found.mask) // 2
    for number, axes in enumerate(grid):
        voxels = found.components.mean if number == 0 else found.components.directions[number - 1]
        slice_ = found.volume(voxels)[centre]
        furthest = max(float(np.abs(slice_).max()), 1e-12)
        axes.imshow(
            slice_,
            cmap="gray" if number == 0 else _DIVERGING,
            vmin=None if number == 0 else -furthest,
            vmax=None if number == 0 else furthest,
            origin="lower",
            interpolation="bicubic",
        )
        axes.set_title("mean" if number == 0 else f"component {number}", loc="center", fontsize=9)
        axes.set_axis_off()
    lower.suptitle(f"Central slices, {len(found.mask) * found.pixel_size:.0f} Å wide", fontsize=9, ha="left", x=0.01)
    title = f"Volumes of {len(found.latents)} particles, epoch {found.folder.epoch}; mask: {found.masked_by}"
    upper.suptitle(title, fontsize=9, fontweight="bold", ha="left", x=0.01)
    return figure


def _draw_particles(axes: Axes, found: Ensemble) -> None:
    points = square(found.components.coordinates) if found.umap is None else found.umap
    name = "component" if found.umap is None else "UMAP"
    colours = np.array(class_colours(found.options.clusters), dtype=object)
    order = np.random.default_rng(0).permutation(len(points))
    labels = found.clusters.labels[order]
    size = float(np.clip(3000 / len(points), 1.5, 14))
    axes.scatter(points[order, 0], points[order, 1], s=size, c=colours[labels].tolist(), linewidths=0, rasterized=True)
    axes.set_xlabel(f"{name} 1")
    axes.set_ylabel(f"{name} 2")
    axes.set_title(f"{found.options.clusters} classes by k-means")
    if found.options.clusters <= MOST_IN_A_LEGEND:
        for label, members in enumerate(found.clusters.sizes):
            axes.scatter([], [], s=14, color=colours[label], label=f"{label} ({members})")
        axes.legend(handletextpad=0.1, loc="best", ncols=2, columnspacing=0.6)


def _draw_variance(axes: Axes, found: Ensemble) -> None:
    share = 100 * found.components.explained_variance
    axes.bar(np.arange(1, len(share) + 1), share, color=OKABE_ITO[0])
    axes.set_xlabel("component")
    axes.set_ylabel("share of the variance (%)")
    axes.set_title(f"Variance: {share.sum():.0f} % in all")
    integer_ticks(axes.xaxis)


def _draw_likeness(axes: Axes, found: Ensemble) -> None:
    axes.hist(found.cc, bins=min(40, max(8, len(found.cc) // 10)), color=OKABE_ITO[2])
    axes.axvline(float(np.median(found.cc)), color=INK, linewidth=0.9, linestyle=":")
    reference = "the mean" if found.options.reference is None else found.options.reference.name
    axes.set_xlabel(f"correlation with {reference}")
    axes.set_ylabel("particles")
    axes.set_title(f"Median {np.median(found.cc):.3f}")
