"""Figures of two runs that are compared, and the folder that holds them with the tables."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.compare import CHANGED, CONFUSION, DOCUMENT, write_tables
from napari_tomodrgn.analysis.embeddings import principal_components
from napari_tomodrgn.analysis.run_comparison import RunComparison
from napari_tomodrgn.figures.label_agreement import colours_of_both, draw_confusion, draw_indices, draw_river
from napari_tomodrgn.figures.style import (
    INK,
    OKABE_ITO,
    PALE,
    empty,
    integer_ticks,
    new_figure,
    save,
    square,
    styled,
)
from napari_tomodrgn.files import atomic_folder

FORMATS = ("png", "pdf")
FILES = (DOCUMENT, CONFUSION, CHANGED, "*.png", "*.pdf")
_NO_LATENTS = "needs latents on both sides, of three particles or more"
_MOST_CORRELATIONS = 30

Points = npt.NDArray[np.float64]


def linked_coordinates(comparison: RunComparison) -> tuple[Points, Points]:
    """Return the shared particles (n, 2) along A's two leading principal axes: in A, and in B as it lies on A."""
    assert comparison.a.z is not None
    assert comparison.b.z is not None
    assert comparison.alignment is not None
    z = comparison.a.z[comparison.rows_a].astype(np.float64)
    axes = principal_components(z, 2)
    turn = axes.directions.T.astype(np.float64)
    aligned = comparison.alignment.apply(comparison.b.z[comparison.rows_b])
    first, second = ((each - axes.mean) @ turn for each in (z, aligned))
    return square(first).astype(np.float64), square(second).astype(np.float64)


def latents_figure(comparison: RunComparison) -> Figure:
    """Both latent spaces in one frame, and how strongly they go with one another."""
    figure = new_figure(11.5, 3.9)
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 1.2, 1])
    if comparison.alignment is None:
        for axes in (left, middle, right):
            empty(axes, _NO_LATENTS)
        return figure
    points = linked_coordinates(comparison)
    both = np.concatenate(points)
    both = both[np.isfinite(both).all(axis=1)]
    low, high = both.min(axis=0), both.max(axis=0)
    room = 0.05 * np.maximum(high - low, 1e-9)
    titles = (f"A: {comparison.names[0]}", f"B: {comparison.names[1]}, laid on A")
    for side, (axes, title) in enumerate(zip((left, middle), titles, strict=True)):
        _draw_points(axes, points[side], comparison, side)
        axes.set_xlim(low[0] - room[0], high[0] + room[0])
        axes.set_ylim(low[1] - room[1], high[1] + room[1])
        axes.set_title(title)
        axes.set_xlabel("PC 1 of A")
        axes.set_ylabel("PC 2 of A")
    draw_correlations(right, comparison)
    return figure


def _draw_points(axes: Axes, points: Points, comparison: RunComparison, side: int) -> None:
    """Draw the shared particles in the colours of their classes on one side, those that changed class ringed."""
    size = float(np.clip(3000 / len(points), 2, 18))
    colours = np.full(len(points), PALE, dtype=object)
    if comparison.agreement is not None:
        palette = np.array(colours_of_both(comparison)[side], dtype=object)
        colours[comparison.labelled] = palette[comparison.classes()[side]]
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    axes.scatter(x, y, s=size, c=colours[order].tolist(), alpha=0.85, linewidths=0, rasterized=True)
    if comparison.agreement is not None and comparison.agreement.changed.any():
        rows = comparison.labelled[comparison.agreement.changed]
        axes.scatter(
            points[rows, 0], points[rows, 1], s=1.6 * size, facecolors="none", edgecolors=INK, linewidths=0.6,
            rasterized=True, label=f"{len(rows)} changed class",
        )  # fmt: skip
        axes.legend(loc="best", handletextpad=0.2)


def draw_correlations(axes: Axes, comparison: RunComparison) -> None:
    """Draw the canonical correlations of the two latent spaces, and what chance gives."""
    alignment = comparison.alignment
    axes.set_title("Canonical correlations")
    if alignment is None:
        empty(axes, _NO_LATENTS)
        return
    values, chance = (each[:_MOST_CORRELATIONS] for each in (alignment.canonical, alignment.canonical_by_chance))
    number = np.arange(1, len(values) + 1)
    axes.bar(number, values, width=0.7, color=OKABE_ITO[0], label="of these particles")
    axes.plot(number, chance, color=OKABE_ITO[5], marker="o", markersize=3, linewidth=1, label="by chance")
    axes.set_ylim(0, 1.45)  # room for the words
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("direction")
    axes.text(
        0.98,
        0.97,
        f"laid on A, B explains\n{alignment.explained:.0%} of A's variance\n"
        f"(by chance {alignment.explained_by_chance:.0%})",
        ha="right",
        va="top",
        fontsize=8,
        transform=axes.transAxes,
    )
    integer_ticks(axes.xaxis)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def classes_figure(comparison: RunComparison) -> Figure:
    """Confusion of the classes, and the river of labels."""
    figure = new_figure(10.5, 4.6)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.15])
    draw_confusion(left, comparison)
    draw_river(right, comparison)
    return figure


def indices_figure(comparison: RunComparison) -> Figure:
    """Rand index and its intervals."""
    figure = new_figure(6.4, 3.4)
    draw_indices(figure.subplots(), comparison)
    return figure


def losses_figure(comparison: RunComparison) -> Figure:
    """Losses of both runs, epoch by epoch."""
    figure = new_figure(6.4, 3.9)
    draw_losses(figure.subplots(), comparison, INK)
    return figure


def draw_losses(axes: Axes, comparison: RunComparison, ink: str) -> None:
    """Draw the reconstruction losses of both runs, held out and trained on, and mark the epochs that are compared."""
    losses, any_drawn = comparison.losses, False
    doubt = ": not comparable" if losses.differences else ": other images held out" * bool(losses.held_out_differences)
    axes.set_title("Reconstruction loss" + doubt)
    for side, (table, colour) in enumerate(zip((losses.a, losses.b), (OKABE_ITO[0], OKABE_ITO[5]), strict=True)):
        name = f"{'AB'[side]}: {comparison.names[side]}"
        for column, dashes, what in (("reconstruction", "-", ""), ("held_out_reconstruction", "--", ", held out")):
            known = table[table[column].notna()] if column in table else table[:0]
            if len(known):
                any_drawn = True
                axes.plot(
                    known["epoch"], known[column], color=colour, linestyle=dashes, label=name + what,
                    marker="o" if len(known) == 1 else "",
                )  # fmt: skip
        epoch = losses.at[side]
        if epoch is not None and len(table):
            axes.axvline(epoch, color=colour, linewidth=0.8, linestyle=":")
    if not any_drawn:
        empty(axes, "neither run has measured anything yet")
        return
    axes.set_xlabel("epoch")
    axes.set_ylabel("squared error per pixel")
    integer_ticks(axes.xaxis)
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.18), ncols=2)


FIGURES: dict[str, Callable[[RunComparison], Figure]] = {
    "latents": latents_figure,
    "classes": classes_figure,
    "ari": indices_figure,
    "losses": losses_figure,
}


def write_comparison_folder(
    comparison: RunComparison, outdir: Path, *, figures: bool = True, overwrite: bool = False
) -> Path:
    """Write tables and figures (PNG and PDF) of a comparison into a folder of their own, whole or not at all.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or holds other files.
    """
    with atomic_folder(outdir, overwrite=overwrite, replaces=FILES) as unfinished:
        write_tables(comparison, unfinished)
        if figures:
            with styled():
                for name, draw in FIGURES.items():
                    if name in ("classes", "ari") and comparison.agreement is None:
                        continue
                    if name == "latents" and comparison.alignment is None:
                        continue
                    save(draw(comparison), unfinished / name, FORMATS)
    return outdir
