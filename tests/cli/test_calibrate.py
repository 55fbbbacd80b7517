"""``calibrate`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_tomodrgn.analysis.columns import Numbers, columns_of_run
from napari_tomodrgn.runs.run import Run

from .conftest import SMALL, Cli, TinySet, check, listing


@pytest.fixture
def run(analysed_run: Run, tmp_path: Path) -> Run:
    """A copy of an analysed run, beside its images."""
    shutil.copytree(analysed_run.path.parent, tmp_path / "set")
    return Run.open(tmp_path / "set" / "run")


def test_what_is_printed_is_what_is_written(cli: Cli, run: Run) -> None:
    outcome = cli("calibrate", run.path, "--json")

    assert outcome.code == 0, outcome.stderr
    folder = run.path / "analysis" / "epoch-0002"
    printed = json.loads(outcome.stdout)
    assert printed == json.loads((folder / "calibration.json").read_text())
    assert printed["particles"] == 24
    assert printed["interval"][0] <= printed["factor"] <= printed["interval"][1]
    assert printed["calibrated"] == (0.8 <= printed["factor"] <= 1.25)
    assert len(np.unique(np.asarray(Image.open(folder / "calibration.png").convert("RGB")))) > 50
    path, ids = folder / "calibration.json", run.particle_set().ids
    path.write_text(json.dumps({**printed, "tells_particles_apart": False}))
    assert "calibrated uncertainty" not in columns_of_run(run, 2, ids)
    path.write_text(json.dumps({**printed, "tells_particles_apart": True}))
    columns = columns_of_run(run, 2, ids)
    plain, calibrated = columns["uncertainty"], columns["calibrated uncertainty"]
    assert isinstance(plain, Numbers)
    assert isinstance(calibrated, Numbers)
    np.testing.assert_allclose(calibrated.values, plain.values * printed["factor"])

    before = listing(run.path)
    check(cli("calibrate", run.path), 2, ("calibration.json", "exists already"))
    assert listing(run.path) == before
    again = cli("calibrate", run.path, "--overwrite", "--no-figures")
    assert again.stdout.splitlines()[0] == printed["verdict"]


def test_what_can_not_be_calibrated_is_said_in_one_sentence(cli: Cli, run: Run, tiny: TinySet, tmp_path: Path) -> None:
    star, alone, joined = tiny.write(), tmp_path / "alone", tmp_path / "joined"
    assert cli("train", star, "--outdir", alone, *SMALL, "--latent-dim", 0).code == 0
    assert cli("train", star, "--outdir", joined, *SMALL, "--pooling", "concatenate").code == 0
    check(cli("calibrate", alone), 2, ("decoder alone", "no latents to calibrate"))
    check(cli("calibrate", joined), 2, ("concatenates 5 tilt images", "--pooling"))
    for stack in (run.path.parent / "particles").rglob("*.mrcs"):
        stack.unlink()
    check(cli("calibrate", run.path), 2, ("images", "can't be found"))
    assert not (run.path / "analysis" / "epoch-0002" / "calibration.json").exists()
