"""Figures of particles and their neighbours, and the folder that holds them with the tables."""

from collections.abc import Callable
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood
from napari_tomodrgn.analysis.spatial.options import interval
from napari_tomodrgn.analysis.spatial.pair_correlation import PairCorrelation
from napari_tomodrgn.analysis.spatial.tables import FILES, write_tables
from napari_tomodrgn.figures.spatial_classes import cooccurrence_figure, effects_figure, enrichment_figure
from napari_tomodrgn.figures.spatial_directions import directions_figure, orientations_figure
from napari_tomodrgn.figures.style import (
    GREY,
    INK,
    OKABE_ITO,
    PALE,
    colours_of_classes,
    empty,
    integer_ticks,
    new_figure,
    save,
    styled,
)
from napari_tomodrgn.files import atomic_folder

FORMATS = ("png", "pdf")
_FEWEST = 5  # values that a violin is drawn of, or pairs that an axis follows
_MOST_CLASSES = 30
_WIDE = 120  # letters of a caption's line


def distances_figure(found: Neighbourhood) -> Figure:
    """Distances to the nearest neighbour, a violin a class, with the box and an interval marked."""
    labelling, distance = found.labelling, found.neighbours.distance[:, 0]
    groups = [("all", np.ones(len(distance), dtype=bool), INK)]
    if labelling is not None:
        colours = colours_of_classes(labelling.names)
        shown = np.flatnonzero(labelling.sizes)[:_MOST_CLASSES]
        groups += [(labelling.names[label], labelling.codes == label, colours[label]) for label in shown]
    figure = new_figure(max(3.6, 1.6 + 0.62 * len(groups)), 3.8)
    axes = figure.subplots()
    known = np.isfinite(distance)
    for place, (_, chosen, colour) in enumerate(groups):
        _draw_violin(axes, place, distance[chosen & known], colour)
    low, high = (float(each) for each in np.percentile(distance[known], [0, 99.5]))
    axes.set_ylim(max(0.0, low - 0.1 * (high - low)), high + 0.12 * (high - low) + 1)
    if found.options.shade is not None:
        ends = interval(found.options.shade)
        axes.axhspan(*ends, color=OKABE_ITO[4], alpha=0.3, linewidth=0, zorder=0, label=f"{ends[0]:g} to {ends[1]:g} Å")
        axes.set_ylim(min(axes.get_ylim()[0], ends[0]), max(axes.get_ylim()[1], ends[1]))
    _mark_box(axes, found)
    sizes = [int((chosen & known).sum()) for _, chosen, _ in groups]
    names = [f"{name}\n{size:,}" for (name, _, _), size in zip(groups, sizes, strict=True)]
    axes.set_xticks(range(len(groups)), names, rotation=0 if len(groups) <= 10 else 60)
    axes.set_xlim(-0.7, len(groups) - 0.3)
    axes.set_ylabel("distance to the nearest particle (Å)")
    axes.set_title("Nearest neighbours")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
    caption(figure, f"Number of particles under each class; bars: quartiles and median. {_sample(found)}", 64)
    return figure


def _draw_violin(axes: Axes, place: int, values: np.ndarray, colour: str) -> None:
    if len(np.unique(values)) >= _FEWEST:
        parts = axes.violinplot([values], positions=[place], widths=0.85, showextrema=False)
        for body in parts["bodies"]:  # type: ignore[attr-defined]
            body.set(facecolor=colour, alpha=0.75, linewidth=0)
        low, middle, high = np.percentile(values, [25, 50, 75])
        axes.plot([place, place], [low, high], color=INK, linewidth=2.2, solid_capstyle="butt")
        axes.plot(place, middle, marker="o", markersize=4.5, color="white", markeredgecolor=INK, markeredgewidth=0.8)
    else:
        axes.plot(np.full(len(values), place), values, "o", color=colour, markersize=4, markeredgecolor=INK)


def _mark_box(axes: Axes, found: Neighbourhood) -> None:
    """Mark the box diameter; where the axis ends below it, say so there."""
    if found.box_diameter is None:
        return
    low, high = axes.get_ylim()
    if low <= found.box_diameter <= high * 1.25:
        axes.set_ylim(low, max(high, found.box_diameter * 1.03))
        label = f"box: {found.box_diameter:.0f} Å"
        axes.axhline(found.box_diameter, color=OKABE_ITO[5], linewidth=1.2, linestyle="--", label=label)
    else:
        side = "above" if found.box_diameter > high else "below"
        label = f"box: {found.box_diameter:.0f} Å,\n{side} the axis"
        axes.plot([], [], color=OKABE_ITO[5], linestyle="--", label=label)


def pair_correlation_figure(found: Neighbourhood) -> Figure:
    """How often particles stand at each distance, over random places in the same window."""
    figure = new_figure(5.4, 3.7)
    axes = figure.subplots()
    own = found.pair_correlation
    assert own is not None
    middle = (own.edges[1:] + own.edges[:-1]) / 2
    axes.fill_between(middle, own.chance_low, own.chance_high, color=PALE, linewidth=0, label="95 % of random places")
    axes.axhline(1, color=GREY, linewidth=0.8)
    axes.fill_between(middle, own.low, own.high, color=OKABE_ITO[0], alpha=0.3, linewidth=0, label="95 % interval")
    axes.plot(middle, own.value, color=OKABE_ITO[0])
    if found.box_diameter is not None and found.box_diameter / 2 < own.edges[-1]:
        axes.axvline(found.box_diameter / 2, color=OKABE_ITO[5], linestyle="--", linewidth=1.2, label="half the box")
    axes.set_xlim(0, own.edges[-1])
    axes.set_ylim(0, _highest(own))
    axes.set_xlabel("distance (Å)")
    axes.set_ylabel("pairs, over those of random places")
    axes.set_title("Pair correlation")
    axes.legend(loc="upper right")
    window = "their convex hull" if found.options.window is None else "the mask given"
    caption(
        figure,
        f"{int(own.pairs.sum()):,} pairs of {own.tomograms} tomograms; random places in {window}, {own.apart:.0f} Å "
        f"apart or more; interval over tomograms. {_sample(found)}",
        88,
    )
    return figure


def _highest(own: PairCorrelation) -> float | None:
    """Return where the axis of g ends: what few pairs give, which may be anything, runs out of it."""
    certain = (own.random.sum(axis=0) >= _FEWEST) & np.isfinite(own.value)
    if not certain.any():
        return None
    ends = np.where(np.isfinite(own.high), own.high, own.value)
    return max(2.0, 1.2 * float(ends[certain].max()))


def chains_figure(found: Neighbourhood) -> Figure:
    """Lengths of chains, and which way they wind."""
    figure = new_figure(7.4, 3.4)
    left, right = figure.subplots(1, 2)
    assert found.chains is not None
    assert found.chain_rule is not None
    assert found.handedness is not None
    lengths = [len(each) for each in found.chains.members]
    left.set_title("Chains")
    if lengths:
        values, counts = np.unique(lengths, return_counts=True)
        left.bar(values, counts, color=OKABE_ITO[0], width=0.8)
        left.set_xlabel("particles in a chain")
        left.set_ylabel("chains")
        integer_ticks(left.xaxis)
        integer_ticks(left.yaxis)
    else:
        empty(left, "no two particles fit the rule")
    wound = found.handedness
    if len(wound.torsion):
        right.hist(wound.torsion, bins=np.arange(-180, 181, 20), color=OKABE_ITO[2])
        right.axvline(0, color=GREY, linewidth=0.8)
        right.set_xticks([-180, -90, 0, 90, 180])
        right.set_xlabel("torsion of four in a row (°)\nleft-handed below 0, right-handed above")
        right.set_ylabel("fours")
        right.set_title(f"They wind: {wound.reads}")
    else:
        empty(right, "no chain of four particles")
    rule = found.chain_rule
    x, y, z = rule.direction
    back = "" if rule.back is None else ", and seen from there at ({:.2f}, {:.2f}, {:.2f})".format(*rule.back)
    caption(
        figure,
        f"The next particle {rule.low:.0f} to {rule.high:.0f} Å away, within {rule.angle:g}° of ({x:.2f}, {y:.2f}, "
        f"{z:.2f}) in the consensus frame{back}; each the other's best. "
        f"Signs of torsions: p\u00a0=\u00a0{wound.p:.2g}. {_sample(found)}",
        _WIDE,
    )
    return figure


def _sample(found: Neighbourhood) -> str:
    places = found.places
    tomograms = f"{len(places.tomograms)} tomogram" + "s" * (len(places.tomograms) != 1)
    return f"{len(places):,} particles in {tomograms}."


def caption(figure: Figure, text: str, width: int) -> None:
    """Put a caption under a figure, in lines of so many letters."""
    figure.supxlabel(fill(text, width), fontsize=7, color=GREY, ha="left", x=0.02)


FIGURES: dict[str, Callable[[Neighbourhood], Figure]] = {
    "distances": distances_figure,
    "directions": directions_figure,
    "orientations": orientations_figure,
    "enrichment": enrichment_figure,
    "enrichment-by-tomogram": effects_figure,
    "pair-correlation": pair_correlation_figure,
    "chains": chains_figure,
    "co-occurrence": cooccurrence_figure,
}
_NEEDS = {
    "directions": "directions",
    "orientations": "angle",
    "enrichment": "enrichment",
    "enrichment-by-tomogram": "enrichment",
    "pair-correlation": "pair_correlation",
    "chains": "chains",
    "co-occurrence": "cooccurrence",
}


def write_neighbours_folder(found: Neighbourhood, *, figures: bool = True, overwrite: bool = False) -> Path:
    """Write tables and figures (PNG and PDF) into the folder that they belong to, whole or not at all.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or holds other files.
    """
    with atomic_folder(found.folder, overwrite=overwrite, replaces=FILES) as unfinished:
        write_tables(found, unfinished)
        if figures:
            with styled():
                for name, draw in FIGURES.items():
                    if name not in _NEEDS or getattr(found, _NEEDS[name]) is not None:
                        save(draw(found), unfinished / name, FORMATS)
    return found.folder
