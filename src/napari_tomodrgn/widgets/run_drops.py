"""Runs that are dropped on the window: napari asks which reader takes a folder, and the Dataset widget need not."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from qtpy.QtGui import QDragLeaveEvent, QDropEvent
from qtpy.QtWidgets import QLineEdit, QMainWindow, QWidget

from napari_tomodrgn.runs import layout
from napari_tomodrgn.viewer.importing import is_of_tomodrgn

ASKING = Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ShiftModifier  # for napari's dialog, or a stack


class RunDrops(QObject):
    """Opens the folder of a run, ours or one of tomoDRGN, that is dropped on the canvas; all else is left to napari."""

    def __init__(self, dataset: Any) -> None:
        super().__init__(dataset)
        self._dataset = dataset
        QTimer.singleShot(0, self, self._install)  # when the dock is in its window

    def _install(self) -> None:
        window = self.parent()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parent()
        canvas = None if window is None else window.centralWidget()
        if canvas is not None:
            for each in (canvas, *canvas.findChildren(QWidget)):
                if each.acceptDrops() and not isinstance(each, QLineEdit):
                    each.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Take a drop of one run's folder."""
        if event.type() != QEvent.Type.Drop or not isinstance(event, QDropEvent) or event.modifiers() & ASKING:
            return False
        urls = event.mimeData().urls()
        path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
        if path is None or not path.is_dir() or not ((path / layout.DOCUMENT).is_file() or is_of_tomodrgn(path)):
            return False
        event.acceptProposedAction()
        QCoreApplication.sendEvent(watched, QDragLeaveEvent())  # which ends what shows that it may be dropped
        self._dataset.open(path)
        return True
