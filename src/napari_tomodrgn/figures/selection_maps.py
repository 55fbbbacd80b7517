"""A selection averaged by backprojection beside the volume that was decoded for it, as a figure."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.selection_maps import HALF_MAPS_AT, SelectionMaps
from napari_tomodrgn.figures.style import GREY, OKABE_ITO, format_of, new_figure, save, styled

GREYS = (1.0, 99.5)  # percentiles of its first slice that a map's greys span
GAP = 0.04  # between slices, of their width


def write_maps_figure(path: Path, maps: SelectionMaps) -> Path:
    """Draw both maps and their curves, and write the figure as the suffix of ``path`` says (png, pdf, svg).

    Raises
    ------
    InputError
        Where the suffix is another, or the file can't be written.
    """
    kind = format_of(path)
    with styled():
        (written,) = save(draw_maps(maps), path, (kind,))
    return written


def draw_maps(maps: SelectionMaps) -> Figure:
    """Return the figure: three central slices of each map under its origin, and the curves of both correlations."""
    figure = new_figure(9.0, 4.2)
    left, right = np.ravel(np.asarray(figure.subfigures(1, 2, width_ratios=(1.25, 1))))
    above, below = left.subplots(2, 1)
    _draw_slices(above, maps.averaged.map, maps.averaged_origin)
    _draw_slices(below, maps.decoded, maps.decoded_origin)
    axes = right.subplots()
    axes.plot(maps.frequencies[1:], maps.half_maps[1:], color=OKABE_ITO[0], label="half-maps")
    axes.plot(maps.frequencies[1:], maps.between[1:], color=OKABE_ITO[1], label="averaged and decoded map")
    for level in (HALF_MAPS_AT, 0.0):
        axes.axhline(level, color=GREY, linewidth=0.8, linestyle=":")
    axes.set_ylim(min(-0.15, float(maps.between.min()) - 0.05), 1.05)
    axes.set_xlim(0)
    axes.set_xlabel("spatial frequency (1/Å)")
    axes.set_ylabel("FSC")
    axes.set_title(f"{maps.half_map_resolution[0].upper()}{maps.half_map_resolution[1:]}", fontsize=9)
    axes.legend()
    return figure


def _draw_slices(axes: Axes, volume: npt.NDArray[np.float32], origin: str) -> None:
    low, high = np.percentile(volume[len(volume) // 2], GREYS)
    for axis in range(3):
        left = axis * (1 + GAP)
        plane = np.take(volume, len(volume) // 2, axis=axis)
        axes.imshow(plane, cmap="gray", vmin=low, vmax=high, extent=(left, left + 1, 0, 1), origin="lower")
    axes.set_xlim(0, 3 + 2 * GAP)
    axes.set_ylim(0, 1)
    axes.set_axis_off()
    axes.set_title(origin)
