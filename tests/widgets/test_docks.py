"""Widgets in a napari window."""

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget

from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.widgets.docks import CurateDock, LatentSpaceDock


@pytest.mark.parametrize("dock", [LatentSpaceDock, CurateDock])
def test_a_widget_shows_the_session_of_its_window_and_goes_with_its_dock(
    make_napari_viewer_proxy: Callable[..., Any], run_folder: Path, dock: type[QWidget]
) -> None:
    viewer = make_napari_viewer_proxy()
    scene_of(viewer)  # which listens as long as the window lives
    session = session_of(viewer)
    before = len(session.selection_changed), len(session.named.changed)
    widget = dock(viewer)
    viewer.window.add_dock_widget(widget, name="A widget")
    session.open_run(run_folder)
    QApplication.processEvents()
    if isinstance(widget, LatentSpaceDock):
        assert widget.scatter.names == ("PC 1", "PC 2")
    assert len(session.selection_changed) > before[0]

    viewer.window.remove_dock_widget(widget)
    gone = weakref.ref(widget)
    del widget
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert gone() is None
    assert (len(session.selection_changed), len(session.named.changed)) == before
