"""Looks at the run that is watched, and reads its epochs as they come, beside the window."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import sleep

from qtpy.QtCore import QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.live_epoch import Before, LiveEpoch, read_epoch, show_epoch
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.pinned_volume import PinnedVolume, pinned_volume
from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.viewer.training_watch import Glance, TrainingWatch, Written
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.viewer.volume_source import VolumeSource
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.work import Work

LOOK_SECONDS = 1.0  # between looks at the run's folder
HOLD_MS = 100  # until an epoch is shown that came while a mouse button was down
PATIENCE = 3  # failures to read an epoch before that is said


@dataclass(frozen=True)
class Read:
    """An epoch that was read: for the session, for its volumes, and the pinned particle's volume at it."""

    epoch: LiveEpoch | None
    source: VolumeSource | None
    volume: PinnedVolume | None


class LiveTraining(QObject):
    """Tells the panel what is found, and shows new epochs in the session while that is to follow.

    Signals
    -------
    volume_read
        The pinned particle's volume at a new epoch.
    """

    volume_read = Signal(object)

    def __init__(self, panel: TrainingPanel, volumes: VolumePanel, parent: QObject) -> None:
        super().__init__(parent)
        self.panel, self.volumes, self.session = panel, volumes, panel.session
        self.follows = True
        self.watching: Work | None = None
        self.reading: Work | None = None
        self._seen: Written | None = None  # the epoch that was shown last
        self._asked: Written | None = None
        self._failures = 0
        self._held: Read | None = None
        self._hold = QTimer(self)
        self._hold.setSingleShot(True)
        self._hold.setInterval(HOLD_MS)
        self._hold.timeout.connect(self._show_held)
        follow_at_once(self, panel.watched_changed, self.watch)
        self.watch()

    def watch(self) -> None:
        """Look at the run that is watched, from now on."""
        self.close_down()
        self._seen = self._asked = self._held = None
        path = self.panel.watched
        if path is not None:
            self.watching = Work(_Looks(path), self._take_glance, self._watched, self)

    def follow(self, follows: bool) -> None:
        """Show new epochs in the session, or not."""
        self.follows = follows
        self.read_again()

    def read_again(self) -> None:
        """Read the newest epoch although it was shown."""
        self._seen = None
        self._read()

    def _take_glance(self, glance: Glance) -> None:
        self.panel.take(glance)
        self._read()

    def _watched(self, message: str | None) -> None:
        if message is not None:
            show_error(message)

    def _read(self) -> None:
        """Read the newest epoch where it has not been shown yet."""
        glance, pinned = self.panel.glance, self.panel.pinned
        if glance is None or glance.run is None or glance.newest is None or not (self.follows or pinned):
            return
        if glance.newest == self._seen or self._held is not None or self.reading is not None:
            return
        if glance.newest != self._asked:
            self._failures = 0
        self._asked = glance.newest
        before = Before.of(self.session) if self.follows else None
        reading = _Reading(glance.run, glance.newest.epoch, before, self.volumes, self.volumes.particle, pinned)
        self.reading = Work(reading, self._take_epoch, self._was_read, self)

    def _take_epoch(self, read: Read) -> None:
        self._seen, self._held = self._asked, read
        self._show_held()

    def _was_read(self, message: str | None) -> None:
        if self.reading is not None:
            self.reading.deleteLater()
            self.reading = None
        if message is None:
            return
        self._failures += 1  # the file may be in the making, as where it is copied
        if self._failures >= PATIENCE:
            self._seen = self._asked
            show_error(message)

    def _show_held(self) -> None:
        """Show the epoch that was read, when nobody is drawing a lasso."""
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._hold.start()
            return
        held, self._held = self._held, None
        if held is None:
            return
        if held.epoch is not None and self.follows:
            if held.source is not None and held.epoch.particle_set is self.session.particle_set:
                self.volumes.use(held.source)
            show_epoch(self.session, held.epoch)
        if held.volume is not None:
            self.volume_read.emit(held.volume)

    def close_down(self) -> None:
        """Watch no more."""
        for work in (self.watching, self.reading):
            if work is not None:
                work.cancel()
        self.watching = None


class _Looks:
    """Looks at a run's folder now and then, for ever."""

    def __init__(self, path: Path) -> None:
        self._watch = TrainingWatch(path)

    def __call__(self) -> Iterator[Glance]:
        while True:
            yield self._watch.look()
            sleep(LOOK_SECONDS)


@dataclass(frozen=True)
class _Reading:
    """Reads an epoch for the session and its volumes, and the volume of the pinned particle."""

    run: Run
    epoch: int
    before: Before | None  # what the session shows, where it follows
    volumes: VolumePanel
    row: int | None  # of the particle whose volume is looked at
    pinned: ParticleId | None

    def __call__(self) -> Iterator[Read]:
        live = source = volume = None
        if self.before is not None:
            live = read_epoch(self.run, self.epoch, self.before)
        with suppress(InputError):  # latents are shown where the checkpoint is not there, or no longer
            if self.pinned is not None:
                volume = pinned_volume(self.run, self.epoch, self.pinned)
            if live is not None and live.same_particles and self.row is not None:
                source = self.volumes.prepare(self.run, self.epoch, live.particle_set.ids, self.row)
        yield Read(live, source, volume)
