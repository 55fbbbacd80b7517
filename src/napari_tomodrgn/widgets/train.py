"""Train: set a training up, begin it in a process of its own, and watch it, or one that goes on elsewhere."""

from typing import Any

from qtpy.QtWidgets import QMainWindow, QTabWidget, QVBoxLayout, QWidget

from napari_tomodrgn.viewer.training_panel import TrainingPanel
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.widgets.closing import AskWhenClosed
from napari_tomodrgn.widgets.following import follow_at_once
from napari_tomodrgn.widgets.training_progress import TrainingProgress
from napari_tomodrgn.widgets.training_setup import TrainingSetup


class Train(QWidget):
    """The dock widget."""

    def __init__(self, panel: TrainingPanel, volumes: VolumePanel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("train")
        self.panel = panel
        self.setup, self.progress = TrainingSetup(panel), TrainingProgress(panel, volumes)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.setup, "Set up")
        self.tabs.addTab(self.progress, "Watch")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self.tabs)
        self.progress.resume_row.branched.connect(self._show_setup)
        follow_at_once(self, panel.watched_changed, self._show_progress)
        follow_at_once(self, panel.changed, self._show_refusal)
        if panel.watched is not None:
            self._show_progress()

    def _show_setup(self) -> None:
        self.tabs.setCurrentWidget(self.setup)

    def _show_progress(self) -> None:
        self.tabs.setCurrentWidget(self.progress)

    def _show_refusal(self) -> None:
        """Go back to the form where the training could not begin because of what was given."""
        panel = self.panel
        refused = panel.ended is not None and bool(panel.values.refused)
        if refused and panel.watched == panel.trained and panel.glance is not None and panel.glance.run is None:
            self._show_setup()

    def showEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """Ask when the window is closed while a training goes on."""
        super().showEvent(event)
        window = self.parentWidget()
        while window is not None and not isinstance(window, QMainWindow):
            window = window.parentWidget()
        if window is not None and window.findChild(AskWhenClosed) is None:
            AskWhenClosed(self.panel, window)

    def close_down(self) -> None:
        """End what is under way, apart from a training."""
        self.setup.close_down()
        self.progress.close_down()

    def closeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        """End what is under way, apart from a training."""
        self.close_down()
        super().closeEvent(event)
