"""What is written for WarpTools and RELION 5 to cut particles out in a larger box, read by an independent library."""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
import starfile

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.extraction import write_extraction
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate

COORDINATES = ["rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
ANGLES = ["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"]


def words_of(script: Path) -> list[str]:
    """Return the words of the script's command, as a shell reads them."""
    lines = [line for line in script.read_text().splitlines() if not line.startswith("#")]
    return shlex.split("\n".join(lines).replace("\\\n", " "))


def test_warptools_gets_the_particles_where_its_own_star_has_them(warptools_set: Path, tmp_path: Path) -> None:
    """The real set has origins of 0, so its own coordinates in pixels of 12 Å are the truth."""
    own = starfile.read(
        warptools_set.with_name(warptools_set.name.replace("_optimisation_set", "")), parse_as_string=["rlnTomoName"]
    )["particles"]
    particles = read_particles(warptools_set).take([0, 3, 17, 39])

    written = write_extraction(particles, tmp_path / "a folder", box=48, diameter=300.0, title="Four of them.")

    star = starfile.read(written.star)
    rows = own.iloc[[0, 3, 17, 39]]
    np.testing.assert_allclose(star[COORDINATES], rows[COORDINATES], atol=1e-4)
    np.testing.assert_allclose(star[ANGLES], rows[ANGLES], atol=1e-4)
    assert star["rlnMicrographName"].tolist() == rows["rlnTomoName"].tolist()
    out = tmp_path / "a folder" / "extracted"
    assert words_of(written.script) == [
        "WarpTools", "ts_export_particles", "--settings", "warp_tiltseries.settings", "--input_star", str(written.star),
        "--coords_angpix", "12", "--output_star", str(out / "particles.star"), "--output_angpix", "12", "--box", "48",
        "--diameter", "300", "--relative_output_paths", "--2d",
    ]  # fmt: skip
    assert written.result == out / "particles_optimisation_set.star"  # as ts_export_particles calls it
    assert not written.keeps_names
    assert os.access(written.script, os.X_OK)
    assert written.script.read_text().startswith("#!/bin/sh\n# Four of them.\n")


@pytest.fixture(scope="module")
def relion_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("relion") / "set"
    return simulate(SimulateOptions(outdir=folder, particles=6, box=16, pixel_size=12.0, tilts=3, dialect="relion5"))


def test_relion_gets_its_own_star_and_the_projects_tomograms(relion_set: Path, tmp_path: Path) -> None:
    particles = read_particles(relion_set).take([1, 4])

    written = write_extraction(particles, tmp_path / "new", box=24, diameter=100.0, title="Two of them.")

    rows = starfile.read(written.star)["particles"]
    assert rows["rlnTomoParticleName"].tolist() == [name for _, name in particles.ids]
    assert words_of(written.script) == [
        "relion_tomo_subtomo", "--p", str(written.star), "--t", str(relion_set.with_name("tomograms.star")), "--theme",
        "classic", "--o", f"{tmp_path / 'new' / 'extracted'}/", "--b", "48", "--crop", "24", "--bin", "4", "--float16",
        "--stack2d",
    ]  # fmt: skip
    assert written.keeps_names
    assert written.result == tmp_path / "new" / "extracted" / "optimisation_set.star"


@pytest.mark.parametrize(("box", "says"), [(16, "larger than the present 16 px"), (25, "must be even")])
def test_a_box_that_is_not_larger_is_refused(relion_set: Path, tmp_path: Path, box: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        write_extraction(read_particles(relion_set), tmp_path / "new", box=box, diameter=100.0, title="")
    assert not (tmp_path / "new").exists()


def test_images_of_no_known_program_are_refused(class_e_star: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="dialect cryosrpnt"):
        write_extraction(read_particles(class_e_star), tmp_path / "new", box=64, diameter=100.0, title="")
    assert not (tmp_path / "new").exists()
