"""What can be told of a training from its run directory alone, whoever trains, here or on another machine. No Qt."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple, TypeVar

import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import LockHolder, lock_holder
from napari_tomodrgn.runs.run import Run

Content = TypeVar("Content")
NO_METRICS = pd.DataFrame(columns=list(layout.METRIC_COLUMNS))
MOST_LOG = 20_000  # bytes of the log that are shown
Stamp = tuple[int, int, int]  # inode, bytes, time of change: what a file is known by


class Written(NamedTuple):
    """An epoch and when its latents (of a decoder alone, its checkpoint) were written, ns."""

    epoch: int
    time: int


@dataclass(frozen=True, eq=False)
class Glance:
    """A training as it was found at one look.

    Attributes
    ----------
    path
        The run's folder.
    run
        As its run.json was read last, ``None`` where it was never there.
    metrics
        One row an epoch, as :meth:`Run.metrics`.
    newest
        The last epoch that is finished and has its files, ``None`` before the first one.
    checkpoints
        The epochs that it can go on from.
    trainer
        The process that trains in it.
    log
        The end of what the training has written down.
    trouble
        Why it could not be read at this look; what was read before is kept beside it.
    """

    path: Path
    run: Run | None = None
    metrics: pd.DataFrame = field(default_factory=NO_METRICS.copy)
    newest: Written | None = None
    checkpoints: tuple[int, ...] = ()
    trainer: LockHolder | None = None
    log: str = ""
    trouble: str | None = None

    def same_as(self, other: "Glance") -> bool:
        """Return whether nothing was found to be other than at another look of the same watch."""
        return (
            self.run is other.run
            and self.metrics is other.metrics
            and (self.newest, self.checkpoints, self.trainer, self.log, self.trouble)
            == (other.newest, other.checkpoints, other.trainer, other.log, other.trouble)
        )

    @property
    def status(self) -> str:
        """``waiting`` before there is a run, else ``running``, ``finished``, ``stopped`` or ``failed``."""
        if self.run is None:
            return "waiting" if self.trainer is None else "running"
        recorded = str(self.run.document["status"])
        return "stopped" if recorded == "running" and self.trainer is None else recorded

    @property
    def epochs(self) -> int:
        """How many epochs the run is to have, 0 where that is not known yet."""
        return 0 if self.run is None else int(self.run.settings.get("epochs", 0))

    @property
    def finished_epochs(self) -> int:
        """The last epoch that is finished."""
        return int(self.metrics["epoch"].iloc[-1]) if len(self.metrics) else 0


class TrainingWatch:
    """Looks at a run's folder again and again; files are read where they changed. Works in any thread, one at a time.

    Files of a run are renamed into place, but a copy that is still under way may be looked at too: a file that can't be
    read is held to be in the making until it has stayed as it is from one look to the next.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._last = Glance(path)
        self._stamps: dict[str, Stamp | None] = {}
        self._unread: dict[str, Stamp | None] = {}

    def look(self) -> Glance:
        """Return what is there now."""
        try:
            self._last = self._look()
        except InputError as error:
            self._last = replace(self._last, trouble=str(error))
        return self._last

    def _look(self) -> Glance:
        last = self._last
        if not self.path.is_dir():
            gone = "is not there any more; it is looked for again" if last.run is not None else "is not there yet"
            self._stamps.clear()  # another run may stand there when it is back
            return replace(last, trainer=None, trouble=f"{self.path}: {gone}")
        trainer = lock_holder(self.path)
        run = self._read(layout.DOCUMENT, lambda: Run.open(self.path), last.run, None)
        metrics = NO_METRICS if run is None else self._read(layout.METRICS, run.metrics, last.metrics, NO_METRICS)
        newest = None if run is None else self._newest(run, metrics)
        log = self._read(layout.LOG, self._end_of_log, last.log, "")
        trouble = None if run is not None or trainer is not None else f"{self.path}: holds no run yet"
        checkpoints = () if run is None else tuple(run.epochs)
        return Glance(self.path, run, metrics, newest, checkpoints, trainer, log, trouble)

    def _end_of_log(self) -> str:
        try:
            with open(self.path / layout.LOG, "rb") as stream:
                stream.seek(max(stream.seek(0, 2) - MOST_LOG, 0))
                return stream.read().decode("utf-8", "replace")
        except OSError as error:
            raise InputError(f"{self.path / layout.LOG}: could not be read ({error.strerror})") from error

    def _read(self, name: str, read: Callable[[], Content], before: Content, absent: Content) -> Content:
        """Return what a file holds: ``before`` where it is as it was then, or in the making."""
        stamp = _stamp(self.path / name)
        if stamp is None or self._stamps.get(name) == stamp:
            return absent if stamp is None else before
        try:
            content = read()
        except InputError:
            if self._unread.get(name) == stamp:
                raise
            self._unread[name] = stamp
            return before
        self._stamps[name] = stamp
        return content

    def _newest(self, run: Run, metrics: pd.DataFrame) -> Written | None:
        """Return the last epoch that has its files; metrics are written after them."""
        path_of = layout.latents_path if run.latent_dim else layout.checkpoint_path
        for epoch in reversed(metrics["epoch"].tolist()):
            stamp = _stamp(path_of(run.path, int(epoch)))
            if stamp is not None:
                return Written(int(epoch), stamp[2])
        return None


def _stamp(path: Path) -> Stamp | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
