"""The loop that the widgets are for, in one window: train, look, sort junk out, train again, compare, validate.

Whatever is written on the way is held against what was simulated.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QDockWidget, QWidget

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import sample_run
from napari_tomodrgn.viewer.current import session_of
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import analyse, live_training, reading, telling, training_progress
from napari_tomodrgn.widgets.label_list import NAME
from napari_tomodrgn.widgets.workspace import open_workspace

LEFT, NO, Key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.Key
LONG = 300_000  # ms for a training, on a busy machine


class Window:
    """The workspace, and what a person does in it."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        self.viewer, self.widgets, self.qtbot = viewer, open_workspace(viewer), qtbot
        self.session: Session = session_of(viewer)
        self.epochs: list[int | None] = []
        self.session.epochs_changed.connect(lambda: self.epochs.append(self.session.epoch))

    def show(self, name: str) -> Any:
        widget = dock = self.widgets[name]
        while not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        dock.raise_()
        QTest.qWait(50)
        return widget

    def click(self, button: QWidget) -> None:
        self.qtbot.mouseClick(button, LEFT)
        QTest.qWait(50)

    def wait(self, what: Callable[[], bool]) -> None:
        self.qtbot.waitUntil(what, timeout=LONG)

    def ids(self) -> set[ParticleId]:
        assert self.session.particle_set is not None
        return {self.session.particle_set.ids[row] for row in np.flatnonzero(self.session.selected)}

    def train(self, **texts: str) -> Path:
        """Start what is set up in the Train widget, and wait until it is done and shown."""
        train = self.show("Train")
        train.panel.values.take({"device": "cpu", **texts})
        outdir = Path(train.panel.values["outdir"])
        self.click(train.setup.start_button)
        self.wait(lambda: train.panel.ended is not None)
        assert not train.panel.failed, train.panel.ended
        self.wait(lambda: self.session.run is not None and self.session.run.path == outdir)
        self.wait(lambda: self.session.epoch == int(texts["epochs"]))
        return outdir

    def classes(self, count: int) -> Classes:
        """Find classes in the Analyse widget."""
        widget = self.show("Analyse")
        widget.panel.values.take({"clusters": str(count), "umap": "off", "figures": "off", "volumes": "off"})
        self.click(widget.start_button)
        self.wait(lambda: not widget.panel.works and not widget.reading.busy)
        found = self.session.columns[f"kmeans-{count}"]
        assert isinstance(found, Classes)
        return found


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, analyse, reading, training_progress, live_training):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, told: list[str]) -> Iterator[Window]:
    window = Window(make_napari_viewer_proxy(show=True), qtbot)
    yield window
    child = window.widgets["Train"].panel.child
    if child is not None:
        child.kill()
    for name in ("Volumes", "Train", "Analyse", "Compare", "Class gallery", "Validate"):
        window.widgets[name].close_down()


def junk_of(star: Path) -> set[ParticleId]:
    """Return which particles of a simulated star are none, by the simulation's own table."""
    truth = pd.read_csv(star.with_name("truth.csv"), dtype={"tomogram": str, "particle": str})
    kind = truth.set_index(["tomogram", "particle"])["kind"]
    ids = read_particles(star).ids
    return {each for each in ids if kind[tomogram_label(each[0]), each[1].split("/")[-1]] != "particle"}


def label_in_gallery(window: Window, junk: list[int]) -> None:
    """Give every class a label by keys: "junk" or the first word."""
    gallery = window.show("Class gallery")
    gallery.follower.catch_up()
    window.wait(lambda: gallery.work is None or not gallery.work.running)
    gallery.advance.setChecked(True)
    word = next(number for number in range(1, 10) if gallery.labels.name_of(number) == "junk")
    QTest.keyClick(gallery.sheet, Key.Key_Home)
    for code in list(gallery.sheet.order):
        assert gallery.sheet.current == code
        QTest.keyClick(gallery.sheet, getattr(Key, f"Key_{word if code in junk else 1}"))
    gallery.follower.catch_up()
    labels = gallery.labels
    labels.scrollToItem(labels.topLevelItem(word - 1))
    place = labels.visualItemRect(labels.topLevelItem(word - 1)).center()
    place.setX(labels.header().sectionViewportPosition(NAME) + 10)
    QTest.mouseClick(labels.viewport(), LEFT, NO, place)
    QTest.mouseDClick(labels.viewport(), LEFT, NO, place)


def keep(window: Window, name: str) -> Any:
    """Keep what is selected under a name, in the Curate widget."""
    curate = window.show("Curate")
    curate.name.clear()
    window.qtbot.keyClicks(curate.name, name)
    window.click(curate.keep_button)
    return curate


def test_junk_is_found_sorted_out_and_trained_without(
    window: Window, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_run, "folder_with_junk", lambda: tmp_path / "picks")
    window.viewer.open_sample("napari-tomodrgn", "picks-with-junk")
    session, star = window.session, tmp_path / "picks" / "particles" / "particles.star"
    assert {layer.name for layer in window.viewer.layers} == {"particles", "tomogram", "outline"}
    junk, everything = junk_of(star), set(read_particles(star).ids)
    assert len(junk) == 7

    first = window.train(outdir=str(tmp_path / "first"), epochs="5")
    shown = [epoch for epoch in window.epochs if epoch is not None]
    assert shown == sorted(shown)  # latents were seen as they came
    assert len(set(shown)) > 1
    codes = window.classes(8).codes
    assert session.particle_set is not None
    is_junk = np.array([each in junk for each in session.particle_set.ids])
    mostly = [code for code in range(8) if is_junk[codes == code].mean() > 0.5]
    label_in_gallery(window, mostly)
    assert window.ids() == junk

    curate = keep(window, "junk")
    window.click(curate.invert_button)
    keep(window, "clean")
    curate.star.selection.setCurrentText("clean")
    curate.star.write(tmp_path / "clean.star")
    window.wait(lambda: not curate.star.work.running)
    assert curate.star.result.text().startswith("✓")
    assert set(read_particles(tmp_path / "clean.star").ids) == everything - junk
    for name, ids in (("junk", junk), ("clean", everything - junk)):
        assert Selection.load(first / "selections" / f"{name}.json").ids == ids

    retrain = window.show("Train").setup.retrain
    window.widgets["Train"].tabs.setCurrentWidget(window.widgets["Train"].setup)
    retrain.section.open()
    retrain.name.setText("kept")
    window.click(retrain.set_up_button)
    second = window.train(epochs="4")
    assert second != first
    assert json.loads((second / "run.json").read_text())["parent"] == {"run": str(first), "selection": "kept"}
    assert set(Run.open(second).particle_set().ids) == everything - junk
    assert set(session.particle_set.ids) == everything - junk

    window.classes(4)
    compare = window.show("Compare")
    compare.follower.catch_up()
    compare.choice.refresh()
    box = compare.choice.run_box
    box.setCurrentIndex(box.findData(str(first)))
    box.activated.emit(box.currentIndex())
    compare.choice.seeds.setValue(0)
    window.click(compare.choice.button)
    window.wait(lambda: compare.work is not None and not compare.work.running)
    QApplication.processEvents()
    found = compare.compared.comparison
    assert found is not None
    assert {found.a.ids[row] for row in found.rows_a} == everything - junk
    assert [found.a.ids[row] for row in found.rows_a] == [found.b.ids[row] for row in found.rows_b]

    session.select_class("kmeans-4", 0)
    chosen = window.ids()
    validate = window.show("Validate")
    validate.panel.values.take({"decoder_only": "off", "permutations": "199"})
    validate.name.setText("class-0")
    window.click(validate.button)
    assert told == []
    window.wait(lambda: validate.panel.ended is not None)
    assert not validate.panel.failed, validate.panel.ended
    written = validate.panel.validated
    document = json.loads((written / "validation.json").read_text())
    assert (document["particles"], document["against"]) == (len(chosen), len(everything - junk - chosen))
    assert Selection.load(second / "selections" / "class-0.json").ids == chosen
    assert chosen < everything - junk
    window.wait(lambda: document["verdict"] in validate.result.verdict.text())  # once it was read
    assert told == []
