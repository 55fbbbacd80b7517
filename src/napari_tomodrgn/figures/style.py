"""How every figure looks: one place for colours, sizes and file formats."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from napari_tomodrgn.analysis.class_names import NOISE
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_path

# Okabe and Ito's colour-blind-safe palette, ordered so that neighbours differ in lightness too; black is kept for text.
OKABE_ITO = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")
# Paul Tol's discrete rainbow of 23 colours, for more classes than that.
TOL_RAINBOW = (
    "#E8ECFB", "#D9CCE3", "#CAACCB", "#BA8DB4", "#AA6F9E", "#994F88", "#882E72", "#1965B0", "#437DBF", "#6195CF",
    "#7BAFDE", "#4EB265", "#90C987", "#CAE0AB", "#F7F056", "#F7CB45", "#F4A736", "#EE8026", "#E65518", "#DC050C",
    "#A5170E", "#72190E", "#42150A",
)  # fmt: skip
INK = "#1A1A1A"
GREY = "#767676"
PALE = "#D9D9D9"
SEQUENTIAL = "cividis"  # readable with any colour vision
MOST_IN_A_LEGEND = 10

STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "napari-tomodrgn",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,  # letters that can be edited
}
DPI = 150
WITHOUT_DATE: dict[str, dict[str, None]] = {
    "png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None},
}  # fmt: skip


def class_colours(classes: int) -> list[str]:
    """Return one colour a class: Okabe and Ito's up to seven, Tol's rainbow up to 23, a sampled colour map beyond."""
    if classes <= len(OKABE_ITO):
        return list(OKABE_ITO[:classes])
    if classes <= len(TOL_RAINBOW):
        chosen = np.linspace(2, len(TOL_RAINBOW) - 1, classes) if classes <= 20 else np.arange(classes)
        return [TOL_RAINBOW[round(float(number))] for number in chosen]
    colour_map = matplotlib.colormaps["turbo"]
    return [matplotlib.colors.to_hex(colour_map(value)) for value in np.linspace(0.02, 0.98, classes)]


def colours_of_classes(names: Sequence[str]) -> list[str]:
    """Return one colour a class, by the classes' names: that of particles in none is grey."""
    colours = iter(class_colours(sum(name != NOISE for name in names)))
    return [GREY if name == NOISE else next(colours) for name in names]


@contextmanager
def styled() -> Iterator[None]:
    """Draw inside this block: the look of every figure, and no state left behind."""
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of a size in inches, on a canvas of its own that needs no window."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, path: Path, formats: Sequence[str] = ("png", "svg")) -> list[Path]:
    """Write a figure as ``path`` with each suffix; the files hold no date, so equal figures are equal files."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # laid out once; every format gets the same
    written = []
    for kind in formats:
        target = path.with_suffix(f".{kind}")
        with atomic_path(target) as temporary:
            figure.savefig(temporary, format=kind, dpi=DPI, metadata=WITHOUT_DATE[kind])
        written.append(target)
    return written


def png_of(figure: Figure) -> bytes:
    """Return a figure as the bytes of a PNG."""
    stream = BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata=WITHOUT_DATE["png"])
    return stream.getvalue()


def format_of(path: Path) -> str:
    """Return the format that a file's suffix names.

    Raises
    ------
    InputError
        Where it is none that figures are written in.
    """
    kind = path.suffix.lower().removeprefix(".")
    if kind not in WITHOUT_DATE:
        raise InputError(f"{path}: a figure is written as {', '.join(WITHOUT_DATE)}; give a name that ends so")
    return kind


def empty(axes: Axes, message: str) -> None:
    """Say in a panel why there is nothing in it."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, message, ha="center", va="center", color=GREY, transform=axes.transAxes, wrap=True)


def integer_ticks(axis: Any) -> None:
    """Keep an axis of counts to whole numbers."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))


def square(points: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """Return coordinates (N, 2), with zeros where there is only one dimension."""
    return points[:, :2] if points.shape[1] > 1 else np.column_stack([points[:, 0], np.zeros(len(points))])


def frequency_axis(axes: Axes, shells: int, pixel_size: float) -> npt.NDArray[np.float64]:
    """Label an axis of spatial frequency in Å and return the frequency (D/2 + 1,) of each shell, 1/Å."""
    frequency = np.arange(shells) / (2 * (shells - 1) * pixel_size)
    ticks = np.linspace(frequency[-1] / 4, frequency[-1], 4)
    axes.set_xticks(ticks, [f"{1 / tick:.0f}" if 1 / tick >= 10 else f"{1 / tick:.1f}" for tick in ticks])
    axes.set_xlim(0, 1.02 * frequency[-1])
    axes.set_xlabel("Å")
    return np.asarray(frequency)
