"""Folders that tomoDRGN wrote, given to be opened: they are imported first, beside where they are."""

import json
import os
from pathlib import Path

from napari_tomodrgn.interop.tomodrgn_files import CONFIG, WEIGHTS
from napari_tomodrgn.runs import layout

SUFFIX = "-imported"


def is_of_tomodrgn(path: Path) -> bool:
    """Return whether a path is the folder of a run of tomoDRGN, or its config or weights, and is no run of ours."""
    folder = folder_of(path)
    return (folder / CONFIG).is_file() and (folder / WEIGHTS).is_file() and not (folder / layout.DOCUMENT).is_file()


def folder_of(path: Path) -> Path:
    """Return the folder that is meant by itself, or by its config or weights."""
    return path.parent if path.name in (CONFIG, WEIGHTS) else path


def outdir_for(folder: Path) -> Path:
    """Return where a run of tomoDRGN is imported to: a new folder beside it, or at home where that can't be."""
    folder = folder.absolute()
    beside = folder.parent if os.access(folder.parent, os.W_OK) else Path.home()
    name = f"{folder.name}{SUFFIX}"
    outdir, number = beside / name, 2
    while outdir.exists():
        outdir, number = beside / f"{name}-{number}", number + 1
    return outdir


def imported_before(folder: Path) -> Path | None:
    """Return the run beside it that a run of tomoDRGN was imported to, ``None`` where there is none."""
    folder = folder.absolute()
    for document in sorted(folder.parent.glob(f"{folder.name}{SUFFIX}*/{layout.DOCUMENT}")):
        try:
            came_from = json.loads(document.read_text(encoding="utf-8"))["imported"]["folder"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if Path(came_from) == folder:
            return document.parent
    return None
