"""The figure of posterior widths beside what latents of half the tilts disagree by."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.calibration import Calibration
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, new_figure, save, styled

FORMATS = ("png", "svg")
_MOST_BINS, _FEWEST_IN_A_BIN = 10, 20


def save_calibration(found: Calibration, path: Path, *, figures: bool = True) -> list[Path]:
    """Write the calibration, and the figure unless it is not wanted, and return their paths."""
    found.write(path)
    if not figures:
        return [path]
    with styled():
        return [path, *save(draw_calibration(found), path.with_suffix(""), FORMATS)]


def draw_calibration(found: Calibration) -> Figure:
    """Return the disagreement found against that expected, in bins of as many particles by what is expected."""
    figure = new_figure(5.2, 4.4)
    axes = figure.subplots()
    bins = int(np.clip(found.particles // _FEWEST_IN_A_BIN, 1, _MOST_BINS))
    parts = np.array_split(np.argsort(found.expected, kind="stable"), bins)
    expected = np.array([np.sqrt(found.expected[part].mean()) for part in parts])
    seen = np.array([np.sqrt(found.found[part].mean()) for part in parts])
    error = np.array([found.found[part].std() / np.sqrt(len(part)) for part in parts]) / np.maximum(2 * seen, 1e-300)
    top = 1.12 * float(max(expected.max(), (seen + 2 * error).max(), 1e-9))
    axes.plot((0, top), (0, top), color=GREY, linestyle="--", linewidth=0.9, label="calibrated")
    slope = min(found.factor, 1.0), min(1.0, 1 / max(found.factor, 1e-9))
    axes.plot(
        (0, top * slope[1]), (0, top * slope[0]), color=OKABE_ITO[5], linewidth=1.2, label=f"× {found.factor:.2g}"
    )
    axes.errorbar(
        expected, seen, yerr=2 * error, fmt="o", markersize=5, color=OKABE_ITO[0], ecolor=INK, elinewidth=0.8,
        label=f"{bins} bins of particles, ± 2 standard errors",
    )  # fmt: skip
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_xlabel("disagreement expected by the widths")
    axes.set_ylabel("disagreement of latents of half the tilts")
    axes.set_title("Posterior widths: " + ("calibrated" if found.calibrated else "not calibrated"))
    axes.legend(loc="upper left")
    rank = f"rank correlation {found.rank_correlation:.2f}, p = {found.p:.2g}"
    figure.supxlabel(f"n = {found.particles:,} particles; units of the latents; {rank}", fontsize=8, color=GREY)
    return figure
