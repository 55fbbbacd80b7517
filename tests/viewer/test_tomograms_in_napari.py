"""Tomograms, slabs, planes and stars in a napari window."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.viewer import mrc_volume, sample_run
from napari_tomodrgn.viewer.oblique_plane import oblique_plane
from napari_tomodrgn.viewer.slab import SlabVolume
from napari_tomodrgn.viewer.tomogram_view import open_tomogram


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    return make_napari_viewer_proxy(show=True)


def tomogram(path: Path, kind: str) -> Path:
    """A dark field with a bright square in its middle, 10 Å/px."""
    values = np.zeros((20, 60, 60), dtype=kind)
    values[:, 20:40, 20:40] = 100
    values[::2, ::2, ::2] += np.asarray(20).astype(kind)
    with mrcfile.new(path) as mrc:
        mrc.set_data(values)
        mrc.voxel_size = 10.0
    return path


def brightness(viewer: Any) -> tuple[float, float]:
    """Return the mean of the canvas' middle and of its whole, from 0 to 255."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(float)
    height, width = picture.shape[:2]
    middle = picture[height // 2 - 10 : height // 2 + 10, width // 2 - 10 : width // 2 + 10]
    return float(middle.mean()), float(picture.mean())


@pytest.mark.parametrize("kind", ["i1", "<f4", ">f4", "f2", ">i2", "u2"])
def test_every_type_is_drawn_in_two_and_three_dimensions(viewer: Any, tmp_path: Path, kind: str) -> None:
    (layer,) = viewer.open(tomogram(tmp_path / "tomogram.mrc", kind), plugin="napari-tomodrgn")
    assert type(layer).__name__ == "Image"
    assert layer.contrast_limits[1] >= 100
    for displayed in (2, 3):
        viewer.dims.ndisplay = displayed
        middle, whole = brightness(viewer)
        assert middle > 2 * whole


@pytest.mark.parametrize("kind", ["<f4", ">f4"])
def test_what_is_too_large_is_drawn_by_its_levels(
    viewer: Any, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mrc_volume, "LARGEST", 1000)
    monkeypatch.setattr(mrc_volume, "LARGEST_IN_3D", 20_000)
    (layer,) = viewer.open(tomogram(tmp_path / "tomogram.mrc", kind), plugin="napari-tomodrgn")
    assert layer.multiscale
    assert [level.shape for level in layer.data] == [(20, 60, 60), (10, 30, 30)]
    np.testing.assert_allclose(layer.extent.world[1], [195, 595, 595], atol=5)
    for displayed in (2, 3):
        viewer.dims.ndisplay = displayed
        middle, whole = brightness(viewer)
        assert middle > 2 * whole
    assert layer.data_level == 1


def test_a_slab_follows_the_slider(viewer: Any, tmp_path: Path) -> None:
    opened = open_tomogram(tomogram(tmp_path / "tomogram.mrc", ">f4"), "a")
    values, attributes, _ = opened.layer
    layer = viewer.add_image(SlabVolume(values, half=2), **attributes, projection_mode="none")
    for index, bright in ((8, 3), (9, 2)):  # of five slices so many have 20 more in every second voxel
        viewer.dims.set_current_step(0, index)
        middle, whole = brightness(viewer)
        assert middle > 2 * whole
        value = layer.get_value((10.0 * index, 300.0, 300.0), world=True)
        assert value == pytest.approx(100 + 20 * bright / 5)
    layer.data = values
    assert viewer.layers[0].data.dtype == np.float32


def test_a_plane_is_drawn_where_it_lies(viewer: Any, tmp_path: Path) -> None:
    opened = open_tomogram(tomogram(tmp_path / "tomogram.mrc", "f4"), "a")
    plane = oblique_plane(opened.file.values, 10.0, (95.0, 295.0, 295.0), (1.0, 0.3, 0.2), 600.0)
    viewer.dims.ndisplay = 3
    values, attributes, _ = plane.layer("plane")
    layer = viewer.add_image(values, **attributes)
    plane.place(layer)
    viewer.reset_view()
    middle, whole = brightness(viewer)
    assert middle > 2 * whole
    world = np.asarray(layer.data_to_world((0, *(np.array(plane.image.shape) - 1) / 2)))
    np.testing.assert_allclose(world, [95.0, 295.0, 295.0], atol=1e-6)
    assert {str(unit) for unit in layer.units} == {"angstrom"}


def test_a_segmentation_is_drawn_as_labels(viewer: Any, tmp_path: Path) -> None:
    values, attributes, kind = open_tomogram(tomogram(tmp_path / "seg.mrc", "f4"), "a", segmentation=True).layer
    layer = getattr(viewer, f"add_{kind}")(values, **attributes)
    viewer.dims.set_current_step(0, 3)
    assert layer.get_value((30.0, 300.0, 300.0), world=True) == 100
    middle, whole = brightness(viewer)
    assert middle > whole


def test_layers_are_saved_as_a_star_with_the_counts(viewer: Any, warptools_set: Path, tmp_path: Path) -> None:
    layers = viewer.open(warptools_set, plugin="napari-tomodrgn")
    viewer.layers.selection = set(layers[:2])
    layers[0].selected_data = {1, 2, 3}
    layers[0].remove_selected()
    path = tmp_path / "kept.star"
    with notification_manager:
        viewer.layers.save(str(path), selected=True)
        said = notification_manager.records[-1].message
    assert "wrote 17 of 40 particles" in said
    assert len(read_particles(path)) == 17
    with pytest.raises(InputError, match="exists already"):
        viewer.layers.save(str(path), selected=True)


def test_the_trained_sample_is_made_while_the_window_lives_and_opens_again_at_once(
    viewer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample_run, "sample_folder", lambda: tmp_path / "sample")
    monkeypatch.setattr(sample_run, "SIMULATION", {**sample_run.SIMULATION, "particles": 40, "tilts": 5})
    monkeypatch.setattr(sample_run, "TRAINING", {**sample_run.TRAINING, "epochs": 1, "checkpoint_every": 1})
    ticks: list[int] = []
    refused: list[str] = []

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            with pytest.raises(InputError) as error:
                viewer.open_sample("napari-tomodrgn", "trained-run")
            refused.append(str(error.value))

    timer = QTimer()
    timer.timeout.connect(tick)
    timer.start(50)
    viewer.open_sample("napari-tomodrgn", "trained-run")
    timer.stop()
    assert len(ticks) >= 3
    assert refused == ["sample: one is being made already; wait until it is shown"]
    named = {layer.name: layer for layer in viewer.layers}
    assert set(named) == {"tomogram", "particles", "outline"}
    image, points = named["tomogram"], named["particles"]
    assert image.units == points.units
    assert (points.extent.world[1] <= image.extent.world[1]).all()

    def never(*arguments: object) -> None:
        pytest.fail("made again")

    monkeypatch.setattr(sample_run, "make_sample_run", never)
    viewer.open_sample("napari-tomodrgn", "trained-run")
    assert len(viewer.layers) == 4
