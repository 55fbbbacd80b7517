"""The Tomogram widget in a real viewer: version, contrast, slab, pixel size, plane, orientations, overlays."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.viewer import slab, tomogram_layers
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.widgets import telling
from napari_tomodrgn.widgets.tomogram import Tomogram

LEFT = Qt.MouseButton.LeftButton
BINNED = 100.0  # Å


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    messages: list[str] = []
    for module in (telling, tomogram_layers):
        monkeypatch.setattr(module, "show_error", messages.append)
    return messages


@pytest.fixture
def widget(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, told: list[str], warptools_set: Path
) -> Iterator[Tomogram]:
    """On the real set, whose tomograms have sizes, without files yet."""
    session = Session()
    scene = Scene(make_napari_viewer_proxy(show=True), session)
    widget = Tomogram(session, scene)
    qtbot.addWidget(widget)
    session.open_star(warptools_set)
    widget.show()
    yield widget
    widget.close_down()


@pytest.fixture
def shape(warptools_set: Path) -> tuple[int, ...]:
    """(z, y, x) of the real tomograms at 100 Å."""
    row = read_particles(warptools_set).tomograms.iloc[0]
    return tuple(int(row[f"size_{axis}"] / BINNED) for axis in "zyx")


def write(path: Path, values: npt.NDArray[Any], voxel: float = BINNED) -> Path:
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(values)
        file.voxel_size = voxel
    return path


def noise(shape: tuple[int, ...], seed: int = 0) -> npt.NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def seen(widget: Tomogram, place: tuple[int, ...]) -> float:
    """The value that napari shows at a voxel of the slice that is looked at."""
    viewer, image = widget.scene.viewer, widget.tomograms.image
    viewer.dims.set_point(0, place[0] * float(image.scale[0]))
    return float(image.get_value(np.array(place) * image.scale, world=True))


def type_in(spin_box: Any, text: str) -> None:
    spin_box.setFocus()
    spin_box.lineEdit().selectAll()
    QTest.keyClicks(spin_box.lineEdit(), text)
    QTest.keyClick(spin_box.lineEdit(), Qt.Key.Key_Return)


def assign(widget: Tomogram, path: Path, version: str = "raw", number: int = 0) -> None:
    widget.tomograms.assign(path, widget.session.tomograms[number], version)


def test_versions_contrast_and_inversion(widget: Tomogram, shape: Any, tmp_path: Path, qtbot: Any) -> None:
    raw, smooth = noise(shape), 5 + 0.1 * noise(shape, 1)
    assign(widget, write(tmp_path / "raw.mrc", raw))
    assign(widget, write(tmp_path / "smooth.mrc", smooth), "denoised")
    qtbot.waitUntil(lambda: widget.version.count() == 2)
    image = widget.tomograms.image
    assert image.contrast_limits[0] == pytest.approx(np.percentile(smooth, 0.5), abs=0.03)
    assert widget.version.currentText() == "denoised"
    widget.version.setFocus()
    QTest.keyClick(widget.version, Qt.Key.Key_Up)
    assert seen(widget, (5, 6, 7)) == pytest.approx(raw[5, 6, 7])
    assert image.contrast_limits[1] == pytest.approx(np.percentile(raw, 99.5), abs=0.3)
    qtbot.waitUntil(lambda: "raw.mrc" in widget.file_text.text())
    type_in(widget.percent, "10")
    assert image.contrast_limits[0] == pytest.approx(np.percentile(raw, 10), abs=0.05)
    qtbot.mouseClick(widget.auto, LEFT)
    image.contrast_limits = (-1, 1)
    widget.tomograms.choose("denoised")
    assert tuple(image.contrast_limits) == (-1, 1)
    qtbot.mouseClick(widget.again_button, LEFT)
    assert image.contrast_limits[0] == pytest.approx(np.percentile(smooth, 10), abs=0.01)
    qtbot.mouseClick(widget.inverted, LEFT)
    assert image.colormap.name == "gray_r"
    widget.session.open_tomogram(widget.session.tomograms[1])
    assert not image.visible
    qtbot.waitUntil(lambda: "No file" in widget.file_text.text())


def test_a_slab_is_what_napari_shows_in_every_slice(widget: Tomogram, shape: Any, tmp_path: Path) -> None:
    values = noise(shape)
    assign(widget, write(tmp_path / "raw.mrc", values))
    before = widget.tomograms.image.contrast_limits[1]
    type_in(widget.half, "3")
    for z in (0, 9, shape[0] - 1):
        expected = values[max(z - 3, 0) : z + 4].mean(axis=0)
        assert seen(widget, (z, 10, 12)) == pytest.approx(expected[10, 12], abs=1e-5)
    assert widget.tomograms.image.contrast_limits[1] < 0.6 * before
    type_in(widget.low_pass, "500")
    assert abs(seen(widget, (9, 10, 12))) < abs(expected).max() / 4
    type_in(widget.low_pass, "0")
    type_in(widget.half, "0")
    assert seen(widget, (9, 10, 12)) == pytest.approx(values[9, 10, 12])


def test_an_average_that_takes_long_comes_after_the_slice(
    widget: Tomogram, shape: Any, tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slab, "AT_ONCE", 0)
    values = noise(shape)
    assign(widget, write(tmp_path / "raw.mrc", values))
    widget.tomograms.average(4, 0)
    for z in (8, 9, 10, 11):  # as a slider that is dragged
        assert seen(widget, (z, 10, 12)) == pytest.approx(values[z, 10, 12])
    place = np.array([11, 10, 12]) * BINNED
    expected = pytest.approx(values[7:16, 10, 12].mean(), abs=1e-5)
    qtbot.waitUntil(lambda: widget.tomograms.image.get_value(place, world=True) == expected)
    assert widget.tomograms.averages.wanted == []
    assert seen(widget, (9, 10, 12)) == pytest.approx(values[9, 10, 12])  # had been scrolled past
    qtbot.waitUntil(lambda: not widget.busy.isVisible())


def in_slice(widget: Tomogram) -> int:
    """Return how many particles the slice that is shown cuts."""
    points, dims = widget.scene.points, widget.scene.viewer.dims
    assert points is not None
    return int((np.abs(points.data[:, 0] - dims.point[0]) < widget.scene.diameter / 2).sum())


def test_a_pixel_size_that_is_missing_or_wrong_is_asked_once(
    widget: Tomogram, shape: Any, tmp_path: Path, qtbot: Any, told: list[str]
) -> None:
    for number in range(3):
        write(tmp_path / f"{number}.mrc", noise(shape), voxel=(0.0, 0.0, 1.0)[number])
        assign(widget, tmp_path / f"{number}.mrc", number=number)
    session, image = widget.session, widget.tomograms.image
    qtbot.waitUntil(widget.question.isVisible)
    assert "has no pixel size" in widget.question_text.text()
    assert [each for each in told if "0.mrc" in each] == []  # it is asked and not told
    assert widget.pixel_size.value() == pytest.approx(BINNED, rel=0.02)
    assert in_slice(widget) > 1  # though the tomogram came when particles were shown
    type_in(widget.pixel_size, "150")
    qtbot.mouseClick(widget.use_button, LEFT)
    assert tuple(image.scale) == (150,) * 3
    assert in_slice(widget) > 1
    camera = widget.scene.viewer.scene.camera  # looks at the tomogram as large as it is now
    np.testing.assert_allclose(camera.center[-2:], 150 * (np.array(shape[1:]) - 1) / 2, rtol=0.05)
    qtbot.waitUntil(lambda: "its pixel size is 150 Å" in widget.question_text.text())  # and still does not fit
    type_in(widget.pixel_size, "101")
    qtbot.mouseClick(widget.use_button, LEFT)
    assert tuple(image.scale) == (101,) * 3
    assert {str(unit) for unit in image.units} == {"angstrom"}
    qtbot.waitUntil(lambda: not widget.question.isVisible())
    session.open_tomogram(session.tomograms[1])
    assert tuple(image.scale) == (101,) * 3
    session.open_tomogram(session.tomograms[2])
    qtbot.waitUntil(widget.question.isVisible)
    assert "its pixel size is 1 Å" in widget.question_text.text()
    qtbot.mouseClick(widget.use_button, LEFT)
    assert image.scale[0] == pytest.approx(BINNED, rel=0.02)

    view = widget.scene.view()
    session.open_star(session.particle_set.source.path)  # type: ignore[union-attr]
    assert widget.tomograms.opened is None
    widget.scene.restore(view)
    assert tuple(image.scale) == (101,) * 3


def test_what_does_not_fit_or_is_not_there_is_said_and_all_lives(
    widget: Tomogram, shape: Any, tmp_path: Path, told: list[str], qtbot: Any
) -> None:
    half = write(tmp_path / "half.mrc", noise((shape[0], shape[1], shape[2] // 2)))
    assign(widget, half)
    assert any("check that it is that one, whole" in each for each in told)
    assert widget.tomograms.image.visible
    told.clear()
    widget.session.open_tomogram(widget.session.tomograms[1])
    widget.session.open_tomogram(widget.session.tomograms[0])
    assert told == []  # it was said
    qtbot.waitUntil(lambda: "whole" in widget.file_text.text())
    (tmp_path / "moved").mkdir()
    half.rename(tmp_path / "moved" / half.name)
    widget.tomograms.show()
    assert len(told) == 1
    assert "half.mrc" in told[0]
    assert not widget.tomograms.image.visible
    assert widget.tomograms.add([tmp_path / "moved"]) == 1
    assert widget.tomograms.image.visible
    (tmp_path / "moved" / half.name).unlink()
    widget.tomograms.show()
    assert not widget.tomograms.image.visible
    qtbot.waitUntil(lambda: "half.mrc" in widget.file_text.text())
    for control, value in ((widget.half, 2), (widget.low_pass, 60), (widget.percent, 3)):
        control.setValue(value)  # there is nothing to show
    one = write(tmp_path / "one.mrc", noise((1, shape[1], shape[2])))
    assign(widget, one)
    widget.half.setValue(7)
    widget.scene.viewer.dims.ndisplay = 3
    widget.scene.viewer.dims.ndisplay = 2
    assert widget.tomograms.image.visible


@pytest.mark.parametrize("written", [{}, {"compression": "zlib"}])
def test_a_tiff_is_shown_in_angstrom_as_an_mrc_is(
    widget: Tomogram, shape: Any, tmp_path: Path, written: Any, told: list[str]
) -> None:
    values = noise(shape)
    centimetre = 1e8 / BINNED
    tifffile.imwrite(
        tmp_path / "a.tif", values, resolution=(centimetre, centimetre), resolutionunit="CENTIMETER", **written
    )
    assign(widget, tmp_path / "a.tif")
    image = widget.tomograms.image
    assert told == []
    assert tuple(image.scale) == pytest.approx((BINNED,) * 3)
    assert {str(unit) for unit in image.units} == {"angstrom"}
    widget.half.setValue(2)
    assert seen(widget, (9, 10, 12)) == pytest.approx(values[7:12, 10, 12].mean(), abs=1e-5)
    widget.scene.viewer.dims.ndisplay = 3
    assert widget.scene.viewer.screenshot(flash=False)[..., :3].std() > 5


def test_plane_orientations_and_overlays(widget: Tomogram, shape: Any, tmp_path: Path, qtbot: Any) -> None:
    scene, session = widget.scene, widget.session
    assign(widget, write(tmp_path / "raw.mrc", noise(shape)))
    qtbot.mouseClick(widget.plane.check, LEFT)
    qtbot.waitUntil(lambda: widget.plane.picture.isVisible())
    assert widget.plane.picture.image is None
    session.look_at(int(session.rows_here[2]))
    qtbot.waitUntil(lambda: widget.plane.picture.image is not None)
    assert session.particle_set is not None
    assert session.particle_set.ids[session.particle][1] in widget.plane.picture.caption  # type: ignore[index]
    type_in(widget.plane.side, "200")
    qtbot.waitUntil(lambda: "200 nm" in widget.plane.picture.caption)
    assert widget.plane.picture.image.width() == 20  # type: ignore[union-attr]

    widget.style_box.setFocus()
    QTest.keyClick(widget.style_box, Qt.Key.Key_Down)
    assert scene.orientations.arrows.visible
    type_in(widget.length, "300")
    np.testing.assert_allclose(np.linalg.norm(scene.orientations.arrows.data[0, 1]), 300, rtol=1e-5)
    for check in (widget.scale_bar, widget.axes, widget.box):
        qtbot.mouseClick(check, LEFT)
    overlays = scene.viewer.canvas.overlays
    assert overlays.axes.visible
    assert overlays.scale_bar.visible
    assert any(layer.name == "outline" and layer.visible for layer in scene.viewer.layers)
    overlays.scale_bar.visible = False  # as napari's menu does
    qtbot.waitUntil(lambda: not widget.scale_bar.isChecked())

    view = scene.view()
    scene.restore({**view, "overlays": {"scale_bar": True, "axes": False}, "box": False, "arrows": 0, "plane": {}})
    qtbot.waitUntil(lambda: widget.scale_bar.isChecked())
    scene.restore(view)
    qtbot.waitUntil(lambda: widget.axes.isChecked() and widget.box.isChecked())
    with pytest.raises(InputError, match="view of the session: is not as a session has it"):
        scene.restore({**view, "arrows": "long"})
    assert widget.length.value() == 300
    assert widget.style_box.currentText() == "arrows"
