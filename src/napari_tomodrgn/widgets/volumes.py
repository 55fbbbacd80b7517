"""Volumes: that of the particle that is clicked, of any place between, of two compared, and of all at their poses."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.viewer.all_volumes import AllVolumes
from napari_tomodrgn.viewer.drawn_sphere import DrawnSphere
from napari_tomodrgn.viewer.measuring import Measuring
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import Pin, VolumePanel
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.measuring import MeasuringBox
from napari_tomodrgn.widgets.morph import Morph
from napari_tomodrgn.widgets.placing import Placing
from napari_tomodrgn.widgets.sphere_overlay import SphereOverlay
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.volume_look import VolumeLook
from napari_tomodrgn.widgets.volume_view import VolumeView


class Volumes(QWidget):
    """The dock widget."""

    def __init__(
        self,
        session: Session,
        panel: VolumePanel,
        placed: AllVolumes,
        measuring: Measuring | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("volumes")
        self.session, self.panel = session, panel
        measuring = Measuring(OccupancyPanel(session), DrawnSphere()) if measuring is None else measuring
        self.drawn, self.measuring = measuring.drawn, MeasuringBox(measuring)
        self.view, self.look, self.morph = VolumeView(), VolumeLook(panel), Morph(session, panel)
        self.placing = Placing(session, placed)
        self.view.set_turn(panel.turn)
        self.view.overlay = SphereOverlay(self.drawn)
        self._drawing = QTimer(self)  # what changes within one turn of the event loop is drawn once
        self._drawing.setSingleShot(True)
        self._drawing.setInterval(0)
        self._drawing.timeout.connect(self.draw)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self.view, 1)
        for part in (self.look, self._comparison(), self.measuring, self.morph, self.placing):
            box.addWidget(part)
        for signal, method in (
            (session.particle_changed, self._take_particle),
            (session.colouring_changed, self._draw_soon),
            (panel.changed, self._draw_soon),
            (self.view.turned, self._take_turn),
            (self.drawn.changed, self._show_sphere),
        ):
            follow_at_once(self, signal, method)
        self._draw_soon()

    # parts

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
            self.pin_buttons[name].clicked.connect(lambda _=False, name=name, panel=self.panel: panel.pin(name))
            self.pin_shows[name].clicked.connect(lambda _=False, name=name, panel=self.panel: panel.show_pin(name))
            row.addWidget(self.pin_buttons[name])
            row.addWidget(self.pin_shows[name])
        self.difference = QPushButton("B − A")
        self.difference.setToolTip("What B has more than A (blue) and less (orange)")
        self.difference.clicked.connect(self._show_difference)
        self.save_button = QPushButton("Save MRC …")
        self.save_button.setToolTip("With its pixel size; a particle's own volume stands where the particle is")
        self.save_button.clicked.connect(self._ask_save)
        self.sphere_button = QPushButton("Sphere")
        self.sphere_button.setCheckable(True)
        self.sphere_button.setToolTip("Draw a sphere into the volume, and measure how much all volumes have within it")
        self.sphere_button.clicked.connect(self._draw_sphere)
        row.addWidget(self.difference)
        row.addStretch(1)
        row.addWidget(self.sphere_button)
        row.addWidget(self.save_button)
        return part

    # one volume

    def _take_particle(self) -> None:
        row = self.session.particle
        if row is not None and self.session.run is not None:
            tell(lambda: self.panel.look_at_particle(row))

    def _show_difference(self) -> None:
        tell(self.panel.show_difference)

    def _draw_sphere(self, there: bool) -> None:
        if not there:
            self.drawn.end()
        elif self.panel.looks or tell(self.panel.look_at_mean):
            self._make_room(True)  # before it is needed, or the window would grow
            self.drawn.begin(self.panel.trained_extent)
        self._show_sphere()

    def _make_room(self, needed: bool) -> None:
        """Let what it takes to measure have the room of what is done with volumes else."""
        for part in (self.morph, self.placing):
            part.setVisible(not needed)

    def _show_sphere(self) -> None:
        there = self.drawn.sphere is not None
        self._make_room(there)
        self.sphere_button.setChecked(there)
        self.view.update()

    def _draw_soon(self) -> None:
        self._drawing.start()

    def _ask_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save the volume", "volume.mrc", "MRC (*.mrc)")
        if path:  # the dialog asked where the file is there already
            tell(lambda: self.panel.save(Path(path), overwrite=True))

    def _take_turn(self) -> None:
        self.panel.turn = self.view.turn

    def draw(self) -> None:
        """Draw what is looked at."""
        for name, button in self.pin_shows.items():
            button.setEnabled(name in self.panel.pins)
        self.view.slices, self.view.chains = self.panel.slices, self.panel.chains
        try:
            shown = self.panel.shown()
        except InputError as error:
            self.view.show_volume(None)
            show_error(str(error))
            return
        self.view.show_volume(shown, self.panel.colour())

    def close_down(self) -> None:
        """End what is under way."""
        self.placing.close_down()
        self.measuring.close_down()
        self.morph.stop()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)
