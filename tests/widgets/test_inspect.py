"""The Inspect widget: follows the clicked particle, marks tilts in all views, says what is missing, averages."""

import gc
import shutil
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_tomodrgn.analysis.run_evidence import RunEvidence
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import evidence as module
from napari_tomodrgn.widgets import selection_maps, telling
from napari_tomodrgn.widgets.evidence import NOTHING, Inspect

from .mouse import LEFT, PLAIN, turn_wheel


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for each in (telling, module, selection_maps):
        monkeypatch.setattr(each, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(analysed_run: Run, shown: Callable[..., None], told: list[str]) -> Inspect:
    session = Session()
    widget = Inspect(session)
    shown(widget, 700, 500)
    session.open_run(analysed_run.path)
    settle(widget)
    return widget


def wait_for(what: Callable[[], bool], seconds: float = 20) -> bool:
    for _ in range(int(seconds / 0.01)):
        if what():
            return True
        QTest.qWait(10)
    return False


def settle(widget: Inspect) -> None:
    """Wait until all is found and drawn."""
    widget.follower.catch_up()
    QTest.qWait(20)
    works = (widget.work, widget.drawing, widget.selection.work, widget.selection.writing)
    assert wait_for(lambda: not any(work is not None and work.running for work in works))
    QApplication.processEvents()


def look_at(widget: Inspect, row: int) -> None:
    widget.session.look_at(row)
    settle(widget)


def picture_of(widget: Inspect) -> np.ndarray:
    image = widget.sheet.grab().toImage()
    return np.array([[image.pixel(x, y) for x in range(0, image.width(), 4)] for y in range(0, image.height(), 4)])


def test_it_follows_the_particle_that_is_clicked(widget: Inspect, told: list[str]) -> None:
    assert widget.sheet.message == NOTHING
    look_at(widget, 3)
    first = picture_of(widget)
    assert widget.session.particle_set is not None
    tomogram, name = widget.session.particle_set.ids[3]
    assert widget.title.text().startswith(f"{name} · {tomogram}: loss ")
    own = widget.panel.known(3)
    assert own is not None
    assert f"{own.evidence.particle_loss:.4f}" in widget.title.text()
    assert len(widget.plots["latents"].curves.series[1].x) == 5
    look_at(widget, 4)
    assert (picture_of(widget) != first).any()
    work = widget.work
    look_at(widget, 3)  # it is remembered
    assert widget.work is work
    assert (picture_of(widget) == first).all()
    widget.session.look_at(None)
    settle(widget)
    assert widget.sheet.message == NOTHING
    assert told == []


def test_a_tilt_is_marked_in_all_views(widget: Inspect) -> None:
    look_at(widget, 3)
    QTest.mouseClick(widget.sheet.viewport(), LEFT, PLAIN, widget.sheet.picture_at(1, 2).center())
    assert widget.sheet.marked == 1
    assert {plot.marked for plot in widget.plots.values()} == {1}
    widget.tabs.setCurrentIndex(1)
    QApplication.processEvents()
    plot = widget.plots["gain"]
    series = plot.curves.series[0]
    x, y = plot.frame.to_pixels([(series.x[4], series.y[4])])[0]
    corner = plot.area.topLeft()
    QTest.mouseClick(plot, LEFT, PLAIN, (QPointF(corner) + QPointF(x, y)).toPoint())
    assert widget.sheet.marked == 4
    widget.tabs.setCurrentIndex(0)
    QApplication.processEvents()
    widget.sheet.mark(4)
    assert widget.sheet.place_of(4).bottom() <= widget.sheet.viewport().height()
    QTest.mouseClick(widget.sheet.viewport(), LEFT, PLAIN, QPointF(5, 5).toPoint())  # the names of the columns
    assert widget.sheet.marked == 4
    look_at(widget, 5)
    assert widget.sheet.marked is None


def test_order_and_look_are_chosen(widget: Inspect) -> None:
    look_at(widget, 3)
    own = widget.panel.known(3)
    assert own is not None
    by_tilt = picture_of(widget)
    widget.order_box.setCurrentIndex(1)
    widget.order_box.activated.emit(1)
    assert widget.sheet._order == own.evidence.order("dose").tolist()
    assert widget.plots["loss"].curves.names[0] == "dose (e/Å²)"
    widget.order_box.setCurrentIndex(0)
    widget.order_box.activated.emit(0)
    widget.low_pass.setValue(90)
    smooth = picture_of(widget)
    assert (smooth != by_tilt).any()
    widget.one_scale.setChecked(False)
    assert (picture_of(widget) != smooth).any()
    widget.one_scale.setChecked(True)
    widget.low_pass.setValue(0)
    assert (picture_of(widget) == by_tilt).all()
    turn_wheel(widget.sheet.viewport(), widget.sheet.viewport().rect().center(), -3)
    assert widget.sheet.verticalScrollBar().value() > 0
    assert (picture_of(widget) != by_tilt).any()


def test_nothing_is_looked_for_while_it_cannot_be_seen(widget: Inspect) -> None:
    widget.hide()
    look_at(widget, 3)
    assert widget.work is None
    widget.show()
    QTest.qWait(20)
    settle(widget)
    assert widget.panel.known(3) is not None


def test_of_many_clicks_the_last_is_shown(widget: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, of = threading.Event(), RunEvidence.of
    first = []

    def slow(source: RunEvidence, row: int) -> object:
        first.append(row)
        if row == 3:
            assert gate.wait(20)
        return of(source, row)

    monkeypatch.setattr(RunEvidence, "of", slow)
    widget.session.look_at(3)
    widget.follower.catch_up()
    assert wait_for(lambda: first == [3])
    assert widget.cancel_button.isVisible()
    look_at(widget, 8)
    gate.set()
    QTest.qWait(100)
    assert widget.panel.known(3) is None
    assert widget.panel.known(8) is not None
    assert widget.row == 8


def test_it_is_given_up_by_a_button_and_looked_for_again(widget: Inspect, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, of = threading.Event(), RunEvidence.of
    monkeypatch.setattr(RunEvidence, "of", lambda source, row: gate.wait(20) and of(source, row))
    widget.session.look_at(3)
    widget.follower.catch_up()
    assert widget.work is not None
    assert widget.work.running
    QTest.mouseClick(widget.cancel_button, LEFT)
    assert not widget.work.running
    assert not widget.cancel_button.isVisible()
    gate.set()
    look_at(widget, 4)
    look_at(widget, 3)
    assert widget.panel.known(3) is not None


def test_a_star_and_a_lost_checkpoint_are_said(widget: Inspect, class_e_star: Path, told: list[str]) -> None:
    widget.session.open_star(class_e_star)
    look_at(widget, 0)
    assert widget.sheet.message == "evidence needs a run that has finished an epoch; open one (Dataset ▸ Open run)"
    assert not widget.folder_button.isVisible()
    assert told == []


def test_where_images_are_missing_a_folder_is_asked_for(
    analysed_run: Run, widget: Inspect, tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "images"
    shutil.copytree(analysed_run.path, tmp_path / "copied" / "run")
    shutil.copytree(analysed_run.path.parent / "particles", images)
    star = tmp_path / "copied" / "run" / "particles.star"
    stacks = Run.open(tmp_path / "copied" / "run").particle_set().stack_names
    text = star.read_text()
    for stack in stacks:
        text = text.replace(f"@{stack}", f"@gone/{Path(stack).name}")
    star.write_text(text)
    widget.session.open_run(tmp_path / "copied" / "run")
    look_at(widget, 3)
    assert widget.sheet.message.startswith("evidence asks for the images: ")
    assert "--datadir" in widget.sheet.message
    assert widget.folder_button.isVisible()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    QTest.mouseClick(widget.folder_button, LEFT)
    settle(widget)
    assert "holds none of the" in told.pop()
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(images))
    QTest.mouseClick(widget.folder_button, LEFT)
    settle(widget)
    assert widget.panel.known(3) is not None
    assert not widget.folder_button.isVisible()
    assert told == []


def test_the_selection_is_averaged_and_saved(
    widget: Inspect, told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, session = widget.selection, widget.session
    widget.tabs.setCurrentWidget(view)
    for rows, message in (([], "no particle is selected"), ([4], "1 particle is selected")):
        session.select_rows(rows, {"rule": "click"})
        QTest.mouseClick(view.begin_button, LEFT)
        settle(widget)
        assert message in told.pop()
        assert view.maps is None
    session.select_rows(range(6), {"rule": "lasso"})
    view.follower.catch_up()
    assert view.count.text() == "6 particles selected"
    QTest.mouseClick(view.begin_button, LEFT)
    settle(widget)
    assert view.maps is not None
    assert [origin for origin, _ in view.slices._rows] == [view.maps.averaged_origin, view.maps.decoded_origin]
    assert view.words.text() == f"Of 6 particles {view.maps.half_map_resolution}."
    assert view.plot.isVisible()
    session.select_rows([1, 2], {"rule": "click"})  # what is saved is what was averaged
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "maps"), ""))
    QTest.mouseClick(view.save_button, LEFT)
    settle(widget)
    with mrcfile.open(tmp_path / "maps" / "backprojection.mrc") as stream:
        np.testing.assert_array_equal(stream.data, view.maps.averaged.map)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "maps.pdf"), ""))
    QTest.mouseClick(view.figure_button, LEFT)
    settle(widget)
    assert (tmp_path / "maps.pdf").read_bytes().startswith(b"%PDF")
    assert told == []
    session.open_run(session.run.path, 1)  # type: ignore[union-attr]
    view.follower.catch_up()
    assert view.maps is None
    assert not view.save_button.isEnabled()


def test_averaging_is_given_up(widget: Inspect, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    gate, opened = threading.Event(), widget.panel.open
    monkeypatch.setattr(widget.panel, "open", lambda: gate.wait(20) and opened())
    widget.session.select_rows(range(6), {"rule": "lasso"})
    view = widget.selection
    widget.tabs.setCurrentWidget(view)
    QTest.mouseClick(view.begin_button, LEFT)
    assert view.begin_button.text() == "Cancel"
    QTest.mouseClick(view.begin_button, LEFT)
    assert view.begin_button.text() == "Backproject"
    gate.set()
    QTest.qWait(50)
    assert view.maps is None
    assert told == []


def test_the_figure_is_saved(widget: Inspect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: list[str]) -> None:
    assert not widget.figure_button.isEnabled()
    look_at(widget, 3)
    for name in ("evidence.png", "evidence.pdf"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        QTest.mouseClick(widget.figure_button, LEFT)
        settle(widget)
        assert (tmp_path / name).stat().st_size > 10_000
    assert told == []
    widget.save_figure(tmp_path / "evidence.doc")
    settle(widget)
    assert "a figure is written as png, svg, pdf" in told.pop()
    assert widget.figure_button.isEnabled()


@pytest.mark.parametrize("busy", [False, True])
def test_nothing_is_left_of_it(
    qapp: QApplication, analysed_run: Run, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    gate, of = threading.Event(), RunEvidence.of
    monkeypatch.setattr(RunEvidence, "of", lambda source, row: (not busy or gate.wait(20)) and of(source, row))
    session = Session()
    session.open_run(analysed_run.path)
    signals = (session.particle_changed, session.data_changed, session.selection_changed)
    before = [len(signal) for signal in signals]
    widget = Inspect(session)
    widget.show()
    session.look_at(2)
    if busy:
        widget.follower.catch_up()
        assert widget.work is not None
    else:
        settle(widget)
    alive = weakref.ref(widget)
    widget.deleteLater()  # as napari takes docks away: without closing
    del widget
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gate.set()

    def gone() -> bool:
        gc.collect()
        return alive() is None

    assert wait_for(gone, 5)
    session.select_rows([1], {"rule": "click"})
    session.look_at(3)
    assert [len(signal) for signal in signals] == before
