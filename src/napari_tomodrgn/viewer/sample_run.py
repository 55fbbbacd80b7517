"""A small data set with everything that a project has: particles, tomograms, a trained run, its classes and volumes.

Made by the same functions as the commands, in a folder of its own, and used again from there. The same version of the
program makes the same bytes on the same machine.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, make_folder
from napari_tomodrgn.stopping import StopRequest

CLASSES = 4
# Sizes of tomograms are in WarpTools' sets. The noise is that of the command demo, as coarse pixels of 10 Å have it.
SIMULATION: dict[str, Any] = {
    "particles": 240, "tomograms": 2, "dialect": "warptools", "box": 24, "pixel_size": 10.0, "tilt_step": 6.0,
    "dose_per_tilt": 5.0, "structural_snr": 3.0, "shot_snr": 0.5, "thickness": 600.0,
    "tomogram": True, "tomogram_pixel_size": 12.5,
}  # fmt: skip
TRAINING: dict[str, Any] = {
    "latent_dim": 4, "pooling": "linear", "decoder": "64x3", "batch_size": 4, "learning_rate": 3e-3,
    "learning_rate_schedule": "cosine", "spectral_prior": True, "epochs": 8, "checkpoint_every": 8, "device": "cpu",
}  # fmt: skip
# Picks of which 6 in 100 are no particles, and settings with which a training tells them apart in half a minute.
WITH_JUNK: dict[str, Any] = {
    "particles": 120, "tomograms": 2, "dialect": "warptools", "scene": True, "junk": 0.06, "box": 20,
    "pixel_size": 12.0, "tilt_step": 10.0, "dose_per_tilt": 8.0, "structural_snr": 3.0, "shot_snr": 0.5,
    "thickness": 600.0, "tomogram": True, "tomogram_pixel_size": 12.0,
}  # fmt: skip
TRAINING_WITH_JUNK = {
    "latent_dim": "4", "pooling": "linear", "decoder": "32x2", "batch_size": "4", "learning_rate": "0.003",
    "learning_rate_schedule": "cosine", "spectral_prior": "on", "epochs": "5",
}  # fmt: skip
_PARTICLES, _RUN, _MARK = "particles", "run", "sample.json"

Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class SampleRun:
    """Where the sample lies: its star, the run that was trained on it, and tomograms by their names in the star."""

    star: Path
    run: Path
    tomograms: dict[str, Path]

    @property
    def truth(self) -> Path:
        """The table of what was simulated: columns tomogram, particle, label, …."""
        return self.star.with_name("truth.csv")


def sample_folder() -> Path:
    """Return the folder of this program's caches that the sample is kept in, another for each version of it."""
    return _cached(f"sample-{_digest([SIMULATION, TRAINING, CLASSES, version('napari-tomodrgn'), version('torch')])}")


def _cached(name: str) -> Path:
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = Path.home() / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return caches / "napari-tomodrgn" / name


def folder_with_junk() -> Path:
    """Return the folder of this program's caches that picks with junk among them are kept in."""
    return _cached(f"picks-{_digest([WITH_JUNK, version('napari-tomodrgn')])}")


def _digest(told: list[Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


def picks_with_junk(folder: Path) -> Path:
    """Return the star of simulated picks, some of them no particles, in a folder, and make it where it is not there.

    Raises
    ------
    InputError
        Where something else is in the folder, or it may not be written.
    """
    if not is_whole(folder):
        from napari_tomodrgn.simulation.options import SimulateOptions
        from napari_tomodrgn.simulation.simulate import simulate

        make_folder(folder)
        _mark(folder, whole=False)
        simulate(SimulateOptions(outdir=folder / _PARTICLES, **WITH_JUNK, overwrite=True))
        _mark(folder, whole=True)
    return folder / _PARTICLES / "particles.star"


def find_sample_run(folder: Path) -> SampleRun | None:
    """Return the sample in a folder, ``None`` where there is none, or one that was not finished.

    Raises
    ------
    InputError
        Where something else is in the folder.
    """
    whole = is_whole(folder)
    if not whole:
        return None
    from napari_tomodrgn.particles.reading import read_particles
    from napari_tomodrgn.viewer.layers import tomogram_label

    star = folder / _PARTICLES / "particles.star"
    tomograms = star.parent / "tomograms"
    names = read_particles(star).tomograms["name"]
    return SampleRun(star, folder / _RUN, {name: tomograms / f"{tomogram_label(name)}.mrc" for name in names})


def make_sample_run(
    folder: Path, progress: Progress = lambda share, what: None, stop: StopRequest | None = None
) -> SampleRun:
    """Return the sample in a folder, and make it first where it is not there yet.

    Parameters
    ----------
    folder
        Its own: a sample that was left half-made there is made anew.
    progress
        Told the share done, from 0 to 1, and what is being done next.
    stop
        Ends the training early.

    Raises
    ------
    InputError
        Where something else is in the folder, or it may not be written.
    InterruptedWorkError
        Where a stop was asked for.
    """
    found = find_sample_run(folder)
    if found is None:
        make_folder(folder)
        _mark(folder, whole=False)
        _make(folder, progress, stop)
        _mark(folder, whole=True)
        found = find_sample_run(folder)
        assert found is not None
    progress(1.0, "done")
    return found


def is_whole(folder: Path) -> bool:
    """Return whether a sample was made in a folder, and its making was not cut off.

    Raises
    ------
    InputError
        Where something else is in the folder.
    """
    if not folder.is_dir() or not any(folder.iterdir()):
        return False
    try:
        return bool(json.loads((folder / _MARK).read_text(encoding="utf-8"))["whole"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: holds other files and no sample; choose another folder") from error


def _mark(folder: Path, *, whole: bool) -> None:
    with atomic_open(folder / _MARK) as stream:
        json.dump({"whole": whole}, stream)


def _make(folder: Path, progress: Progress, stop: StopRequest | None) -> None:
    progress(0.0, "simulating particles and tomograms")
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate

    star = simulate(SimulateOptions(outdir=folder / _PARTICLES, **SIMULATION, overwrite=True))
    progress(0.2, "training")
    from napari_tomodrgn.training.options import TrainOptions
    from napari_tomodrgn.training.train import train

    train(TrainOptions(particles=star, outdir=folder / _RUN, **TRAINING, overwrite=True), stop)
    progress(0.9, "finding classes")
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze

    analyze(AnalyzeOptions(run=folder / _RUN, clusters=CLASSES, umap=False, device="cpu", overwrite=True))
