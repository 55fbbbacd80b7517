"""The table of particles, with a mouse and keys: the same selection as everywhere, sorting and copying."""

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.geometry import relation
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.particle_table import ParticleTable


@pytest.fixture
def table(qtbot: Any, analysed_run: Run) -> ParticleTable:
    session = Session()
    table = ParticleTable(session)
    qtbot.addWidget(table)
    table.resize(700, 400)
    table.show()
    session.open_run(analysed_run.path)
    return table


def click(qtbot: Any, table: ParticleTable, row: int, *modifiers: Qt.KeyboardModifier) -> None:
    place = table.view.visualRect(table.model.index(row, 0)).center()
    held = modifiers[0] if modifiers else Qt.KeyboardModifier.NoModifier
    qtbot.mouseClick(table.view.viewport(), Qt.MouseButton.LeftButton, held, QPoint(place))


def marked(table: ParticleTable) -> set[int]:
    return {int(table.model.order[index.row()]) for index in table.view.selectionModel().selectedRows()}


def test_rows_are_the_particles_of_the_tomogram(table: ParticleTable) -> None:
    session = table.session
    assert table.model.order.tolist() == session.rows_here.tolist()
    session.open_tomogram(session.tomograms[1])
    assert table.model.order.tolist() == session.rows_here.tolist()
    assert session.particle_set is not None
    first = int(table.model.order[0])
    assert table.model.text(first, 0) == session.particle_set.ids[first][1]


def test_clicks_select_and_the_selection_is_marked(qtbot: Any, table: ParticleTable) -> None:
    session = table.session
    click(qtbot, table, 2)
    assert np.flatnonzero(session.selected).tolist() == [table.model.order[2]]
    click(qtbot, table, 4, Qt.KeyboardModifier.ShiftModifier)
    assert set(np.flatnonzero(session.selected)) == set(table.model.order[2:5].tolist())
    session.undo()
    assert marked(table) == {int(table.model.order[2])}
    session.select_class("kmeans-3", 1)
    assert marked(table) == set(np.flatnonzero(session.selected)) & set(session.rows_here.tolist())


def test_sorting_by_a_column_keeps_the_selection(qtbot: Any, table: ParticleTable) -> None:
    session = table.session
    column = session.columns["z0"]
    assert isinstance(column, Numbers)
    click(qtbot, table, 3)
    chosen = marked(table)
    number = 1 + table.model.names.index("z0")
    for order, step in ((Qt.SortOrder.AscendingOrder, 1), (Qt.SortOrder.DescendingOrder, -1)):
        table.view.sortByColumn(number, order)
        values = column.values[table.model.order]
        assert (np.diff(values) * step >= 0).all()
        assert marked(table) == chosen == set(np.flatnonzero(session.selected))
    column.values[table.model.order[0]] = np.nan
    table.view.sortByColumn(number, Qt.SortOrder.AscendingOrder)
    assert np.isnan(column.values[table.model.order[-1]])
    assert table.model.text(int(table.model.order[-1]), number) == ""


def test_selected_rows_are_copied_as_text(qtbot: Any, table: ParticleTable) -> None:
    click(qtbot, table, 0)
    click(qtbot, table, 1, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(table.view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[:2] == ["particle", "z"]
    assert len(lines) == 3
    assert lines[1].split("\t")[0] == table.model.text(int(table.model.order[0]), 0)


def test_two_particles_are_compared(qtbot: Any, table: ParticleTable) -> None:
    click(qtbot, table, 0)
    click(qtbot, table, 1, Qt.KeyboardModifier.ControlModifier)
    assert table.session.particle_set is not None
    rows = [int(row) for row in table.model.order[:2]]
    particles = table.session.particle_set.particles.iloc[rows]
    distance = np.linalg.norm(np.diff(particles[["z", "y", "x"]].to_numpy(), axis=0))
    found = relation(table.session.particle_set, *rows)
    assert found.distance == pytest.approx(distance)
    assert f"{distance / 10:.1f} nm apart" in table.summary.text()


def test_names_and_colours_of_classes_follow(table: ParticleTable) -> None:
    session = table.session
    column = 1 + table.model.names.index("kmeans-3")
    row = int(table.model.order[0])
    before = table.model.text(row, column)
    code = int(before.split()[-1])
    session.name_class("kmeans-3", code, "70S")
    assert table.model.text(row, column) == "70S"
    session.undo()
    assert table.model.text(row, column) == before


def test_nothing_open(qtbot: Any) -> None:
    table = ParticleTable(Session())
    qtbot.addWidget(table)
    assert table.model.rowCount() == 0
