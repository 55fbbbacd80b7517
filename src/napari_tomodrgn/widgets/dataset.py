"""What is open: the data set or run, its epoch, and its tomograms with how many particles of each class they have."""

from contextlib import suppress
from functools import partial
from pathlib import Path

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.viewer.importing import folder_of, imported_before, is_of_tomodrgn
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.live_epoch import Before, read_epoch, show_epoch
from napari_tomodrgn.viewer.notifications import show_error
from napari_tomodrgn.viewer.opening import Opened, read_anew, read_any
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.session_file import FOLDER, SavedSession, read_session, restore_session, save_session
from napari_tomodrgn.viewer.tomogram_files import SUFFIXES
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.viewer.volume_source import VolumeSource
from napari_tomodrgn.widgets.autosave import Autosave
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.import_dialog import ImportDialog
from napari_tomodrgn.widgets.reading import Reading
from napari_tomodrgn.widgets.report_button import ReportButton
from napari_tomodrgn.widgets.telling import tell
from napari_tomodrgn.widgets.tomogram_table import TomogramTable


class Dataset(QWidget):
    """Opens data sets and runs, and shows what is open."""

    def __init__(
        self, session: Session, scene: Scene, volumes: VolumePanel | None = None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setObjectName("dataset")
        self.session, self.scene, self.tomograms, self.volumes = session, scene, scene.tomograms, volumes
        self.importing: ImportDialog | None = None  # the one that was shown last
        self.autosave = Autosave(session, scene, self)
        self._make_controls()
        self._arrange()
        self._connect()
        self._show()

    def _make_controls(self) -> None:
        self.open_star_button = QPushButton("Open star …")
        self.open_star_button.setToolTip("Particles of a star file or optimisation set")
        self.open_run_button = QPushButton("Open run …")
        self.open_run_button.setToolTip("The folder that a training wrote; one of tomoDRGN's is imported first")
        self.again_button = QPushButton("Read again")
        self.again_button.setToolTip("Look for epochs and analyses that were not there before")
        self.save_button, self.load_button = QPushButton("Save session …"), QPushButton("Open session …")
        self.save_button.setToolTip("Tomogram, colours, names, selection and camera, as a file beside the run")
        self.last_button = QPushButton("Go on")
        self.last_button.setToolTip("With the session in which this run was looked at last")
        self.reading = Reading()
        self.title = QLabel("Nothing is open. Open a star file or a run, or drop one on the window.")
        self.title.setWordWrap(True)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.epochs = QComboBox()
        self.epochs.setToolTip("Epoch of the run")
        self.report_button = ReportButton(self.session)
        self.table = TomogramTable(self.session, self.tomograms)
        self.files_button = QPushButton("Tomograms …")
        self.files_button.setToolTip("A folder of tomograms; its files are matched by their names")
        self.file_text = QLabel()
        self.file_text.setWordWrap(True)

    def _arrange(self) -> None:
        buttons, epoch, files = QHBoxLayout(), QHBoxLayout(), QHBoxLayout()
        files.addWidget(self.files_button)
        files.addWidget(self.file_text, 1)
        for button in (self.open_star_button, self.open_run_button, self.again_button):
            buttons.addWidget(button)
        self.epoch_label = QLabel("epoch")
        epoch.addWidget(self.epoch_label)
        epoch.addWidget(self.epochs, 1)
        epoch.addWidget(self.report_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(4, 4, 4, 4)
        box.addLayout(buttons)
        sessions = QHBoxLayout()
        sessions.addWidget(self.save_button)
        sessions.addWidget(self.load_button)
        sessions.addWidget(self.last_button)
        box.addLayout(sessions)
        box.addWidget(self.reading)
        box.addWidget(self.title)
        box.addLayout(epoch)
        box.addWidget(self.table, 1)
        box.addLayout(files)

    def _connect(self) -> None:
        session = self.session
        self.open_star_button.clicked.connect(self._ask_star)
        self.open_run_button.clicked.connect(self._ask_run)
        self.again_button.clicked.connect(self._read_again)
        self.save_button.clicked.connect(self._ask_save)
        self.load_button.clicked.connect(self._ask_load)
        self.last_button.clicked.connect(self._go_on)
        self.epochs.activated.connect(self._take_epoch)
        self.files_button.clicked.connect(self._ask_files)
        self.table.chosen.connect(self._take_tomogram)
        self.table.file_wanted.connect(self._ask_file)
        self.table.file_given.connect(self._take_file)
        self.table.file_dropped.connect(self.tomograms.unassign)
        for signal, method in (
            (session.data_changed, self._show),
            (session.columns_changed, self._show),
            (session.colouring_changed, self.table.refresh),
            (session.tomogram_changed, self.table.mark),
            (self.tomograms.changed, self._show_files),
            (self.scene.file_wanted, self._open_wanted),
        ):
            follow_at_once(self, signal, method)

    def open(self, path: Path) -> None:
        """Open a star file or a run, once it is read, or say why that can't be done; import one of tomoDRGN first."""
        if is_of_tomodrgn(path):
            folder = folder_of(path)
            before = imported_before(folder)
            if before is None:
                self.importing = ImportDialog(self.session, folder, self.open, self)
                self.importing.open()
                return
            path = before
        self.reading.read(path.name, partial(_read, path, self.volumes), self._show_opened)

    def _show_opened(self, read: tuple[Opened, VolumeSource | None]) -> None:
        opened, source = read
        if self.volumes is not None and source is not None:
            self.volumes.use(source)
        self.session.show(opened)

    def _open_wanted(self) -> None:
        if self.scene.wanted is not None:
            self.open(self.scene.wanted)

    def _ask_star(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open particles", "", "Star files (*.star)")
        if path:
            self.open(Path(path))

    def _ask_run(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a run")
        if path:
            self.open(Path(path))

    def _read_again(self) -> None:
        session = self.session
        if session.particle_set is not None and session.run is not None:
            make = partial(read_anew, session.particle_set, session.run, session.epoch)
            self.reading.read(session.run.path.name, make, session.renew)

    def _ask_files(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Folder of tomograms")
        if path:
            tell(lambda: self.tomograms.add([path]))

    def _ask_file(self, tomogram: str, version: str) -> None:
        """Let a person choose the file that shows a tomogram."""
        files = self.tomograms.files
        known = [*files.versions(tomogram).values(), *files.unassigned]
        folder = str(known[0].parent) if known else ""
        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        title = f"The {version} file of {tomogram_label(tomogram)}"
        path, _ = QFileDialog.getOpenFileName(self, title, folder, f"Tomograms ({kinds});;All files (*)")
        if path:
            self._take_file(path, tomogram, version)

    def _take_file(self, path: str, tomogram: str, version: str) -> None:
        tell(lambda: self.tomograms.assign(path, tomogram, version))

    def _show_files(self) -> None:
        """Show which files show which tomogram, and how many were not matched."""
        files = self.tomograms.files
        self.table.show_files()
        found = len(files.files)
        text = f"{found} of {len(files.tomograms)} tomograms have a file" if files.tomograms else ""
        if files.unassigned:
            text += f" · {len(files.unassigned)} files match no tomogram"
        self.file_text.setText(text)
        self.file_text.setToolTip("\n".join(f"{path}: {why}" for path, why in files.unassigned.items()))

    def _ask_save(self) -> None:
        folder = Path() if self.session.run is None else self.session.run.path / FOLDER
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the session", str(folder / "session.json"), "Session (*.json)"
        )
        if path:
            self.save(Path(path))

    def _ask_load(self) -> None:
        folder = "" if self.session.run is None else str(self.session.run.path / FOLDER)
        path, _ = QFileDialog.getOpenFileName(self, "Open a session", folder, "Session (*.json)")
        if path:
            self.load(Path(path))

    def _go_on(self) -> None:
        path = self.autosave.last
        if path is not None:
            self.load(path)

    def save(self, path: Path) -> None:
        """Save the session, with what is seen of it, or say why that can't be done."""
        tell(lambda: save_session(self.session, path, self.scene.view()))

    def load(self, path: Path) -> None:
        """Open a saved session, once it is read, or say why that can't be done."""
        self.reading.read(path.name, partial(read_session, path), partial(self._restore, path))

    def _restore(self, path: Path, saved: SavedSession) -> None:
        view, lost = restore_session(self.session, saved)
        self.scene.restore(view)
        for each in lost:
            show_error(f"{path}: {each}")

    def _take_epoch(self) -> None:
        run, epoch = self.session.run, self.epochs.currentData()
        if run is not None and epoch is not None and epoch != self.session.epoch:
            make = partial(read_epoch, run, int(epoch), Before.of(self.session))
            self.reading.read(f"epoch {epoch}", make, partial(show_epoch, self.session))
            self._mark_epoch()  # the one that is shown, until the other is there

    def _take_tomogram(self, name: str) -> None:
        tell(lambda: self.session.open_tomogram(name))

    def _show(self) -> None:
        session = self.session
        there = session.particle_set is not None
        self.again_button.setEnabled(session.run is not None)
        self.save_button.setEnabled(there)
        self.last_button.setEnabled(self.autosave.last is not None)
        self.epoch_label.setVisible(session.run is not None)
        self.epochs.setVisible(session.run is not None)
        self.report_button.setVisible(session.run is not None)
        self.table.setVisible(there)
        self.files_button.setEnabled(there)
        if session.particle_set is None:
            return
        path = session.run.path if session.run is not None else session.particle_set.source.path
        kind = f"run, {session.run.status}" if session.run is not None else f"star, {session.particle_set.dialect}"
        text = f"<b>{path.name}</b> ({kind})<br>{len(session)} particles in {len(session.tomograms)} tomograms"
        if session.particle_set.pixel_size:
            text += f", {session.particle_set.box} px of {session.particle_set.pixel_size:.4g} Å"
        self.title.setText(text + "".join(f"<br>⚠ {each}" for each in session.particle_set.warnings))
        self.title.setToolTip(str(path))
        self.epochs.clear()
        if session.run is not None:
            for epoch in layout.latent_epochs(session.run.path) or session.run.epochs:
                self.epochs.addItem(f"{epoch}", epoch)
            self._mark_epoch()
        self.table.refresh()

    def _mark_epoch(self) -> None:
        self.epochs.setCurrentIndex(self.epochs.findData(self.session.epoch))


def _read(path: Path, volumes: VolumePanel | None) -> tuple[Opened, VolumeSource | None]:
    """Read what is to be opened, and what its volumes are decoded by."""
    opened, source = read_any(path), None
    if volumes is not None and opened.run is not None and opened.epoch is not None:
        with suppress(InputError):  # volumes say themselves what is wrong with them, when they are asked for
            source = volumes.prepare(opened.run, opened.epoch, opened.particle_set.ids)
    return opened, source
