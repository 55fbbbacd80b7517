"""The Findings widget in a napari window: a threshold is dragged with the mouse, and every view follows."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.nuisance.nuisance import nuisance
from napari_tomodrgn.analysis.nuisance.options import NuisanceOptions
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.figures.nuisance import save_nuisance
from napari_tomodrgn.figures.occupancy import write_occupancy
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.colouring import palette
from napari_tomodrgn.viewer.current import scene_of, session_of
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets.docks import FindingsDock, LatentSpaceDock, VolumesDock
from napari_tomodrgn.widgets.histogram import Histogram

from .mouse import drag, turn_wheel
from .waiting import read

pytestmark = pytest.mark.xdist_group("findings")  # what they share takes seconds to make

LEFT, NO = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
SPHERES = ("96,96,96,50", "60,96,96,30")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    monkeypatch.setattr(telling, "show_error", messages.append)
    return messages


@pytest.fixture(scope="module")
def measured_run(run_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of which two spheres were measured in every particle's volume."""
    path = Path(shutil.copytree(run_folder, tmp_path_factory.mktemp("findings") / "run"))
    write_occupancy(occupancy(OccupancyOptions(run=path, sphere=SPHERES, device="cpu")), figures=False)
    return path


class Window:
    """A napari window with the widget beside the latent space, and the tomogram between them."""

    def __init__(self, viewer: Any, run: Path) -> None:
        self.viewer = viewer
        self.scene, self.session = scene_of(viewer), session_of(viewer)
        self.findings, self.latent = FindingsDock(viewer), LatentSpaceDock(viewer)
        viewer.window.add_dock_widget(self.findings, name="Findings", area="right")
        viewer.window.add_dock_widget(self.latent, name="Latent space", area="right")
        self.session.open_run(run)
        self.settle()

    def settle(self) -> None:
        for _ in range(5):
            QApplication.processEvents()

    @property
    def points(self) -> np.ndarray:
        """The colours of the points of the open tomogram, by particle."""
        assert self.scene.points is not None
        return np.asarray(self.scene.points.face_color)


@pytest.fixture
def window(make_napari_viewer_proxy: Callable[..., Any], measured_run: Path, tmp_path: Path) -> Iterator[Window]:
    run = Path(shutil.copytree(measured_run, tmp_path / "run"))
    window = Window(make_napari_viewer_proxy(show=True), run)
    yield window
    window.findings.close_down()


def drag_line(histogram: Histogram, number: int, to: float) -> list[QPoint]:
    """Drag a line with the mouse in steps, and return where the mouse was."""
    y = histogram.area.center().y()
    begin, end = round(histogram.pixel_of(histogram.lines[number])), round(histogram.pixel_of(to))
    way = [QPoint(x, y) for x in np.linspace(begin, end, 6).round().astype(int)]
    QTest.mousePress(histogram, LEFT, NO, way[0])
    for place in way[1:]:
        QTest.mouseMove(histogram, place)
    return way


def test_a_threshold_is_dragged_and_every_view_follows(window: Window, qtbot: Any, told: list[str]) -> None:
    page, session = window.findings.occupancy, window.session
    assert [page.tables.itemText(row) for row in range(page.tables.count())] == ["occupancy"]
    page.tables.setCurrentIndex(0)
    page.tables.textActivated.emit("occupancy")
    read(page)
    window.settle()
    assert page.parts.count() == 2
    assert session.coloured_by == "occupancy sphere 96 96 96 50"
    values, histogram = page.panel.values, page.histogram
    np.testing.assert_allclose(histogram.counts.sum(), len(values))

    qtbot.mouseClick(page.by_labels, LEFT)
    seen: list[np.ndarray] = []
    session.colouring_changed.connect(lambda: seen.append(session.colouring.rgba.copy()))
    target = float(np.percentile(values, 75))
    way = drag_line(histogram, 0, target)
    window.settle()
    steps = len(seen)
    (line,) = page.panel.here
    assert steps >= 3  # while it was dragged, not when it was let go
    assert line == pytest.approx(target, abs=3 * np.ptp(values) / histogram.area.width())
    colours = np.array(palette(2), np.float32)[(values >= line).astype(int)]
    np.testing.assert_allclose(session.colouring.rgba, colours, atol=1e-6)
    np.testing.assert_allclose(window.points, colours[window.scene.rows], atol=1e-6)
    np.testing.assert_allclose(window.latent.scatter.cloud.rgba, colours, atol=1e-6)
    above = int((values >= line).sum())
    assert histogram.said[1].startswith(f"{above} (")
    QTest.mouseRelease(histogram, LEFT, NO, way[-1])

    qtbot.mouseClick(page.side_buttons["above"], LEFT)
    np.testing.assert_array_equal(session.selected, values >= line)
    qtbot.mouseClick(page.second, LEFT, pos=QPoint(8, page.second.height() // 2))
    assert len(page.panel.here) == 2
    assert page.side_buttons["between"].isEnabled()
    qtbot.mouseClick(page.side_buttons["between"], LEFT)
    low, high = page.panel.here
    np.testing.assert_array_equal(session.selected, (values >= low) & (values < high))
    assert told == []


def test_labels_are_kept_in_the_run_and_colour_the_particles(window: Window, qtbot: Any, told: list[str]) -> None:
    page, session = window.findings.occupancy, window.session
    page.choose("occupancy")
    read(page)
    page.typed.setText(f"{np.percentile(page.panel.values, 60):.4f}")
    page.typed.setModified(True)
    page.typed.editingFinished.emit()
    qtbot.mouseClick(page.by_labels, LEFT)
    page.name.setText("sphere")
    qtbot.mouseClick(page.keep_button, LEFT)
    qtbot.waitUntil(lambda: not page.reading.busy, timeout=30_000)
    window.settle()

    assert session.coloured_by == "sphere-2"
    assert page.panel.live_name not in session.columns
    assert session.run is not None
    assert session.particle_set is not None
    labels = read_labels(AnalysisFolder(session.run.path, 1).labels("sphere-2"))
    expected = page.panel.values >= float(page.typed.text())
    assert [labels[each] for each in session.particle_set.ids] == expected.astype(int).tolist()
    classes = session.columns["sphere-2"]
    assert isinstance(classes, Classes)
    assert page.kept.text() == "kept as labels-sphere-2.csv"

    qtbot.mouseClick(page.keep_button, LEFT)
    assert "exists already" in told[-1]
    page.typed.setText("much")
    page.typed.setModified(True)
    page.typed.editingFinished.emit()
    assert "expected one or two numbers" in told[-1]


@pytest.fixture(scope="module")
def asked_run(measured_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose latents tell its tomograms apart, and what ``nuisance`` finds of it."""
    run = Run.open(shutil.copytree(measured_run, tmp_path_factory.mktemp("asked") / "run"))
    latents = run.latents()
    first = np.array([tomogram == latents.ids[0][0] for tomogram, _ in latents.ids])
    z = latents.z_mean + np.float32(6 * latents.z_mean.std()) * first[:, None]
    for path in (layout.latents_path(run.path, 1), run.path / layout.CHOSEN_LATENTS):
        replace(latents, z_mean=z).save(path)
    save_nuisance(nuisance(NuisanceOptions(run=run.path, permutations=99, figures=False)))
    return run.path


def test_an_alarm_is_shown_in_every_view_with_the_volumes_at_its_ends(
    window: Window, asked_run: Path, qtbot: Any, told: list[str]
) -> None:
    window.session.open_run(asked_run)
    window.settle()
    page, session = window.findings.alarms, window.session
    window.findings.tabs.setCurrentWidget(page)
    window.settle()
    item = page.list.item(0)
    assert item.text().startswith("⚠ tomogram: follows tomogram")
    assert "check, may be biology" in item.text()

    qtbot.mouseClick(page.list.viewport(), LEFT, pos=page.list.visualItemRect(item).center())
    window.settle()

    assert session.coloured_by == "nuisance tomogram"
    classes = session.columns["nuisance tomogram"]
    assert isinstance(classes, Classes)
    assert session.particle_set is not None
    (told_best,) = {tomogram for tomogram, _ in np.array(session.particle_set.ids)[classes.codes == 0]}
    assert page.heads[1].text().startswith("B: ")
    assert str(told_best) in page.heads[1].text()
    colours = np.array(palette(2), np.float32)[classes.codes]
    np.testing.assert_allclose(window.latent.scatter.cloud.rgba, colours, atol=1e-6)
    np.testing.assert_allclose(window.points, colours[window.scene.rows], atol=1e-6)
    assert session.path is not None
    np.testing.assert_array_equal(window.latent.scatter.stops, session.path)
    assert len(window.latent.scatter.line) == len(session.path)
    low, high, difference = (view.volume for view in page.views)
    assert low is not None
    assert high is not None
    np.testing.assert_allclose(difference, high - low, atol=1e-5)
    assert page.views[2].shown is not None
    assert page.views[2].shown.difference

    drag(page.views[0], [QPoint(20, 20), QPoint(40, 30), QPoint(60, 35)])
    for view in page.views[1:]:
        np.testing.assert_array_equal(view.turn, page.views[0].turn)
    assert not np.allclose(page.views[0].turn, np.eye(3))
    qtbot.mouseClick(page.by_direction, LEFT)
    assert session.coloured_by == "along tomogram"
    assert told == []


def test_a_sphere_is_drawn_into_the_volume_and_measured(window: Window, qtbot: Any, told: list[str]) -> None:
    volumes, session = VolumesDock(window.viewer), window.session
    window.viewer.window.add_dock_widget(volumes, name="Volumes", area="right")
    window.settle()
    qtbot.mouseClick(volumes.sphere_button, LEFT)
    window.settle()
    assert volumes.view.caption == "mean of all latents"
    extent = 16 * 12.0
    box, view = volumes.measuring, volumes.view
    assert box.isVisible()
    assert box.boxes["x"].value() == extent / 2

    middle, side = view.square.center().toPoint(), view.square.width()
    drag(view, [middle, middle + QPoint(4, 0), middle + QPoint(10, -6)])
    per_px = extent / side
    assert box.boxes["x"].value() == pytest.approx(extent / 2 + 10 * per_px, abs=0.3)
    assert box.boxes["y"].value() == pytest.approx(extent / 2 + 6 * per_px, abs=0.3)
    assert box.boxes["z"].value() == extent / 2
    np.testing.assert_array_equal(view.turn, np.eye(3))  # the volume stayed as it was
    before = box.boxes["radius"].value()
    turn_wheel(view, middle + QPoint(10, -6), 3)
    assert box.boxes["radius"].value() == pytest.approx(before * 1.08**3, abs=0.5)
    for axis, value in (("x", 84.0), ("y", 96.0), ("z", 60.0), ("radius", 40.0)):
        box.boxes[axis].setValue(value)
    circle = view.overlay.circle(view.square, view.turn)  # type: ignore[union-attr]
    assert circle is not None
    assert circle.center().x() == pytest.approx(middle.x() - 12 / per_px, abs=1.5)
    assert circle.width() == pytest.approx(80 / per_px, abs=0.5)

    box.of.setCurrentText("centres of kmeans-3")
    assert session.run is not None
    expected = box.measuring.options("sphere", centres="kmeans-3")
    qtbot.mouseClick(box.measure_button, LEFT)
    assert box.cancel_button.isVisible()
    qtbot.waitUntil(lambda: not box.measuring.works and not box.reading.busy, timeout=120_000)
    window.settle()

    assert told == []
    classes = session.columns["kmeans-3"]
    column = session.columns[str(session.coloured_by)]
    assert isinstance(classes, Classes)
    assert isinstance(column, Numbers)
    values = occupancy(expected.model_copy(update={"overwrite": True})).occupancy.values[:, 0]
    np.testing.assert_allclose(column.values, values[classes.codes], rtol=1e-4)
    np.testing.assert_allclose(window.points, session.colouring.rgba[window.scene.rows], atol=1e-6)
    assert window.findings.occupancy.tables.currentText() == "sphere"
    qtbot.mouseClick(volumes.sphere_button, LEFT)
    assert not box.isVisible()
    volumes.close_down()
