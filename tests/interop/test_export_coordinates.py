"""Coordinates as other programs take them, read by other libraries and held to what was planted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import starfile
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.export_coordinates import dynamo_angles, export_coordinates
from napari_tomodrgn.interop.export_options import CoordinatesOptions
from napari_tomodrgn.particles.reading import read_particles

from .points import PIXEL_SIZE, KnownRun
from .test_export_tomogram import labels_of

NAMES = ["rlnTomoName", "rlnTomoParticleName", "rlnMicrographName", "rlnGroupName"]
ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]
SERIES = PIXEL_SIZE / 4  # Å per pixel of the simulated tilt series


def export(source: Path, output: Path, **asked: Any) -> Path:
    return export_coordinates(CoordinatesOptions(particles=source, output=output, **asked))[0]


def test_csv_is_in_angstrom(known: KnownRun, tmp_path: Path) -> None:
    path = export(known.run.path, tmp_path / "out.csv", labels=labels_of(known, tmp_path / "mine.csv"))
    table = pd.read_csv(path, dtype={"tomogram": str, "particle": str})
    assert table.columns.tolist() == ["tomogram", "particle", "x", "y", "z", "rot", "tilt", "psi", "label"]
    for name in ("tomogram", "particle", "label"):
        assert table[name].tolist() == known.truth[name].tolist()
    for name in ("x", "y", "z", "rot", "tilt", "psi"):
        np.testing.assert_allclose(table[name], known.truth[name], atol=1e-3)


def test_relions_star_is_in_pixels_of_the_tilt_series_and_centred(known: KnownRun, tmp_path: Path) -> None:
    labels = labels_of(known, tmp_path / "mine.csv")
    path = export(known.run.path, tmp_path / "out.star", format="relion", labels=labels)
    table = starfile.read(path, parse_as_string=NAMES)
    size = known.run.particle_set().tomograms.set_index("name").loc[known.truth["tomogram"]]
    for axis in "xyz":
        truth = known.truth[axis].to_numpy()
        np.testing.assert_allclose(table[f"rlnCoordinate{axis.upper()}"] * SERIES, truth, atol=1e-3)
        centred = truth - size[f"size_{axis}"].to_numpy() / 2
        np.testing.assert_allclose(table[f"rlnCenteredCoordinate{axis.upper()}Angst"], centred, atol=1e-3)
    np.testing.assert_allclose(table[ANGLES], known.truth[["rot", "tilt", "psi"]], atol=1e-4)
    assert table["rlnClassNumber"].tolist() == (known.truth["label"] + 1).tolist()
    assert table["rlnTomoName"].tolist() == known.truth["tomogram"].tolist()


@pytest.mark.parametrize("pixel_size", [None, 10.0])
def test_warps_star_is_read_as_a_volume_series(known: KnownRun, tmp_path: Path, pixel_size: float | None) -> None:
    """By an independent library, and by what joins Warp's own volume series."""
    path = export(known.run.path, tmp_path / "out.star", format="warp", pixel_size=pixel_size)
    table = starfile.read(path, parse_as_string=NAMES)
    pixels = table[["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]].to_numpy()
    assert (table["rlnDetectorPixelSize"] == (pixel_size or SERIES)).all()
    np.testing.assert_allclose(pixels * (pixel_size or SERIES), known.truth[["x", "y", "z"]], atol=1e-3)
    assert set(table["rlnMicrographName"]) == {"001.tomostar", "002.tomostar"}


def test_what_is_written_for_warp_joins_an_image_series(warp_run: Path, tmp_path: Path) -> None:
    series = warp_run / "volume_series.star"
    star = next(warp_run.glob("particles*.star"))
    path = export(star, tmp_path / "out.star", format="warp", volume_series=series)
    own, again = (read_particles(star, volume_series=each).particles for each in (series, path))
    for name in ("x", "y", "z", "rot", "tilt", "psi"):
        np.testing.assert_allclose(again[name], own[name], atol=1e-3)


@pytest.fixture(scope="module")
def warp_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate

    options = {"particles": 4, "tomograms": 2, "tilts": 3, "noise": False, "box": 16}
    return simulate(SimulateOptions(outdir=tmp_path_factory.mktemp("warp") / "data", dialect="warp", **options)).parent


def dynamo_matrices(table: np.ndarray) -> np.ndarray:
    """Return what turns each particle onto the reference, as Dynamo documents it: about z, new x, new z."""
    return Rotation.from_euler("zxz", table[:, 6:9], degrees=True).as_matrix()


def test_the_matrix_of_dynamos_angles_is_that_of_its_documentation() -> None:
    found = dynamo_matrices(np.array([[0] * 6 + [30, 60, 75]]))[0]
    documented = [[-0.0173, -0.5477, 0.8365], [0.9012, -0.3709, -0.2241], [0.4330, 0.7500, 0.5000]]
    np.testing.assert_allclose(found, documented, atol=1e-4)


def test_dynamos_table_turns_and_places_particles_as_relions_star(known: KnownRun, tmp_path: Path) -> None:
    path = export(known.run.path, tmp_path / "out.tbl", labels=labels_of(known, tmp_path / "mine.csv"))
    table = np.loadtxt(path)
    assert table.shape == (9, 35)
    relion = Rotation.from_euler("ZYZ", known.truth[["rot", "tilt", "psi"]].to_numpy(), degrees=True).as_matrix()
    np.testing.assert_allclose(dynamo_matrices(table), relion, atol=1e-6)
    assert np.abs(table[:, 6:9]).max() <= 180
    np.testing.assert_allclose(table[:, 23:26] * SERIES, known.truth[["x", "y", "z"]], atol=1e-3)
    np.testing.assert_array_equal(table[:, 0], np.arange(9) + 1)
    np.testing.assert_array_equal(table[:, 21], known.truth["label"] + 1)
    names = dict(line.split() for line in path.with_suffix(".doc").read_text().splitlines())
    assert [names[str(int(number))] for number in table[:, 19]] == known.truth["tomogram"].tolist()
    assert (table[:, 12] == 1).all()
    assert (table[:, 13] < table[:, 14]).all()


def test_a_known_pair_of_angles_of_the_two_programs() -> None:
    """With which both gave the same reconstruction, from the tests of the library eulerangles."""
    np.testing.assert_allclose(dynamo_angles(*np.array([137.7, 1.1777, 42.727])), [-47.273, 1.1777, -132.3], atol=1e-4)


def test_a_selection_and_tomograms_are_what_is_written(known: KnownRun, tmp_path: Path) -> None:
    ids = [list(pair) for pair in known.truth[["tomogram", "particle"]].to_numpy()[[1, 6]]]
    made = {"format": 1, "name": "few", "created_from": {"rule": "ids"}, "parent": None, "run": None, "particles": ids}
    (tmp_path / "few.json").write_text(json.dumps(made))
    table = pd.read_csv(export(known.run.path, tmp_path / "out.csv", selection=tmp_path / "few.json"), dtype=str)
    assert table[["tomogram", "particle"]].to_numpy().tolist() == ids
    table = pd.read_csv(export(known.star, tmp_path / "of-star.csv", tomograms=["002"]), dtype=str)
    assert table["particle"].tolist() == known.of("002.tomostar")["particle"].tolist()
    assert "label" not in table


@pytest.mark.parametrize(
    ("name", "asked", "says"),
    [
        ("out.star", {}, ("out.star", "which format", "--format relion")),
        ("out.csv", {"tomograms": ["7"]}, ("--tomograms 7", "001.tomostar")),
        ("out.csv", {"labels": Path("no.csv")}, ("no.csv",)),
        ("out.csv", {"selection": Path("no.json")}, ("no.json",)),
    ],
)
def test_what_can_not_be_written_is_one_sentence(
    known: KnownRun, tmp_path: Path, name: str, asked: dict[str, Any], says: tuple[str, ...]
) -> None:
    with pytest.raises(InputError) as caught:
        export(known.run.path, tmp_path / name, **asked)
    assert [part for part in says if part not in str(caught.value)] == [], str(caught.value)
    assert not list(tmp_path.iterdir())


def test_a_series_without_coordinates_says_how_to_give_them(warp_run: Path, tmp_path: Path) -> None:
    from shutil import copytree

    data = Path(copytree(warp_run, tmp_path / "data"))
    (data / "volume_series.star").unlink()
    star = next(data.glob("particles*.star"))
    with pytest.raises(InputError, match=r"does not say where particle .* lies; give --volume-series"):
        export(star, tmp_path / "out.csv")


def test_files_that_exist_are_kept(known: KnownRun, tmp_path: Path) -> None:
    export(known.run.path, tmp_path / "out.tbl")
    (tmp_path / "out.tbl").unlink()
    with pytest.raises(InputError, match=r"out\.doc: exists already"):
        export(known.run.path, tmp_path / "out.tbl")
    export(known.run.path, tmp_path / "out.tbl", overwrite=True)
