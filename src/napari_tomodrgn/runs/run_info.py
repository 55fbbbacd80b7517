"""What a run holds, as plain values, and the light copy of it."""

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder, make_folder
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.ancestry import ancestors
from napari_tomodrgn.runs.lock import lock_holder
from napari_tomodrgn.runs.run import Run

_LOSSES = ("loss", "reconstruction", "kld", "held_out_reconstruction")
_EVERYTHING_OF = (layout.SELECTIONS, "sessions")


def describe_run(path: Path) -> dict[str, Any]:
    """Return the facts of a run as values that JSON holds; no checkpoint is loaded and no stack looked for.

    Raises
    ------
    InputError
        Where there is no run.
    """
    run = Run.open(path)
    document = run.document
    holder = lock_holder(run.path)
    epochs = run.epochs
    return {
        "kind": "run",
        "path": str(run.path),
        "status": run.status,
        "trainer": str(holder) if holder else None,
        "epochs": epochs,
        "chosen_epoch": run.chosen_epoch if epochs else document.get("chosen_epoch"),
        "losses": _losses(run.metrics()),
        "particles": _particles(run),
        "data": document["data"],
        "model": document.get("model"),
        "settings": run.settings,
        "versions": document.get("versions"),
        "lineage": [
            {"run": None if each.path is None else str(each.path), "selection": each.selection_name}
            for each in ancestors(run)
        ],
        "selections": [_selection(run, name) for name in run.selections()],
        "analyses": _folders(run.path / "analysis", "epoch-*"),
        "volumes": _folders(run.path / "volumes", "epoch-*/*"),
        "bytes": _sizes(run.path),
    }


def _losses(metrics: pd.DataFrame) -> list[dict[str, float | None]]:
    """Return one entry an epoch; what was not measured is ``None``."""
    columns = [column for column in _LOSSES if column in metrics]
    return [
        {
            "epoch": int(row["epoch"]),
            **{column: None if pd.isna(row[column]) else float(row[column]) for column in columns},
        }
        for _, row in metrics.iterrows()
    ]


def _particles(run: Run) -> int | None:
    """Return how many particles the run has latents or a star of, or ``None`` where neither is there."""
    try:
        return len(run.latents()) if run.latent_dim else len(run.particle_set())
    except InputError:
        return None


def _selection(run: Run, name: str) -> dict[str, Any]:
    try:
        selection: Selection = run.selection(name)
    except InputError as error:
        return {"name": name, "error": str(error)}
    return {"name": name, "particles": len(selection), "created_from": selection.created_from}


def _folders(parent: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(parent).as_posix() for path in parent.glob(pattern) if path.is_dir())


def _sizes(run: Path) -> dict[str, int]:
    """Return bytes on disk, in all and by the run's first level."""
    sizes: dict[str, int] = {}
    for folder, _, files in os.walk(run):
        first = Path(folder).relative_to(run).parts[:1]
        for name in files:
            path = Path(folder, name)
            part = first[0] if first else name
            sizes[part] = sizes.get(part, 0) + (path.lstat().st_size if os.path.lexists(path) else 0)
    return {"total": sum(sizes.values()), **dict(sorted(sizes.items()))}


def write_bundle(path: Path, folder: Path) -> Path:
    """Write a light copy of a run, without image stacks, volumes and other epochs, and return its folder.

    It opens, decodes, curates and writes stars; only training, backprojection and a look at the images ask for more.

    Raises
    ------
    InputError
        Where there is no run with a finished epoch, or ``folder`` exists.
    """
    run = Run.open(path)
    files = _bundle_files(run)
    with atomic_folder(folder) as unfinished:
        for file in files:
            target = unfinished / file.relative_to(run.path)
            shutil.copyfile(file, make_folder(target.parent) / file.name)
    return folder


def _bundle_files(run: Run) -> list[Path]:
    epoch = run.chosen_epoch
    files = [path for path in run.path.iterdir() if path.is_file() and not path.name.startswith(".")]
    files += [run.checkpoint(epoch), layout.latents_path(run.path, epoch)]
    for folder in (*(run.path / name for name in _EVERYTHING_OF), run.path / "analysis" / f"epoch-{epoch:04d}"):
        files += folder.rglob("*")
    return [path for path in files if path.is_file()]
