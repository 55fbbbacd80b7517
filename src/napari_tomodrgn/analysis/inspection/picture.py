"""One page to look at: images, power spectrum, quick backprojection, and the answers of the checks."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.inspection.check import Check
from napari_tomodrgn.analysis.inspection.evidence import Evidence
from napari_tomodrgn.analysis.inspection.examination import Examination
from napari_tomodrgn.files import atomic_path
from napari_tomodrgn.particles.stacks import ImageStacks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PARTICLES_SHOWN, TILTS_SHOWN = 4, 14
COLOURS = {"ok": "#2a7f3f", "warn": "#c0392b", "unknown": "#7f7f7f"}


def write_picture(
    path: Path,
    examination: Examination,
    volume: npt.NDArray[np.float32],  # (D, D, D) z, y, x
    checks: list[Check],
) -> None:
    """Write the page as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 9), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplot_mosaic(
        [["images", "images", "images"], ["power", "power", "power"], ["xy", "xz", "yz"], ["checks"] * 3],
        height_ratios=[1.3, 1.0, 1.1, 1.6],
    )
    figure.suptitle(str(examination.particle_set.source.path.name))
    _draw_images(axes["images"], examination.evidence)
    _draw_power(axes["power"], examination)
    middle = volume.shape[0] // 2
    slices = {"xy": volume[middle], "xz": volume[:, middle], "yz": volume[:, :, middle]}
    for name, values in slices.items():
        axes[name].imshow(values, cmap="gray", origin="lower")
        axes[name].set(title=f"backprojection, {name}", xticks=[], yticks=[])
    _draw_checks(axes["checks"], checks)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, metadata={"Software": None})


def _draw_images(axes: "Axes", evidence: Evidence) -> None:
    """Draw tilt images of a few particles, in order of dose."""
    sample = evidence.particle_set
    first = sample.first_tilt
    dose = sample.tilt_images["dose"].to_numpy()
    lines = []
    for particle in range(min(PARTICLES_SHOWN, len(sample))):
        rows = first[particle] + np.argsort(dose[first[particle] : first[particle + 1]], kind="stable")
        chosen = rows[np.linspace(0, len(rows) - 1, min(TILTS_SHOWN, len(rows))).astype(int)]
        line = np.concatenate(list(ImageStacks(sample).read(chosen)), axis=1)
        lines.append(np.pad(line, ((0, 0), (0, TILTS_SHOWN * sample.box - line.shape[1]))))
    montage = np.concatenate(lines)
    low, high = np.percentile(montage, [1, 99])
    axes.imshow(montage, cmap="gray", vmin=low, vmax=high, aspect="equal")
    axes.set(title="tilt images as stored, a particle a row, dose rising to the right", xticks=[], yticks=[])


def _draw_power(axes: "Axes", examination: Examination) -> None:
    """Draw the mean power spectrum of the least exposed images, and where the forward model leaves signal."""
    evidence = examination.evidence
    dose = evidence.tilts.dose.numpy()
    rows = dose <= np.quantile(dose, 0.25)
    count = np.maximum(np.bincount(evidence.shell), 1)
    power = np.bincount(evidence.shell, weights=(np.abs(evidence.values[rows]) ** 2).mean(0)) / count
    signal = np.bincount(evidence.shell, weights=(examination.stated.transfer[rows] ** 2).mean(0)) / count
    k = np.arange(len(count)) / (evidence.lattice.box * examination.particle_set.pixel_size)
    axes.semilogy(k[1:], power[1:], color="black", label="power of the images, least exposed quarter")
    axes.set(xlabel="spatial frequency (1/Å)", ylabel="power")
    expected = axes.twinx()
    expected.plot(k[1:], signal[1:], color="#d55e00", label="signal let through, as the forward model says")
    expected.set(ylabel="transfer²", ylim=(0, None))
    lines = [*axes.get_lines(), *expected.get_lines()]
    axes.legend(lines, [str(line.get_label()) for line in lines], loc="best", fontsize=8)


def _draw_checks(axes: "Axes", checks: list[Check]) -> None:
    axes.axis("off")
    for row, check in enumerate(checks):
        height = 1 - (row + 0.5) / len(checks)
        text = textwrap.shorten(check.message, 170, placeholder=" …")
        axes.text(0.0, height, check.status, color=COLOURS[check.status], fontsize=8, weight="bold", va="center")
        axes.text(0.08, height, check.name, fontsize=8, va="center")
        axes.text(0.22, height, text, fontsize=7, va="center")
