"""The Dataset widget in a real viewer: opening, epochs, tomograms with their files, sessions, and what goes wrong."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer import tomogram_layers
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import dataset as dataset_module
from napari_tomodrgn.widgets import reading, telling
from napari_tomodrgn.widgets.dataset import Dataset
from napari_tomodrgn.widgets.tomogram_model import FILE, FIRST_CLASS, PARTICLES, TomogramModel

from .waiting import read

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, tomogram_layers, dataset_module, reading):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def dataset(make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, told: list[str]) -> Dataset:
    viewer, session = make_napari_viewer_proxy(show=True), Session()
    scene = Scene(viewer, session)
    widget = Dataset(session, scene)
    widget.kept = scene  # type: ignore[attr-defined]
    widget.autosave._timer.setInterval(10**7)  # not into the run of other tests, which are slow
    qtbot.addWidget(widget)
    widget.resize(500, 600)
    widget.show()
    return widget


def cells(dataset: Dataset) -> dict[str, list[int]]:
    model = dataset.table.tomograms
    numbers = [
        [int(model.index(row, column).data()) for column in range(PARTICLES, model.columnCount())]
        for row in range(model.rowCount())
    ]
    return {model.name_at(row): own for row, own in enumerate(numbers)}


def click(qtbot: Any, dataset: Dataset, row: int, column: int = 0, *, twice: bool = False) -> None:
    table = dataset.table
    place = table.visualRect(table.tomograms.index(row, column)).center()
    qtbot.mouseClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
    if twice:
        qtbot.mouseDClick(table.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)


def test_tomograms_are_listed_with_counts_of_classes(dataset: Dataset, analysed_run: Run, qtbot: Any) -> None:
    dataset.open(analysed_run.path)
    read(dataset)
    session = dataset.session
    tomograms, classes = session.columns["tomogram"], session.columns["kmeans-3"]
    assert isinstance(tomograms, Classes)
    assert isinstance(classes, Classes)
    expected = {
        name: [int((tomograms.codes == code).sum())]
        + [int(((tomograms.codes == code) & (classes.codes == label)).sum()) for label in range(3)]
        for code, name in enumerate(tomograms.names)
    }
    assert cells(dataset) == expected
    other = session.tomograms[1]
    row = dataset.table.tomograms.row_of(other)
    assert row is not None
    click(qtbot, dataset, row)
    assert session.tomogram == other
    session.name_class("kmeans-3", 0, "70S")
    assert dataset.table.tomograms.headerData(FIRST_CLASS, Qt.Orientation.Horizontal) == "70S"

    header = dataset.table.horizontalHeader()
    place = QPoint(header.sectionViewportPosition(FIRST_CLASS) + 5, header.height() // 2)
    for _ in range(2):
        qtbot.mouseClick(header.viewport(), LEFT, Qt.KeyboardModifier.NoModifier, place)
        numbers = [own[1] for own in cells(dataset).values()]
        assert numbers in (sorted(numbers), sorted(numbers, reverse=True))
        (marked,) = dataset.table.selectionModel().selectedRows()
        assert dataset.table.tomograms.name_at(marked.row()) == other
    assert cells(dataset) == expected


def test_a_thousand_tomograms_of_a_hundred_classes_ask_for_no_more_than_is_seen(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, qtbot: Any
) -> None:
    generator = np.random.default_rng(0)
    tomograms, classes = generator.integers(0, 1000, 100_000), generator.integers(-1, 100, 100_000)
    session = dataset.session
    session.columns = {
        "tomogram": Classes(tomograms, tuple(f"TS_{number:04d}.tomostar" for number in range(1000))),
        "kmeans-100": Classes(classes, tuple(f"class {number}" for number in range(100))),
    }
    session.coloured_by = "kmeans-100"
    session.restyled()
    table, model = dataset.table, dataset.table.tomograms
    expected = pd.crosstab(tomograms, classes).reindex(columns=range(100)).to_numpy()
    np.testing.assert_array_equal(model.counts[:, 1:], expected)
    np.testing.assert_array_equal(model.counts[:, 0], np.bincount(tomograms, minlength=1000))
    asked: list[int] = []
    data = TomogramModel.data

    def counted(self: TomogramModel, *arguments: Any) -> Any:
        asked.append(1)
        return data(self, *arguments)

    monkeypatch.setattr(TomogramModel, "data", counted)
    table.setVisible(True)
    table.sortByColumn(FIRST_CLASS + 7, Qt.SortOrder.DescendingOrder)
    session.paint_class("kmeans-100", 3, (1.0, 0.0, 0.0, 1.0))
    qtbot.wait(50)
    assert int(model.index(0, FIRST_CLASS + 7).data()) == expected[:, 7].max()
    assert len(asked) < 20_000


def test_another_epoch_keeps_what_was_done_with_the_particles(dataset: Dataset, analysed_run: Run) -> None:
    dataset.open(analysed_run.path)
    read(dataset)
    before = dataset.session.column("z0").values  # type: ignore[union-attr]
    dataset.session.select_rows([1, 4], {"rule": "click"})
    dataset.session.label_classes("kmeans-3", {1: "junk"})
    assert [dataset.epochs.itemText(index) for index in range(dataset.epochs.count())] == ["1", "2"]
    dataset.epochs.setCurrentIndex(0)
    dataset.epochs.activated.emit(0)
    assert dataset.epochs.currentText() == "2"  # still what is shown
    read(dataset)
    assert dataset.session.epoch == 1
    assert dataset.epochs.currentText() == "1"
    assert (dataset.session.column("z0").values != before).any()  # type: ignore[union-attr]
    assert np.flatnonzero(dataset.session.selected).tolist() == [1, 4]
    assert "junk" in dataset.session.column("kmeans-3 named").names  # type: ignore[union-attr]


def test_what_cannot_be_opened_is_said_and_all_stays(
    dataset: Dataset, analysed_run: Run, tmp_path: Path, told: list[str]
) -> None:
    dataset.open(analysed_run.path)
    read(dataset)
    dataset.open(tmp_path)
    read(dataset)
    dataset.open(tmp_path / "nothing.star")
    read(dataset)
    newer = tmp_path / "newer"
    shutil.copytree(analysed_run.path, newer)
    (newer / "run.json").write_text((newer / "run.json").read_text().replace('"format": 1', '"format": 9'))
    dataset.open(newer)
    read(dataset)
    assert len(told) == 3
    assert "is not a run" in told[0]
    assert "nothing.star" in told[1]
    assert "has format 9, this version reads up to 1" in told[2]
    assert dataset.session.run is not None
    assert dataset.session.run.path == analysed_run.path


def tomogram_file(folder: Path, name: str, value: float, voxel: float = 100.0) -> Path:
    folder.mkdir(exist_ok=True)
    with mrcfile.new(folder / f"{name}.mrc") as file:
        file.set_data(np.full((8, 40, 40), value, np.float32) + np.arange(40, dtype=np.float32) / 40)
        file.voxel_size = voxel
    return folder / f"{name}.mrc"


def test_files_of_tomograms_are_shown_in_one_layer(
    dataset: Dataset, analysed_run: Run, tmp_path: Path, told: list[str], qtbot: Any
) -> None:
    dataset.open(analysed_run.path)
    read(dataset)
    session, layers = dataset.session, dataset.tomograms
    first, second = session.tomograms
    for number, name in enumerate((first, second, f"{first}_denoised", "elsewhere")):
        tomogram_file(tmp_path / "tomograms", name, number)
    assert layers.add([tmp_path / "tomograms"]) == 3
    assert float(np.asarray(layers.image.data)[0, 0, 0]) == 0
    assert list(layers.versions) == ["raw", "denoised"]
    assert dataset.file_text.text() == "2 of 2 tomograms have a file · 1 files match no tomogram"
    layers.choose("denoised")
    assert float(np.asarray(layers.image.data)[0, 0, 0]) == 2
    image = layers.image
    session.open_tomogram(second)
    assert layers.image is image
    assert float(np.asarray(image.data)[0, 0, 0]) == 1
    assert dataset.scene.viewer.layers.index(image) < dataset.scene.viewer.layers.index(dataset.scene.points)
    (tmp_path / "tomograms" / f"{first}_denoised.mrc").write_bytes(b"no tomogram")
    told.clear()
    session.open_tomogram(first)
    assert image.visible is False
    assert any("denoised" in each for each in told)
    assert len(dataset.scene.points.data) == len(dataset.scene.rows)  # type: ignore[union-attr]


def test_a_tomogram_of_another_size_is_said(
    dataset: Dataset, warptools_set: Path, tmp_path: Path, told: list[str]
) -> None:
    dataset.open(warptools_set)
    read(dataset)
    tomogram_file(tmp_path / "tomograms", dataset.session.tomograms[0], 0, voxel=3.0)
    dataset.tomograms.add([tmp_path / "tomograms"])
    assert told
    assert dataset.tomograms.image is not None


def test_files_are_seen_and_given_by_hand(
    dataset: Dataset, analysed_run: Run, tmp_path: Path, told: list[str], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.open(analysed_run.path)
    read(dataset)
    session, model = dataset.session, dataset.table.tomograms
    first, second = session.tomograms
    assert [model.index(row, FILE).data() for row in range(2)] == ["none", "none"]
    strange = tomogram_file(tmp_path, "strange", 1)
    asked: list[str] = []

    def choose(parent: Any, title: str, *arguments: Any) -> tuple[str, str]:
        asked.append(title)
        return str(strange), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", choose)
    row = model.row_of(second)
    assert row is not None
    click(qtbot, dataset, row, FILE, twice=True)
    assert asked == [f"The raw file of {second}"]
    assert model.index(row, FILE).data() == "strange.mrc"
    assert model.index(row, FILE).data(Qt.ItemDataRole.ToolTipRole) == f"raw: {strange}"
    assert dataset.tomograms.image.metadata["file"] == str(strange)

    strange = tmp_path / "no tomogram.mrc"
    strange.write_bytes(b"nothing")
    click(qtbot, dataset, row, FILE, twice=True)
    assert any("no tomogram.mrc" in each for each in told)
    assert model.index(row, FILE).data() == "strange.mrc"

    other = tomogram_file(tmp_path, "other_seg", 1)
    dataset.tomograms.add([tmp_path])
    place = dataset.table.visualRect(model.index(row, FILE)).center()
    menu = dataset.table.open_menu(place)
    assert menu is not None
    (among,) = (action.menu() for action in menu.actions() if action.menu() is not None)
    given = {action.text(): action for action in among.actions()}
    assert set(given) == {"other_seg.mrc (segmentation)", "no tomogram.mrc (raw)"}
    given["other_seg.mrc (segmentation)"].trigger()
    assert any("no whole numbers" in each for each in told)  # so it is none
    dataset.tomograms.assign(other, second, "denoised")
    assert model.index(row, FILE).data() == "strange.mrc + 1"
    menu.close()
    menu = dataset.table.open_menu(place)
    assert menu is not None
    next(each for each in menu.actions() if each.text() == "Take strange.mrc (raw) from it").trigger()
    menu.close()
    assert model.index(row, FILE).data() == "other_seg.mrc"
    other.unlink()
    assert "not there" in model.index(row, FILE).data(Qt.ItemDataRole.ToolTipRole)
    assert model.index(model.row_of(first), FILE).data() == "none"


def test_a_session_is_saved_and_opened_again(dataset: Dataset, analysed_run: Run, tmp_path: Path) -> None:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    dataset.open(tmp_path / "run")
    read(dataset)
    session, viewer = dataset.session, dataset.scene.viewer
    session.open_tomogram(session.tomograms[1])
    session.select_class("kmeans-3", 1)
    viewer.dims.ndisplay = 3
    viewer.scene.camera.zoom = 0.77
    dataset.scene.orientations.show(150, "arrows")
    dataset.tomograms.average(2, 50)
    dataset.save(tmp_path / "run" / "sessions" / "mine.json")
    chosen, tomogram = session.selected.copy(), session.tomogram

    dataset.scene.orientations.show(0)
    dataset.tomograms.average(0, 0)
    viewer.dims.ndisplay = 2
    dataset.open(tmp_path / "run")
    read(dataset)
    assert not session.selected.any()
    dataset.load(tmp_path / "run" / "sessions" / "mine.json")
    read(dataset)
    assert (session.selected == chosen).all()
    assert session.tomogram == tomogram
    assert viewer.dims.ndisplay == 3
    assert viewer.scene.camera.zoom == pytest.approx(0.77)
    assert dataset.scene.orientations.arrows.visible
    assert dataset.scene.orientations.length == 150
    assert (dataset.tomograms.look.half, dataset.tomograms.look.low_pass) == (2, 50)


def test_a_run_that_goes_while_it_is_open(dataset: Dataset, analysed_run: Run, tmp_path: Path, told: list[str]) -> None:
    copy = tmp_path / "run"
    shutil.copytree(analysed_run.path, copy)
    dataset.open(copy)
    read(dataset)
    shutil.rmtree(copy)
    dataset.again_button.click()
    read(dataset)
    assert len(told) == 1
    assert "is not a run" in told[0]
    dataset.session.select_class("kmeans-3", 0)
    assert dataset.session.selected.any()


def test_the_last_session_is_opened_in_one_click(dataset: Dataset, analysed_run: Run, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(analysed_run.path, run, ignore=shutil.ignore_patterns("sessions"))  # of tests before
    dataset.open(run)
    read(dataset)
    assert not dataset.last_button.isEnabled()
    session = dataset.session
    session.select_class("kmeans-3", 1)
    session.open_tomogram(session.tomograms[1])
    chosen = session.selected.copy()
    assert dataset.autosave._timer.isActive()
    dataset.autosave.save()
    assert (run / "sessions" / "last.json").is_file()

    dataset.open(run)
    read(dataset)
    assert dataset.last_button.isEnabled()
    session.select_rows([0], {"rule": "click"})
    dataset.autosave.save()  # the session before is kept
    dataset.last_button.click()
    read(dataset)
    assert (session.selected == chosen).all()
    assert session.tomogram == session.tomograms[1]


def test_a_run_that_cannot_be_written_is_looked_at_all_the_same(
    dataset: Dataset, analysed_run: Run, tmp_path: Path, told: list[str]
) -> None:
    run = tmp_path / "run"
    shutil.copytree(analysed_run.path, run)
    (run / "sessions").write_text("a file where the folder should be")
    dataset.open(run)
    read(dataset)
    dataset.session.select_class("kmeans-3", 1)
    dataset.autosave.save()
    shutil.rmtree(run)
    dataset.autosave.save()
    assert told == []


def test_what_is_read_can_be_cut_off_or_give_way_to_another(
    dataset: Dataset, analysed_run: Run, class_e_star: Path, qtbot: Any
) -> None:
    dataset.open(analysed_run.path)
    assert dataset.reading.isVisible()
    assert dataset.session.particle_set is None  # it is read beside the window
    qtbot.mouseClick(dataset.reading.cancel_button, LEFT)
    assert not dataset.reading.isVisible()
    dataset.open(analysed_run.path)
    dataset.open(class_e_star)
    read(dataset)
    qtbot.wait(200)
    assert dataset.session.run is None
    assert dataset.session.particle_set is not None
    assert dataset.session.particle_set.source.path == class_e_star
