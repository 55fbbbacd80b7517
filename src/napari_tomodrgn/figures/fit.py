"""The picture of a model in a map, and the folder that holds it with the fit."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.fitting.fit import DOCUMENT, FLIPPED, ModelFit, write_fit
from napari_tomodrgn.analysis.fitting.search import HandFit
from napari_tomodrgn.analysis.occupancy.masks import enclosing
from napari_tomodrgn.figures.style import GREY, INK, OKABE_ITO, new_figure, save, styled
from napari_tomodrgn.files import atomic_folder
from napari_tomodrgn.imaging.atom_density import atom_density, outside_box

FORMATS = ("png", "pdf")
FILES = (DOCUMENT, FLIPPED, "*-fitted.pdb", "*-fitted.cif", "*.png", "*.pdf")
_AXES = (("x", "y"), ("x", "z"), ("y", "z"))  # across and up in the slices along z, y and x


def write_fit_folder(found: ModelFit, outdir: Path, *, figures: bool = True, overwrite: bool = False) -> Path:
    """Write a fit, the moved model and the picture into a folder of their own, whole or not at all.

    Raises
    ------
    InputError
        Where the folder exists and may not be overwritten, or holds other files.
    """
    with atomic_folder(outdir, overwrite=overwrite, replaces=FILES) as unfinished:
        write_fit(found, unfinished)
        if figures:
            with styled():
                save(fit_figure(found), unfinished / "fit", FORMATS)
    return outdir


def fit_figure(found: ModelFit) -> Figure:
    """Three slices through the model in each hand of the map: grey the map, coloured the outline of the model."""
    figure = new_figure(8.4, 6.5)
    figure.set_layout_engine("constrained", h_pad=0.16, rect=(0, 0, 1, 0.97))  # room for the rows' names
    axes = figure.subplots(2, 3)
    ordered = sorted(found.hands, key=lambda each: each is not found.chosen)
    for row, hand_fit in zip(axes, ordered, strict=True):
        _draw_slices(row, found, hand_fit)
    stems = ", ".join(path.name for path in found.files[:3]) + (" …" if len(found.files) > 3 else "")
    target = found.target
    figure.supxlabel(
        f"{found.path.name}: {target.box}³ voxels of {target.pixel_size:.3g} Å. {len(found.atoms):,} atoms of {stems}\n"
        "Slices through the model's centre; the outline holds 95 % of its density. Upper row: the fit that was taken.",
        fontsize=8, x=0.01, ha="left", color=INK,
    )  # fmt: skip
    return figure


def _draw_slices(row: npt.NDArray[np.object_], found: ModelFit, hand_fit: HandFit) -> None:
    box, pixel_size = found.target.box, found.target.pixel_size
    placed, values = found.placed(hand_fit), found.seen(hand_fit)
    inside = ~outside_box(placed, box, pixel_size)
    model = atom_density(placed, box, pixel_size, 2 * pixel_size, inside)
    level = float(model[enclosing(model)].min())
    centre = placed.centre_of_mass[::-1] / pixel_size
    place = np.clip(np.round(centre).astype(int), 0, box - 1)  # z, y, x
    low, high = (float(each) for each in np.percentile(values, (0.5, 99.8)))
    is_chosen = hand_fit is found.chosen
    colour = OKABE_ITO[1] if is_chosen else OKABE_ITO[4]
    for axis, axes in enumerate(row):
        grey, outline = values.take(place[axis], axis), model.take(place[axis], axis)
        axes.imshow(grey, cmap="gray", vmin=low, vmax=high, origin="lower", interpolation="bicubic")
        if outline.max() > level > outline.min():
            axes.contour(outline, [level], colors=[colour], linewidths=1.3)
        across, up = _AXES[axis]
        axes.set_title(
            f"{'zyx'[axis]} = {place[axis] * pixel_size:.0f} Å", loc="center", fontsize=8, fontweight="normal"
        )
        axes.set_xlabel(across, fontsize=8, labelpad=1)
        axes.set_ylabel(up, fontsize=8, labelpad=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    _scale_bar(row[0], box, pixel_size)
    hand = "map as it is" if hand_fit.placement.hand == "keep" else "map mirrored"
    shells = f"shells {hand_fit.shells:.3f}, " if np.isfinite(hand_fit.shells) else ""
    named = row[0].text(
        0, 1.13, f"{hand}: {shells}correlation {hand_fit.correlation:.3f}", fontsize=10, fontweight="bold",
        color=INK if is_chosen else GREY, transform=row[0].transAxes,
    )  # fmt: skip
    named.set_in_layout(False)  # as wide as the row


def _scale_bar(axes: Axes, box: int, pixel_size: float) -> None:
    """Draw a round length of about a quarter of the box."""
    side = box * pixel_size
    power = 10.0 ** np.floor(np.log10(side / 4))
    length = max(step for step in (power, 2 * power, 5 * power) if step <= side / 4)
    begin = 0.05 * box
    axes.plot([begin, begin + length / pixel_size], [begin, begin], color="white", linewidth=2.5)
    axes.text(begin, begin + 0.03 * box, f"{length:g} Å", color="white", fontsize=7, va="bottom")
