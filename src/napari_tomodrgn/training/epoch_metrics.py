"""What an epoch adds up to: its row of metrics.csv, and which epoch was the best."""

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from napari_tomodrgn.runs import layout


@dataclass
class EpochSums:
    """What an epoch has added up so far."""

    particles: int = 0
    reconstruction: float = 0.0
    kld: float = 0.0
    regulariser: float = 0.0
    seconds: float = 0.0

    def row(self, epoch: int, beta: float, learning_rate: float, held_out: float, seconds: float) -> dict[str, float]:
        """Return the epoch's row of metrics.csv."""
        count = max(self.particles, 1)
        values = (
            epoch,
            (self.reconstruction + self.regulariser) / count,
            self.reconstruction / count,
            self.kld / count,
            beta,
            held_out,
            learning_rate,
            self.particles / max(seconds, 1e-9),
            seconds,
            peak_memory_gb(),
        )
        return dict(zip(layout.METRIC_COLUMNS, values, strict=True))


def peak_memory_gb() -> float:
    """Return the most memory in use so far: of the GPU where there is one, else of the process; NaN where unknown."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e9
    if sys.platform == "win32":
        return math.nan
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def best_epoch(history: Sequence[Mapping[str, float]]) -> int:
    """Return the epoch, the first of equal ones, whose held-out reconstruction loss is lowest."""
    return int(min(history, key=lambda row: row["held_out_reconstruction"])["epoch"])
