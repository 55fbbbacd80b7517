"""Widgets in a napari window."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.widgets.docks import LatentSpaceDock


def test_the_latent_space_shows_the_session_of_its_window_and_goes_with_its_dock(
    make_napari_viewer_proxy: Callable[..., Any], run_folder: Path
) -> None:
    viewer = make_napari_viewer_proxy()
    scene_of(viewer)  # which listens as long as the window lives
    before = len(session_of(viewer).selection_changed)
    widget = LatentSpaceDock(viewer)
    viewer.window.add_dock_widget(widget, name="Latent space")
    session_of(viewer).open_run(run_folder)
    QApplication.processEvents()
    assert widget.scatter.names == ("PC 1", "PC 2")

    viewer.window.remove_dock_widget(widget)
    gone = weakref.ref(widget)
    del widget
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert gone() is None
    assert len(session_of(viewer).selection_changed) == before
