"""Volumes: that of the particle that is clicked, of any place between, of two compared, and of all at their poses."""

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.paths import LatentPath, along_component, between, through
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import Pin, VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.placing import Placing
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.volume_view import VolumeView

LEVELS = (0.0, 10.0)  # standard deviations
STEPS = 200  # of the sliders
PLAY_MS = 60
COMPONENTS = 4
NO_PARTICLE = (0.75, 0.78, 0.82)


class Volumes(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, panel: VolumePanel, placed: AllVolumes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("volumes")
        self.session, self.panel = session, panel
        self.path: LatentPath | None = None
        self.view = VolumeView()
        self._drawing = QTimer(self)  # what changes within one turn of the event loop is drawn once
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(0)
        self._drawing.timeout.connect(self.draw)
        self._playing = QTimer(self)
        self._playing.setInterval(PLAY_MS)
        self._playing.timeout.connect(self._play_on)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.view, 1)
        self.placing = Placing(session, placed)
        for part in (self._appearance(), self._comparison(), self._morph(), self.placing):
            box.addWidget(part)
        for signal, method in (
            (session.particle_changed, self._take_particle),
            (session.data_changed, self._offer_ways),
            (session.path_changed, self._take_path),
            (session.colouring_changed, self._draw_soon),
            (panel.changed, self._draw_soon),
        ):
            follow_at_once(self, signal, method)
        self._offer_ways()

    # parts

    def _appearance(self) -> QWidget:
        part, form = QWidget(), QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        self.level = QSlider(Qt.Orientation.Horizontal)
        self.level.setRange(0, STEPS)
        self.level.setValue(_step_of(self.panel.level))
        self.level.setAccessibleName("level")
        self.level_text = QLabel()
        self.shared = QCheckBox("same density for all")
        self.shared.setToolTip("One level for all volumes, so that weak ones look weak; else each by its own deviation")
        self.shared.setChecked(self.panel.shared_level)
        self.low_pass = QDoubleSpinBox()
        self.low_pass.setRange(0, 500)
        self.low_pass.setSuffix(" Å")
        self.low_pass.setSpecialValueText("none")
        self.dust = QDoubleSpinBox()
        self.dust.setRange(0, 1000)
        self.dust.setSuffix(" Å")
        self.dust.setSpecialValueText("none")
        self.dust.setToolTip("Pieces shorter than this are left out of the volumes at their poses")
        self.slices = QCheckBox("slices")
        self.save_button = QPushButton("Save MRC …")
        row, filters = QHBoxLayout(), QHBoxLayout()
        row.addWidget(self.level, 1)
        row.addWidget(self.level_text)
        row.addWidget(self.shared)
        for each in (QLabel("low-pass"), self.low_pass, QLabel("hide dust"), self.dust, self.slices, self.save_button):
            filters.addWidget(each)
        filters.addStretch(1)
        form.addRow("level", row)
        form.addRow(filters)
        part.setLayout(form)
        self.level.valueChanged.connect(self._take_look)
        self.shared.toggled.connect(self._take_look)
        self.low_pass.valueChanged.connect(self._take_look)
        self.dust.valueChanged.connect(self._take_look)
        self.slices.toggled.connect(self.view.show_slices)
        self.save_button.clicked.connect(self._ask_save)
        self._say_level()
        return part

    def _comparison(self) -> QWidget:
        part = QWidget()
        row = QHBoxLayout(part)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel("compare"))
        self.pin_buttons: dict[Pin, QPushButton] = {}
        self.pin_shows: dict[Pin, QPushButton] = {}
        pins: tuple[Pin, ...] = ("A", "B")
        for name in pins:
            self.pin_buttons[name] = QPushButton(f"Pin as {name}")
            self.pin_shows[name] = QPushButton(f"Show {name}")
            self.pin_buttons[name].clicked.connect(lambda _=False, name=name: self.panel.pin(name))
            self.pin_shows[name].clicked.connect(lambda _=False, name=name: self.panel.show_pin(name))
            row.addWidget(self.pin_buttons[name])
            row.addWidget(self.pin_shows[name])
        self.difference = QPushButton("B − A")
        self.difference.setToolTip("What B has more than A (blue) and less (orange)")
        self.difference.clicked.connect(self._show_difference)
        row.addWidget(self.difference)
        row.addStretch(1)
        return part

    def _morph(self) -> QWidget:
        part = QWidget()
        row = QHBoxLayout(part)
        row.setContentsMargins(0, 0, 0, 0)
        self.ways = QComboBox()
        self.ways.setToolTip("The way through latent space that the slider goes along")
        self.along = QSlider(Qt.Orientation.Horizontal)
        self.along.setRange(0, STEPS)
        self.along.setAccessibleName("morph")
        self.play = QPushButton("Play")
        self.play.setCheckable(True)
        row.addWidget(QLabel("morph"))
        row.addWidget(self.ways)
        row.addWidget(self.along, 1)
        row.addWidget(self.play)
        self.ways.activated.connect(self._choose_way)
        self.along.valueChanged.connect(self._go)
        self.along.sliderReleased.connect(self._arrive)
        self.play.toggled.connect(self._start_or_stop)
        return part

    # one volume

    def _take_particle(self) -> None:
        row = self.session.particle
        if row is not None and self.session.run is not None:
            tell(lambda: self.panel.look_at_particle(row))

    def _show_difference(self) -> None:
        tell(self.panel.show_difference)

    def _take_look(self) -> None:
        self.panel.shared_level, self.panel.low_pass = self.shared.isChecked(), self.low_pass.value()
        self.panel.dust = self.dust.value()
        self.panel.set_level(LEVELS[0] + (LEVELS[1] - LEVELS[0]) * self.level.value() / STEPS)
        self._say_level()

    def _say_level(self) -> None:
        self.level_text.setText(f"{self.panel.level:.2f} σ")

    def _draw_soon(self) -> None:
        self._drawing.start()

    def draw(self) -> None:
        """Draw what is looked at."""
        before = self.level.blockSignals(True)  # another widget may have set the level
        self.level.setValue(_step_of(self.panel.level))
        self.level.blockSignals(before)
        self._say_level()
        for name, button in self.pin_shows.items():
            button.setEnabled(name in self.panel.pins)
        try:
            shown = self.panel.shown()
        except InputError as error:
            self.view.show_volume(None, 0, (0, 0, 0))
            show_error(str(error))
            return
        if shown is None:
            self.view.show_volume(None, 0, (0, 0, 0))
            return
        self.view.show_volume(
            shown.volume, shown.density, self._colour(), shown.caption, less=self.panel.shows_difference
        )

    def _colour(self) -> tuple[float, float, float]:
        """Return the colour of the particle whose volume is looked at; grey where it is no particle's."""
        row = self.panel.particle
        if self.panel.shows_difference or row is None:
            return NO_PARTICLE
        red, green, blue = map(float, self.session.colouring.rgba[row, :3])
        return red, green, blue

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the volume", "volume.mrc", "MRC (*.mrc)")
        if path:  # the dialog asked where the file is there already
            tell(lambda: self.panel.save(Path(path), overwrite=True))

    # ways through latent space

    def _offer_ways(self) -> None:
        self.play.setChecked(False)
        self.path = None
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
        if not len(path.corners):
            raise InputError(f"{path.name}: no particle on it has a latent; draw it through others")
        self.path = path
        self._go()

    def _go(self) -> None:
        if self.path is None and not tell(lambda: setattr(self, "path", self._chosen_way())):
            self.play.setChecked(False)
            return
        assert self.path is not None
        moving = self.along.isSliderDown() or self._playing.isActive()
        self.panel.look_along(self.path, self.along.value() / STEPS, moving=moving)

    def _arrive(self) -> None:
        if self.path is not None:
            self.panel.look_along(self.path, self.along.value() / STEPS, moving=False)

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

    def close_down(self) -> None:
        """End what is under way."""
        self.placing.close_down()
        self._playing.stop()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)


def _step_of(level: float) -> int:
    """Return where the slider stands at a level."""
    return round((level - LEVELS[0]) / (LEVELS[1] - LEVELS[0]) * STEPS)
