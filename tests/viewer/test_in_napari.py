"""A napari window opens our files and shows them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


@pytest.fixture
def viewer(make_napari_viewer_proxy: Callable[..., Any]) -> Any:
    return make_napari_viewer_proxy(show=True)


def test_a_data_set_and_its_map_open_together_in_angstrom(viewer: Any, warptools_set: Path, shared_data: Path) -> None:
    points = viewer.open(warptools_set, plugin="napari-tomodrgn")
    reference = shared_data / "warptools_insitu" / "warptools_test_box-32_angpix-12_reconstruct.mrc"
    (image,) = viewer.open(reference, plugin="napari-tomodrgn")

    assert [len(layer.data) for layer in points] == [10, 10, 10, 10]
    assert image.units == points[0].units
    assert str(image.units[0]) == "angstrom"
    np.testing.assert_allclose(image.extent.world[1], 31 * 12.0, atol=6.1)


def test_the_sample_is_drawn(viewer: Any) -> None:
    viewer.open_sample("napari-tomodrgn", "simulated-tomogram")
    assert [type(layer).__name__ for layer in viewer.layers] == ["Image", "Points"]
    picture = viewer.screenshot(canvas_only=True, flash=False)
    assert picture[..., :3].std() > 5
