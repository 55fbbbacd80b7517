"""What other commands found of an epoch, for its report: their pictures, and where their numbers lie."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.figures.html import picture


@dataclass(frozen=True)
class Further:
    """A command's findings.

    Attributes
    ----------
    heading
        Of the section.
    command
        That found them.
    pictures
        Where its pictures lie in the epoch's folder, as a pattern.
    means
        What they show, and what to keep in mind with them.
    """

    heading: str
    command: str
    pictures: str
    means: str


FURTHER = (
    Further(
        "Spatial context", "neighbors", "neighbours/*/*.png",
        "Who stands beside whom in the tomograms. Tomograms are the replicates; classes learned in a box that holds "
        "the neighbour have seen it.",
    ),
    Further(
        "Occupancy", "occupancy", "occupancy/*/*.png",
        "How much of each part of a model is in the volumes. Rows by correlation, columns by Euclidean distance, "
        "Ward's linkage; a missing part keeps what its neighbours reach into its mask.",
    ),
    Further(
        "Weights of tilt images", "inspect", "../../inspection/weights.png",
        "Which frequencies of which tilt image count in a training with its defaults, and how much.",
    ),
    Further(
        "Maps", "fsc", "fsc/*/*.png",
        "Maps of any boxes and pixel sizes on one axis, against their half-maps or a reference. A map of larger voxels "
        "ends at its Nyquist, which says nothing of the particles.",
    ),
    Further(
        "Ensemble of volumes", "ensemble", "ensemble/*/*.png",
        "Principal components of the voxels of every particle's decoded volume: of what the decoder draws, not of "
        "images.",
    ),
    Further(
        "Convergence", "converge", "../convergence/*.png",
        "Losses, latents and volumes from epoch to epoch.",
    ),
    Further(
        "Nuisance", "nuisance", "nuisance/*.png",
        "What latents predict in tomograms that were not learned from. What follows something may be biology.",
    ),
    Further(
        "Evidence of classes", "score", "evidence-*.png",
        "Each particle's tilt images held against class volumes that they did not make.",
    ),
    Further("Widths of latents", "calibrate", "calibration.png", "Posterior widths beside latents of half the tilts."),
    Further(
        "Validation", "validate", "validation/*/validation.png",
        "Three maps of a selection, each under its origin, and the verdict of images that did not choose its "
        "particles.",
    ),
)  # fmt: skip


def further_sections(folder: AnalysisFolder) -> dict[str, str]:
    """Return a section by heading for each command that left pictures of an epoch."""
    return {
        each.heading: _section(folder, each, found)
        for each in FURTHER
        if (found := sorted(folder.path.glob(each.pictures)))
    }


def _section(folder: AnalysisFolder, further: Further, pictures: list[Path]) -> str:
    parts = [f"<p>{escape(further.means)}</p>"]
    for path in pictures:
        where = path.resolve().relative_to(folder.run.resolve())
        caption = f"{where.parent.name}: {path.stem}, by {further.command}; numbers beside {where}"
        parts.append(picture(path.read_bytes(), caption))
    return "\n".join(parts)
