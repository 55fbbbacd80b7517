"""Closing the window while a training goes on: a person is asked what is to become of it."""

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_tomodrgn.viewer.training_panel import TrainingPanel


class AskWhenClosed(QObject):
    """Asks, for one window; in any case the run can be resumed."""

    def __init__(self, panel: TrainingPanel, window: QWidget) -> None:
        super().__init__(window)
        self.panel = panel
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Keep the window open where that is what a person wants."""
        if event.type() != QEvent.Type.Close or not self.panel.works or not isinstance(watched, QWidget):
            return False
        if self._may_close(watched):
            return False
        event.ignore()
        return True

    def _may_close(self, window: QWidget) -> bool:
        box = QMessageBox(window)
        box.setWindowTitle("A training is going on")
        box.setIcon(QMessageBox.Icon.Question)
        box.setText(f"{self.panel.trained} is being trained.")
        box.setInformativeText("It goes on by itself when the window is closed; attach to it to watch it again.")
        leave = box.addButton("Leave it running", QMessageBox.ButtonRole.AcceptRole)
        stop = box.addButton("Stop it with a checkpoint", QMessageBox.ButtonRole.DestructiveRole)
        cancel = box.addButton(QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(cancel)
        box.exec()
        chosen = box.clickedButton()
        box.deleteLater()
        if chosen is stop and self.panel.child is not None:
            self.panel.child.stop()  # it writes its checkpoint while the window closes
        return chosen in (leave, stop)
