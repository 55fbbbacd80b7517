"""What is suggested for a command's options of what lies in the open run, until a person chooses otherwise."""

from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_centres
from napari_tomodrgn.errors import InputError

FIT, COMPARISON = "fit", "comparison"  # folders in the epoch's analysis


def suggested(command: str, run: Path, epoch: int | None, coloured_by: str | None) -> dict[str, str]:
    """Return texts for options of a command on an epoch of a run, by name; an empty one where there is nothing.

    ``fit`` gets the volume of the largest class.
    """
    if epoch is None:
        return {}
    folder = AnalysisFolder(run, epoch)
    if command == "fit":
        return {"map": _text(_largest_class(folder, coloured_by)), "outdir": str(folder.path / FIT)}
    if command == "compare":
        return {"outdir": str(folder.path / COMPARISON)}
    return {}


def labels_of(run: Path, epoch: int | None, coloured_by: str | None) -> str:
    """Return the table of the classes that particles are coloured by, or an empty text where they are by no classes."""
    if epoch is None:
        return ""
    folder = AnalysisFolder(run, epoch)
    return str(folder.labels(coloured_by)) if coloured_by in folder.labellings() else ""


def _largest_class(folder: AnalysisFolder, coloured_by: str | None) -> Path | None:
    """Return the volume of the largest class, of the classes that are seen or the first ones that have volumes."""
    names = sorted(folder.labellings(), key=lambda name: name != coloured_by)
    for name in names:
        try:
            sizes = read_centres(folder.centres(name))["particles"].to_numpy()
        except (InputError, KeyError):
            continue
        volume = folder.volumes(name) / f"vol_{int(np.argmax(sizes)):03d}.mrc" if len(sizes) else None
        if volume is not None and volume.is_file():
            return volume
    return None


def _text(path: Path | None) -> str:
    return "" if path is None else str(path)
