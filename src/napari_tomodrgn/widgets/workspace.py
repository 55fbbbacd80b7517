"""All widgets in one window: volumes, data set, tomogram and gallery over the latent space, and the table below."""

from functools import partial
from typing import Any
from weakref import ReferenceType, ref

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_tomodrgn.viewer.current import current_viewer, scene_of
from napari_tomodrgn.widgets.shortcuts import ShowShortcuts

PLUGIN = "napari-tomodrgn"
RIGHT, BOTTOM = Qt.DockWidgetArea.RightDockWidgetArea, Qt.DockWidgetArea.BottomDockWidgetArea
ABOVE = ("Volumes", "Dataset", "Tomogram", "Class gallery", "Curate", "Review", "Findings", "Train")
MIDDLE = (
    "Latent space",
    "Inspect",
    "Compare",
    "Validate",
    "Analyse",
    "Spatial context",
    "Movie",
)  # fewer tabs in a row are read in full
BELOW = ("Particles",)
SHORT = {"Spatial context": "Context"}  # names that are too long for a tab
SIDE_PX, BOTTOM_PX = 460, 200
SETTLED_MS = 50  # until the docks have their places, and the canvas its size


def open_workspace(viewer: Any = None) -> dict[str, Any]:
    """Open all widgets of the plugin in a viewer, those that are not open yet, and return them by name."""
    viewer = current_viewer() if viewer is None else viewer
    if viewer is None:
        return {}
    widgets, docks = {}, {}
    there = set(viewer.window.dock_widgets)
    for name in (*ABOVE, *MIDDLE, *BELOW):
        dock, widgets[name] = viewer.window.add_plugin_dock_widget(PLUGIN, name)
        docks[name] = dock
        window = dock.window()
        if f"{name} ({PLUGIN})" in there:  # to add it once more would take it out of its tabs
            continue
        if isinstance(window, QMainWindow) and isinstance(dock, QDockWidget):
            dock.setWindowTitle(
                SHORT.get(name, name)
            )  # without the plugin's name, which would leave tabs no room for it
            window.addDockWidget(BOTTOM if name in BELOW else RIGHT, dock)
    if there.issuperset(f"{name} ({PLUGIN})" for name in docks):
        return widgets  # as a person has arranged them
    window = docks["Dataset"].window()
    if isinstance(window, QMainWindow):
        window.splitDockWidget(docks["Volumes"], docks["Latent space"], Qt.Orientation.Vertical)
        for first, *others in (ABOVE, MIDDLE, BELOW):
            for name in others:
                window.tabifyDockWidget(docks[first], docks[name])
            docks[first].raise_()
        if window.findChild(ShowShortcuts) is None:
            ShowShortcuts(window)
        window.resizeDocks([docks["Latent space"]], [SIDE_PX], Qt.Orientation.Horizontal)
        window.resizeDocks([docks["Particles"]], [BOTTOM_PX], Qt.Orientation.Vertical)
        QTimer.singleShot(SETTLED_MS, window, partial(_look_at_all, ref(getattr(viewer, "__wrapped__", viewer))))
    return widgets


def open_dock(viewer: Any, name: str) -> Any:
    """Bring a widget of the plugin to the front of a viewer's window, opened where it is not, and return it."""
    dock, widget = viewer.window.add_plugin_dock_widget(PLUGIN, name)
    dock.show()
    dock.raise_()
    return widget


def _look_at_all(viewer: "ReferenceType[Any]") -> None:
    """Show the whole tomogram in the room that is left, with the particles' layer at hand."""
    found = viewer()
    if found is None:
        return
    scene = scene_of(found)
    if scene.session.particle_set is None:
        found.reset_view()
    scene.look_again()
    points = scene.points
    if points is not None and points in found.layers:
        found.layers.selection.active = points
