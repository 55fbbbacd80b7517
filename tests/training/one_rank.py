"""A rank of a training, as the launcher starts it; options and when to stop are JSON, what it saw goes to a file."""

import json
import sys
from pathlib import Path

from napari_tomodrgn.cli.exits import exit_code_of
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.batches import Batch
from napari_tomodrgn.training.distributed import ManyRanks, Ranks
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train


class StopAfter(StopRequest):
    """Asks for a stop after a number of looks."""

    def __init__(self, looks: int, number: int) -> None:
        self._left, self._number = looks, number

    @property
    def signal(self) -> int | None:  # type: ignore[override]
        self._left -= 1
        return self._number if self._left < 0 else None


class WatchedRanks(ManyRanks):
    """Writes down which particles its share of every step is."""

    def __init__(self, known: ManyRanks, seen: Path) -> None:
        super().__init__(known.rank, known.local_rank, known.world)
        self._seen = seen

    def share(self, batch: Batch) -> Batch:
        own = super().share(batch)
        with open(self._seen / f"{self.rank}.txt", "a") as stream:
            stream.write(" ".join(map(str, own.particles.tolist())) + "\n")
        return own


if __name__ == "__main__":
    task = json.loads(sys.argv[1])
    ranks = Ranks.of_environment()
    assert isinstance(ranks, ManyRanks)
    looks = task["stop_after"].get(str(ranks.rank))
    stop = StopRequest() if looks is None else StopAfter(looks, 15)
    watched = WatchedRanks(ranks, Path(task["seen"]))
    sys.exit(exit_code_of(lambda: train(TrainOptions(**task["options"]), stop, watched), debug=False))
