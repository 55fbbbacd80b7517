"""A napari window with all of the plugin's widgets, of which pictures are taken."""

import time
from typing import Any

from make_pictures import PICTURES, WINDOW


class PicturedWindow:
    """The window."""

    def __init__(self) -> None:
        import napari

        from napari_tomodrgn.viewer.current import scene_of, session_of
        from napari_tomodrgn.widgets.workspace import open_workspace

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*WINDOW)
        self.widgets: dict[str, Any] = open_workspace(self.viewer)
        self.session, self.scene = session_of(self.viewer), scene_of(self.viewer)

    def settle(self, seconds: float = 1.0) -> None:
        """Let everything be drawn."""
        from qtpy.QtWidgets import QApplication

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.01)

    def show(self, name: str) -> None:
        """Bring a dock to the front."""
        dock = self.widgets[name].parent()
        while dock is not None and not hasattr(dock, "raise_"):
            dock = dock.parent()
        from qtpy.QtWidgets import QDockWidget

        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is not None:
            dock.raise_()
        self.settle(0.3)

    def picture(self, name: str) -> None:
        """Save the window as it is."""
        self.settle()
        self.viewer.screenshot(str(PICTURES / f"napari-{name}.png"), canvas_only=False, flash=False)

    def close(self) -> None:
        """End."""
        for widget in self.widgets.values():
            if hasattr(widget, "close_down"):
                widget.close_down()
        self.viewer.close()
