"""Whether the same classes come back from other seeds: how alike every two of them are."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.seed_agreement import SeedAgreement
from napari_tomodrgn.figures.content import Content
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, PALE, new_figure

_PERCENTILES = (2.5, 50, 97.5)


def seeds_figure(content: Content) -> Figure:
    """Draw, for each number of classes, the adjusted Rand index of every two seeds, and that with the classes kept."""
    assert content.seeds is not None
    figure = new_figure(2.2 + 1.4 * len(content.seeds), 3.6)
    axes = figure.subplots()
    for place, own in enumerate(content.seeds):
        _draw_spread(axes, place, own)
    names = [f"{own.classes}\n{spread_in_words(own)}" for own in content.seeds]
    axes.set_xticks(range(len(names)), names)
    axes.set_xlim(-0.6, len(names) - 0.4)
    lowest = min(float(own.pairwise.min()) for own in content.seeds)
    axes.set_ylim(min(0.0, lowest) - 0.02, 1.03)
    axes.axhline(1, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_xlabel("classes asked for; median and 95 % of pairs")
    axes.set_ylabel("adjusted Rand index")
    handles = [
        axes.fill_between([], [], color=PALE, label="every two seeds"),
        *axes.plot([], [], "o", color=OKABE_ITO[1], markersize=4, label="each seed with the classes kept"),
    ]
    axes.legend(handles=handles, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return figure


def spread_in_words(own: SeedAgreement) -> str:
    """Return the median and the interval that holds 95 % of the pairs."""
    low, middle, high = np.percentile(own.pairwise, _PERCENTILES)
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def seeds_caption(content: Content) -> str:
    """Return what the figure shows, of how many particles and seeds."""
    assert content.seeds is not None
    own = content.seeds[0]
    drawn = "" if own.particles == len(content.labels) else f", drawn of {len(content.labels):,}"
    return (
        f"Whether the same classes come back: {len(own.seeds)} seeds, one start each, latents of {own.particles:,} "
        f"particles{drawn}; grey, every two of them; points, each with {content.title} as they were kept (the best of "
        "several starts). 1: the same classes, 0: chance. Classes that don't come back hang on the seed; those that "
        "do may still cut something continuous at the same places."
    )


def _draw_spread(axes: Axes, place: int, own: SeedAgreement) -> None:
    shape = axes.violinplot([own.pairwise], [place], widths=0.7, showextrema=False)
    for body in shape["bodies"]:  # type: ignore[attr-defined]
        body.set(facecolor=PALE, edgecolor=GREY, alpha=1, linewidth=0.8)
    low, middle, high = np.percentile(own.pairwise, _PERCENTILES)
    axes.plot([place, place], [low, high], color=INK, linewidth=1)
    axes.plot([place - 0.12, place + 0.12], [middle] * 2, color=INK, linewidth=2)
    if own.with_kept is not None:
        aside = np.random.default_rng(0).uniform(-0.08, 0.08, len(own.with_kept))
        axes.plot(place + 0.25 + aside, own.with_kept, "o", color=OKABE_ITO[1], markersize=2.5, alpha=0.8)
