"""Give back the disk space of a run's epochs that are no longer needed."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import explain_os_error
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import lock_holder, run_lock
from napari_tomodrgn.runs.run import Run

# What files.atomic_path and files.atomic_folder leave behind a killed process.
_UNFINISHED = re.compile(r"\..+\.\d+\.part(\.[^.]+)?")
_UNFINISHED_FOLDER = re.compile(r"\.(.+)\.[^.]+\.(part|previous)")
_EPOCH_FOLDER = re.compile(r"epoch-(\d{4,})")


class CleanOptions(BaseModel):
    """List the files of a run that are no longer needed, and remove them with --yes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="The run directory.", json_schema_extra={"argument": True})
    keep_every: int | None = Field(None, ge=1, description="Keep every N-th epoch too, for a look at convergence.")
    latents: bool = Field(True, description="Remove the latents of the epochs too, not only their checkpoints.")
    packed_images: bool = Field(
        False,
        description="Remove the packed images beside the run too: those of all runs there, made anew when a training "
        "needs them.",
    )
    yes: bool = Field(False, description="Remove the files; without it they are only listed.")


@dataclass(frozen=True)
class Cleaning:
    """What is or was to be removed from a run.

    Attributes
    ----------
    run
        The run directory.
    kept_epochs
        Epochs whose checkpoint stays, ascending.
    files
        Files and unfinished folders that go, with their size in bytes.
    removed
        Whether they are gone, or were only listed.
    """

    run: Path
    kept_epochs: tuple[int, ...]
    files: dict[Path, int]
    removed: bool

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON holds."""
        return {
            "run": str(self.run),
            "removed": self.removed,
            "kept_epochs": list(self.kept_epochs),
            "files": [{"path": str(path), "bytes": size} for path, size in self.files.items()],
            "bytes": sum(self.files.values()),
        }


def clean(options: CleanOptions) -> Cleaning:
    """List the files of a run that can go, and with ``options.yes`` remove these and no others.

    The chosen epoch, the last one, and those with an analysis or volumes always stay, as do a stopped run's state,
    the metrics, selections and sessions.

    Raises
    ------
    InputError
        Where there is no run, or a trainer is at work in it.
    """
    run = Run.open(options.run)
    holder = lock_holder(run.path)
    if holder is not None:
        raise InputError(f"{run.path}: {holder} is training in it; stop it or wait until it ends, then clean")
    if not options.yes:
        return _list(run, options)
    with run_lock(run.path):
        cleaning = _list(run, options)
        for path in cleaning.files:
            try:
                if path.is_dir():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
            except OSError as error:
                raise explain_os_error(error, path) from error
    return Cleaning(cleaning.run, cleaning.kept_epochs, cleaning.files, removed=True)


def _list(run: Run, options: CleanOptions) -> Cleaning:
    kept = _kept_epochs(run, options.keep_every)
    there = set(run.epochs) | set(layout.latent_epochs(run.path))
    files = [layout.checkpoint_path(run.path, epoch) for epoch in sorted(there - kept)]
    if options.latents:
        files += [layout.latents_path(run.path, epoch) for epoch in sorted(there - kept)]
    files += sorted(path for path in run.path.rglob(".*") if _UNFINISHED.fullmatch(path.name))
    if options.packed_images:
        files += sorted((run.path.absolute().parent / layout.PACKED_IMAGES).glob("*.packed"))
    sizes = {path: path.stat().st_size for path in files if path.is_file()}
    sizes |= {path: _size(path) for path in _unfinished_folders(run.path)}
    return Cleaning(run.path, tuple(sorted(kept & set(run.epochs))), sizes, removed=False)


def _unfinished_folders(run: Path) -> list[Path]:
    """Return folders that were never finished, or replaced by one that stands beside them."""
    matches = [(path, _UNFINISHED_FOLDER.fullmatch(path.name)) for path in sorted(run.rglob(".*")) if path.is_dir()]
    return [
        path
        for path, match in matches
        if match is not None and (match[2] == "part" or path.with_name(match[1]).is_dir())
    ]


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _kept_epochs(run: Run, keep_every: int | None) -> set[int]:
    """Return the epochs that stay: chosen, last, looked at, and every ``keep_every``-th."""
    epochs = run.epochs
    kept = {epochs[-1], run.chosen_epoch} if epochs else set(layout.latent_epochs(run.path))
    folders = [*run.path.glob("analysis/epoch-*"), *run.path.glob("volumes/epoch-*")]
    kept |= {int(match[1]) for match in (_EPOCH_FOLDER.fullmatch(folder.name) for folder in folders) if match}
    if keep_every is not None:
        kept |= {epoch for epoch in epochs if epoch % keep_every == 0}
    return kept
