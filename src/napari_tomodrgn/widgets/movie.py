"""Movies: of the morph in the Volumes widget, and of a camera's way through the tomogram."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_tomodrgn.figures.movie import FASTEST, Picture, check_movie, find_ffmpeg, write_movie
from napari_tomodrgn.viewer.camera import show_stop, stop_of
from napari_tomodrgn.viewer.morph_movie import MorphMovie
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.camera_stops import CameraStops
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.recording import Recording
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.work import Work

PX = (64, 4096)  # sides of pictures
SIZES = ((640, 480), (1024, 768), (1280, 720), (1920, 1080), (3840, 2160))
MP4, GIF = "MP4 (*.mp4)", "GIF (*.gif)"


class Movie(QWidget):
    """The dock widget."""

    def __init__(self, session: Session, scene: Scene, panel: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("movie")
        self.session, self.scene, self.panel = session, scene, panel
        self.work: Work | Recording | None = None
        self._path: Path | None = None  # that is written
        self._stopped = False
        self.stops = CameraStops(session.camera_path, scene)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addWidget(self._morph())
        box.addWidget(self._camera(), 1)
        box.addWidget(self._common())
        follow_at_once(self, panel.path_changed, self._show_way)
        self._show_way()

    # parts

    def _morph(self) -> QWidget:
        part = QGroupBox("Morph, as in Volumes")
        box, numbers, ticks = QVBoxLayout(part), QHBoxLayout(), QHBoxLayout()
        self.way = QLabel()
        self.count, self.side = _spin_box(2, 2000, 60, ""), _spin_box(*PX, 512, " px")
        self.back, self.labelled = QCheckBox("there and back"), QCheckBox("scale bar")
        self.labelled.setToolTip("Write a scale bar and the place on the way in the pictures")
        self.back.setChecked(True)
        self.labelled.setChecked(True)
        self.record_morph_button = QPushButton("Record …")
        for each in (QLabel("pictures"), self.count, QLabel("of"), self.side):
            numbers.addWidget(each)
        numbers.addStretch(1)
        numbers.addWidget(self.record_morph_button)
        ticks.addWidget(self.way)
        ticks.addWidget(self.back)
        ticks.addWidget(self.labelled)
        ticks.addStretch(1)
        box.addLayout(ticks)
        box.addLayout(numbers)
        self.record_morph_button.clicked.connect(self._ask_morph)
        return part

    def _camera(self) -> QWidget:
        part = QGroupBox("Camera through the tomogram")
        part.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Expanding)  # or napari adds a stretch below
        box, row = QVBoxLayout(part), self.stops.row
        self.sizes = QComboBox()
        self.sizes.addItems(["as the window", *(f"{width} × {height} px" for width, height in SIZES)])
        self.sizes.setToolTip("Width and height of the pictures")
        self.sizes.setCurrentIndex(1 + SIZES.index((1280, 720)))
        self.record_camera_button = QPushButton("Record …")
        row.addWidget(self.sizes)
        row.addWidget(self.record_camera_button)
        box.addWidget(self.stops, 1)
        self.record_camera_button.clicked.connect(self._ask_camera)
        return part

    def _common(self) -> QWidget:
        part = QWidget()
        box, row = QVBoxLayout(part), QHBoxLayout()
        box.setContentsMargins(0, 0, 0, 0)
        self.fps = _spin_box(1, FASTEST, 25, "")
        self.cancel_button = QPushButton("Cancel")
        self.progress = QProgressBar()
        self.progress.setFormat("%v of %m pictures")
        self.status = QLabel()
        self.status.setWordWrap(True)
        row.addWidget(QLabel("pictures a second"))
        row.addWidget(self.fps)
        row.addWidget(self.progress, 1)
        row.addWidget(self.cancel_button)
        row.addStretch(1)
        box.addLayout(row)
        box.addWidget(self.status)
        for each in (self.progress, self.cancel_button, self.status):
            each.hide()
        self.cancel_button.clicked.connect(self.cancel)
        return part

    def _show_way(self) -> None:
        path = self.panel.path
        self.way.setText("no way is chosen yet" if path is None else f"along: {path.name}")

    # recording

    def _ask_path(self, name: str) -> Path | None:
        kinds = [MP4, GIF] if find_ffmpeg() is not None else [GIF]
        text, kind = QFileDialog.getSaveFileName(self, "Record a movie", name, ";;".join(kinds))
        if not text:
            return None
        path = Path(text)
        return path if path.suffix else path.with_suffix(".mp4" if kind == MP4 else ".gif")

    def _ask_morph(self) -> None:
        path = self._ask_path("morph")
        if path is not None:
            self.record_morph(path)

    def _ask_camera(self) -> None:
        path = self._ask_path("camera")
        if path is not None:
            self.record_camera(path)

    def record_morph(self, path: Path) -> None:
        """Record the morph along the way that was chosen last, or say why that can't be done."""
        tell(lambda: self._record_morph(path))

    def _record_morph(self, path: Path) -> None:
        movie = MorphMovie.of(self.panel, self.side.value(), labelled=self.labelled.isChecked())
        count, fps, back = self.count.value(), self.fps.value(), self.back.isChecked()
        check_movie(path, movie.size, count)

        def make() -> Iterator[int]:
            return write_movie(path, movie.frames(count, back=back), fps)

        self._begin(path, count)
        self.work = Work(make, self._show_progress, self._ended, self)

    def record_camera(self, path: Path) -> None:
        """Record the camera's way through its stops, or say why that can't be done; then the view is as before."""
        tell(lambda: self._record_camera(path))

    def _record_camera(self, path: Path) -> None:
        way, fps, viewer = self.stops.interpolation(), self.fps.value(), self.scene.viewer
        times, chosen = way.frames(fps), self.sizes.currentIndex()
        height, width = (round(side * self.devicePixelRatioF()) for side in viewer.canvas.size)
        window = (height, width)
        size = SIZES[chosen - 1][::-1] if chosen else window  # which changes when a slider comes or goes
        check_movie(path, size, len(times))
        self.stops.stop()
        self._before = stop_of(viewer), viewer.scene.camera.angles
        # as much is seen as in the window, whatever the size
        scene, zoomed = self.scene, min(side / own for side, own in zip(size, window, strict=True))

        def take(number: int) -> Picture:
            show_stop(scene.viewer, way.at(float(times[number])), zoomed)
            picture: Picture = scene.viewer.screenshot(size=size, canvas_only=True, flash=False)[..., :3]
            return picture

        self._begin(path, len(times))
        self.work = Recording(path, len(times), fps, take, self._show_progress, self._ended_camera, self)

    def _begin(self, path: Path, count: int) -> None:
        self._path, self._stopped = path, False
        self.status.hide()
        self.progress.setRange(0, count)
        self._show_progress(0)
        self._show_recording(True)

    def _show_recording(self, under_way: bool) -> None:
        self.progress.setVisible(under_way)
        self.cancel_button.setVisible(under_way)
        self.record_morph_button.setEnabled(not under_way)
        self.stops.setEnabled(not under_way)

    def _show_progress(self, written: int) -> None:
        self.progress.setValue(written)

    def _ended_camera(self, message: str | None) -> None:
        viewer = self.scene.viewer
        if viewer is not None:
            stop, angles = self._before
            show_stop(viewer, stop)
            viewer.scene.camera.angles = angles  # which a slice does not show
        self._ended(message)

    def _ended(self, message: str | None) -> None:
        self._show_recording(False)
        if message is not None:
            show_error(message)
        elif not self._stopped:
            self.status.setText(f"{self._path} is written")
            self.status.show()

    def cancel(self) -> None:
        """Cut a recording off; nothing is left of it."""
        self._stopped = True
        if self.work is not None:
            self.work.cancel()

    def close_down(self) -> None:
        """End what is under way."""
        self.stops.stop()
        self.cancel()
        if self.work is not None:
            self.work.wait()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way."""
        self.close_down()
        super().closeEvent(event)


def _spin_box(low: int, high: int, value: int, suffix: str) -> QSpinBox:
    box = QSpinBox()
    box.setRange(low, high)
    box.setSingleStep(2 if suffix else 1)  # sides are even
    box.setValue(value)
    box.setSuffix(suffix)
    return box
