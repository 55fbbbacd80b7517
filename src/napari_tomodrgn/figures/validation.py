"""One panel of a validation: three maps, how they agree, and what the images say of their difference to the others."""

import textwrap
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from napari_tomodrgn.analysis.validation.maps import HALF_MAPS, ORIGINS
from napari_tomodrgn.analysis.validation.result import OWN_FILES, Validation
from napari_tomodrgn.analysis.validation.significance import INTERVAL
from napari_tomodrgn.figures.style import GREY, OKABE_ITO, PALE, frequency_axis, new_figure, save, styled
from napari_tomodrgn.files import atomic_folder

BODY_HEIGHT = 8.6  # inches
LINE = 170  # characters
_DIVERGING = "PuOr_r"  # orange: more than the others, purple: less
_ROWS = ("slice", "projection", "difference: slice", "difference: projection")
_SHORT = {"vae": "VAE", "decoder_only": "decoder-only", "backprojection": "backprojection"}


def save_validation(validation: Validation) -> Path:
    """Write a validation and its panel as its folder, which is whole or absent, and return it."""
    with atomic_folder(validation.folder, overwrite=validation.options.overwrite, replaces=OWN_FILES) as folder:
        validation.write(folder)
        with styled():
            save(draw_validation(validation), folder / "validation", ("png", "pdf"))
    return validation.folder


def draw_validation(validation: Validation) -> Figure:
    """Return the panel: maps of the chosen particles and their difference to the others on the left, tests right."""
    lines = _told(validation)
    head_height = 0.55 + 0.19 * len(lines)
    figure = new_figure(13.2, BODY_HEIGHT + head_height)
    (head,), (body,) = figure.subfigures(2, 1, squeeze=False, height_ratios=(head_height, BODY_HEIGHT))
    _draw_head(head, validation, lines, head_height)
    ((left, right),) = body.subfigures(1, 2, squeeze=False, width_ratios=(1.24, 1))
    _draw_maps(left, validation)
    axes = right.subplots(3, 1)
    _draw_fsc(axes[0], validation)
    _draw_amplitude(axes[1], validation)
    _draw_null(axes[2], validation)
    return figure


def _told(validation: Validation) -> list[str]:
    """Return the lines that say what was asked and why the verdict is as it is."""
    subject = validation.subject
    facts = (
        f"{int(subject.chosen.sum())} particles against {int(subject.others.sum())}; "
        f"decoded at {subject.centre}; tilt images asked: {validation.measured.tilts}"
    )
    sentences = [facts, *(f"{reason[0].upper()}{reason[1:]}." for reason in validation.verdict.reasons)]
    return [line for sentence in sentences for line in textwrap.wrap(sentence, LINE)]


def _draw_head(head: SubFigure, validation: Validation, lines: list[str], height: float) -> None:
    verdict = validation.verdict
    colour = OKABE_ITO[2] if verdict.supported else OKABE_ITO[5]
    name = f"{validation.folder.name}: {verdict.verdict} by the images"
    head.text(0.012, 1 - 0.08 / height, name, fontsize=15, fontweight="bold", color=colour, va="top")
    head.text(0.012, 1 - 0.45 / height, "\n".join(lines), fontsize=9, va="top", linespacing=1.4)


def _draw_maps(left: SubFigure, validation: Validation) -> None:
    """Draw the maps side by side on one grey scale, and their differences on another, common one."""
    maps = validation.maps
    axes = left.subplots(len(_ROWS), len(maps.pairs), squeeze=False)
    middle = len(maps.mask.values) // 2
    for kind, row in enumerate((0, 2)):
        volumes = [maps.low_passed_differences[way] if kind else pair.chosen for way, pair in maps.pairs.items()]
        pictures = [[each[middle] for each in volumes], [each.sum(axis=0) for each in volumes]]
        for offset, shown in enumerate(pictures):
            _draw_row(axes[row + offset], shown, symmetric=bool(kind))
    for column, way in enumerate(maps.pairs):
        axes[0, column].set_title(ORIGINS[way], loc="center", fontsize=10)
    for row, name in enumerate(_ROWS):
        axes[row, 0].text(-0.06, 0.5, name, rotation=90, ha="right", va="center", transform=axes[row, 0].transAxes)
    _scale_bar(axes[0, 0], len(maps.mask.values), maps.pixel_size)
    agreement = maps.difference_correlations()
    told = ", ".join(f"{_pair_name(pair)} {value:.2f}" for pair, value in agreement.items())
    left.supxlabel(
        f"Differences to the others are masked and low-passed to {maps.cutoff:.0f} Å; one scale a row.\n"
        f"Correlation of differences in the mask: {told}",
        fontsize=8,
        x=0.02,
        ha="left",
    )


def _draw_row(axes: npt.NDArray[np.object_], pictures: list[npt.NDArray[np.floating]], *, symmetric: bool) -> None:
    """Draw pictures side by side on a scale that they have in common."""
    every = np.stack(pictures)
    if symmetric:
        high = float(np.abs(every).max()) or 1.0
        low, colours = -high, _DIVERGING
    else:
        low, high = (float(each) for each in np.percentile(every, (0.5, 99.8)))
        colours = "gray"
    for each, picture in zip(axes, pictures, strict=True):
        each.imshow(picture, cmap=colours, vmin=low, vmax=high, origin="lower", interpolation="bicubic")
        each.set_axis_off()


def _scale_bar(axes: Axes, box: int, pixel_size: float) -> None:
    """Draw a round length of about a third of the box."""
    side = box * pixel_size
    power = 10.0 ** np.floor(np.log10(side / 3))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 3)
    begin = 0.05 * box
    axes.plot([begin, begin + length / pixel_size], [begin, begin], color="white", linewidth=2.5)
    axes.text(begin, begin + 0.03 * box, f"{length:g} Å", color="white", fontsize=7, va="bottom")


def _pair_name(pair: str) -> str:
    return " – ".join(_SHORT[way] for way in pair.split("-"))


def _draw_fsc(axes: Axes, validation: Validation) -> None:
    """Draw the FSC of every two maps, and of the half-maps, whose resolution is that of the backprojection alone."""
    maps = validation.maps
    curves = maps.curves()
    masked = "soft mask" if maps.mask.widths else "soft sphere"
    axes.set_title(f"Maps of the selection, in a {masked}")
    frequency = frequency_axis(axes, len(maps.half_curve), maps.pixel_size)
    correlations = maps.correlations()
    colours = iter(OKABE_ITO)
    for pair, value in correlations.items():
        axes.plot(frequency, curves[pair], color=next(colours), label=f"{_pair_name(pair)} (CC {value:.2f})")
    axes.plot(frequency, maps.half_curve, color="black", linestyle="--", label=_half_maps(validation))
    axes.axhline(HALF_MAPS, color=GREY, linewidth=0.8, linestyle=":")
    axes.text(0.005 * frequency[-1], HALF_MAPS + 0.01, f"{HALF_MAPS}", color=GREY, fontsize=7, va="bottom")
    axes.set_ylim(min(-0.05, float(maps.half_curve.min())), 1.03)
    axes.set_ylabel("Fourier shell correlation")
    axes.legend(loc="lower left", bbox_to_anchor=(0.03, 0.22), fontsize=7)


def _half_maps(validation: Validation) -> str:
    resolution = validation.maps.resolution
    found = f"{resolution:.1f} Å" if np.isfinite(resolution) else "below 0.143 throughout"
    return f"half-maps of the backprojection: {found}"


def _draw_amplitude(axes: Axes, validation: Validation) -> None:
    """Draw how much of the decoded difference the images show, shell by shell."""
    axes.set_title("How much of the decoded difference the images show")
    values, errors = validation.by_shell()
    frequency = frequency_axis(axes, len(values), validation.maps.pixel_size)
    power = validation.measured.evidence.power.sum(axis=0)
    shown = np.flatnonzero(np.isfinite(values) & (INTERVAL * errors < 3))
    for level, text in ((1, "all"), (0, "nothing")):
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(0.005 * frequency[-1], level, text, color=GREY, fontsize=7, va="bottom")
    amplitude = validation.measured.amplitude
    axes.axhspan(amplitude.low, amplitude.high, color=OKABE_ITO[0], alpha=0.12, linewidth=0)
    axes.axhline(amplitude.value, color=OKABE_ITO[0], linewidth=1.2)
    axes.errorbar(
        frequency[shown],
        values[shown],
        INTERVAL * errors[shown],
        fmt="o",
        color=OKABE_ITO[0],
        markersize=4,
        linewidth=1,
    )
    axes.set_ylim(min(-1.0, amplitude.low - 0.3), max(2.5, amplitude.high + 0.3))
    axes.set_ylabel("amplitude (95 %)")
    twin = axes.twinx()
    twin.fill_between(frequency, power / max(float(power.max()), 1e-300), color=PALE, alpha=0.6, linewidth=0)
    twin.set_ylim(0, 4)
    twin.set_yticks([])
    twin.set_zorder(axes.get_zorder() - 1)
    axes.patch.set_visible(False)
    axes.text(
        0.99,
        0.03,
        "grey: where the decoded difference is strong",
        color=GREY,
        fontsize=7,
        ha="right",
        transform=axes.transAxes,
    )


def _draw_null(axes: Axes, validation: Validation) -> None:
    """Draw what random particles in their place show, in units of what is decoded."""
    amplitude = validation.measured.amplitude
    axes.set_title(f"Against {len(amplitude.null)} random choices of as many particles")
    tests = [
        ("latents apart", validation.apartness.distance, validation.apartness.p, validation.apartness.null),
        ("in the images", amplitude.value, amplitude.p, amplitude.null),
    ]
    if validation.independence is not None:
        found = validation.independence
        tests.append(("found again", found.correlation, found.p, found.null))
    for row, (_, value, _, null) in enumerate(tests):
        middle, spread = float(np.mean(null)), float(np.std(null)) or 1.0
        bins, edges = np.histogram((null - middle) / spread, bins=np.linspace(-4, 4, 41))
        height = 0.8 * bins / bins.max()
        axes.fill_between((edges[1:] + edges[:-1]) / 2, -row, height - row, color=PALE, step="mid", linewidth=0)
        place = (value - middle) / spread
        axes.plot([min(place, 12)], [0.25 - row], "o" if place <= 12 else ">", color=OKABE_ITO[5], markersize=6)
    axes.set_yticks([0.3 - row for row in range(len(tests))], [f"{name}\np = {p:.2g}" for name, _, p, _ in tests])
    axes.set_xlim(-4.5, 12.8)
    axes.set_ylim(0.1 - len(tests), 1.0)
    axes.set_xlabel("standard deviations of random choices")
