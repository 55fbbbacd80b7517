"""The curves of several maps on one axis of spatial frequency, the Nyquist of each marked."""

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.figures.style import GREY, class_colours, new_figure, save, styled
from napari_tomodrgn.files import atomic_folder
from napari_tomodrgn.reconstruction.map_curves import CURVES, DOCUMENT, FscOptions, MapCurve, write_tables

FORMATS = ("png", "svg")
FILES = (CURVES, DOCUMENT, *(f"curves.{kind}" for kind in FORMATS))
_DASHES = {"half-maps": "-", "reference": (0, (4, 2))}


def write_curves_folder(options: FscOptions, curves: Sequence[MapCurve], outdir: Path) -> Path:
    """Write the curves of maps and their figure into a folder of their own, whole or not at all.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or holds other files.
    """
    with atomic_folder(outdir, overwrite=options.overwrite, replaces=FILES) as unfinished:
        write_tables(options, curves, unfinished)
        if options.figures:
            with styled():
                save(curves_figure(options, curves), unfinished / "curves", FORMATS)
    return outdir


def curves_figure(options: FscOptions, curves: Sequence[MapCurve]) -> Figure:
    """Draw each map's curves in its colour: whole lines between half-maps, dashed against the reference."""
    figure = new_figure(9.6, 4.6)
    axes = figure.subplots()
    maps = list(dict.fromkeys((each.name, each.box, each.pixel_size) for each in curves))
    for own, colour in zip(maps, class_colours(len(maps)), strict=True):
        for each in curves:
            if (each.name, each.box, each.pixel_size) == own:
                axes.plot(
                    each.frequency[1:], each.values[1:], color=colour, linestyle=_DASHES[each.kind], label=_label(each)
                )
    for number, (own, colour) in enumerate(zip(maps, class_colours(len(maps)), strict=True)):
        before = sum(each[2] == own[2] for each in maps[:number])  # one of several at one place stays seen
        _mark_nyquist(axes, 0.5 / own[2], colour, before)
    for threshold in sorted({each.threshold for each in curves}):
        axes.axhline(threshold, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(
            0.002, threshold + 0.01, f"{threshold:g}", color=GREY, fontsize=7, transform=axes.get_yaxis_transform()
        )
    _finish(axes, curves)
    figure.supxlabel(fill(_caption(options, curves), 165), fontsize=7, color=GREY, ha="left", x=0.02)
    return figure


def _label(curve: MapCurve) -> str:
    against = "half-maps" if curve.kind == "half-maps" else "reference"
    resolution = curve.resolution
    found = f"{'≤ ' if curve.reaches_its_end else ''}{resolution:.1f} Å" if np.isfinite(resolution) else "none"
    return f"{curve.name}, {against}: {found} ({curve.box} px of {curve.pixel_size:.4g} Å)"


def _mark_nyquist(axes: Axes, nyquist: float, colour: str, number: int) -> None:
    """Mark a map's Nyquist by a line, and by a triangle above it."""
    axes.axvline(nyquist, color=colour, linewidth=0.9, linestyle="-.", zorder=0)
    axes.plot(
        [nyquist], [1.03 + 0.035 * number], marker="v", color=colour, markersize=5, clip_on=False, linestyle="none",
        transform=axes.get_xaxis_transform(),
    )  # fmt: skip


def _finish(axes: Axes, curves: Sequence[MapCurve]) -> None:
    end = 1.03 * max(each.nyquist for each in curves)
    axes.set_xlim(0, end)
    axes.set_ylim(min(-0.05, *(float(each.values[1:].min()) for each in curves)), 1.02)
    axes.set_xlabel("spatial frequency (1/Å)")
    axes.set_ylabel("Fourier shell correlation")
    angstrom = axes.secondary_xaxis(-0.2)
    ticks = [tick for tick in axes.get_xticks() if 0 < tick <= end]
    angstrom.set_xticks(ticks, [f"{1 / tick:.3g}" for tick in ticks])
    angstrom.set_xlabel("resolution (Å)")
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0))


def _caption(options: FscOptions, curves: Sequence[MapCurve]) -> str:
    kinds = {each.kind for each in curves}
    text = []
    if options.mask == "none":
        text.append("No mask.")
    elif options.mask == "auto":
        unit = "px" if options.mask_unit == "px" else "Å"
        level = "half the 99th percentile" if options.mask_threshold is None else f"{options.mask_threshold:.3g}"
        text.append(
            f"In a soft mask on each map's own voxels: above {level}, grown by {options.mask_dilate:g} {unit}, cosine "
            f"edge of {options.mask_edge:g} {unit}."
        )
        unmasked = list(dict.fromkeys(each.name for each in curves if not each.masked))
        if len(unmasked) == len({each.name for each in curves}):
            text = ["No mask: that of auto does not fit the box."]
        elif unmasked:
            text.append(f"No mask, as that does not fit the box: {', '.join(unmasked)}.")
    else:
        text.append(f"In the mask {Path(options.mask).name}, on each map's own voxels.")
    if "half-maps" in kinds:
        corrected = "" if not any(each.masked for each in curves) else ", corrected for the mask by random phases"
        text.append(f"Whole lines: between half-maps{corrected}, read at 0.143.")
    if options.reference is not None:
        text.append(f"Dashed: against {options.reference.name}, brought to each map's voxels, read at 0.5.")
    text.append("Dash-dotted, and triangles: Nyquist of each map. In brackets box and pixel size.")
    return " ".join(text)
