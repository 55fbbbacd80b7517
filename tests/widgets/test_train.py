"""The Train widget in a real window: the form, a training from its start to its end, watching, closing, retraining."""

import gc
import json
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QApplication, QLineEdit, QMessageBox, QSpinBox, QWidget

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.cli.option_fields import texts_of
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.current import session_of, training_of
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import live_training, telling, training_progress
from napari_tomodrgn.widgets.closing import AskWhenClosed
from napari_tomodrgn.widgets.train import Train

LEFT = Qt.MouseButton.LeftButton
LONG = 120_000  # ms for a process to come to a moment, on a busy machine
KMEANS = "kmeans-3"


class Window:
    """A napari window with the Train widget, in which a run is open."""

    def __init__(self, viewer: Any, run: Path) -> None:
        self.viewer, self.run = viewer, run
        self.session: Session = session_of(viewer)
        self.session.open_run(run)
        _, widget = viewer.window.add_plugin_dock_widget("napari-tomodrgn", "Train")
        self.train: Train = widget
        self.panel = training_of(viewer)

    def set(self, **texts: str) -> None:
        """Set options as the run had them, and these."""
        assert self.session.run is not None
        self.panel.values.reset({**texts_of(self.session.run.settings), **texts})

    @property
    def main(self) -> QWidget:
        return self.train.window()

    def epochs_seen(self) -> int:
        return 0 if self.panel.glance is None else self.panel.glance.finished_epochs


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, training_progress, live_training):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def window(
    make_napari_viewer_proxy: Callable[..., Any], analysed_run: Run, tmp_path: Path, told: list[str]
) -> Iterator[Window]:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    window = Window(make_napari_viewer_proxy(show=True), tmp_path / "run")
    yield window
    for child in (window.panel.child, window.panel.images):
        if child is not None:
            child.kill()
    window.train.close_down()


def field(train: Train, name: str) -> Any:
    """Return the Qt widget in which an option is typed."""
    native = train.setup.form.rows[name].asked.native
    return native if isinstance(native, QLineEdit | QSpinBox) else native.findChild(QLineEdit)


def retype(qtbot: Any, widget: Any, text: str) -> None:
    widget.setFocus()
    widget.selectAll()
    qtbot.keyClicks(widget, text)


def test_the_form_takes_what_is_typed_and_says_what_is_refused_and_what_it_costs(
    window: Window, tmp_path: Path, qtbot: Any
) -> None:
    train, values = window.train, window.panel.values
    assert Path(values["particles"]) == Path(str(window.session.run.settings["particles"]))  # type: ignore[union-attr]
    assert values["outdir"] == str(tmp_path / "run-1")
    row = train.setup.form.rows["learning_rate"]
    retype(qtbot, field(train, "learning_rate"), "-1")
    assert row.refusal.text() == "--learning-rate: expected a number above 0, got -1"
    assert row.refusal.isVisible()
    qtbot.mouseClick(train.setup.start_button, LEFT)
    assert window.panel.child is None
    retype(qtbot, field(train, "learning_rate"), "3e-3")
    assert not row.refusal.isVisible()
    retype(qtbot, field(train, "epochs"), "4")
    assert values.given()["epochs"] == "4"
    assert values.words()[4:] == ["--epochs", "4", "--learning-rate", "0.003"]
    assert "Passes over the particles." in field(train, "epochs").toolTip()
    assert set(train.setup.form.rows) < set(values.fields)
    qtbot.mouseClick(train.setup.form.more.button, LEFT)
    qtbot.mouseClick(train.setup.form.sections["Network"].button, LEFT)
    retype(qtbot, field(train, "decoder"), "32x1")
    assert train.setup.form.sections["Network"].button.text() == "Network (1 set)"
    qtbot.waitUntil(
        lambda: "24 particles · 120 tilt images (5 each) · 16 px of 12 Å" in train.setup.plan.text(), timeout=LONG
    )
    assert not (tmp_path / "run-1").exists()
    values.set("selection", str(tmp_path / "nothing.json"))
    qtbot.waitUntil(lambda: "no such selection file" in train.setup.plan.text(), timeout=LONG)
    assert "no such selection file" in train.setup.form.rows["selection"].refusal.text()


def test_a_training_from_its_start_to_its_end(window: Window, tmp_path: Path, qtbot: Any, told: list[str]) -> None:
    """Started by a click, followed by the session with classes and selection, pinned, stopped, and gone on with."""
    train, session, panel = window.train, window.session, window.panel
    session.select_class(KMEANS, 1)
    session.label_classes(KMEANS, {1: "junk"})
    session.look_at(3)
    codes, selected = session.columns[KMEANS], session.selected
    assert isinstance(codes, Classes)
    window.set(outdir=str(tmp_path / "new"), epochs="100000", held_out_fraction="0.2")
    qtbot.mouseClick(train.setup.start_button, LEFT)
    assert train.tabs.currentWidget() is train.progress
    qtbot.waitUntil(lambda: session.run.path == tmp_path / "new", timeout=LONG)  # type: ignore[union-attr]
    first = session.epoch
    assert first is not None
    qtbot.mouseClick(train.progress.pin_button, LEFT)
    qtbot.waitUntil(lambda: session.epoch > first and train.progress.view.volume is not None, timeout=LONG)
    own = session.columns[KMEANS]
    assert isinstance(own, Classes)
    assert own.codes.tolist() == codes.codes.tolist()
    assert (session.coloured_by, f"{KMEANS} named" in session.columns) == (KMEANS, True)
    np.testing.assert_array_equal(session.selected, selected)
    assert session.particle == 3
    assert train.progress.view.volume.shape == (16, 16, 16)  # type: ignore[union-attr]
    assert "epoch 1: loss" in train.progress.log.toPlainText()

    qtbot.mouseClick(train.progress.stop_button, LEFT)
    qtbot.waitUntil(lambda: panel.ended is not None and not train.progress.stop_button.isEnabled(), timeout=LONG)
    run = Run.open(tmp_path / "new")
    assert run.status == "stopped"
    last = len(run.metrics())
    qtbot.waitUntil(lambda: session.epoch == last, timeout=LONG)
    column = session.columns["z1"]
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.values, run.latents(last).z_mean[:, 1])
    trained_on, held_out = train.progress.plot.curves.series
    assert trained_on.name.startswith("trained on ")
    np.testing.assert_array_equal(held_out.y, run.metrics()["held_out_reconstruction"])
    assert "Resume goes on from there" in train.progress.title.text()

    train.progress.resume_row.epochs.setValue(last + 1)
    qtbot.mouseClick(train.progress.resume_row.resume_button, LEFT)
    qtbot.waitUntil(lambda: panel.ended is not None, timeout=LONG)
    assert panel.ended == f"{tmp_path / 'new'}: the training is finished"
    qtbot.waitUntil(lambda: session.epoch == last + 1, timeout=LONG)
    assert told == []


def test_a_run_is_watched_from_its_folder_which_may_go_and_come_back(window: Window, qtbot: Any) -> None:
    train, run = window.train, window.run
    qtbot.mouseClick(train.progress.open_button, LEFT)
    qtbot.waitUntil(lambda: window.epochs_seen() == 2)
    assert train.progress.title.text().startswith("<b>run</b> · finished")
    assert [train.progress.bar.value(), train.progress.bar.maximum()] == [2, 2]
    run.rename(run.with_name("elsewhere"))
    qtbot.waitUntil(lambda: "is not there any more; it is looked for again" in train.progress.title.text())
    assert len(train.progress.plot.curves.series) == 1
    window.session.select_rows([1], {"rule": "click"})
    run.with_name("elsewhere").rename(run)
    qtbot.waitUntil(lambda: "is not there" not in train.progress.title.text())
    qtbot.mouseClick(train.progress.resume_row.branch_button, LEFT)
    values = window.panel.values
    assert train.tabs.currentWidget() is train.setup
    assert (values["init_from"], values["outdir"]) == (str(run), str(run.with_name("run-branch-1")))
    assert values["encoder_a"] == "16x1"


def test_a_following_session_waits_for_the_mouse(window: Window, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    train, session = window.train, window.session
    session.open_run(window.run, 1)
    held = [Qt.MouseButton.LeftButton]
    monkeypatch.setattr(live_training.QApplication, "mouseButtons", lambda: held[0])
    train.progress.attach(window.run)
    qtbot.waitUntil(lambda: train.progress.live._held is not None)
    assert session.epoch == 1
    held[0] = Qt.MouseButton.NoButton
    qtbot.waitUntil(lambda: session.epoch == 2)


def test_a_selection_is_trained_on_in_a_smaller_box(
    window: Window, tmp_path: Path, qtbot: Any, told: list[str]
) -> None:
    train, session = window.train, window.session
    box = train.setup.retrain
    qtbot.mouseClick(box.section.button, LEFT)
    qtbot.mouseClick(box.set_up_button, LEFT)
    assert told == ["no particle is selected, and latents tell particles apart; select those to train on"]
    assert train.setup.start_button.text() == "Start"
    session.select_class(KMEANS, 2)
    assert train.setup.start_button.text() == "Start on all 24 particles"
    qtbot.waitUntil(lambda: f"({int(session.selected.sum())} of 24 particles)" in box.section.button.text())
    retype(qtbot, box.name, "third")
    box.boxes.setCurrentIndex(box.boxes.findData("crop"))
    box.box_size.setValue(12)
    qtbot.mouseClick(box.set_up_button, LEFT)
    values = window.panel.values
    star = tmp_path / "run-third-1-particles" / "particles.star"
    qtbot.waitUntil(lambda: values["particles"] == str(star), timeout=LONG)
    assert read_particles(star).box == 12
    values.set("epochs", "1")
    qtbot.mouseClick(train.setup.start_button, LEFT)
    qtbot.waitUntil(lambda: window.panel.ended is not None, timeout=LONG)
    document = json.loads((tmp_path / "run-third-1" / "run.json").read_text())
    assert document["parent"] == {"run": str(window.run), "selection": "third"}
    assert document["status"] == "finished"
    assert document["data"]["box"] == 12
    saved = Selection.load(window.run / "selections" / "third.json")
    assert saved.created_from == {"rule": "classes", "column": KMEANS, "classes": ["class 2"]}
    assert set(read_particles(star).ids) == saved.ids


def answer(text: str) -> None:
    """Press a button of the question that is open."""
    for box in QApplication.topLevelWidgets():
        if isinstance(box, QMessageBox) and box.isVisible():
            next(button for button in box.buttons() if text in button.text()).click()
            return
    QTimer.singleShot(50, lambda: answer(text))


def test_closing_the_window_asks_and_leaves_a_run_that_can_be_resumed(
    window: Window, tmp_path: Path, qtbot: Any
) -> None:
    main, panel = window.main, window.panel
    window.set(outdir=str(tmp_path / "new"), epochs="100000")
    qtbot.mouseClick(window.train.setup.start_button, LEFT)
    qtbot.waitUntil(lambda: window.epochs_seen() > 0, timeout=LONG)
    QTimer.singleShot(0, lambda: answer("Cancel"))
    assert not main.close()
    assert main.isVisible()
    assert panel.works
    asks = main.findChild(AskWhenClosed)
    assert isinstance(asks, AskWhenClosed)
    QTimer.singleShot(0, lambda: answer("Leave it running"))
    assert asks._may_close(main)
    assert panel.works
    QTimer.singleShot(0, lambda: answer("Stop it"))
    assert asks._may_close(main)
    qtbot.waitUntil(lambda: not panel.works, timeout=LONG)
    assert Run.open(tmp_path / "new").status == "stopped"


def test_a_dock_that_is_closed_leaves_nothing_and_its_training_is_found_again(window: Window, qtbot: Any) -> None:
    window.train.progress.attach(window.run)
    qtbot.waitUntil(lambda: window.epochs_seen() == 2)
    gone = weakref.ref(window.train)
    before = window.panel
    window.viewer.window.remove_dock_widget(window.train)
    window.train = None  # type: ignore[assignment]

    def collected() -> bool:
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        gc.collect()
        return gone() is None

    qtbot.waitUntil(collected, timeout=10_000)
    _, window.train = window.viewer.window.add_plugin_dock_widget("napari-tomodrgn", "Train")
    assert window.train.panel is before
    assert window.train.tabs.currentWidget() is window.train.progress
    qtbot.waitUntil(lambda: window.train.progress.title.text().startswith("<b>run</b>"))
