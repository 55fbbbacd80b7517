"""``import-tomodrgn`` and ``export`` as they are called: what they print, what they write, and what they refuse."""

import csv
import os
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def theirs(shared_data: Path, tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(shared_data / "tomodrgn_run", tmp_path / "theirs", copy_function=shutil.copyfile))
    folder.chmod(0o755)
    return folder


def test_a_run_of_tomodrgn_is_decoded_by_the_next_command(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    outcome = cli("import-tomodrgn", theirs, "--outdir", run)

    assert (outcome.code, outcome.stdout) == (0, f"{run}\n"), outcome.stderr
    assert cli("info", run).code == 0
    decoded = cli("volumes", run, "--latents", theirs / "z_values.txt", "--outdir", tmp_path / "v", "--amp", "off")
    assert decoded.code == 0, decoded.stderr
    for number in range(3):
        own, other = (mrcfile.read(folder / f"vol_{number:03d}.mrc") for folder in (tmp_path / "v", theirs))
        assert np.corrcoef(own.ravel(), other.ravel())[0, 1] > 0.999


def test_a_hostile_file_is_named_with_what_it_asks_for(cli: Cli, theirs: Path, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (theirs / "config.pkl").write_bytes(f"cposix\nsystem\n(S'touch {canary}'\ntR.".encode())

    outcome = cli("import-tomodrgn", theirs, "--outdir", tmp_path / "run")

    check(outcome, 2, (str(theirs / "config.pkl"), "posix.system", "nothing was run"))
    assert os.listdir(tmp_path) == ["theirs"]


def test_what_is_no_run_of_it_is_refused(cli: Cli, tmp_path: Path) -> None:
    check(cli("import-tomodrgn", tmp_path / "no", "--outdir", tmp_path / "run"), 2, ("no: is no folder",))
    check(cli("import-tomodrgn", tmp_path, "--outdir", tmp_path / "run"), 2, ("has no config.pkl",))
    assert not list(tmp_path.iterdir())


def test_a_scene_has_the_classes_of_the_analysis(cli: Cli, analysed_run: Run, tmp_path: Path) -> None:
    outcome = cli("export", "chimerax", analysed_run.path, "--outdir", tmp_path / "scenes", "--limit", 3)

    assert outcome.code == 0, outcome.stderr
    scripts = [Path(line) for line in outcome.stdout.splitlines()]
    assert [script.name for script in scripts] == ["001.cxc", "002.cxc"]
    labels = read_labels(AnalysisFolder(analysed_run.path, 2).labels("kmeans-3"))
    for script in scripts:
        with open(script.with_suffix(".csv"), newline="") as stream:
            rows = list(csv.DictReader(stream))
        assert len(rows) == script.read_text().count("\nview matrix models #") == 3
        assert all(int(row["label"]) == labels[row["tomogram"], row["particle"]] for row in rows)
        assert all((script.parent / row["file"]).is_file() for row in rows)


def test_a_tomogram_is_filled(cli: Cli, analysed_run: Run, tmp_path: Path) -> None:
    out = tmp_path / "filled"
    words = ("export", "tomogram", analysed_run.path, "--outdir", out)
    file = tmp_path / "002.mrc"
    with mrcfile.new(file) as stream:
        stream.set_data(np.zeros((20, 100, 100), np.int8))
        stream.voxel_size = 40.0

    check(cli(*words), 2, ("which tomogram", "001", "002"))
    check(cli(*words, "--tomogram", "002"), 2, ("how large tomogram 002 is", "--tomogram-file"))
    outcome = cli(*words, "--tomogram", "002", "--tomogram-file", file, "--class-centres")

    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.split() == [str(out / f"002{end}") for end in (".mrc", "_classes.mrc", "_classes.csv")]
    assert set(listing(out)) == {"002.mrc", "002_classes.mrc", "002_classes.csv"}
    assert mrcfile.read(out / "002.mrc").shape == (20, 100, 100)
    assert 0 < len(set(np.unique(mrcfile.read(out / "002_classes.mrc"))) - {0}) <= 3
    check(cli(*words, "--tomogram", "002"), 2, (str(out), "exists already", "--overwrite"))


def test_coordinates_are_written_by_the_name_of_the_file(cli: Cli, analysed_run: Run, tmp_path: Path) -> None:
    for name in ("c.csv", "c.tbl"):
        outcome = cli("export", "coordinates", analysed_run.path, "--output", tmp_path / name)
        assert outcome.code == 0, outcome.stderr
    assert set(listing(tmp_path)) == {"c.csv", "c.tbl", "c.doc"}
    assert len((tmp_path / "c.csv").read_text().splitlines()) == 25
    check(cli("export", "coordinates", analysed_run.path, "--output", tmp_path / "c.star"), 2, ("which format",))


def test_export_names_what_it_can_do(cli: Cli) -> None:
    check(cli("export"), 2, ("missing command", "napari-tomodrgn export --help"))
    check(cli("export", "pymol"), 2, ("pymol", "napari-tomodrgn export --help"))
    assert all(name in cli("export", "--help").stdout for name in ("chimerax", "tomogram", "coordinates"))
