"""The whole scene in a real napari window, with mouse and keys: latent space, tomogram, table and volumes as one."""

import gc
import shutil
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import starfile
from qtpy.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QDockWidget, QLabel, QLineEdit, QWidget
from sklearn.metrics import adjusted_rand_score

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer import sample_run
from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.viewer.layers import tomogram_label
from napari_tomodrgn.viewer.sample_run import SampleRun, make_sample_run
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets.shortcuts import ShortcutsPage, ShowShortcuts
from napari_tomodrgn.widgets.workspace import open_workspace

from .mouse import around, drag
from .waiting import read

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> SampleRun:
    return make_sample_run(tmp_path_factory.mktemp("sample") / "sample")


class Window:
    """The window and what is in it."""

    def __init__(self, viewer: Any, run: Path) -> None:
        self.viewer, self.widgets = viewer, open_workspace(viewer)
        self.session: Session = session_of(viewer)
        self.scene: Scene = scene_of(viewer)
        self.widgets["Dataset"].open(run)
        self.settle()

    def settle(self) -> None:
        if "Dataset" in self.widgets:
            read(self.widgets["Dataset"])
        for _ in range(5):
            QApplication.processEvents()

    def selected(self) -> set[ParticleId]:
        assert self.session.particle_set is not None
        return {self.session.particle_set.ids[row] for row in np.flatnonzero(self.session.selected)}

    def of_tomogram(self, ids: set[ParticleId]) -> set[ParticleId]:
        return {each for each in ids if each[0] == self.session.tomogram}

    def in_points(self) -> set[ParticleId]:
        assert self.scene.points is not None
        assert self.session.particle_set is not None
        return {self.session.particle_set.ids[self.scene.rows[index]] for index in self.scene.points.selected_data}

    def in_table(self) -> set[ParticleId]:
        table = self.widgets["Particles"]
        assert self.session.particle_set is not None
        rows = table.view.selectionModel().selectedRows()
        return {self.session.particle_set.ids[table.model.order[index.row()]] for index in rows}


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], sample: SampleRun) -> Iterator[Window]:
    window = Window(make_napari_viewer_proxy(show=True), sample.run)
    yield window
    if "Volumes" in window.widgets:
        window.widgets["Volumes"].close_down()


def test_classes_of_the_sample_are_those_simulated(window: Window, sample: SampleRun) -> None:
    truth = pd.read_csv(sample.truth, dtype={"tomogram": str, "particle": str})
    known = truth.set_index(["tomogram", "particle"])["label"]
    classes = window.session.columns["kmeans-4"]
    assert isinstance(classes, Classes)
    assert window.session.particle_set is not None
    labels = [
        known[tomogram_label(tomogram), name.split("/")[-1]] for tomogram, name in window.session.particle_set.ids
    ]
    assert adjusted_rand_score(labels, classes.codes) > 0.9


def test_one_selection_in_every_view(window: Window, qtbot: Any) -> None:
    """Colour by class, lasso a class, see it in tomogram and table; select points, see them in the scatter; undo."""
    session, latent = window.session, window.widgets["Latent space"]
    latent.colour_box.setCurrentText("tomogram")
    window.settle()
    latent.colour_box.setCurrentText("kmeans-4")
    window.settle()
    assert session.coloured_by == "kmeans-4"
    assert window.scene.points is not None
    np.testing.assert_allclose(window.scene.points.face_color, session.colouring.rgba[window.scene.rows])

    classes = session.columns["kmeans-4"]
    across = session.columns["PC 1"]
    assert isinstance(classes, Classes)
    assert isinstance(across, Numbers)
    # the class that is farthest to the right stands alone
    code = int(np.argmax([across.values[classes.codes == each].mean() for each in range(4)]))
    own = classes.codes == code
    assert across.values[own].min() > across.values[~own].max()
    drag(latent.scatter, around(latent.scatter, np.flatnonzero(own).tolist()))
    window.settle()
    assert (session.selected == own).all()
    ids = window.selected()
    assert window.in_points() == window.in_table() == window.of_tomogram(ids)
    assert window.in_points()

    other = session.tomograms[1]
    table = window.widgets["Dataset"].table
    place = table.visualRect(table.tomograms.index(table.tomograms.row_of(other), 0)).center()
    qtbot.mouseClick(table.viewport(), LEFT, NO, place)
    window.settle()
    assert session.tomogram == other
    assert window.in_points() == window.in_table() == window.of_tomogram(ids)
    assert window.scene.tomograms.image.metadata["experiment_id"] == other

    window.scene.points.selected_data = {1, 4}
    window.settle()
    chosen = window.in_points()
    assert len(chosen) == 2
    assert window.selected() == chosen | {each for each in ids if each[0] != other}
    assert window.in_table() == chosen
    assert f"{len(window.selected())} of 240 selected" in latent.status.text()

    qtbot.mouseClick(latent.undo_button, LEFT)
    window.settle()
    assert window.selected() == ids
    assert window.in_points() == window.in_table() == window.of_tomogram(ids)
    qtbot.mouseClick(latent.redo_button, LEFT)
    window.settle()
    assert window.in_points() == chosen


def test_a_click_in_the_scatter_shows_a_particles_volume_and_all_are_placed(window: Window, qtbot: Any) -> None:
    session, volumes = window.session, window.widgets["Volumes"]
    session.look_at(int(window.scene.rows[3]))
    qtbot.waitUntil(lambda: volumes.view.volume is not None)
    assert session.particle_set is not None
    assert session.particle_set.ids[window.scene.rows[3]][1] in volumes.view.caption
    window.viewer.dims.ndisplay = 3
    placing = volumes.placing
    qtbot.mouseClick(placing.place_button, LEFT)
    qtbot.waitUntil(lambda: not placing.work.running and not placing.placed.waiting, timeout=30000)
    assert sorted(placing.placed.first.rows) == sorted(session.rows_here)
    assert not window.scene.points.visible  # its spheres would cover them
    picture = window.viewer.screenshot(canvas_only=True, flash=False)
    assert picture[..., :3].std() > 5
    session.open_tomogram(session.tomograms[1])
    assert len(placing.placed.first.rows) == 0
    assert window.scene.points.visible


def test_labels_of_the_gallery_are_in_every_view(window: Window, qtbot: Any) -> None:
    """Two classes get one label by keys: points and table have it, and a double click selects their particles."""
    session, gallery = window.session, window.widgets["Class gallery"]
    session.colour_by("kmeans-4")
    dock = next(each for each in gallery.window().findChildren(QDockWidget) if each.isAncestorOf(gallery))
    dock.raise_()
    qtbot.waitUntil(lambda: len(gallery.gallery.volumes) == 4)
    codes = session.columns["kmeans-4"].codes
    for key in (Qt.Key.Key_1, Qt.Key.Key_Right, Qt.Key.Key_1, Qt.Key.Key_Right, Qt.Key.Key_3):
        qtbot.keyClick(gallery.sheet, key)
    window.settle()
    assert window.scene.points is not None
    expected = np.array(["good", "good", "junk", ""])[codes]
    assert window.scene.points.features["kmeans-4 named"].tolist() == expected[window.scene.rows].tolist()
    model = window.widgets["Particles"].model
    column = 1 + model.names.index("kmeans-4 named")
    shown = [model.text(row, column) for row in model.order]
    assert shown == expected[model.order].tolist()
    item = gallery.labels.topLevelItem(0)
    gallery.labels.itemDoubleClicked.emit(item, 1)
    window.settle()
    assert (session.selected == (codes < 2)).all()
    assert window.in_points() == window.in_table() == window.of_tomogram(window.selected())


def test_docks_that_are_closed_leave_nothing(window: Window, sample: SampleRun) -> None:
    alive = {name: weakref.ref(widget) for name, widget in window.widgets.items()}
    for name in alive:
        window.viewer.window.remove_dock_widget(window.widgets.pop(name))
    window.settle()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    window.settle()
    gc.collect()
    assert {name for name, widget in alive.items() if widget() is not None} == set()
    window.session.select_rows([1, 2], {"rule": "click"})
    window.session.open_tomogram(window.session.tomograms[1])
    assert window.scene.points is not None
    assert len(window.scene.points.data) == len(window.scene.rows)


def test_opening_many_tomograms_adds_no_layers(window: Window) -> None:
    before = len(window.viewer.layers)
    for number in range(6):
        window.session.open_tomogram(window.session.tomograms[number % 2])
        window.settle()
    assert len(window.viewer.layers) == before


def test_the_sample_opens_with_all_widgets(
    make_napari_viewer_proxy: Callable[..., Any], sample: SampleRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_run, "sample_folder", lambda: sample.run.parent)
    viewer = make_napari_viewer_proxy(show=True)
    viewer.open_sample("napari-tomodrgn", "trained-run")
    QApplication.processEvents()
    session = session_of(viewer)
    assert session.run is not None
    assert session.run.path == sample.run
    assert {layer.name for layer in viewer.layers} == {"particles", "tomogram", "outline"}


def test_what_is_dropped_on_the_window_opens_in_it(window: Window, warptools_set: Path, class_e_star: Path) -> None:
    """Real particles, at the places that starfile reads; and a set without places."""
    assert window.viewer.open(warptools_set, plugin="napari-tomodrgn") == []
    window.settle()
    session, points = window.session, window.scene.points
    assert points is not None
    assert session.particle_set is not None
    assert len(session) == 40
    picture = window.viewer.screenshot(canvas_only=True, flash=False)
    assert (picture[..., :3] > 60).any(axis=-1).sum() > 50  # some of them, in their colours on black
    star = warptools_set.with_name(warptools_set.name.replace("_optimisation_set", ""))
    rows = starfile.read(star, parse_as_string=["rlnTomoName"])["particles"]
    for tomogram, group in rows.groupby("rlnTomoName", sort=False):
        session.open_tomogram(str(tomogram))
        expected = 12.0 * group[["rlnCoordinateZ", "rlnCoordinateY", "rlnCoordinateX"]].to_numpy()
        np.testing.assert_allclose(points.data, expected, atol=0.01)
    assert window.widgets["Dataset"].table.tomograms.rowCount() == 4
    assert window.widgets["Volumes"].view.volume is None

    assert window.viewer.open(class_e_star, plugin="napari-tomodrgn") == []
    window.settle()
    assert len(points.data) == 0
    assert window.widgets["Particles"].model.rowCount() == len(session.rows_in_tomogram) > 0


def dropped(widget: QWidget, path: Path, held: Qt.KeyboardModifier = NO) -> None:
    """Drop a file or folder on a widget, as Qt delivers it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    how = (Qt.DropAction.CopyAction, data, Qt.MouseButton.NoButton, held)
    QApplication.sendEvent(widget, QDragEnterEvent(QPoint(9, 9), *how))
    QApplication.sendEvent(widget, QDropEvent(QPointF(9, 9), *how))


def test_a_runs_folder_that_is_dropped_opens_without_a_question(
    window: Window, sample: SampleRun, tmp_path: Path
) -> None:
    """On all that takes drops in the window; of what is no run, and where Alt is held, napari still asks."""
    canvas = window.widgets["Dataset"].window().centralWidget()
    taking = [each for each in canvas.findChildren(QWidget) if each.acceptDrops() and not isinstance(each, QLineEdit)]
    assert taking
    for number, each in enumerate(taking):
        copy = Path(shutil.copytree(sample.run, tmp_path / f"run {number}"))
        dropped(each, copy)
        window.settle()
        assert window.session.run is not None
        assert window.session.run.path == copy
    asked: list[str] = []

    def refuse() -> None:
        dialog = QApplication.activeModalWidget()
        if dialog is None:  # it comes later on a busy machine
            QTimer.singleShot(200, refuse)
            return
        asked.append(type(dialog).__name__)
        dialog.reject()

    for path, held in ((sample.star.parent, NO), (sample.run, Qt.KeyboardModifier.AltModifier)):
        QTimer.singleShot(200, refuse)
        dropped(taking[0], path, held)
    window.settle()
    assert asked == ["QtReaderDialog"] * 2
    assert window.session.run.path == copy


def test_what_is_open_is_not_opened_again(window: Window) -> None:
    again = open_workspace(window.viewer)
    assert {name for name, widget in again.items() if widget is window.widgets[name]} == set(window.widgets)
    assert len(window.widgets["Dataset"].window().findChildren(ShowShortcuts)) == 1


def test_a_question_mark_shows_what_keys_do(window: Window, qtbot: Any) -> None:
    main = window.widgets["Dataset"].window()
    main.findChild(ShowShortcuts).shortcut.activated.emit()
    (page,) = main.findChildren(ShortcutsPage)
    assert page.isVisible()
    text = page.findChild(QLabel).text()
    assert all(name in text for name in window.widgets if name != "Dataset")
    page.close()


def test_opening_the_workspace_again_leaves_the_window_as_it_is(window: Window) -> None:
    main = window.widgets["Dataset"].window()
    window.settle()
    before = main.size()
    tabs = {each.windowTitle() for each in main.tabifiedDockWidgets(dock_of(window, "Dataset"))}
    open_workspace(window.viewer)
    window.settle()
    assert main.size() == before
    assert {each.windowTitle() for each in main.tabifiedDockWidgets(dock_of(window, "Dataset"))} == tabs
    assert {"Volumes", "Curate"} < tabs


def dock_of(window: Window, name: str) -> QDockWidget:
    dock = window.widgets[name]
    while not isinstance(dock, QDockWidget):
        dock = dock.parentWidget()
    return dock
