"""Where things lie in a run directory, the contract between cluster and desktop."""

import re
from pathlib import Path

FORMAT = 1
DOCUMENT = "run.json"
METRICS = "metrics.csv"
LOG = "log.txt"
LOCK = ".lock"
CHECKPOINTS = "checkpoints"
LATENTS = "latents"
CHOSEN_LATENTS = "latents.npz"
CORRECTIONS = "corrections.csv"
PACKED_IMAGES = "packed-images"  # folder beside runs, unless another is given
SELECTIONS = "selections"
STOPPED_CHECKPOINT = "stopped.pt"
PARTICLES_STAR = "particles.star"
STARS = (PARTICLES_STAR, "tomograms.star", "optimisation_set.star", "volume_series.star")
OWN_FILES = (METRICS, LOG, CHOSEN_LATENTS, CORRECTIONS, *STARS)  # beside run.json

METRIC_COLUMNS = (
    "epoch",
    "loss",
    "reconstruction",
    "kld",
    "beta",
    "held_out_reconstruction",
    "learning_rate",
    "particles_per_second",
    "seconds",
    "peak_memory_gb",
)

_CHECKPOINT = re.compile(r"epoch-(\d{4,})\.pt")
_LATENTS = re.compile(r"epoch-(\d{4,})\.npz")


def checkpoint_path(run: Path, epoch: int) -> Path:
    """Return the file of the state at the end of an epoch (from 1)."""
    return run / CHECKPOINTS / f"epoch-{epoch:04d}.pt"


def stopped_path(run: Path) -> Path:
    """Return the file of the state within an epoch at which a run was asked to stop."""
    return run / CHECKPOINTS / STOPPED_CHECKPOINT


def latents_path(run: Path, epoch: int) -> Path:
    """Return the file of the latents at the end of an epoch."""
    return run / LATENTS / f"epoch-{epoch:04d}.npz"


def _numbers(folder: Path, pattern: re.Pattern[str]) -> list[int]:
    found = (pattern.fullmatch(path.name) for path in folder.glob("epoch-*"))
    return sorted(int(match[1]) for match in found if match)


def checkpoint_epochs(run: Path) -> list[int]:
    """Return the epochs whose checkpoint is there, ascending."""
    return _numbers(run / CHECKPOINTS, _CHECKPOINT)


def latent_epochs(run: Path) -> list[int]:
    """Return the epochs whose latents are there, ascending."""
    return _numbers(run / LATENTS, _LATENTS)


def is_untouched(folder: Path) -> bool:
    """Return whether a folder is absent or holds nothing but a log and hidden (lock, unfinished) files."""
    return not folder.exists() or all(path.name.startswith(".") or path.name == LOG for path in folder.iterdir())
