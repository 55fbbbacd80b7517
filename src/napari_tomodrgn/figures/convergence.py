"""Pictures of a run from epoch to epoch: curves, latents, and volumes of the particles that are followed."""

from pathlib import Path
from textwrap import wrap

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.comparison import THRESHOLD
from napari_tomodrgn.analysis.convergence.converge import OWN_FILES, Convergence, converge, write_convergence
from napari_tomodrgn.analysis.convergence.followed import Followed
from napari_tomodrgn.analysis.convergence.latent_changes import drawn
from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.analysis.embeddings import principal_components, umap_embedding
from napari_tomodrgn.figures.style import (
    GREY,
    OKABE_ITO,
    PALE,
    SEQUENTIAL,
    class_colours,
    empty,
    frequency_axis,
    integer_ticks,
    new_figure,
    save,
    square,
    styled,
)
from napari_tomodrgn.files import atomic_folder
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

FOLDER = Path("analysis") / "convergence"
MOST_EPOCHS = 8  # in a row of volumes
MOST_PANELS = 6  # of latents
MOST_POINTS = 4000
_GREYS = (0.5, 99.8)
_LETTERS_PER_INCH = 13.5  # of the line above a figure


def save_convergence(options: ConvergeOptions) -> tuple[Convergence, Path]:
    """Look at a run from epoch to epoch, write RUN/analysis/convergence, whole or not at all, and return both.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or as of :func:`converge`.
    """
    run = Run.open(options.run)
    target = run.path / FOLDER
    with atomic_folder(target, overwrite=options.overwrite, replaces=OWN_FILES) as folder:
        found = converge(options, folder)
        write_convergence(found, folder)
        if options.figures:
            with styled():
                save(draw_curves(found), folder / "curves")
                if found.labels is not None:
                    save(draw_latents(found), folder / "latents")
                if found.followed is not None:
                    save(draw_followed(found, found.followed), folder / "volumes")
                    save(draw_resolution(found, found.followed), folder / "resolution")
    return found, target


def draw_curves(found: Convergence) -> Figure:
    """Draw losses, latents and volumes by epoch, and where the recommended epoch lies."""
    figure = new_figure(9.6, 6.6)
    panels = figure.subplots(2, 2)
    _draw_losses(panels[0, 0], found)
    _draw_shifts(panels[0, 1], found)
    _draw_kept(panels[1, 0], found)
    _draw_volumes(panels[1, 1], found)
    for axes in panels.flat:
        if axes.axison:
            axes.axvline(found.recommendation.epoch, color=GREY, linewidth=0.9, linestyle=":")
            axes.set_xlabel("epoch")
            integer_ticks(axes.xaxis)
    state = "settled" if found.recommendation.settled else "not settled"
    particles = "" if found.labels is None else f"; {len(found.run.latents())} particles"
    title = f"Recommended: epoch {found.recommendation.epoch} ({state}), the dotted line{particles}"
    figure.suptitle(title, fontsize=10, fontweight="bold", ha="left", x=0.01)
    return figure


def _curve(
    axes: Axes, table: pd.DataFrame, column: str, label: str, colour: str, dashes: str = "-", across: str = "epoch"
) -> bool:
    """Draw a column where it is known; return whether it is at all."""
    if column not in table or not np.isfinite(table[column]).any():
        return False
    known = table[np.isfinite(table[column])]
    axes.plot(known[across], known[column], color=colour, linestyle=dashes, label=label, marker="o", markersize=2.5)
    return True


def _draw_losses(axes: Axes, found: Convergence) -> None:
    axes.set_title("Squared error per pixel")
    held_out = found.run.settings.get("held_out_by", "particle")
    drawn_any = [
        _curve(axes, found.table, "reconstruction", "trained on", OKABE_ITO[0]),
        _curve(axes, found.table, "held_out_reconstruction", f"{held_out}s held out", OKABE_ITO[5], "--"),
    ]
    if not any(drawn_any):
        empty(axes, "no losses beside this run (metrics.csv)")
        return
    axes.legend()


def _draw_shifts(axes: Axes, found: Convergence) -> None:
    axes.set_title("How far half of the latents move")
    if not _curve(axes, found.table, "shift_relative", "as they are", OKABE_ITO[0]):
        empty(axes, "no latents of two epochs" if found.labels is not None else "a decoder alone has no latents")
        return
    _curve(axes, found.table, "shift_relative_aligned", "turned onto those before", OKABE_ITO[4], "--")
    axes.axhline(found.options.shift_tolerance, color=OKABE_ITO[5], linewidth=0.9, label="tolerance")
    axes.set_ylabel("share of their spread")
    axes.set_ylim(bottom=0)
    axes.legend()


def _draw_kept(axes: Axes, found: Convergence) -> None:
    axes.set_title("What stays from epoch to epoch")
    if not _curve(axes, found.table, "neighbours_kept", f"nearest {found.options.neighbours}", OKABE_ITO[2]):
        empty(axes, "no latents of two epochs" if found.labels is not None else "a decoder alone has no latents")
        return
    _curve(axes, found.table, "neighbours_kept_by_chance", "nearest, by chance", PALE)
    _curve(axes, found.table, "ari", f"{found.options.clusters} classes (Rand index)", OKABE_ITO[1], "--")
    axes.set_ylabel("share kept, adjusted Rand index")
    axes.set_ylim(top=1.02)
    axes.legend()


def _draw_volumes(axes: Axes, found: Convergence) -> None:
    axes.set_title("Correlation of volumes")
    followed = found.followed
    if followed is None or len(followed.epochs) < 2:
        empty(axes, "no volumes of two epochs were decoded")
        return
    for each in followed.change.T:
        axes.plot(followed.epochs, each, color=PALE, linewidth=1)
    _curve(axes, found.table, "volume_cc", "with the epoch before", OKABE_ITO[0])
    _curve(axes, found.table, "difference_cc", "less the mean of all", OKABE_ITO[3], "--")
    _curve(axes, found.table, "reference_cc", "with the reference", OKABE_ITO[2], "-.")
    _curve(axes, found.table, "reference_cc_most", "with it, the most alike", OKABE_ITO[2])
    for tolerance, dashes in ((found.options.volume_tolerance, "-"), (found.options.difference_tolerance, "--")):
        axes.axhline(1 - tolerance, color=OKABE_ITO[5], linewidth=0.9, linestyle=dashes)
    axes.set_ylabel(f"median of {len(followed.latents)}")
    axes.legend()


def draw_resolution(found: Convergence, followed: Followed) -> Figure:
    """Draw the FSC of each epoch, and where it falls below 0.5 against epochs and against the time of training."""
    figure = new_figure(11.4, 3.5)
    curves, by_epoch, by_time = figure.subplots(1, 3, width_ratios=(1.25, 1, 1))
    _draw_fsc(curves, followed)
    table = found.table.assign(minutes=found.table["seconds"] / 60)
    for axes, across in ((by_epoch, "epoch"), (by_time, "minutes")):
        some = False
        for column, name, colour in (
            ("resolution", "with the epoch before", OKABE_ITO[0]),
            ("reference_resolution", "with the reference", OKABE_ITO[2]),
        ):
            some |= _curve(axes, table, column, name, colour, across=across)
        if not some:
            empty(axes, "no volumes of two epochs agree anywhere, or no training time is known")
            continue
        axes.set_xlabel("epoch" if across == "epoch" else "training time (min)")
        axes.set_ylabel("FSC falls below 0.5 (Å)")
        axes.invert_yaxis()  # finer is higher
        axes.legend()
    integer_ticks(by_epoch.xaxis)
    name = "FSC of the particles followed, median"
    figure.suptitle(name, fontsize=10, fontweight="bold", ha="left", x=0.01)
    return figure


def _draw_fsc(axes: Axes, followed: Followed) -> None:
    """Draw the FSC of up to eight epochs, with the reference where there is one, else with the epoch before."""
    with_truth = bool(np.isfinite(followed.reference_curves).any())
    values = followed.reference_curves if with_truth else followed.curves
    known = [number for number in range(len(values)) if np.isfinite(values[number]).all()]
    if not known:
        empty(axes, "no volumes of two epochs")
        return
    axes.set_title("With the reference" if with_truth else "With the epoch before")
    frequency = frequency_axis(axes, values.shape[1], followed.pixel_size)
    chosen = _some(known, MOST_EPOCHS)
    colours = colormaps[SEQUENTIAL](np.linspace(0.9, 0, len(chosen)))  # dark: the last
    for number, colour in zip(chosen, colours, strict=True):
        axes.plot(frequency[1:], values[number, 1:], color=colour, label=f"epoch {followed.epochs[number]}")
    axes.axhline(THRESHOLD, color=GREY, linewidth=0.9, linestyle=":")
    axes.set_ylim(min(0.0, float(values[chosen, 1:].min())), 1.02)
    axes.set_ylabel("FSC")
    axes.legend()


def draw_latents(found: Convergence) -> Figure:
    """Draw the latents at up to six epochs, in the colours of the classes of the last.

    Along the principal components of the last epoch, the same for all; or by a UMAP of each.
    """
    epochs = _some(layout.latent_epochs(found.run.path), MOST_PANELS)
    by_umap, options = found.options.umap, found.options
    last = found.run.latents(epochs[-1]).z_mean.astype(np.float64)
    rows = drawn(len(last), options.sample, options.seed)
    components = principal_components(last)
    columns = min(3, len(epochs))
    lines = -(-len(epochs) // columns)
    figure = new_figure(3.1 * columns, 3.0 * lines + 0.4)
    grid = figure.subplots(lines, columns, squeeze=False, sharex=not by_umap, sharey=not by_umap)
    assert found.labels is not None
    colours = np.array(class_colours(int(found.labels.max()) + 1), dtype=object)[found.labels]
    order = np.random.default_rng(0).permutation(len(rows))[:MOST_POINTS]
    size = float(np.clip(3000 / len(order), 1.5, 12))
    for axes, epoch in zip(grid.flat, epochs, strict=False):
        z = found.run.latents(epoch).z_mean.astype(np.float64)
        points = (
            umap_embedding(z[rows], seed=options.seed)
            if by_umap
            else (z[rows] - components.mean) @ components.directions.T
        )
        points = square(points)[order]
        axes.scatter(points[:, 0], points[:, 1], s=size, c=colours[order].tolist(), linewidths=0, rasterized=True)
        axes.set_title(f"epoch {epoch}")
    for axes in grid.flat[len(epochs) :]:
        axes.set_axis_off()
    kind = "UMAP of each epoch" if by_umap else f"principal components 1 and 2 of epoch {epochs[-1]}"
    _head(figure, f"{len(order)} particles, {kind}; colours: classes at epoch {epochs[-1]}")
    return figure


def draw_followed(found: Convergence, followed: Followed) -> Figure:
    """Draw central slices of the particles that are followed, a row each, at up to eight epochs; one grey scale."""
    chosen = _some(list(range(len(followed.epochs))), MOST_EPOCHS)
    recommended = found.recommendation.epoch
    if recommended in followed.epochs:  # in place of the one nearest to it
        place = followed.epochs.index(recommended)
        nearest = min(chosen, key=lambda each: abs(each - place))
        chosen = sorted({place if each == nearest else each for each in chosen})
    count = len(followed.latents)
    figure = new_figure(1.25 * len(chosen) + 0.9, 1.2 * count + 0.6)
    grid = figure.subplots(count, len(chosen), squeeze=False)
    low, high = np.percentile(followed.slices[-1], _GREYS)
    colours = class_colours(count)
    for row, latent in enumerate(followed.latents):
        for column, number in enumerate(chosen):
            axes = grid[row, column]
            axes.imshow(
                followed.slices[number, row], cmap="gray", vmin=low, vmax=high, origin="lower", interpolation="bicubic"
            )
            axes.set_xticks([])
            axes.set_yticks([])
            epoch = followed.epochs[number]
            axes.spines[:].set_visible(epoch == recommended)
            axes.spines[:].set(color=OKABE_ITO[1], linewidth=2.5)
            if row == 0:
                axes.set_title(f"epoch {epoch}", loc="center", fontsize=9)
        name = "decoder" if latent.particle is None else f"class {latent.label}"
        grid[row, 0].set_ylabel(name, color=colours[row], fontweight="bold")
    side = followed.slices.shape[-1] * followed.pixel_size
    _head(figure, f"Central slices of the particles nearest to class centres, {side:.0f} Å wide; framed: recommended")
    return figure


def _head(figure: Figure, text: str) -> None:
    """Write what a figure shows above it, in as many lines as its width asks for, each of which makes it higher."""
    width, height = figure.get_size_inches()
    lines = wrap(text, int(_LETTERS_PER_INCH * width))
    figure.set_size_inches(width, height + 0.15 * (len(lines) - 1))
    figure.suptitle("\n".join(lines), fontsize=9, ha="left", x=0.01)


def _some(values: list[int], most: int) -> list[int]:
    """Return at most so many values, evenly, the first and the last among them."""
    places: npt.NDArray[np.int64] = np.unique(
        np.rint(np.linspace(0, len(values) - 1, min(most, len(values)))).astype(int)
    )
    return [values[place] for place in places.tolist()]
