"""Going along a way through latent space, by a slider."""

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QComboBox, QHBoxLayout, QLabel, QPushButton, QSlider, QWidget

from napari_tomodrgn.analysis.latent_paths import LatentPath, along_component, between, through
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.telling import tell

STEPS = 200  # of the slider
PLAY_MS = 60
COMPONENTS = 4


class Morph(QWidget):
    """Chooses a way and a place on it, at which the panel looks."""

    def __init__(self, session: Session, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session, self.panel = session, panel
        self._playing = QTimer(self)
        self._playing.setInterval(PLAY_MS)
        self._playing.timeout.connect(self._play_on)
        self._forwards = True
        self.ways = QComboBox()
        self.ways.setToolTip("The way through latent space that the slider goes along")
        self.along = QSlider(Qt.Orientation.Horizontal)
        self.along.setRange(0, STEPS)
        self.along.setAccessibleName("morph")
        self.play = QPushButton("Play")
        self.play.setCheckable(True)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("morph"))
        row.addWidget(self.ways)
        row.addWidget(self.along, 1)
        row.addWidget(self.play)
        self.ways.activated.connect(self._choose_way)
        self.along.valueChanged.connect(self._go)
        self.along.sliderReleased.connect(self._arrive)
        self.play.toggled.connect(self._start_or_stop)
        follow_at_once(self, session.data_changed, self._offer_ways)
        follow_at_once(self, session.epochs_changed, self._offer_ways)
        follow_at_once(self, session.path_changed, self._take_path)
        self._offer_ways()

    def _offer_ways(self) -> None:
        self.play.setChecked(False)
        self.ways.clear()
        run = self.session.run
        dimensions = 0 if run is None or self.session.epoch is None else run.latent_dim
        for number in range(1, min(dimensions, COMPONENTS) + 1):
            self.ways.addItem(f"PC {number}", number)
        if dimensions:
            self.ways.addItem("A to B", "pins")
            self.ways.addItem("two selected particles", "selected")
        self.along.setEnabled(bool(dimensions))
        self.play.setEnabled(bool(dimensions))

    def _take_path(self) -> None:
        """Go along a way through particles that was drawn in the latent space."""
        rows = self.session.path
        if rows is not None and self.session.run is not None:
            tell(lambda: self._set_way(through(self.panel.source().latents, rows, "drawn path")))

    def _choose_way(self) -> None:
        tell(lambda: self._set_way(self._chosen_way()))

    def _chosen_way(self) -> LatentPath:
        chosen = self.ways.currentData()
        latents = self.panel.source().latents
        if isinstance(chosen, int):
            return along_component(latents, chosen)
        if chosen == "pins":
            if len(self.panel.pins) < 2:
                raise InputError("A to B: needs two volumes; look at one and pin it as A, then another and pin it as B")
            return between(self.panel.pins["A"][0], self.panel.pins["B"][0], "A to B")
        rows = np.flatnonzero(self.session.selected)
        if len(rows) != 2:
            raise InputError(f"two selected particles: {len(rows)} are selected; select two")
        return through(latents, rows, "between two particles")

    def _set_way(self, path: LatentPath) -> None:
        self.panel.set_path(path)
        self._go()

    def _go(self) -> None:
        if self.panel.path is None and not tell(lambda: self.panel.set_path(self._chosen_way())):
            self.play.setChecked(False)
            return
        self._look(moving=self.along.isSliderDown() or self._playing.isActive())

    def _arrive(self) -> None:
        self._look(moving=False)

    def _look(self, *, moving: bool) -> None:
        if self.panel.path is not None:
            self.panel.look_along(self.panel.path, self.along.value() / STEPS, moving=moving)

    def _start_or_stop(self, playing: bool) -> None:
        self.play.setText("Stop" if playing else "Play")
        if playing:
            self._forwards = True
            self._playing.start()
        else:
            self._playing.stop()
            self._arrive()

    def _play_on(self) -> None:
        """Go to and fro."""
        place = self.along.value() + (2 if self._forwards else -2)
        if not 0 <= place <= STEPS:
            self._forwards = not self._forwards
            place = min(max(place, 0), STEPS)
        self.along.setValue(place)

    def stop(self) -> None:
        """Stand still."""
        self._playing.stop()
