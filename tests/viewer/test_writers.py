"""Points of a star back to a star: only those that are left, and never over another file."""

from pathlib import Path
from typing import Any

import npe2
import numpy as np
import pandas as pd
import pytest
from napari.layers import Points
from napari.utils.notifications import notification_manager

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.viewer.layers import LayerData, points_layer
from napari_tomodrgn.viewer.readers import read_star
from napari_tomodrgn.viewer.writers import save_points

PLUGIN = "napari-tomodrgn"


@pytest.fixture(scope="module", autouse=True)
def discovered() -> None:
    npe2.PluginManager.instance().discover()


@pytest.fixture
def layers(warptools_set: Path) -> list[Points]:
    """Layers as napari makes them of what the reader gives: four tomograms with ten particles each."""
    return [Points(points, **attributes) for points, attributes, _ in read_star(warptools_set)]


def tuples(layers: list[Points]) -> list[LayerData]:
    return [layer.as_layer_data_tuple() for layer in layers]


def test_points_that_are_left_are_written_in_the_sets_own_dialect(
    layers: list[Points], warptools_set: Path, tmp_path: Path
) -> None:
    layers[0].selected_data = {0, 4}
    layers[0].remove_selected()
    left = [(layers[0].metadata["experiment_id"], name) for name in layers[0].features["particle"]]
    assert len(left) == 8

    with notification_manager:
        paths = npe2.write(str(tmp_path / "left.star"), [layers[0]], plugin_name=PLUGIN)
        said = notification_manager.records[-1].message

    assert paths[0] == str(tmp_path / "left.star")
    written, whole = read_particles(tmp_path / "left.star"), read_particles(warptools_set)
    assert written.dialect == "warptools"
    assert written.ids == left
    expected = whole.select(left)
    pd.testing.assert_frame_equal(
        written.particles.drop(columns="source_particle"), expected.particles.drop(columns="source_particle")
    )
    assert [Path(stack).resolve() for stack in written.stacks if stack]
    assert "wrote 8 of 40 particles" in said


def test_layers_of_all_tomograms_make_one_star(layers: list[Points], warptools_set: Path, tmp_path: Path) -> None:
    written = save_points(tmp_path / "all.star", tuples(layers))
    assert (written.particles, written.of) == (40, 40)
    assert read_particles(tmp_path / "all.star").ids == read_particles(warptools_set).ids


def test_hidden_added_and_moved_points_are_told_apart(layers: list[Points], tmp_path: Path) -> None:
    layer = layers[0]
    shown = np.ones(10, dtype=bool)
    shown[3] = False
    layer.shown = shown
    layer.add([[100.0, 100.0, 100.0]])
    moved = np.array(layer.data)
    moved[5] += 7.0
    layer.data = moved
    written = save_points(tmp_path / "some.star", tuples([layer]))
    assert (written.particles, written.added, written.moved) == (9, 1, 1)
    assert "1 points that were added here are no particles" in written.sentence()
    assert "1 were moved here" in written.sentence()


@pytest.mark.parametrize("there", ["some.star", "some_tomograms.star"])
def test_no_file_is_replaced(layers: list[Points], tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("precious")
    with pytest.raises(InputError, match=f"{there}: exists already"):
        save_points(tmp_path / "some.star", tuples(layers))
    assert (tmp_path / there).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_points_that_are_no_particles_are_refused(layers: list[Points], tmp_path: Path) -> None:
    points: Any = np.zeros((2, 3))
    foreign = (points, {"name": "mine", "features": pd.DataFrame({"particle": ["a", "b"]})}, "points")
    with pytest.raises(InputError, match="layer mine: was not opened from a star or a run"):
        save_points(tmp_path / "some.star", [foreign])
    layer = layers[0]
    layer.data = np.zeros((0, 3))
    with pytest.raises(InputError, match="none of the 0 points"):
        save_points(tmp_path / "some.star", tuples([layer]))
    other = points_layer("001", points, pd.DataFrame({"particle": ["a", "b"]}), 10.0)
    other[1]["metadata"]["star"] = "other.star"
    with pytest.raises(InputError, match="2 data sets"):
        save_points(tmp_path / "some.star", [*tuples(layers[1:2]), other])
