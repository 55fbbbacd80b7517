"""Pictures of how two labellings agree: confusion, the river of labels, and the Rand index with its intervals."""

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import PathPatch
from matplotlib.path import Path as Outline

from napari_tomodrgn.analysis.label_agreement import NO_PARTNER, Spread
from napari_tomodrgn.analysis.run_comparison import Labelling, RunComparison
from napari_tomodrgn.figures.style import GREY, INK, MOST_IN_A_LEGEND, OKABE_ITO, SEQUENTIAL, colours_of_classes, empty

NO_CLASSES = "no classes were compared"
EMPTY_CELL = "#F0F0F0"
_GAP = 0.02  # between classes of the river, of its height
_BAR = 0.035  # width of a class in the river
_MOST_LABELS = 24  # classes that are named beside the river


def colours_of_both(comparison: RunComparison) -> tuple[list[str], list[str]]:
    """Return the colours of the classes of A, and those of B, where a class has its partner's."""
    assert comparison.a.labelling is not None
    assert comparison.b.labelling is not None
    a, b = comparison.a.labelling.names, comparison.b.labelling.names
    as_first = comparison.coloured_as()
    alone = np.flatnonzero(as_first == NO_PARTNER).tolist()
    colours = colours_of_classes([*a, *(b[code] for code in alone)])
    more = dict(zip(alone, colours[len(a) :], strict=True))
    return colours[: len(a)], [more.get(code, colours[first]) for code, first in enumerate(as_first.tolist())]


def draw_confusion(axes: Axes, comparison: RunComparison) -> None:
    """Draw how the particles of each class of A divide among those of B; partners lie on the diagonal."""
    axes.set_title("Confusion of classes")
    found, a, b = comparison.agreement, comparison.a.labelling, comparison.b.labelling
    if found is None or a is None or b is None:
        empty(axes, NO_CLASSES)
        return
    order = found.order_of_second
    counts = found.counts[:, order]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.set_facecolor(EMPTY_CELL)
    image = axes.imshow(np.ma.masked_equal(shares, 0), cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for edge in np.arange(1, len(counts)) - 0.5:
        axes.axhline(edge, color="white", linewidth=1)
    for edge in np.arange(1, len(order)) - 0.5:
        axes.axvline(edge, color="white", linewidth=1)
    few = max(counts.shape) <= 2 * MOST_IN_A_LEGEND
    if few:
        axes.set_xticks(np.arange(len(order)), [_short(b.names[code]) for code in order], rotation=35, ha="right")
        axes.set_yticks(np.arange(len(counts)), [_short(name) for name in a.names])
        size = 8 if max(counts.shape) <= MOST_IN_A_LEGEND else 6
        for row, column in zip(*np.nonzero(counts), strict=True):
            ink = "black" if shares[row, column] > 0.55 else "white"
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=ink, fontsize=size)
    axes.set_xlabel(f"B: {comparison.names[1]}")
    axes.set_ylabel(f"A: {comparison.names[0]}")
    axes.spines[:].set_visible(False)
    bar = axes.figure.colorbar(image, ax=axes, shrink=0.8, format=lambda value, _: f"{value:.0%}")
    bar.set_label("of a class of A", fontsize=8)


def draw_river(axes: Axes, comparison: RunComparison) -> None:
    """Draw the particles as a river from their classes in A (left) to those in B (right)."""
    axes.set_title("Where the particles of each class went")
    found, a, b = comparison.agreement, comparison.a.labelling, comparison.b.labelling
    if found is None or a is None or b is None:
        empty(axes, NO_CLASSES)
        return
    order = found.order_of_second
    counts = found.counts[:, order] / max(found.counts.sum(), 1)
    colours_a, colours_b = colours_of_both(comparison)
    left, right = _banks(counts.sum(axis=1)), _banks(counts.sum(axis=0))
    from_left, from_right = left.copy(), right.copy()
    for row, column in zip(*np.nonzero(counts), strict=True):
        width = counts[row, column]
        _draw_stream(axes, from_left[row], from_right[column], width, colours_a[row])
        from_left[row] -= width
        from_right[column] -= width
    _draw_bank(axes, 0 - _BAR, left, counts.sum(axis=1), colours_a, a, np.arange(len(counts)))
    _draw_bank(axes, 1, right, counts.sum(axis=0), [colours_b[code] for code in order], b, order)
    for x, name, side in (
        (-_BAR, f"A: {comparison.names[0]}", "left"),
        (1 + _BAR, f"B: {comparison.names[1]}", "right"),
    ):
        axes.text(x, 1.03, name, ha=side, va="bottom", fontsize=9)
    axes.set_xlim(-0.3, 1.3)
    low = min(float((left - counts.sum(axis=1)).min()), float((right - counts.sum(axis=0)).min()))
    axes.set_ylim(low - 0.02, 1.1)
    axes.set_axis_off()


def _banks(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the upper edge of each class, the first one at the top."""
    return 1 - np.concatenate([[0.0], np.cumsum(shares + _GAP * (shares > 0))[:-1]])


def _draw_stream(axes: Axes, left: float, right: float, width: float, colour: str) -> None:
    """Draw a stream whose upper edge is at ``left`` and ``right``."""
    line, curve = Outline.LINETO, Outline.CURVE4
    corners = [(0, left), (0.5, left), (0.5, right), (1, right), (1, right - width)]
    corners += [(0.5, right - width), (0.5, left - width), (0, left - width), (0, left)]
    codes = [Outline.MOVETO, curve, curve, curve, line, curve, curve, curve, Outline.CLOSEPOLY]
    axes.add_patch(PathPatch(Outline(corners, codes), facecolor=colour, alpha=0.45, linewidth=0))


def _draw_bank(
    axes: Axes,
    x: float,
    tops: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    colours: list[str],
    labelling: Labelling,
    codes: npt.NDArray[np.int64],
) -> None:
    """Draw the classes of one side as a column of bars, with their names beside them."""
    axes.bar(np.full(len(tops), x), shares, _BAR, bottom=tops - shares, color=colours, align="edge")
    if len(tops) > _MOST_LABELS:
        return
    at, side = (x - 0.02, "right") if x < 0 else (x + _BAR + 0.02, "left")
    for top, share, code in zip(tops, shares, codes, strict=True):
        if share > 0:
            axes.text(at, top - share / 2, _short(labelling.names[code]), ha=side, va="center", fontsize=8)


def draw_indices(axes: Axes, comparison: RunComparison) -> None:
    """Draw the adjusted Rand index of the labels, and how far it spreads over seeds and over tomograms."""
    axes.set_title("Adjusted Rand index")
    found = comparison.agreement
    if found is None:
        empty(axes, NO_CLASSES)
        return
    rows = spreads(comparison)
    axes.axvline(found.ari, color=INK, linewidth=1)
    axes.text(found.ari, -0.62, f"these labels: {found.ari:.2f}", ha="center", va="bottom", fontsize=8)
    generator = np.random.default_rng(0)
    for place, (_, spread) in enumerate(rows):
        colour = OKABE_ITO[place % len(OKABE_ITO)]
        values = spread.values[:: 1 + len(spread.values) // 300]
        axes.plot(
            values, place + generator.uniform(-0.16, 0.16, len(values)), ".", color=colour, ms=3, alpha=0.4, mew=0
        )
        axes.plot(spread.interval, [place, place], color=colour, linewidth=2.5)
        axes.plot([spread.median], [place], "o", color="white", markeredgecolor=colour, markersize=5)
        low, high = spread.interval
        axes.text(
            1.02, place, f"{low:.2f} to {high:.2f}", va="center", fontsize=8, transform=axes.get_yaxis_transform()
        )
    axes.set_yticks(np.arange(len(rows)), [name for name, _ in rows])
    axes.set_ylim(max(len(rows), 1) - 0.4, -0.65)
    lowest = min([found.ari, *(float(spread.values.min()) for _, spread in rows)])
    axes.set_xlim(min(0.0, lowest) - 0.02, 1.02)
    axes.set_xlabel("0: chance, 1: the same classes; bars hold 95 %")
    if not rows:
        axes.text(0.5, 0.4, "no intervals were asked for", ha="center", color=GREY, transform=axes.transAxes)


def spreads(comparison: RunComparison) -> list[tuple[str, Spread]]:
    """Return what the Rand index was repeated over, by name."""
    seeds = comparison.over_seeds
    rows = [
        ("A with B,\nother seeds", None if seeds is None else seeds.between),
        ("A with itself,\nother seeds", None if seeds is None else seeds.within_a),
        ("B with itself,\nother seeds", None if seeds is None else seeds.within_b),
        (f"A with B, {comparison.tomograms}\ntomograms drawn anew", comparison.over_tomograms),
    ]
    return [(name, spread) for name, spread in rows if spread is not None]


def _short(name: str, longest: int = 18) -> str:
    return name if len(name) <= longest else name[: longest - 1] + "…"
