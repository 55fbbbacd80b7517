"""The session kept beside its run while it is worked on, and the one before it, to be opened in one click."""

from pathlib import Path

from qtpy.QtCore import QObject, QTimer

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.session_file import AUTOSAVED, FOLDER, save_session
from napari_tomodrgn.widgets.following import follow_at_once

PAUSE_MS = 3000  # after the last change
PREVIOUS = "previous"


class Autosave(QObject):
    """Saves the session of a run soon after it was changed, as ``sessions/last.json``.

    What was there when the run was opened becomes ``previous.json`` at the first saving, so that it is not lost to a
    few clicks. Where the run can't be written, as on somebody else's disk, nothing is saved and nothing is said.
    """

    def __init__(self, session: Session, scene: Scene, parent: QObject) -> None:
        super().__init__(parent)
        self.session, self.scene = session, scene
        self._saved: Path | None = None  # the run whose session was saved since it was opened
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.save)
        follow_at_once(self, session.data_changed, self._forget)
        for signal in (
            session.selection_changed,
            session.colouring_changed,
            session.tomogram_changed,
            session.particle_changed,
            session.camera_path.changed,
            session.volume_style_changed,
            session.neighbours.changed,
            scene.tomograms.changed,
            session.labels_changed,
            session.columns_changed,
        ):
            follow_at_once(self, signal, self._soon)

    def _forget(self) -> None:
        self._timer.stop()
        self._saved = None

    def _soon(self) -> None:
        if self.session.run is not None:
            self._timer.start()

    @property
    def last(self) -> Path | None:
        """The session to go on with: of the time before this one, ``None`` where there is none."""
        if self.session.run is None:
            return None
        name = PREVIOUS if self._saved == self.session.run.path else AUTOSAVED
        path = self.session.run.path / FOLDER / f"{name}.json"
        return path if path.is_file() else None

    def save(self) -> None:
        """Save the session now."""
        self._timer.stop()
        run = self.session.run
        if run is None or not run.path.is_dir() or self.scene.viewer is None:  # the window was closed meanwhile
            return
        path = run.path / FOLDER / f"{AUTOSAVED}.json"
        try:
            if self._saved != run.path and path.is_file():
                path.replace(path.with_name(f"{PREVIOUS}.json"))
            save_session(self.session, path, self.scene.view())
        except (InputError, RunError, OSError):
            return
        self._saved = run.path
