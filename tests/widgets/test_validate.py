"""The Validate widget in a real window: from a click to the pictures, refused, cancelled, and found again."""

import gc
import json
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.current import session_of, validation_of
from napari_tomodrgn.viewer.volume_picture import LESS, MORE
from napari_tomodrgn.widgets import telling, validate, validation_result
from napari_tomodrgn.widgets.validate import Validate
from napari_tomodrgn.widgets.validation_maps import coloured

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000  # ms for a process to come to a moment, on a busy machine
KMEANS = "kmeans-3"
ORIGINS = ["decoded by the VAE", "decoder-only", "averaged by backprojection"]


class Window:
    """A napari window with the Validate widget, in which a run is open."""

    def __init__(self, viewer: Any, run: Path) -> None:
        self.viewer, self.run = viewer, run
        self.session = session_of(viewer)
        self.session.open_run(run)
        self.validate = self.dock()
        self.panel = validation_of(viewer)

    def dock(self) -> Validate:
        _, widget = self.viewer.window.add_plugin_dock_widget("napari-tomodrgn", "Validate")
        assert isinstance(widget, Validate)
        return widget

    def folder(self, name: str) -> Path:
        return self.run / "analysis" / "epoch-0002" / "validation" / name


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, validate, validation_result):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def window(
    make_napari_viewer_proxy: Callable[..., Any], analysed_run: Run, tmp_path: Path, told: list[str]
) -> Iterator[Window]:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    window = Window(make_napari_viewer_proxy(show=True), tmp_path / "run")
    window.panel.values.set("datadir", str(analysed_run.path.parent / "particles"))
    yield window
    if window.panel.child is not None:
        window.panel.child.kill()
    window.validate.close_down()


def test_a_class_is_validated_from_a_click_to_its_pictures(window: Window, qtbot: Any, told: list[str]) -> None:
    widget, session = window.validate, window.session
    session.select_class(KMEANS, 1)
    chosen = {session.particle_set.ids[row] for row in np.flatnonzero(session.selected)}  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: widget.count.text() == f"{len(chosen)} of 24 particles")
    assert widget.name.text() == "selection-1"
    window.panel.values.set("decoder_only_epochs", "1")
    qtbot.mouseClick(widget.button, LEFT)
    assert widget.cancel_button.isEnabled()
    assert not widget.button.isEnabled()
    qtbot.waitUntil(lambda: widget.result.found is not None, timeout=LONG)

    folder, found = window.folder("selection-1"), widget.result.found
    assert found is not None
    assert found.folder == folder
    assert Selection.load(window.run / "selections" / "selection-1.json").ids == chosen
    document = json.loads((folder / "validation.json").read_text())
    assert (document["particles"], document["against"]) == (len(chosen), 24 - len(chosen))
    assert widget.tabs.currentWidget() is widget.result
    assert f">{document['verdict']}</b> by the images" in widget.result.verdict.text()
    assert all(reason[1:] in widget.result.verdict.text() for reason in document["reasons"])
    assert [origin for origin, _ in widget.result.maps.rows] == ORIGINS
    picture = widget.result.maps.rows[2][1][0].toImage()
    shown = np.array([[picture.pixelColor(x, y).red() for x in range(16)] for y in range(16)])
    with mrcfile.open(folder / "backprojection.mrc") as stream:
        written = stream.data[8][::-1]
    inside = (shown > 0) & (shown < 255)
    assert np.corrcoef(shown[inside], written[inside])[0, 1] > 0.99  # of 32 greys, where the screen has no more
    names = [each.name for each in widget.result.fsc.curves.series]
    assert names == ["VAE – decoder-only", "VAE – averaged", "decoder-only – averaged", "half-maps"]
    assert f"VAE – averaged {document['maps']['correlation']['vae-backprojection']:.2f}" in widget.result.numbers.text()
    assert told == []

    # the same again is refused by the command, in its sentence
    assert widget.which.currentText() == "selection-1"
    qtbot.mouseClick(widget.button, LEFT)
    qtbot.waitUntil(lambda: bool(told), timeout=LONG)
    assert "selection-1: exists already" in told[0]
    assert told[0] == widget.status.text()


def test_a_cancelled_validation_writes_nothing(window: Window, qtbot: Any, told: list[str]) -> None:
    widget, panel = window.validate, window.panel
    window.session.select_class(KMEANS, 0)
    panel.values.set("decoder_only_epochs", "100000")
    qtbot.mouseClick(widget.button, LEFT)
    qtbot.waitUntil(lambda: widget.status.text() == "training decoders alone", timeout=LONG)
    qtbot.mouseClick(widget.cancel_button, LEFT)
    qtbot.waitUntil(lambda: panel.ended is not None, timeout=LONG)
    assert widget.status.text() == "The validation was stopped; nothing was written"
    assert not window.folder("selection-1").exists()
    assert widget.button.isEnabled()
    assert told == []


def test_none_and_one_particle_are_refused_and_nothing_is_kept(window: Window, qtbot: Any, told: list[str]) -> None:
    widget, session = window.validate, window.session
    qtbot.mouseClick(widget.button, LEFT)
    session.select_rows([4], {"rule": "click"})
    qtbot.mouseClick(widget.button, LEFT)
    session.select_rows([4, 5], {"rule": "click"})
    window.panel.values.set("extrapolate", "-1")
    qtbot.mouseClick(widget.button, LEFT)
    assert [message.split(",")[0] for message in told] == [
        "no particle is selected",
        "one particle is selected",
        "--extrapolate: expected a number above 0",
    ]
    assert session.named.names == []
    assert window.panel.child is None


@pytest.mark.long
def test_a_validation_that_ended_while_its_dock_was_closed_is_shown(window: Window, qtbot: Any) -> None:
    window.session.select_class(KMEANS, 2)
    window.panel.values.set("decoder_only", "off")
    qtbot.mouseClick(window.validate.button, LEFT)
    gone = weakref.ref(window.validate)
    window.viewer.window.remove_dock_widget(window.validate)
    window.validate = None  # type: ignore[assignment]

    def collected() -> bool:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        return gone() is None

    qtbot.waitUntil(collected, timeout=10_000)
    child = window.panel.child
    assert child is not None
    qtbot.waitUntil(lambda: child.code() is not None, timeout=LONG)
    window.validate = window.dock()
    qtbot.waitUntil(lambda: window.validate.result.found is not None, timeout=LONG)
    assert [origin for origin, _ in window.validate.result.maps.rows] == [ORIGINS[0], ORIGINS[2]]


def test_a_difference_is_blue_where_there_is_more_and_orange_where_there_is_less() -> None:
    picture = coloured(np.array([[0.0, 2.0], [-2.0, 1.0]], np.float32))
    np.testing.assert_array_equal(picture[0, 1], (255 * np.array(MORE)).astype(np.uint8))
    np.testing.assert_array_equal(picture[1, 0], (255 * np.array(LESS)).astype(np.uint8))
    assert picture[0, 0].max() < 40
