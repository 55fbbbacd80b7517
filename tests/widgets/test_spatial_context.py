"""The Spatial context widget in a real window, with the mouse: planted chains as lines, rows, cells and distances."""

import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.current import commands_of, links_of, scene_of, session_of
from napari_tomodrgn.viewer.session_file import load_session, save_session
from napari_tomodrgn.viewer.spatial_context import NO_RESULT, NO_RUN
from napari_tomodrgn.widgets.analyse import Analyse
from napari_tomodrgn.widgets.docks import ContextDock
from napari_tomodrgn.widgets.spatial_context import ContextWidget

from ..planted_run import PlantedRun
from .mouse import LEFT, PLAIN, SHIFT, drag

Link = tuple[ParticleId, ParticleId]


class Window:
    """A window with the widget and a run with planted chains."""

    def __init__(self, viewer: Any, planted: PlantedRun) -> None:
        self.viewer, self.planted = viewer, planted
        self.scene, self.session, self.links = scene_of(viewer), session_of(viewer), links_of(viewer)
        self.widget: ContextWidget = ContextDock(viewer)
        self.dock = viewer.window.add_dock_widget(self.widget, name="Spatial context", area="right")

    def open(self, path: Path) -> None:
        self.session.open_run(path)
        self.settle()

    def settle(self) -> None:
        for _ in range(600):
            QApplication.processEvents()
            if not self.widget.reading.busy and self.widget.context.wanted() is None:
                break
            QTest.qWait(20)
        for _ in range(3):
            QApplication.processEvents()

    def place_of(self, particle: ParticleId) -> np.ndarray:
        assert self.session.particle_set is not None
        row = self.session.row_of(particle)
        return self.session.particle_set.particles[["z", "y", "x"]].to_numpy()[row]

    def planted_lines(self) -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Both ends, to the nearest Å, of the links in the open tomogram."""
        here = [link for link in self.planted.links if link[0][0] == self.session.tomogram]
        return {tuple(tuple(np.rint(self.place_of(end)).astype(int).tolist()) for end in link) for link in here}  # type: ignore[misc]

    def drawn_lines(self, name: str = "chains") -> set[tuple[tuple[int, ...], tuple[int, ...]]]:
        data = self.viewer.layers[name].data
        ends = np.rint(np.stack([data[:, 0], data[:, 0] + data[:, 1]], axis=1)).astype(int).tolist()
        return {(tuple(first), tuple(last)) for first, last in ends}

    def selected(self) -> set[ParticleId]:
        assert self.session.particle_set is not None
        return {self.session.particle_set.ids[row] for row in np.flatnonzero(self.session.selected)}

    def chain_with(self, particle: ParticleId) -> set[ParticleId]:
        chain, grown = {particle}, True
        while grown:
            more = {end for link in self.planted.links if chain & set(link) for end in link}
            grown = not more <= chain
            chain |= more
        return chain

    def click_row(self, row: int, modifiers: Qt.KeyboardModifier = PLAIN) -> None:
        table = self.widget.chains.table
        centre = table.visualRect(table.model_.index(row, 1)).center()
        QTest.mouseClick(table.viewport(), LEFT, modifiers, centre)
        self.settle()

    def marked_rows(self) -> set[int]:
        return {index.row() for index in self.widget.chains.table.selectionModel().selectedRows()}


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], planted_run: PlantedRun) -> Iterator[Window]:
    window = Window(make_napari_viewer_proxy(show=True), planted_run)
    yield window
    if window.widget is not None:
        window.widget.close_down()


def lone_link(window: Window) -> Link:
    """A link of the open tomogram in whose middle no particle is seen along z."""
    assert window.session.particle_set is not None
    every = window.session.particle_set.particles[["y", "x"]].to_numpy()[window.scene.rows]
    for link in sorted(window.planted.links):
        if link[0][0] == window.session.tomogram:
            first, last = (window.place_of(end)[1:] for end in link)
            seen = np.linalg.norm(every - (first + last) / 2, axis=1).min()
            if seen > window.scene.diameter * 0.7:
                return link
    raise AssertionError("each link is hidden")


def test_chains_are_lines_between_their_particles_in_every_tomogram(window: Window) -> None:
    window.open(window.planted.path)
    assert window.drawn_lines() == window.planted_lines()
    layers = list(window.viewer.layers)
    for tomogram in (*window.session.tomograms[::-1], window.session.tomograms[1]):
        window.session.open_tomogram(tomogram)
        assert window.drawn_lines() == window.planted_lines() != set()
    assert list(window.viewer.layers) == layers
    assert [str(unit) for unit in window.viewer.layers["chains"].units] == ["angstrom"] * 3
    assert window.viewer.layers.selection.active.name == "particles"
    window.session.open_tomogram(window.session.tomograms[0])
    lines_have_the_colours_of_rows_or_of_lengths(window)

    window.session.colour_by("kmeans-3")
    window.session.paint_class("kmeans-3", 2, (0.0, 0.0, 0.0, 0.0))  # that of all chains
    assert window.drawn_lines() == set()
    window.session.undo()
    assert window.drawn_lines() == window.planted_lines()

    page = window.widget.chains
    QTest.mouseClick(page.chains, LEFT, PLAIN, QPoint(8, page.chains.height() // 2))
    assert not window.viewer.layers["chains"].visible
    QTest.mouseClick(page.nearest, LEFT, PLAIN, QPoint(8, page.nearest.height() // 2))
    assert len(window.viewer.layers["nearest neighbours"].data) == len(window.scene.rows)
    QTest.mouseClick(page.chains, LEFT, PLAIN, QPoint(8, page.chains.height() // 2))
    assert window.viewer.layers["chains"].visible
    assert window.drawn_lines() == window.planted_lines()


def lines_have_the_colours_of_rows_or_of_lengths(window: Window) -> None:
    page, model = window.widget.chains, window.widget.chains.table.model_
    colours = {tuple(each) for each in np.round(window.viewer.layers["chains"].edge_color, 3).tolist()}
    assert len(colours) == len(window.planted.lengths)
    icon = model.data(model.index(1, 0), Qt.ItemDataRole.DecorationRole).toImage().pixelColor(5, 5)
    own = np.flatnonzero(window.links.edges["chains"] == window.links.context.found.chains.members[1][0])  # type: ignore[union-attr]
    line = window.viewer.layers["chains"].edge_color[own[0] // 2]
    np.testing.assert_allclose(line[:3], [icon.redF(), icon.greenF(), icon.blueF()], atol=0.01)

    page.by.setCurrentIndex(1)
    page.by.activated.emit(1)
    lines = window.viewer.layers["chains"].edge_color
    lengths = np.array(
        [len(window.chain_with(link[0])) for link in map(window_ids(window), window.links.edges["chains"])]
    )
    by_length = {int(each): {tuple(own) for own in lines[lengths == each].tolist()} for each in np.unique(lengths)}
    assert all(len(own) == 1 for own in by_length.values())
    lightness = [sum(next(iter(by_length[each]))[:3]) for each in sorted(by_length)]
    assert lightness == sorted(lightness)  # cividis grows lighter


def window_ids(window: Window) -> Callable[[Any], list[ParticleId]]:
    assert window.session.particle_set is not None
    ids = window.session.particle_set.ids
    return lambda edge: [ids[row] for row in edge]


def test_a_click_on_a_line_selects_its_chain(window: Window) -> None:
    window.open(window.planted.path)
    viewer = window.scene.viewer
    canvas = viewer.window._qt_viewer.canvas.native
    link = lone_link(window)
    first, last = (window.place_of(end) for end in link)
    centre = (first + last) / 2
    for dimensions in (2, 3):
        viewer.dims.ndisplay = dimensions
        viewer.dims.set_point(0, float(first[0]))
        viewer.scene.camera.center = (float(first[0]), *map(float, centre[1:]))
        viewer.scene.camera.zoom = 0.5
        window.settle()
        QTest.mouseClick(canvas, LEFT, PLAIN, QPoint(canvas.width() // 2, canvas.height() // 2))
        window.settle()
        assert window.selected() == window.chain_with(link[0])
        assert len(window.marked_rows()) == 1
        shown = {window.scene.rows[index] for index in window.scene.points.selected_data}  # type: ignore[union-attr]
        assert shown == set(np.flatnonzero(window.session.selected))
        QTest.mouseClick(canvas, LEFT, PLAIN, QPoint(4, 4))  # where nothing is
        assert window.selected() == window.chain_with(link[0])
        window.session.undo()
        assert not window.selected()


def test_rows_select_chains_and_chains_of_selected_particles_are_completed(window: Window) -> None:
    window.open(window.planted.path)
    page, context = window.widget.chains, window.links.context
    assert page.table.model_.rowCount() == 3 * len(window.planted.lengths)
    page.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)
    lengths = [page.table.model_.data(page.table.model_.index(row, 1)) for row in range(4)]
    assert lengths == [6, 6, 6, 5]
    window.click_row(0)
    first = window.selected()
    assert first == window.chain_with(next(iter(first)))
    assert len(first) == 6
    window.click_row(1, SHIFT)
    assert len(window.selected()) == 12
    assert first < window.selected()

    one = next(iter(first))
    window.session.select_rows([window.session.row_of(one)], {"rule": "click"})  # type: ignore[list-item]
    window.settle()
    assert window.marked_rows() == set()
    QTest.mouseClick(page.whole_button, LEFT)
    window.settle()
    assert window.selected() == first
    assert len(window.marked_rows()) == 1
    window.widget.setFocus()
    QTest.keyClick(window.widget, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert window.selected() == {one}

    window.session.open_tomogram(window.session.tomograms[0])
    last = page.table.model_.index(page.table.model_.rowCount() - 1, 0)
    page.table.doubleClicked.emit(last)
    assert context.session.tomogram == page.table.model_.data(page.table.model_.index(last.row(), 2))


def test_intervals_and_cells_select_what_they_count(window: Window, tmp_path: Path) -> None:
    window.open(window.planted.path)
    window.dock.setFloating(True)
    window.dock.resize(600, 600)
    an_interval_that_is_dragged(window)
    what_is_shown_is_kept_in_a_session(window, tmp_path / "kept.json")
    a_cell_that_is_clicked(window)


def an_interval_that_is_dragged(window: Window) -> None:
    page, context = window.widget.distances, window.links.context
    window.widget.tabs.setCurrentWidget(page)
    window.settle()
    plot = page.plot
    middle = plot.area.center().y()

    def pixel(x: float) -> QPoint:
        return QPoint(round(plot.pixel_of(x)), middle)

    assert plot.mark_at == (200.0, "box: 200 Å")
    before = plot.interval[1]
    drag(plot, [pixel(plot.interval[0]), pixel(300.0), pixel(400.0)], let_go=False)
    low, high = plot.interval
    assert (low, high) == (pytest.approx(400, abs=5), before)
    shown = {window.scene.rows[index] for index in window.scene.points.selected_data}  # type: ignore[union-attr]
    assert shown == set(np.flatnonzero(context.between(low, high))) & set(window.scene.rows)
    assert shown
    QTest.mouseRelease(plot, LEFT, PLAIN, pixel(400.0))
    assert not window.scene.points.selected_data  # type: ignore[union-attr]
    assert not window.session.selected.any()
    drag(plot, [pixel(700.0), pixel(600.0), pixel(520.0)])  # beside it: a new one
    assert plot.interval == (pytest.approx(520, abs=5), pytest.approx(700, abs=5))
    drag(plot, [pixel(600.0), pixel(500.0), pixel(480.0)])  # within it: all of it
    low, high = plot.interval
    assert (low, high) == (pytest.approx(400, abs=8), pytest.approx(580, abs=8))
    page.low.setValue(450)
    page.low.editingFinished.emit()
    assert plot.interval[0] == 450
    QTest.mouseClick(page.select_button, LEFT)
    distance = context.found.distance  # type: ignore[union-attr]
    expected = (distance >= 450) & (distance <= plot.interval[1])
    assert (window.session.selected == expected).all()
    assert page.count.text().startswith(f"{expected.sum()} of 138 particles from 450 to ")


def what_is_shown_is_kept_in_a_session(window: Window, path: Path) -> None:
    chains, distances = window.widget.chains, window.widget.distances
    chains.chains.click()
    chains.nearest.click()
    chains.by.setCurrentIndex(1)
    chains.by.activated.emit(1)
    kept = distances.plot.interval
    save_session(window.session, path)
    chains.chains.click()
    chains.nearest.click()
    window.open(window.planted.path)
    assert distances.plot.interval != kept  # opened anew, it is that of the result
    assert chains.chains.isChecked()

    load_session(window.session, path)
    window.settle()

    assert distances.plot.interval == kept
    assert (distances.low.value(), distances.high.value()) == tuple(map(round, kept))
    shown = chains.chains.isChecked(), chains.nearest.isChecked(), chains.by.currentText()
    assert shown == (False, True, "colour by length")
    layers = window.viewer.layers
    assert (layers["chains"].visible, layers["nearest neighbours"].visible) == (False, True)
    assert len(layers["nearest neighbours"].data) == len(window.scene.rows)


def a_cell_that_is_clicked(window: Window) -> None:
    page, context = window.widget.enrichment, window.links.context
    window.widget.tabs.setCurrentWidget(page)
    window.settle()
    model = page.table.model_
    cell = model.index(2, 2)
    own = context.found.enrichment  # type: ignore[union-attr]
    assert own is not None
    assert model.data(cell).startswith(f"{own.log2_ratio[2, 2]:+.2f}"[:4].replace("-", "−"))
    assert "family-wise p = " in model.data(cell, Qt.ItemDataRole.ToolTipRole)
    assert "blocks" in page.about.text()

    QTest.mouseClick(page.table.viewport(), LEFT, PLAIN, page.table.visualRect(cell).center())

    assert window.session.selected.any()
    assert (np.flatnonzero(window.session.selected) == context.beside(2, 2)).all()
    assert page.cell.text().startswith(f"{window.session.selected.sum()} particles of class 2 have class 2 beside them")
    picture = page.table.viewport().grab().toImage()
    place = page.table.visualRect(cell)
    seen = picture.pixelColor(place.left() + 5, place.top() + 5)
    red, green, blue, _ = matplotlib.colormaps["PuOr_r"]((own.log2_ratio[2, 2] / model.limit + 1) / 2)
    np.testing.assert_allclose([seen.redF(), seen.greenF(), seen.blueF()], [red, green, blue], atol=0.02)


def test_without_a_result_analyse_is_set_up_and_what_it_finds_is_shown(
    window: Window, tmp_path: Path, qtbot: QtBot
) -> None:
    widget = window.widget
    assert widget.says.text() == NO_RUN
    assert not widget.ask_button.isEnabled()
    bare = shutil.copytree(window.planted.path, tmp_path / "run")
    shutil.rmtree(bare / "analysis" / "epoch-0001" / "neighbours")
    window.open(bare)
    assert widget.says.text() == NO_RESULT
    QTest.mouseClick(widget.ask_button, LEFT)
    window.settle()
    panel = commands_of(window.viewer)
    assert panel.offered.name == "neighbors"
    (analyse,) = [each for each in QApplication.allWidgets() if isinstance(each, Analyse)]
    assert analyse.commands.currentData() == "neighbors"
    assert analyse.isVisible()
    panel.values.take({"permutations": "99", "replicates": "0", "figures": "off", "nearest": "1",
                       "chain_direction": "0,0.6,0.8", "chain_distance": "180:280"})  # fmt: skip
    QTest.mouseClick(analyse.start_button, LEFT)
    qtbot.waitUntil(lambda: not panel.works and not analyse.reading.busy, timeout=120_000)
    window.settle()
    assert panel.ended is not None
    assert panel.ended.startswith("neighbors: done"), panel.log
    assert "138 particles in 3 tomograms" in widget.says.text()
    assert window.planted_lines() <= window.drawn_lines()
    widget.colour_box.setCurrentText("length of its chain")
    widget.colour_box.activated.emit(widget.colour_box.currentIndex())
    assert window.session.coloured_by == "kmeans-3 chain length"
    analyse.close_down()


def test_the_widget_goes_with_its_dock_and_lines_stay_with_the_window(window: Window) -> None:
    window.open(window.planted.path)
    listeners = len(window.session.selection_changed)
    window.viewer.window.remove_dock_widget(window.widget)
    gone = weakref.ref(window.widget)
    window.widget = window.dock = None  # type: ignore[assignment]
    gc.collect()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()
    assert gone() is None
    assert len(window.session.selection_changed) < listeners
    window.session.open_tomogram(window.session.tomograms[1])
    assert window.drawn_lines() == window.planted_lines()
