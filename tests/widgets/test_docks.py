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
from napari_tomodrgn.widgets.docks import CurateDock, LatentSpaceDock, ReviewDock


@pytest.mark.parametrize("dock", [LatentSpaceDock, CurateDock, ReviewDock])
def test_a_widget_shows_the_session_of_its_window_and_goes_with_its_dock(
    make_napari_viewer_proxy: Callable[..., Any], run_folder: Path, dock: type[QWidget]
) -> None:
    viewer = make_napari_viewer_proxy()
    scene_of(viewer)  # which listens as long as the window lives
    session = session_of(viewer)
    signals = (session.selection_changed, session.columns_changed, session.named.changed)
    before = [len(each) for each in signals]
    widgets = [dock(viewer)]  # napari looks at the variables of this frame, and Python keeps what it showed
    viewer.window.add_dock_widget(widgets[0], name="A widget")
    session.open_run(run_folder)
    QApplication.processEvents()
    if isinstance(widgets[0], LatentSpaceDock):
        assert widgets[0].scatter.names == ("PC 1", "PC 2")

    viewer.window.remove_dock_widget(widgets[0])
    gone = weakref.ref(widgets.pop())
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert gone() is None
    assert [len(each) for each in signals] == before
