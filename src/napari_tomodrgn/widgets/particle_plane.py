"""The plane through the particle that is looked at: what it is across, how large, and its picture."""

from collections.abc import Iterator
from typing import Any

from qtpy.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QHBoxLayout, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.particle_plane import AXES, ParticlePlane
from napari_tomodrgn.widgets.following import Follower
from napari_tomodrgn.widgets.plane_picture import PlanePicture
from napari_tomodrgn.widgets.work import Work

NO_PARTICLE = "click a particle"


class PlaneBox(QWidget):
    """Controls of the plane; it is made beside the window."""

    def __init__(self, plane: ParticlePlane, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plane = plane
        self.work: Work | None = None
        self.check = QCheckBox("plane through particle")
        self.check.setToolTip("The tomogram cut through the particle that is looked at; in 3D in its place, too")
        self.axis = QComboBox()
        for axis, text in AXES.items():
            self.axis.addItem(text, axis)
        self.side = QDoubleSpinBox()
        self.side.setRange(1, 10000)
        self.side.setDecimals(1)
        self.side.setKeyboardTracking(False)
        self.side.setSingleStep(10)
        self.side.setSuffix(" nm")
        self.side.setToolTip("Side of the plane")
        self.picture = PlanePicture()
        row = QHBoxLayout()
        for part in (self.check, self.axis, self.side):
            row.addWidget(part)
        row.addStretch(1)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(row)
        box.addWidget(self.picture, 1)
        self.check.toggled.connect(self._take)
        self.axis.activated.connect(self._take)
        self.side.valueChanged.connect(self._take)
        follower = Follower(self)
        follower.follow(plane.wanted, self._make)
        follower.follow(plane.changed, self.show_plane)
        follower.follow(plane.tomograms.changed, self.show_plane)
        self.show_plane()

    def _take(self) -> None:
        self.plane.set(shown=self.check.isChecked(), axis=self.axis.currentData(), side=10 * self.side.value())

    def _make(self) -> None:
        self.cancel()
        maker = self.plane.maker()
        if maker is None:
            return

        def make() -> Iterator[Any]:
            yield maker()

        self.work = Work(make, self.plane.take, self._ended, self)

    def _ended(self, message: str | None) -> None:
        if message is not None:
            show_error(message)

    def show_plane(self) -> None:
        """Show what is wanted, and the plane that was made last."""
        plane = self.plane
        for control in (self.check, self.axis, self.side):
            control.blockSignals(True)
        self.check.setChecked(plane.shown)
        self.axis.setCurrentIndex(self.axis.findData(plane.axis))
        self.side.setValue(plane.side / 10)
        for control in (self.check, self.axis, self.side):
            control.blockSignals(False)
            control.setEnabled(control is self.check or plane.shown)
        self.picture.setVisible(plane.shown)
        if plane.made is None:
            self.picture.show_plane(None, caption=NO_PARTICLE if plane.session.particle is None else "")
            return
        look = plane.tomograms.look
        self.picture.show_plane(plane.made.plane.image, plane.limits(), plane.made.caption, inverted=look.inverted)

    def cancel(self) -> None:
        """Take no more of what is being made."""
        if self.work is not None:
            self.work.cancel()
            self.work.deleteLater()
            self.work = None
