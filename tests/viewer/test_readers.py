"""What napari gets from star files, runs and maps, through npe2 as napari itself reads."""

from pathlib import Path

import mrcfile
import npe2
import numpy as np
import pandas as pd
import pytest
import starfile
from napari.layers import Image
from napari.utils.notifications import notification_manager

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer import readers
from napari_tomodrgn.viewer.layers import set_pixel_size

PLUGIN = "napari-tomodrgn"


@pytest.fixture(scope="module", autouse=True)
def discovered() -> None:
    npe2.PluginManager.instance().discover()


def test_a_star_opens_as_points_in_angstrom_one_layer_a_tomogram(warptools_set: Path) -> None:
    layers = npe2.read([str(warptools_set)], stack=False, plugin_name=PLUGIN)

    star = warptools_set.with_name(warptools_set.name.replace("_optimisation_set", ""))
    rows = starfile.read(star, parse_as_string=["rlnTomoName"])["particles"]
    for (points, attributes, kind), (tomogram, group) in zip(
        layers, rows.groupby("rlnTomoName", sort=False), strict=True
    ):
        # WarpTools writes coordinates in pixels of the exported images, here 12 Å.
        expected = 12.0 * group[["rlnCoordinateZ", "rlnCoordinateY", "rlnCoordinateX"]].to_numpy()
        np.testing.assert_allclose(points, expected, atol=0.01)
        assert kind == "points"
        assert attributes["metadata"]["experiment_id"] == tomogram
        assert attributes["units"] == ("angstrom",) * 3
        assert list(attributes["features"]["particle"]) == list(dict.fromkeys(attributes["features"]["particle"]))
    assert [attributes["visible"] for _, attributes, _ in layers] == [True, False, False, False]


def test_a_star_without_coordinates_says_so(class_e_star: Path) -> None:
    with pytest.raises(InputError, match="says nothing about where its 72 particles lie"):
        readers.read_star(class_e_star)


def test_a_map_opens_memory_mapped_with_its_pixel_size(shared_data: Path) -> None:
    path = shared_data / "warptools_insitu" / "warptools_test_box-32_angpix-12_reconstruct.mrc"
    ((values, attributes, kind),) = npe2.read([str(path)], stack=False, plugin_name=PLUGIN)
    assert kind == "image"
    assert isinstance(values, np.memmap)
    assert values.shape == (32, 32, 32)
    np.testing.assert_allclose(attributes["scale"], 12.0, rtol=1e-3)
    assert attributes["units"] == ("angstrom",) * 3


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float16, np.float32])
@pytest.mark.parametrize("suffix", [".mrc", ".rec", ".map"])
def test_tomograms_of_every_kind_open(tmp_path: Path, dtype: type, suffix: str) -> None:
    path = tmp_path / f"TS_01_10.00Apx{suffix}"
    expected = np.arange(24).reshape(2, 3, 4).astype(dtype)
    with mrcfile.new(path) as mrc:
        mrc.set_data(expected)
        mrc.voxel_size = 10.0
    ((values, attributes, _),) = npe2.read([str(path)], stack=False, plugin_name=PLUGIN)
    np.testing.assert_array_equal(values, expected)
    assert attributes["metadata"]["experiment_id"] == "TS_01"


def test_a_map_without_a_pixel_size_is_shown_in_voxels_and_takes_one_later(tmp_path: Path) -> None:
    path = tmp_path / "map.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.zeros((2, 3, 4), dtype=np.float32))
    with notification_manager:
        ((values, attributes, _),) = readers.read_mrc(path)
        said = notification_manager.records[-1].message
    assert "scale" not in attributes
    assert "units" not in attributes
    assert said == f"{path}: its header has no voxel size, so it is shown in voxels; set its pixel size"

    layer = Image(values, **attributes)
    set_pixel_size(layer, 13.5)
    assert [str(unit) for unit in layer.units] == ["angstrom"] * 3
    np.testing.assert_allclose(layer.scale, 13.5)
    with pytest.raises(InputError, match="expected a number above 0"):
        set_pixel_size(layer, 0.0)


def test_a_big_endian_map_opens_in_native_order(tmp_path: Path) -> None:
    path = tmp_path / "big.mrc"
    with mrcfile.new(path) as mrc:
        mrc.set_data(np.arange(24, dtype=">f4").reshape(2, 3, 4))
        mrc.voxel_size = 5.0
    ((values, attributes, _),) = readers.read_mrc(path)
    assert values.dtype.isnative
    np.testing.assert_array_equal(values, np.arange(24).reshape(2, 3, 4))
    assert Image(values, **attributes).data[1, 2, 3] == 23


@pytest.mark.parametrize("content", [b"", b"no map at all"])
def test_what_is_no_map_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.mrc"
    path.write_bytes(content)
    with pytest.raises(InputError, match="less than the 1024 of an MRC header"):
        readers.read_mrc(path)


def test_readers_decline_what_is_not_theirs(tmp_path: Path) -> None:
    assert readers.get_star_reader(str(tmp_path / "notes.txt")) is None
    assert readers.get_run_reader(str(tmp_path)) is None
    assert readers.get_map_reader([str(tmp_path / "a.mrc"), str(tmp_path / "b.tif")]) is None


def test_of_very_many_tomograms_the_first_are_shown_and_it_says_so(
    warptools_set: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "MOST_TOMOGRAMS", 3)
    with notification_manager:
        before = len(notification_manager.records)
        layers = readers.read_star(warptools_set)
        (said,) = notification_manager.records[before:]
    assert len(layers) == 3
    assert "particles in 4 tomograms" in said.message


def test_a_run_opens_with_the_particles_it_was_trained_on(tmp_path: Path) -> None:
    star = simulate(SimulateOptions(outdir=tmp_path / "data", particles=8, box=16, pixel_size=20.0, tilts=3))
    options = TrainOptions(
        particles=star, outdir=tmp_path / "run", epochs=1, latent_dim=2, pooling="mean", decoder="8x1", device="cpu"
    )
    train(options, StopRequest())

    for opened in (tmp_path / "run", tmp_path / "run" / "run.json"):
        layers = npe2.read([str(opened)], stack=False, plugin_name=PLUGIN)
        truth = pd.read_csv(tmp_path / "data" / "truth.csv", dtype={"tomogram": str}).groupby("tomogram")
        for points, attributes, _ in layers:
            expected = truth.get_group(attributes["metadata"]["experiment_id"])
            np.testing.assert_allclose(points, expected[["z", "y", "x"]].to_numpy(), atol=0.01)
            assert attributes["metadata"]["run"] == str(tmp_path / "run")
        assert len(layers) == 2
