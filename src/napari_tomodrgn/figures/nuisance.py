"""The figure of what latents follow, and the folder that holds it with the tables."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.nuisance.findings import LEAST_EFFECT, TOMOGRAM, Finding
from napari_tomodrgn.analysis.nuisance.nuisance import FIGURE, OWN_FILES, Nuisance
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, PALE, new_figure, save, styled
from napari_tomodrgn.files import atomic_folder

FORMATS = ("png", "pdf")


def save_nuisance(found: Nuisance) -> Path:
    """Write what was found and its figure as its folder, which is whole or absent, and return it.

    Raises
    ------
    InputError
        Where the folder exists and may not be replaced, or holds other files.
    """
    with atomic_folder(found.folder, overwrite=found.options.overwrite, replaces=OWN_FILES) as folder:
        found.write(folder)
        if found.options.figures:
            with styled():
                save(draw_nuisance(found), folder / FIGURE, FORMATS)
    return found.folder


def draw_nuisance(found: Nuisance) -> Figure:
    """Return one row a quantity: its effect beside those of the shuffles, and what was found in words."""
    figure = new_figure(8.6, 1.5 + 0.52 * len(found.findings))
    axes = figure.subplots()
    _draw_rows(axes, found)
    axes.set_title("What latents follow")
    axes.set_xlabel("cross-validated R²: 0 for nothing, 1 for all")
    tested = f"{len(found.ids):,} particles in {len(found.names)} tomograms, epoch {found.epoch}"
    shuffles = f"{found.options.permutations} shuffles; alarm at family-wise p ≤ {found.options.level:g}"
    figure.supxlabel(f"n = {tested}; {shuffles}, R² ≥ {LEAST_EFFECT:g}", fontsize=8, color=GREY)
    return figure


def _draw_rows(axes: Axes, found: Nuisance) -> None:
    known = [each for each in found.findings if not each.untested]
    low = min((float(np.quantile(each.null, 0.025)) for each in known), default=0.0)
    high = max((max(each.effect, float(np.quantile(each.null, 0.975))) for each in known), default=1.0)
    left, right = max(min(low, 0.0), -0.5), max(high, 0.1)
    room = 0.04 * (right - left)
    axes.axvline(0, color=PALE, linewidth=0.8, zorder=0)
    for row, each in enumerate(found.findings):
        if each.untested:
            axes.text(left, row, each.untested, va="center", color=GREY, fontsize=8)
            continue
        alarm = each.alarm(found.options.level)
        interval = np.clip(np.quantile(each.null, (0.025, 0.975)), left, right)
        axes.plot(interval, (row, row), color=GREY, linewidth=5, alpha=0.5, solid_capstyle="butt")
        axes.plot(
            np.clip(each.effect, left, right), row, marker="o", markersize=7, linestyle="",
            color=OKABE_ITO[5] if alarm else OKABE_ITO[0], markeredgecolor="white",
        )  # fmt: skip
        axes.annotate(
            _words(found, each, alarm), (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=8,
            color=INK if alarm else GREY, annotation_clip=False,
        )  # fmt: skip
    axes.set_xlim(left - room, right + room)
    axes.set_ylim(len(found.findings) - 0.5, -0.5)
    axes.set_yticks(range(len(found.findings)), [each.name for each in found.findings])
    axes.tick_params(axis="y", length=0)
    axes.plot([], [], marker="o", linestyle="", color=OKABE_ITO[5], label="follows")
    axes.plot([], [], marker="o", linestyle="", color=OKABE_ITO[0], label="doesn't")
    axes.plot([], [], color=GREY, linewidth=5, alpha=0.5, label="95 % of shuffles")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0.1)


def _words(found: Nuisance, finding: Finding, alarm: bool) -> str:
    p = f"family-wise p = {finding.adjusted_p:.2g}"
    if not alarm:
        little = finding.adjusted_p <= found.options.level
        return f"R² below {LEAST_EFFECT:g}, {p}" if little else p
    which = f" ({found.names[finding.which]} most)" if finding.name == TOMOGRAM else ""
    return f"follows{which}: check, may be biology\n{p}"
