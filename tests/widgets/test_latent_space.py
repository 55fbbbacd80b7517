"""The dock widget of the latent space against a session on a real run."""

import gc
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mouse import ALT, CTRL, LEFT, PLAIN, SHIFT, around, drag, everything, place_of
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QColorDialog, QLineEdit, QMenu, QTableView, QWidget

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.class_model import NAME, SHOWN, SIZE, SWATCH
from napari_tomodrgn.widgets.latent_space import LatentSpace, first_axes

Shown = Callable[..., None]


@pytest.fixture
def widget(session: Session, shown: Shown) -> LatentSpace:
    widget = LatentSpace(session)
    shown(widget)
    return widget


def caught_up(widget: QWidget) -> None:
    QApplication.processEvents()
    QApplication.processEvents()


def selected(session: Session) -> list[int]:
    return np.flatnonzero(session.selected).tolist()


def cell(table: QTableView, row: int, place: int) -> QPoint:
    """Return the middle of a cell in the legend."""
    return table.visualRect(table.model().index(row, place)).center()


def text(widget: LatentSpace, row: int, place: int) -> str:
    """Return what a cell of the legend says."""
    return str(widget.legend.table.model().index(row, place).data())


def click_legend(widget: LatentSpace, row: int, place: int, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
    table = widget.legend.table
    QTest.mouseClick(table.viewport(), LEFT, modifiers, cell(table, row, place))
    caught_up(widget)


def codes(session: Session, labelling: str) -> np.ndarray[Any, Any]:
    column = session.columns[labelling]
    assert isinstance(column, Classes)
    return column.codes


# choosing what is shown


def test_principal_components_are_shown_first_in_the_colours_of_the_classes(
    widget: LatentSpace, session: Session, labelling: str
) -> None:
    assert widget.scatter.names == ("PC 1", "PC 2")
    column = session.columns["PC 1"]
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(widget.scatter.cloud.x, column.values)
    assert widget.colour_box.currentText() == session.coloured_by == labelling
    np.testing.assert_array_equal(widget.scatter.cloud.rgba, session.colouring.rgba)
    assert widget.status.text() == f"0 of {len(session)} selected"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["UMAP 1", "UMAP 2", "PC 1", "PC 2", "z0", "z1"], ("PC 1", "PC 2")),
        (["z0", "z1", "UMAP 1", "UMAP 2"], ("UMAP 1", "UMAP 2")),
        (["x", "y", "z0", "z1"], ("z0", "z1")),
        (["z", "z0", "PC 1"], ("z0", "z")),
        (["defocus"], ("defocus", "defocus")),
        ([], ("", "")),
    ],
)
def test_the_first_axes_are_the_best_that_are_there(names: list[str], expected: tuple[str, str]) -> None:
    columns = {name: Numbers(np.arange(3.0)) for name in names}
    assert first_axes({"empty": Numbers(np.full(3, np.nan)), **columns}) == (expected if names else ("empty", "empty"))


def test_any_two_columns_are_shown(widget: LatentSpace, session: Session) -> None:
    widget.x_box.setFocus()
    QTest.keyClicks(widget.x_box, "z1")
    QTest.keyClicks(widget.y_box, "unc")
    caught_up(widget)
    assert widget.scatter.names == ("z1", "uncertainty")
    for shown, name in ((widget.scatter.cloud.x, "z1"), (widget.scatter.cloud.y, "uncertainty")):
        column = session.columns[name]
        assert isinstance(column, Numbers)
        np.testing.assert_array_equal(shown, column.values)
    session.read_again()
    caught_up(widget)
    assert widget.scatter.names == ("z1", "uncertainty")


def test_colours_follow_any_column_both_ways(widget: LatentSpace, session: Session, labelling: str) -> None:
    QTest.keyClicks(widget.colour_box, "unc")
    caught_up(widget)
    assert session.coloured_by == "uncertainty"
    assert widget.legend.bar.isVisible()
    assert widget.legend.bar.limits == session.colouring.limits
    widget.grab()
    session.colour_by("tomogram")
    caught_up(widget)
    assert widget.colour_box.currentText() == "tomogram"
    assert widget.legend.table.isVisible()
    np.testing.assert_array_equal(widget.scatter.cloud.rgba, session.colouring.rgba)


def test_columns_without_values_are_counted_in_the_status(widget: LatentSpace, session: Session) -> None:
    values = np.arange(len(session), dtype=float)
    values[:5] = np.nan
    session.columns["half"] = Numbers(values)
    session.columns["none"] = Numbers(np.full(len(session), np.nan))
    session.columns_changed.emit()
    caught_up(widget)
    QTest.keyClicks(widget.x_box, "half")
    assert widget.status.text().endswith("· 5 without a value")
    session.colour_by("half")
    caught_up(widget)
    assert widget.legend.bar.missing == 5
    QTest.keyClicks(widget.y_box, "none")
    session.colour_by("none")
    caught_up(widget)
    assert widget.status.text().endswith(f"· {len(session)} without a value")
    assert "none" not in [widget.thresholds.column.itemText(n) for n in range(widget.thresholds.column.count())]
    widget.grab()


def test_density_and_marker_size_change_the_picture(widget: LatentSpace) -> None:
    QTest.mouseClick(widget.density_box, LEFT, PLAIN, QPoint(8, widget.density_box.height() // 2))
    assert widget.scatter.density
    assert widget.legend.title.text() == "particles at a place"
    before = widget.scatter.size_px
    widget.size_slider.setFocus()
    QTest.keyClick(widget.size_slider, Qt.Key.Key_Right)
    assert widget.scatter.size_px == before + 1
    widget.grab()


# selecting


def test_a_lasso_selects_in_the_session_and_a_selection_in_the_session_shows(
    widget: LatentSpace, session: Session
) -> None:
    drag(widget.scatter, around(widget.scatter, [3]))
    assert 3 in selected(session)
    assert session.rule["rule"] == "lasso"
    caught_up(widget)
    np.testing.assert_array_equal(widget.scatter.cloud.selected, session.selected)
    session.select_rows([1, 4, 6], {"rule": "table"})
    caught_up(widget)
    assert np.flatnonzero(widget.scatter.cloud.selected).tolist() == [1, 4, 6]
    assert widget.status.text() == f"3 of {len(session)} selected"


def test_modifiers_add_subtract_and_intersect(widget: LatentSpace, session: Session) -> None:
    scatter = widget.scatter
    QTest.mouseClick(scatter, LEFT, PLAIN, place_of(scatter, 3))
    (first,) = selected(session)
    assert session.particle == first
    other = next(row for row in range(len(session)) if (place_of(scatter, row) - place_of(scatter, 3)).x() > 60)
    QTest.mouseClick(scatter, LEFT, SHIFT, place_of(scatter, other))
    both = selected(session)
    assert len(both) == 2
    QTest.mouseClick(scatter, LEFT, SHIFT | ALT, place_of(scatter, other))
    assert selected(session) == [row for row in both if row != first]
    QTest.mouseClick(scatter, LEFT, CTRL, place_of(scatter, other))
    assert selected(session) == []


def test_the_selection_is_cleared_and_inverted(widget: LatentSpace, session: Session) -> None:
    session.select_rows([2, 5], {"rule": "table"})
    QTest.mouseClick(widget.invert_button, LEFT)
    assert selected(session) == [row for row in range(len(session)) if row not in (2, 5)]
    QTest.mouseClick(widget.clear_button, LEFT)
    assert selected(session) == []


def test_undo_and_redo_are_named_and_work_by_button_and_key(widget: LatentSpace, session: Session) -> None:
    assert not widget.undo_button.isEnabled()
    drag(widget.scatter, around(widget.scatter, [3, 9]))
    count = len(selected(session))
    caught_up(widget)
    assert widget.undo_button.toolTip() == f"Undo: select {count} particles"
    QTest.mouseClick(widget.undo_button, LEFT)
    caught_up(widget)
    assert selected(session) == []
    assert not widget.scatter.cloud.selected.any()
    assert widget.redo_button.toolTip() == f"Redo: select {count} particles"
    widget.scatter.setFocus()
    QTest.keyClick(widget.scatter, Qt.Key.Key_Z, CTRL | SHIFT)
    assert len(selected(session)) == count
    QTest.keyClick(widget.scatter, Qt.Key.Key_Z, CTRL)
    assert selected(session) == []


def test_what_comes_within_a_turn_of_the_event_loop_is_drawn_once(
    widget: LatentSpace, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[int] = []
    picture = widget.scatter.cloud.picture
    monkeypatch.setattr(widget.scatter.cloud, "picture", lambda *args: (drawn.append(1), picture(*args))[1])
    for row in range(8):
        session.select_rows([row], {"rule": "table"})
        session.colour_by("z0" if row % 2 else "z1")
    assert drawn == []
    QTest.qWait(50)
    assert len(drawn) == 1
    assert np.flatnonzero(widget.scatter.cloud.selected).tolist() == [7]


# the legend


def test_a_click_on_a_class_selects_it(widget: LatentSpace, session: Session, labelling: str) -> None:
    of = codes(session, labelling)
    click_legend(widget, 1, NAME)
    assert selected(session) == np.flatnonzero(of == 1).tolist()
    click_legend(widget, 0, SIZE, SHIFT)
    assert selected(session) == np.flatnonzero(of <= 1).tolist()
    click_legend(widget, 1, NAME, ALT)
    assert selected(session) == np.flatnonzero(of == 0).tolist()
    sizes = [text(widget, row, SIZE) for row in range(3)]
    assert sizes == [str((of == code).sum()) for code in range(3)]


def test_a_double_click_renames_a_class(widget: LatentSpace, session: Session, labelling: str) -> None:
    table = widget.legend.table
    at = cell(table, 2, NAME)
    QTest.mouseClick(table.viewport(), LEFT, PLAIN, at)
    QTest.mouseDClick(table.viewport(), LEFT, PLAIN, at)
    (editor,) = table.viewport().findChildren(QLineEdit)
    QTest.keyClicks(editor, "junk, mostly")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    caught_up(widget)
    assert session.colouring.classes[2].name == "junk, mostly"
    assert text(widget, 2, NAME) == "junk, mostly"
    row = int(np.flatnonzero(codes(session, labelling) == 2)[0])
    assert f"{labelling}: junk, mostly" in widget.describe(row)
    session.undo()
    caught_up(widget)
    assert text(widget, 2, NAME) == "class 2"


def test_an_empty_name_is_not_taken(widget: LatentSpace, session: Session) -> None:
    widget.legend.table.edit(widget.legend.model.index(0, NAME))
    (editor,) = widget.legend.table.viewport().findChildren(QLineEdit)
    editor.clear()
    QTest.keyClick(editor, Qt.Key.Key_Return)
    caught_up(widget)
    assert text(widget, 0, NAME) == "class 0"
    assert session.history.undo_name is None


def test_the_box_hides_and_shows_a_class(widget: LatentSpace, session: Session, labelling: str) -> None:
    of, colour = codes(session, labelling), session.colouring.classes[1].colour
    table = widget.legend.table
    box = table.visualRect(table.model().index(1, SHOWN))
    inside_box = QPoint(box.left() + 10, box.center().y())
    QTest.mouseClick(table.viewport(), LEFT, PLAIN, inside_box)
    caught_up(widget)
    assert selected(session) == []
    assert (session.colouring.rgba[of == 1, 3] == 0).all()
    drag(widget.scatter, everything(widget.scatter))
    assert selected(session) == np.flatnonzero(of != 1).tolist()
    QTest.mouseClick(table.viewport(), LEFT, PLAIN, inside_box)
    caught_up(widget)
    assert session.colouring.classes[1].colour == pytest.approx(colour)


@pytest.mark.parametrize("by", ["swatch", "menu"])
def test_the_colour_of_a_class_is_chosen_in_a_dialog(
    widget: LatentSpace, session: Session, qtbot: QtBot, by: str
) -> None:
    table = widget.legend.table
    if by == "swatch":
        QTest.mouseClick(table.viewport(), LEFT, PLAIN, cell(table, 0, SWATCH))
    else:
        table.customContextMenuRequested.emit(cell(table, 0, NAME))
        (menu,) = widget.legend.findChildren(QMenu)
        qtbot.waitUntil(menu.isVisible)
        QTest.keyClick(menu, Qt.Key.Key_Down)
        QTest.keyClick(menu, Qt.Key.Key_Return)
    dialog = widget.legend.dialog
    assert isinstance(dialog, QColorDialog)
    qtbot.waitUntil(dialog.isVisible)
    dialog.setCurrentColor(QColor("#ff0080"))
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    caught_up(widget)
    assert session.colouring.classes[0].colour == pytest.approx((1, 0, 128 / 255, 1), abs=1e-4)
    assert session.history.undo_name == "paint a class"
    assert selected(session) == []


def test_particles_without_a_class_have_a_line_that_does_nothing(widget: LatentSpace, session: Session) -> None:
    session.columns["few"] = Classes(np.where(np.arange(len(session)) < 40, 0, -1), ("only",))
    session.columns_changed.emit()
    session.colour_by("few")
    caught_up(widget)
    texts = [tuple(text(widget, row, place) for place in (NAME, SIZE)) for row in range(2)]
    assert texts == [("only", "40"), ("no value", str(len(session) - 40))]
    click_legend(widget, 1, NAME)
    click_legend(widget, 1, SWATCH)
    assert selected(session) == []
    assert widget.legend.dialog is None


# thresholds


def test_thresholds_select_between_typed_limits_ends_included(widget: LatentSpace, session: Session) -> None:
    thresholds = widget.thresholds
    QTest.keyClicks(thresholds.column, "z1")
    column = session.columns["z1"]
    assert isinstance(column, Numbers)
    low = float(np.median(column.values))
    thresholds.low.selectAll()
    QTest.keyClicks(thresholds.low, repr(low))
    QTest.keyClick(thresholds.low, Qt.Key.Key_Return)
    assert selected(session) == np.flatnonzero(column.values >= low).tolist()
    assert session.rule["rule"] == "between"
    thresholds.high.selectAll()
    QTest.keyClicks(thresholds.high, "no number")
    QTest.keyClick(thresholds.high, Qt.Key.Key_Return)
    assert selected(session) == np.flatnonzero(column.values >= low).tolist()
    session.read_again()
    caught_up(widget)
    assert thresholds.limits == (low, column.values.max())


def test_the_whole_range_selects_all_that_have_a_value(widget: LatentSpace, session: Session) -> None:
    values = np.random.default_rng(0).normal(size=len(session))
    values[:4] = np.nan
    session.columns["odd"] = Numbers(values)
    session.columns_changed.emit()
    caught_up(widget)
    QTest.keyClicks(widget.thresholds.column, "odd")
    widget.thresholds.apply()
    assert selected(session) == list(range(4, len(session)))


def test_dragging_an_end_shows_what_would_be_selected_and_selects_once(widget: LatentSpace, session: Session) -> None:
    thresholds, slider = widget.thresholds, widget.thresholds.slider
    QTest.keyClicks(thresholds.column, "z0")
    start = QPoint(8, slider.height() // 2)
    QTest.mousePress(slider, LEFT, PLAIN, start)
    for step in range(1, 6):
        QTest.mouseMove(slider, start + QPoint(step * slider.width() // 12, 0))
    assert selected(session) == []
    seen = np.flatnonzero(widget.scatter.cloud.selected).tolist()
    assert 0 < len(seen) < len(session)
    QTest.mouseRelease(slider, LEFT, PLAIN, start + QPoint(5 * slider.width() // 12, 0))
    caught_up(widget)
    assert selected(session) == seen
    session.undo()
    assert session.history.undo_name is None


def test_keys_on_the_slider_select_after_a_rest(widget: LatentSpace, session: Session, qtbot: QtBot) -> None:
    thresholds = widget.thresholds
    QTest.keyClicks(thresholds.column, "z0")
    thresholds.slider.setValue((thresholds.slider.value()[0] + thresholds.slider.singleStep(), thresholds.limits[1]))
    qtbot.waitUntil(lambda: len(selected(session)) > 0)
    assert len(selected(session)) < len(session)


# paths


def test_a_path_gives_the_particles_along_it(widget: LatentSpace, session: Session) -> None:
    paths: list[np.ndarray[Any, Any]] = []
    widget.path_drawn.connect(paths.append)
    assert not widget.path_row.isVisible()
    QTest.mouseClick(widget.tool_buttons["path"], LEFT)
    assert widget.path_row.isVisible()
    widget.steps_box.setValue(6)
    QTest.mouseClick(widget.along_x, LEFT)
    QTest.mouseClick(widget.along_y, LEFT)
    drag(widget.scatter, around(widget.scatter, list(range(len(session))), 0))
    assert len(paths) == 3
    assert all(0 < len(path) <= 6 for path in paths)
    cloud = widget.scatter.cloud
    assert (np.diff(cloud.x[paths[0]]) > 0).all()
    assert cloud.y[paths[1]][-1] > cloud.y[paths[1]][0]
    assert selected(session) == []
    widget.grab()


# particles come and go


def test_the_tooltip_names_the_particle(widget: LatentSpace, session: Session, labelling: str) -> None:
    assert session.particle_set is not None
    tomogram, name = session.particle_set.ids[5]
    assert widget.describe(5).splitlines() == [
        f"{name} in {tomogram.removesuffix('.tomostar')}",
        f"{labelling}: class {codes(session, labelling)[5]}",
    ]
    assert widget.describe(10_000) == ""


def test_an_empty_session_is_shown_and_then_data_and_fewer_data(
    shown: Shown, run_folder: Path, star_of: Callable[[int], Path], labelling: str
) -> None:
    session = Session()
    widget = LatentSpace(session)
    shown(widget)
    widget.grab()
    assert not widget.thresholds.isEnabled()
    QTest.mouseClick(widget.along_x, LEFT)
    drag(widget.scatter, [QPoint(80, 50), QPoint(200, 50), QPoint(200, 200)])
    session.open_run(run_folder)
    caught_up(widget)
    assert widget.scatter.names == ("PC 1", "PC 2")
    session.select_class(labelling, 0)
    session.open_star(star_of(1))
    # between opening and the next turn of the event loop, what is shown is of the set before
    drag(widget.scatter, [QPoint(80, 50), QPoint(200, 50), QPoint(200, 200)])
    caught_up(widget)
    assert widget.status.text() == "0 of 1 selected"
    QTest.mouseClick(widget.scatter, LEFT, PLAIN, place_of(widget.scatter, 0))
    assert selected(session) == [0]
    widget.thresholds.apply()
    widget.grab()


def test_ten_particles_are_large(shown: Shown, star_of: Callable[[int], Path]) -> None:
    session = Session()
    session.open_star(star_of(10))
    widget = LatentSpace(session)
    shown(widget)
    assert widget.scatter.size_px == 9
    drag(widget.scatter, everything(widget.scatter))
    assert len(selected(session)) == 10


def test_a_new_analysis_keeps_the_view(widget: LatentSpace, session: Session, run_folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run_folder, tmp_path / "run"))
    session.open_run(copy)
    caught_up(widget)
    frame = widget.scatter.frame = widget.scatter.frame.zoomed(2, 50, 50)
    session.read_again()
    caught_up(widget)
    assert widget.scatter.frame == frame


# nothing leaks


@pytest.mark.parametrize("how", ["deleted", "dropped"])
def test_nothing_is_left_of_a_closed_widget(session: Session, qapp: QApplication, how: str) -> None:
    gc.collect()
    before = set(map(id, qapp.topLevelWidgets()))
    listening = _listeners(session)
    widget = LatentSpace(session)
    widget.show()
    qapp.processEvents()
    session.select_rows([1], {"rule": "table"})
    qapp.processEvents()
    assert _listeners(session) > listening
    dead = [weakref.ref(each) for each in (widget, widget.scatter, widget.legend, widget.thresholds)]
    widget.close()
    session.select_rows([2], {"rule": "table"})  # still due when the widget goes
    if how == "deleted":
        widget.deleteLater()
    del widget
    for _ in range(3):
        gc.collect()
        qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        qapp.processEvents()
    assert [ref() for ref in dead] == [None] * 4
    assert _listeners(session) == listening
    assert set(map(id, qapp.topLevelWidgets())) <= before
    session.select_rows([3], {"rule": "table"})
    session.colour_by("z0")
    qapp.processEvents()


def _listeners(session: Session) -> int:
    signals = (
        session.data_changed,
        session.columns_changed,
        session.colouring_changed,
        session.selection_changed,
        session.particle_changed,
        session.history.changed,
    )
    return sum(len(signal) for signal in signals)
