"""The Class gallery with keys and mouse: decoded, turned, labelled, taken back, selected; and nothing is left of it."""

import gc
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.viewer.volume_source import VolumeSource
from napari_tomodrgn.widgets import gallery as module
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets.contact_sheet import ContactSheet
from napari_tomodrgn.widgets.gallery import Gallery
from napari_tomodrgn.widgets.label_list import NAME, PARTICLES

from .mouse import CTRL, LEFT, PLAIN, SHIFT, drag, turn_wheel

Key = Qt.Key
COLUMN, NAMED = "kmeans-3", "kmeans-3 named"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for each in (telling, module):
        monkeypatch.setattr(each, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(analysed_run: Run, shown: Callable[..., None], told: list[str]) -> Gallery:
    session = Session()
    widget = Gallery(session, VolumePanel(session))
    shown(widget)
    session.open_run(analysed_run.path)
    settle(widget)
    return widget


def settle(widget: Gallery) -> None:
    """Wait until all is decoded and drawn."""
    widget.follower.catch_up()
    QTest.qWait(20)
    assert wait_for(lambda: (widget.work is None or not widget.work.running) and not widget.sheet.drawing)


def wait_for(what: Callable[[], bool], seconds: float = 20) -> bool:
    for _ in range(int(seconds / 0.01)):
        if what():
            return True
        QTest.qWait(10)
    return False


def classes_of(session: Session, column: str) -> Classes:
    found = session.columns[column]
    assert isinstance(found, Classes)
    return found


def press(widget: Gallery, *keys: Key) -> None:
    for key in keys:
        QTest.keyClick(widget.sheet, key)
    widget.follower.catch_up()


def middle_of(sheet: ContactSheet, code: int) -> QPoint:
    return sheet.place_of(code).center() - QPoint(0, 30)


def picture_of(widget: Gallery, code: int) -> np.ndarray:
    image = widget.sheet._pictures[code].toImage()
    return np.array([[image.pixel(x, y) for x in range(0, image.width(), 3)] for y in range(0, image.height(), 3)])


def double_click_label(widget: Gallery, key: int, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    labels = widget.labels
    item = labels.topLevelItem(key - 1)
    assert item is not None
    place = labels.visualItemRect(item).center()
    place.setX(labels.header().sectionViewportPosition(NAME) + 10)
    QTest.mouseClick(labels.viewport(), LEFT, modifiers, place)
    QTest.mouseDClick(labels.viewport(), LEFT, modifiers, place)


def test_all_classes_appear_decoded_and_drawn(widget: Gallery, told: list[str]) -> None:
    assert sorted(widget.gallery.volumes) == [0, 1, 2]
    assert sorted(widget.sheet._pictures) == [0, 1, 2]
    assert widget.progress.isHidden()
    assert widget.decode_button.isHidden()
    assert widget.title.text() == "kmeans-3: 3 classes, 0 labelled"
    assert told == []


def test_arrows_move_and_numbers_label(widget: Gallery) -> None:
    session, sheet = widget.session, widget.sheet
    assert sheet.current == 0
    press(widget, Key.Key_1, Key.Key_Right, Key.Key_3, Key.Key_Right, Key.Key_1, Key.Key_Right)
    assert sheet.current == 2  # the last
    codes = classes_of(session, COLUMN).codes
    named = classes_of(session, NAMED)
    assert named.names == ("good", "junk")
    assert (named.codes == np.array([0, 1, 0])[codes]).all()
    press(widget, Key.Key_Home, Key.Key_0)
    assert session.labels[COLUMN].of_class == {1: "junk", 2: "good"}
    press(widget, Key.Key_End, Key.Key_4)
    assert session.labels[COLUMN].of_class == {1: "junk", 2: "label 4"}
    press(widget, Key.Key_PageUp)
    assert sheet.current == 0


def test_rows_are_moved_between_and_scrolled_to(widget: Gallery) -> None:
    session = widget.session
    session.columns["each"] = Classes(np.arange(24), tuple(map(str, range(24))))
    session.colour_by("each")
    settle(widget)
    sheet = widget.sheet
    across = sheet.columns
    assert across > 1
    undrawn = set(sheet.order) - set(sheet._pictures)
    assert undrawn  # those out of sight
    assert set(widget.gallery.volumes) == set(range(24))
    press(widget, Key.Key_Down)
    assert sheet.current == across
    press(widget, Key.Key_Up, Key.Key_Up)
    assert sheet.current == 0
    press(widget, Key.Key_End)
    settle(widget)
    assert sheet.place_of(23).bottom() <= sheet.viewport().height()
    assert 23 in sheet._pictures
    turn_wheel(sheet.viewport(), QPoint(50, 50), 5)
    assert sheet.verticalScrollBar().value() < sheet.verticalScrollBar().maximum()


def test_labelling_goes_on_by_itself_where_asked(widget: Gallery) -> None:
    widget.advance.setChecked(True)
    press(widget, Key.Key_1, Key.Key_2, Key.Key_1)
    assert widget.session.labels[COLUMN].of_class == {0: "good", 1: "unsure", 2: "good"}


def test_labels_are_undone_and_done_again_by_keys(widget: Gallery) -> None:
    session = widget.session
    press(widget, Key.Key_1, Key.Key_2)
    QTest.keyClick(widget.sheet, Key.Key_Z, CTRL)
    assert session.labels[COLUMN].of_class == {0: "good"}
    QTest.keyClick(widget.sheet, Key.Key_Z, CTRL)
    assert NAMED not in session.columns
    QTest.keyClick(widget.sheet, Key.Key_Z, CTRL | SHIFT)
    assert session.labels[COLUMN].of_class == {0: "good"}
    widget.follower.catch_up()
    item = widget.labels.topLevelItem(0)
    assert item is not None
    assert item.text(PARTICLES) == str(widget.gallery.classes[0].size)


def test_a_double_click_on_a_label_selects_its_particles(widget: Gallery) -> None:
    session = widget.session
    press(widget, Key.Key_1, Key.Key_Right, Key.Key_2, Key.Key_Right, Key.Key_1)
    codes = classes_of(session, COLUMN).codes
    double_click_label(widget, 1)
    assert (session.selected == (codes != 1)).all()
    assert session.rule["label"] == "good"
    double_click_label(widget, 2, SHIFT)
    assert session.selected.all()
    session.undo()
    assert (session.selected == (codes != 1)).all()
    double_click_label(widget, 7)  # no label there
    assert (session.selected == (codes != 1)).all()


def test_a_label_is_renamed_for_all_classes_that_have_it(widget: Gallery) -> None:
    press(widget, Key.Key_1, Key.Key_Right, Key.Key_1)
    widget.labels.setFocus()
    QTest.keyClick(widget.labels, Key.Key_F2)
    editor = widget.labels.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    QTest.keyClicks(editor, "70S")
    QTest.keyClick(editor, Key.Key_Return)
    QApplication.processEvents()
    assert widget.session.labels[COLUMN].of_class == {0: "70S", 1: "70S"}
    assert widget.labels.names[0] == "70S"
    press(widget, Key.Key_Right, Key.Key_1)
    assert widget.session.labels[COLUMN].of_class[2] == "70S"


def test_labels_of_a_saved_session_find_keys(widget: Gallery) -> None:
    widget.session.label_classes(COLUMN, {0: "70S", 1: "junk"})
    widget.follower.catch_up()
    assert widget.labels.names[:3] == ["70S", "unsure", "junk"]


def test_particles_are_coloured_by_labels_and_by_classes_again(widget: Gallery) -> None:
    assert not widget.colour_button.isEnabled()
    press(widget, Key.Key_2)
    QTest.mouseClick(widget.colour_button, LEFT)
    widget.follower.catch_up()
    assert widget.session.coloured_by == NAMED
    assert widget.gallery.column == COLUMN
    assert widget.sheet.order == [0, 1, 2]
    QTest.mouseClick(widget.colour_button, LEFT)
    assert widget.session.coloured_by == COLUMN


def test_enter_and_double_click_look_at_the_middle(widget: Gallery) -> None:
    press(widget, Key.Key_Right, Key.Key_Return)
    assert widget.session.particle == widget.gallery.classes[1].centre
    QTest.mouseDClick(widget.sheet.viewport(), LEFT, PLAIN, middle_of(widget.sheet, 2))
    assert widget.session.particle == widget.gallery.classes[2].centre


def test_r_compares_all_with_a_class(widget: Gallery) -> None:
    press(widget, Key.Key_End, Key.Key_R)
    assert widget.gallery.reference == 2
    assert widget.gallery.correlation_of(2) == pytest.approx(1)


def test_a_drag_in_one_turns_all(widget: Gallery) -> None:
    sheet = widget.sheet
    before = {code: picture_of(widget, code) for code in (0, 1, 2)}
    start = middle_of(sheet, 1)
    drag(sheet.viewport(), [start, start + QPoint(25, 10), start + QPoint(60, 20)])
    settle(widget)
    assert sheet.current == 1
    for code, picture in before.items():
        assert (picture_of(widget, code) != picture).any()
    QTest.mouseClick(widget.front_button, LEFT)
    settle(widget)
    for code, picture in before.items():
        assert (picture_of(widget, code) == picture).all()


def test_the_level_is_that_of_all_volumes(widget: Gallery) -> None:
    before = picture_of(widget, 0)
    widget.level.setValue(widget.level.value() + 50)
    assert widget.panel.level == pytest.approx(5.5)
    settle(widget)
    assert (picture_of(widget, 0) != before).any()
    widget.panel.set_level(1.0)  # as another widget does
    settle(widget)
    assert widget.level.value() == 20
    assert widget.level_text.text() == "1.00 σ"


def test_slabs_and_order_are_chosen(widget: Gallery) -> None:
    before = picture_of(widget, 0)
    widget.view_box.setCurrentIndex(1)
    widget.view_box.activated.emit(1)
    settle(widget)
    assert (picture_of(widget, 0) != before).any()
    widget.order_box.setCurrentIndex(1)
    widget.order_box.activated.emit(1)
    sizes = [widget.gallery.classes[code].size for code in widget.sheet.order]
    assert sizes == sorted(sizes, reverse=True)


class Gate:
    """Lets so many volumes be decoded in threads, and the others once it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, count: int) -> None:
        self.count, self.opened, decode = count, threading.Event(), VolumeSource.volume

        def volume(source: VolumeSource, latent: Any) -> Any:
            if threading.current_thread() is not threading.main_thread():
                self.count -= 1
                if self.count < 0:
                    assert self.opened.wait(20)
            return decode(source, latent)

        monkeypatch.setattr(VolumeSource, "volume", volume)


def test_decoding_is_cut_off_and_goes_on(widget: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate(monkeypatch, 1 + 5)  # the mean of all is the first
    session = widget.session
    session.columns["each"] = Classes(np.arange(24), tuple(map(str, range(24))))
    session.colour_by("each")
    widget.follower.catch_up()
    assert wait_for(lambda: len(widget.gallery.volumes) == 5)
    assert widget.progress.value() == 5
    QTest.mouseClick(widget.decode_button, LEFT)
    assert widget.work is not None
    assert not widget.work.running
    gate.opened.set()
    QTest.qWait(100)
    assert len(widget.gallery.volumes) == 5
    assert widget.decode_button.text() == "Decode the rest"
    QTest.mouseClick(widget.decode_button, LEFT)
    assert wait_for(lambda: len(widget.gallery.volumes) == 24)
    assert wait_for(widget.decode_button.isHidden)


def test_another_column_while_decoding_leaves_no_volume_of_the_first(widget: Gallery) -> None:
    session = widget.session
    session.columns["each"] = Classes(np.arange(24), tuple(map(str, range(24))))
    session.colour_by("each")
    widget.follower.catch_up()
    session.undo()
    settle(widget)
    assert widget.gallery.column == COLUMN
    assert sorted(widget.gallery.volumes) == [0, 1, 2]
    assert sorted(widget.sheet._pictures) == [0, 1, 2]


def test_what_has_no_classes_or_volumes_is_said(widget: Gallery, class_e_star: Path, told: list[str]) -> None:
    widget.session.colour_by("z0")
    settle(widget)
    assert widget.sheet.message == "coloured by z0: colour by classes to see the volume of each"
    press(widget, Key.Key_1, Key.Key_Right, Key.Key_Return, Key.Key_R)
    assert widget.session.labels == {}
    widget.session.open_star(class_e_star)
    settle(widget)
    assert widget.sheet.message.startswith("volumes need a run")
    assert widget.sheet.order == []
    assert told == []


def test_a_class_without_latents_is_shown_without_a_picture(widget: Gallery, told: list[str]) -> None:
    codes = classes_of(widget.session, COLUMN).codes
    widget.panel.source(48).latents[codes == 1] = np.nan
    widget.gallery.forget()
    widget.refresh()
    settle(widget)
    assert sorted(widget.sheet._pictures) == [0, 2]
    press(widget, Key.Key_Right, Key.Key_1, Key.Key_Return)
    assert widget.session.labels[COLUMN].of_class == {1: "good"}
    assert told == ["class 1: none of its particles has a latent"]


def test_nothing_is_decoded_while_it_is_hidden(analysed_run: Run, shown: Callable[..., None]) -> None:
    session = Session()
    widget = Gallery(session, VolumePanel(session))
    session.open_run(analysed_run.path)
    widget.follower.catch_up()
    assert widget.work is None
    shown(widget)
    settle(widget)
    assert sorted(widget.gallery.volumes) == [0, 1, 2]


def test_a_hundred_classes_are_labelled_from_the_keyboard(widget: Gallery) -> None:
    session = widget.session
    names = tuple(f"class {number}" for number in range(100))
    session.columns["hundred"] = Classes(np.arange(24) * 4, names)
    session.colour_by("hundred")
    settle(widget)
    widget.advance.setChecked(True)
    for number in range(24):
        press(widget, (Key.Key_1, Key.Key_2, Key.Key_3)[number % 3])
    assert len(session.labels["hundred"].of_class) == 24
    assert np.bincount(classes_of(session, "hundred named").codes).tolist() == [8, 8, 8]


@pytest.mark.parametrize("busy", [False, True])
def test_a_gallery_that_is_closed_leaves_nothing(
    analysed_run: Run, monkeypatch: pytest.MonkeyPatch, busy: bool
) -> None:
    gate = Gate(monkeypatch, 1 + 1 if busy else 1000)
    session = Session()
    panel = VolumePanel(session)
    widget = Gallery(session, panel)
    widget.show()
    session.open_run(analysed_run.path)
    widget.follower.catch_up()
    if busy:
        volumes = widget.gallery.volumes
        assert wait_for(lambda: len(volumes) == 1)
    else:
        settle(widget)
    alive = weakref.ref(widget)
    widget.deleteLater()  # as napari takes docks away: without closing
    del widget
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gate.opened.set()

    def gone() -> bool:
        gc.collect()
        return alive() is None

    assert wait_for(gone, 5)
    session.colour_by("tomogram")
    panel.set_level(2.0)
