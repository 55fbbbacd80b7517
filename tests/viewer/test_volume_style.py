"""Which volumes matter, how the others look, and pictures of them with what their colours mean."""

from pathlib import Path

import matplotlib
import numpy as np
import pytest
from PIL import Image

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.viewer.colouring import CONTINUOUS, FADED, ClassStyle, colour_by
from napari_tomodrgn.viewer.volume_style import GREY, VolumeStyle, that_matter, volume_colours
from napari_tomodrgn.viewer.volumes_picture import save_picture, view_of

RED, GREEN, BLUE = (1.0, 0.0, 0.0, 1.0), (0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 1.0, FADED)


def test_hidden_and_faded_particles_do_not_matter_and_others_only_while_selected_where_asked() -> None:
    rgba = np.array([RED, RED, GREEN, BLUE], np.float32)
    selected = np.array([False, True, True, True])
    nothing = np.zeros(4, dtype=bool)
    assert that_matter(rgba, selected, VolumeStyle()).tolist() == [True, True, False, False]
    matter = that_matter(rgba, selected, VolumeStyle(only_selected=True))
    assert matter.tolist() == [False, True, False, False]
    assert that_matter(rgba, nothing, VolumeStyle(only_selected=True)).tolist() == [True, True, False, False]
    colours = volume_colours(rgba, matter)
    np.testing.assert_allclose(colours, [GREY, RED, GREEN, GREY])


def colours_below(path: Path, canvas: np.ndarray) -> set[tuple[int, ...]]:
    with Image.open(path) as image:
        assert image.info["dpi"][0] == pytest.approx(300, abs=0.1)
        picture = np.asarray(image.convert("RGB"))
    high, wide = canvas.shape[:2]
    assert picture.shape[1] == wide
    np.testing.assert_array_equal(picture[:high], canvas[..., :3])
    return {tuple(each) for each in np.unique(picture[high:].reshape(-1, 3), axis=0).tolist()}


@pytest.fixture
def canvas() -> np.ndarray:
    canvas = np.random.default_rng(0).integers(0, 255, (300, 1000, 4), dtype=np.uint8)
    canvas[..., 3] = 255
    return canvas


def test_a_picture_names_the_classes_that_are_seen(tmp_path: Path, canvas: np.ndarray) -> None:
    classes = Classes(np.array([0, 0, 1, 2, 3]), ("red", "hidden", "faded", "elsewhere"))
    yellow = (1.0, 1.0, 0.0, 1.0)
    colouring = colour_by(classes, ClassStyle({}, {0: RED, 1: GREEN, 2: BLUE, 3: yellow}))
    shown = np.array([0, 1, 2, 3])
    view = view_of("classes", classes, colouring, shown, (GREY, "others"))
    assert [name for _, name in view.entries] == ["red", "others"]
    save_picture(tmp_path / "picture.png", canvas, [view, view_of("classes", classes, colouring, shown, None)])
    found = colours_below(tmp_path / "picture.png", canvas)
    grey = tuple(round(255 * each) for each in GREY[:3])
    assert {(255, 0, 0), grey, (255, 255, 255)} <= found
    assert not {(0, 255, 0), (0, 0, 255), (255, 255, 0)} & found


def test_a_picture_of_numbers_has_their_bar(tmp_path: Path, canvas: np.ndarray) -> None:
    numbers = Numbers(np.linspace(2, 9, 50))
    save_picture(tmp_path / "picture.png", canvas, [view_of("score", numbers, colour_by(numbers), np.arange(50), None)])
    found = colours_below(tmp_path / "picture.png", canvas)
    for share in (0.1, 0.5, 0.9):
        expected = 255 * np.array(matplotlib.colormaps[CONTINUOUS](share)[:3])
        assert min(np.abs(np.array(each) - expected).max() for each in found) < 3
