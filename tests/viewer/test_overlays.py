"""The scale bar, measured in pictures of the window."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_tomodrgn.viewer.layers import IN_ANGSTROM
from napari_tomodrgn.viewer.overlays import Overlays, bar_length, length_text


@pytest.mark.parametrize(
    ("longest", "expected", "text"),
    [
        (9.99, 5.0, "5 nm"),
        (10.0, 10.0, "10 nm"),
        (234.0, 200.0, "200 nm"),
        (2100.0, 2000.0, "2 µm"),
        (0.7, 0.5, "0.5 nm"),
    ],
)
def test_lengths_are_round(longest: float, expected: float, text: str) -> None:
    assert bar_length(longest) == pytest.approx(expected)
    assert length_text(expected) == text


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    viewer = make_napari_viewer_proxy(show=True)
    viewer.window.resize(900, 700)
    viewer.add_image(np.zeros((4, 300, 300), np.uint8), scale=(10,) * 3, **IN_ANGSTROM)
    return viewer


def bar_px(viewer: Any) -> int:
    """Return how long the bar in the lower right corner is: the longest line of white in it."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].min(axis=2)
    white = picture[-80:, -220:] > 200
    return int(white.sum(axis=1).max())


def test_the_bar_is_as_long_as_it_says_after_every_zoom(viewer: Any) -> None:
    overlays = Overlays(viewer)
    overlays.scale_bar = True
    text = viewer.canvas.overlays["napari_tomodrgn_scale_bar"]
    said = []
    for zoom in (0.2, 0.05, 0.06, 0.3, 1.0, 0.9):
        viewer.scene.camera.zoom = zoom
        assert text.visible
        number, unit = text.text.split()
        said.append(text.text)
        assert unit == "nm"
        assert bar_px(viewer) == pytest.approx(10 * float(number) * zoom, abs=4)
    assert len(set(said)) == 3
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    assert bar_px(viewer) == pytest.approx(10 * float(text.text.split()[0]) * viewer.scene.camera.zoom, abs=4)


def test_napari_s_own_menu_and_units_are_followed(viewer: Any) -> None:
    overlays = Overlays(viewer)
    heard: list[bool] = []
    overlays.changed.connect(lambda: heard.append(overlays.scale_bar))
    bar, text = viewer.canvas.overlays.scale_bar, viewer.canvas.overlays["napari_tomodrgn_scale_bar"]
    bar.visible = True
    assert heard == [True]
    assert text.visible
    viewer.layers.clear()
    viewer.add_image(np.zeros((4, 30, 30), np.uint8))  # in pixels
    assert not text.visible
    assert bar.length is None
    bar.visible = False
    assert not text.visible
    overlays.axes = True
    assert viewer.canvas.overlays.axes.visible
