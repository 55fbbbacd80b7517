"""The evidence for one particle's volume as a figure: its tilt images in a montage, and what they say in curves."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from napari_tomodrgn.analysis.particle_evidence import (
    PARTS,
    SPAN,
    Order,
    Part,
    ParticleEvidence,
    deviation,
    real_space,
)
from napari_tomodrgn.figures.style import GREY, OKABE_ITO, empty, format_of, new_figure, save, styled

COLUMNS = 14  # tilts side by side, at most
GAP = 0.04  # between pictures, of their width
LABEL = 0.28  # height of the text above a column, of a picture's
PICTURE = 0.8  # inches

# latents of all particles (N, C), of this one (C,), and of each of its tilts (n, C), along principal components
Along = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32] | None]


def write_evidence_figure(
    path: Path,
    evidence: ParticleEvidence,
    by: Order = "tilt",
    along: Along | None = None,
    *,
    low_pass: float = 0.0,
    masked: bool = True,
    one_scale: bool = True,
) -> Path:
    """Draw the evidence for a particle's volume, and write it as the suffix of ``path`` says (png, pdf, svg).

    Parameters
    ----------
    by
        What tilts are sorted by and plotted against.
    along
        Latents to plot: of all particles (N, C), of this one (C,), and of each tilt alone (n, C) or ``None``.
    low_pass, masked
        As of :meth:`ParticleEvidence.shown`.
    one_scale
        Whether black and white stand for the same in all pictures; else projections have their own.

    Raises
    ------
    InputError
        Where the suffix is another, or the file can't be written.
    """
    kind = format_of(path)
    with styled():
        figure = draw_evidence(evidence, by, along, low_pass=low_pass, masked=masked, one_scale=one_scale)
        (written,) = save(figure, path, (kind,))
    return written


def draw_evidence(
    evidence: ParticleEvidence,
    by: Order = "tilt",
    along: Along | None = None,
    *,
    low_pass: float = 0.0,
    masked: bool = True,
    one_scale: bool = True,
) -> Figure:
    """Return the figure of the evidence for a particle's volume; see :func:`write_evidence_figure`."""
    order = evidence.order(by)
    columns = min(COLUMNS, len(order))
    bands = -(-len(order) // columns)
    band_height = len(PARTS) * (1 + GAP) + LABEL
    width = max(PICTURE * (columns * (1 + GAP) + 1), 11.0)
    height = PICTURE * bands * band_height + 3.0
    figure = new_figure(width, height)
    above, below = np.ravel(np.asarray(figure.subfigures(2, 1, height_ratios=(height - 2.6, 2.6))))
    shown = {part: evidence.shown(part, low_pass=low_pass, masked=masked) for part in PARTS}
    _draw_montage(above.subplots(), evidence, shown, order, columns, one_scale)
    tomogram, name = evidence.particle
    above.suptitle(f"{name} · {tomogram}", x=0.01, ha="left", fontweight="bold")
    loss, gain, weight, latents = below.subplots(1, 4)
    _draw_loss(loss, evidence, by)
    _draw_gain(gain, evidence, by)
    _draw_weights(weight, evidence, by)
    _draw_latents(latents, along)
    return figure


def _draw_montage(
    axes: Axes,
    evidence: ParticleEvidence,
    shown: dict[Part, Tensor],
    order: npt.NDArray[np.int64],
    columns: int,
    one_scale: bool,
) -> None:
    """Draw tilts side by side, the three pictures of each beneath one another, all tilts in one scale."""
    band = len(PARTS) * (1 + GAP) + LABEL
    bands = -(-len(order) // columns)
    for number, part in enumerate(PARTS):
        scaled_by = part if part == "projection" and not one_scale else "image"
        limit = SPAN * max(deviation(shown[scaled_by], evidence.box), 1e-12)
        pictures = real_space(shown[part], evidence.box).numpy()[order]
        for place, picture in enumerate(pictures):
            row, column = divmod(place, columns)
            left, top = column * (1 + GAP), -row * band - LABEL - number * (1 + GAP)
            extent = (left, left + 1, top - 1, top)
            axes.imshow(picture, cmap="gray", vmin=-limit, vmax=limit, extent=extent, interpolation="nearest")
    for place, tilt in enumerate(order):
        row, column = divmod(place, columns)
        middle, top = column * (1 + GAP) + 0.5, -row * band - LABEL + 0.03
        sign = "+" if evidence.signed else ""
        text = f"{round(evidence.tilt[tilt]) + 0.0:{sign}.0f}°, {evidence.dose[tilt]:.0f} e/Å²"
        axes.text(
            middle, top, text, ha="center", va="bottom", fontsize=6, color=None if evidence.trained[tilt] else GREY
        )
        if column == 0:
            for number, name in enumerate(PARTS.values()):
                y = -row * band - LABEL - number * (1 + GAP) - 0.5
                axes.text(-0.06, y, name, ha="right", va="center", rotation=90, fontsize=7)
    axes.set_xlim(-0.3, columns * (1 + GAP))
    axes.set_ylim(-bands * band, 0.05)
    axes.set_aspect("equal")
    axes.set_anchor("NW")
    axes.set_axis_off()


def _draw_tilts(
    axes: Axes, evidence: ParticleEvidence, by: Order, values: npt.NDArray[np.float64], colour: str
) -> None:
    """Draw one value a tilt, joined in order; those held out as rings."""
    (x, name), order = evidence.against(by), evidence.order(by)
    axes.plot(x[order], values[order], color=colour, linewidth=1)
    for which, face in ((evidence.trained, colour), (~evidence.trained, "white")):
        axes.plot(x[which], values[which], "o", color=colour, markersize=3.5, markerfacecolor=face)
    axes.set_xlabel(name)


def _draw_loss(axes: Axes, evidence: ParticleEvidence, by: Order) -> None:
    _draw_tilts(axes, evidence, by, evidence.loss, OKABE_ITO[0])
    axes.set_ylabel("loss" if evidence.trained.all() else "loss (rings: held out)")
    axes.set_title(f"Loss, {evidence.particle_loss:.4f} in all")


def _draw_gain(axes: Axes, evidence: ParticleEvidence, by: Order) -> None:
    axes.set_title("Gain over the mean volume")
    gain = evidence.mean_loss - evidence.loss
    if not gain.any():
        empty(axes, "one volume for all particles")
        return
    _draw_tilts(axes, evidence, by, gain, OKABE_ITO[1])
    axes.axhline(0, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylabel("mean volume's loss less own")


def _draw_weights(axes: Axes, evidence: ParticleEvidence, by: Order) -> None:
    (x, name), order = evidence.against(by), evidence.order(by)
    axes.plot(x[order], evidence.weight[order], "o-", color=OKABE_ITO[2], markersize=3.5, linewidth=1, label="weight")
    kept = evidence.kept[order] / evidence.weights.shape[1]
    axes.plot(x[order], kept, "o-", color=GREY, markersize=3.5, linewidth=1, label="within dose mask")
    axes.set_ylim(0, 1.05)
    axes.set_xlabel(name)
    axes.set_ylabel("mean weight, share")
    axes.legend()
    axes.set_title("Weight")


def _draw_latents(axes: Axes, along: Along | None) -> None:
    axes.set_title("Latent from each tilt alone")
    if along is None or not along[0].shape[1]:
        empty(axes, "this run has no latents")
        return
    everyone, own, tilts = (None if each is None else np.atleast_2d(each) for each in along)

    def draw(values: npt.NDArray[np.float32] | None, label: str, colour: str, size: float) -> None:
        if values is not None:
            y = values[:, 1] if values.shape[1] > 1 else np.zeros(len(values))
            axes.scatter(values[:, 0], y, s=size, c=colour, linewidths=0, label=label, rasterized=len(values) > 1000)

    draw(everyone, "all particles", "#BBBBBB", 4)
    draw(tilts, "each tilt alone", OKABE_ITO[0], 14)
    draw(own, "this particle", OKABE_ITO[5], 40)
    axes.set_xlabel("PC 1")
    axes.set_ylabel("PC 2")
    axes.legend()
