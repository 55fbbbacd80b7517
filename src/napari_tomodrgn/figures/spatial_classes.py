"""Classes beside classes: enrichment among neighbours, and two labellings of the same particles."""

from textwrap import fill

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.spatial.enrichment import log2_ratio, stars
from napari_tomodrgn.analysis.spatial.neighbors import Neighbourhood
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, SEQUENTIAL, empty, new_figure

DIVERGING = "PuOr_r"  # readable with any colour vision; orange more, purple less
UNTESTED = "#F0F0F0"
_MOST_WORDS = 8  # classes a side, up to which every cell holds its interval
_MOST_NUMBERS = 14
_MOST_EFFECTS = 12  # pairs of classes whose tomograms are shown


def enrichment_figure(found: Neighbourhood) -> Figure:
    """log₂ of observed over expected neighbours of each pair of classes, with its interval and family-wise stars."""
    own, labelling = found.enrichment, found.labelling
    assert own is not None
    assert labelling is not None
    there = np.flatnonzero(labelling.sizes)
    names = [f"{labelling.names[label]} ({labelling.sizes[label]:,})" for label in there]
    cells = np.ix_(there, there)
    values, low, high, p = own.log2_ratio[cells], own.low[cells], own.high[cells], own.p_adjusted[cells]
    side = _side(len(there))
    figure = new_figure(side + 2.6, side + 1.6)
    axes = figure.subplots()
    finite = np.abs(values[np.isfinite(values) & np.isfinite(p)])
    limit = max(0.5, float(np.ceil(2 * finite.max()) / 2)) if len(finite) else 1.0
    axes.set_facecolor(UNTESTED)
    shown = np.ma.masked_where(~np.isfinite(p), np.clip(values, -limit, limit))
    image = axes.imshow(shown, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect="equal")
    for row, column in np.ndindex(values.shape):
        effect, ends = float(values[row, column]), (float(low[row, column]), float(high[row, column]))
        words = _cell(effect, ends, float(p[row, column]), len(there))
        dark = np.isfinite(p[row, column]) and abs(values[row, column]) > 0.62 * limit
        axes.text(
            column, row, words, ha="center", va="center", fontsize=7.5, color="white" if dark else INK, linespacing=1.25
        )
    _name(axes, names, [labelling.names[label] for label in there])
    k = found.neighbours.k
    axes.set_xlabel("class of the nearest" if k == 1 else f"class of a neighbour (of the {k} nearest)")
    axes.set_ylabel("class of the particle")
    axes.set_title("Who stands beside whom")
    bar = figure.colorbar(image, ax=axes, shrink=0.75)
    bar.set_label("log₂ (observed / expected)")
    within = (
        "tomograms" if found.null == "tomogram" else "blocks of 8 to 15 particles, less what classes about foretell"
    )
    caption = (
        f"* p ≤ 0.05, ** ≤ 0.01, *** ≤ 0.001, family-wise; {_over(len(found.places.tomograms))}. "
        f"Labels dealt out {found.options.permutations} times within {within}. Grey: too rare to be tested."
    )
    figure.supxlabel(fill(caption, int(15 * (side + 2.4))), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure


def effects_figure(found: Neighbourhood) -> Figure:
    """Draw the most significant pairs of classes: the effect in each tomogram, and in all with its interval."""
    own, labelling = found.enrichment, found.labelling
    assert own is not None
    assert labelling is not None
    rows, columns = np.nonzero(own.tested)
    order = np.lexsort((own.p[rows, columns], own.p_adjusted[rows, columns]))[:_MOST_EFFECTS]
    figure = new_figure(6.0, 1.7 + 0.34 * max(len(order), 1))
    axes = figure.subplots()
    axes.set_title("Effect in each tomogram")
    if not len(order):
        empty(axes, "all pairs of classes are too rare to be tested")
        return figure
    generator = np.random.default_rng(0)
    names = []
    for place, (row, column) in enumerate(zip(rows[order], columns[order], strict=True)):
        expected, observed = own.expected[:, row, column], own.observed[:, row, column]
        effect = log2_ratio(observed, expected)
        shown = np.isfinite(effect) & (expected >= 1)
        height = place + generator.uniform(-0.22, 0.22, int(shown.sum()))
        size = 4 + 36 * expected[shown] / max(expected.max(), 1e-9)
        axes.scatter(effect[shown], height, s=size, color=OKABE_ITO[4], alpha=0.7, linewidths=0)
        ends = np.array([own.low[row, column], own.high[row, column]])
        if np.isfinite(ends).all():
            axes.plot(ends, [place, place], color=INK, linewidth=1.6)
        effect_of_all = own.log2_ratio[row, column]
        if np.isfinite(effect_of_all):
            axes.plot(effect_of_all, place, "D", color=INK, markersize=4.5)
        else:
            axes.text(0.02, place, "none", va="center", fontsize=8, transform=axes.get_yaxis_transform())
        marks = stars(float(own.p_adjusted[row, column]))
        names.append(f"{labelling.names[row]} → {labelling.names[column]} {marks}".rstrip())
    axes.axvline(0, color=GREY, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("log₂ (observed / expected)")
    caption = (
        f"Dots: tomograms in which one neighbour or more is expected, by how many; diamonds: all of them, with a line "
        f"for the {_over(len(own.observed))}. The most significant pairs of classes, stars as in the matrix."
    )
    figure.supxlabel(fill(caption, 100), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure


def _over(tomograms: int) -> str:
    """Say what intervals are over, and where there are none."""
    if tomograms == 1:
        return "95 % interval: none, as there is one tomogram"
    if tomograms == 2:
        return "95 % interval over 2 tomograms, which is their range: none where a pair is expected in one of them only"
    return (
        f"95 % interval over {tomograms} tomograms: the range where a pair is expected in two, none where in one only"
    )


def _side(classes: int) -> float:
    """Return the inches of a matrix's side."""
    return float(np.clip(0.78 * classes if classes <= _MOST_WORDS else 0.42 * classes, 2.2, 9))


def _cell(value: float, ends: tuple[float, float], p: float, classes: int) -> str:
    """Return what is written into a cell: stars, and where there is room the value, and its interval."""
    marks = stars(p)
    if classes > _MOST_NUMBERS:
        return marks
    if not np.isfinite(value):
        return f"none{marks}" if value == -np.inf else ""
    words = _signed(value, 2)
    if classes > _MOST_WORDS:
        return f"{words}\n{marks}" if marks else words
    between = f"\n{_signed(ends[0], 1)} to {_signed(ends[1], 1)}" if np.isfinite(ends).all() else ""
    return f"{words}{marks}{between}"


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def _name(axes: Axes, rows: list[str], columns: list[str]) -> None:
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns, rotation=35 if len(columns) > 4 else 0)
    if len(columns) > 4:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edge in np.arange(1, len(columns)) - 0.5:
        axes.axvline(edge, color="white", linewidth=1)
    for edge in np.arange(1, len(rows)) - 0.5:
        axes.axhline(edge, color="white", linewidth=1)


def cooccurrence_figure(found: Neighbourhood) -> Figure:
    """Draw the share of each class of one labelling that belongs to each class of another."""
    own, first, second = found.cooccurrence, found.labelling, found.beside
    assert own is not None
    assert first is not None
    assert second is not None
    height, width = _side(len(first.names)), _side(len(second.names))
    figure = new_figure(width + 2.8, height + 1.6)
    axes = figure.subplots()
    axes.set_facecolor(UNTESTED)
    image = axes.imshow(np.ma.masked_invalid(own.share), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="equal")
    ink = matplotlib.colormaps[SEQUENTIAL]
    if max(own.share.shape) <= _MOST_NUMBERS:
        for row, column in np.argwhere(np.isfinite(own.share)):
            value = own.share[row, column]
            words = f"{value:.0%}"
            if max(own.share.shape) <= _MOST_WORDS:
                if np.isfinite(own.low[row, column]):
                    words += f"\n{own.low[row, column]:.0%} to {own.high[row, column]:.0%}"
                words += f"\n({own.expected[row, column]:.0%})"
            dark = np.mean(ink(value)[:3]) < 0.5
            axes.text(column, row, words, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)
    names = [f"{name} ({size:,})" for name, size in zip(first.names, first.sizes, strict=True)]
    _name(axes, names, list(second.names))
    axes.set_ylabel(first.name)
    axes.set_xlabel(second.name)
    axes.set_title("Both at once")
    bar = figure.colorbar(image, ax=axes, shrink=0.75, format=lambda value, _: f"{value:.0%}")
    bar.set_label("of the row's class")
    caption = (
        f"95 % interval over {own.over}, none of a class in one of several tomograms only; in brackets what chance "
        f"gives. {len(found.places):,} particles."
    )
    figure.supxlabel(fill(caption, int(15 * (width + 2.4))), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure
