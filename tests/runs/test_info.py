"""``info`` says what real files and runs hold, from their text alone."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.info import InfoOptions, info
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.runs.run import Run

from .conftest import DATA, FORWARD_MODEL, MODEL

EPOCHS = (1, 2, 3)
IDS = (("TS_01", "000000"), ("TS_01", "000001"), ("TS_02", "000000"))


def test_the_real_optimisation_set(shared_data: Path) -> None:
    (path,) = (shared_data / "warptools_insitu").glob("*_optimisation_set.star")
    facts = info(InfoOptions(particles=path))
    assert facts["kind"] == "particles"
    assert facts["dialect"] == "warptools"
    assert (facts["particles"], facts["tilt_images"], facts["box"], facts["pixel_size"]) == (40, 1430, 32, 12.0)
    assert facts["tilts_per_particle"] == {"min": 34, "median": 36.0, "max": 37}
    assert sorted(each["tilt_images"] for each in facts["tomograms"]) == [340, 350, 370, 370]
    assert {each["particles"] for each in facts["tomograms"]} == {10}
    assert facts["forward_model"]["ctf_power"] == 2
    assert facts["stacks"] == {"found": 40, "missing": 0, "first_missing": None}
    assert "rlnTomoVisibleFrames" in facts["columns"]["particles"]["data_particles"]
    assert facts["coordinates"]


def test_the_options_of_reading_apply(shared_data: Path) -> None:
    star = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"
    facts = info(InfoOptions(particles=star, first_tilts=4, contrast="bright"))
    assert (facts["particles"], facts["tilt_images"]) == (72, 288)
    assert facts["forward_model"]["contrast"] == "bright"
    assert not facts["coordinates"]


def test_a_set_opens_without_its_stacks(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"
    alone = tmp_path / "alone.star"
    alone.write_bytes(source.read_bytes())
    facts = info(InfoOptions(particles=alone))
    assert facts["stacks"] == {"found": 0, "missing": 1, "first_missing": "data/10076_classE_32_sim.mrcs"}
    assert facts["tilt_images"] == 720


def test_a_volume_series_is_told_from_particles(tmp_path: Path) -> None:
    star = tmp_path / "series.star"
    labels = ["rlnMicrographName", "rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ"]
    lines = ["data_", "", "loop_", *(f"_{label} #{i}" for i, label in enumerate(labels, 1))]
    star.write_text("\n".join([*lines, "001.mrc 1 2 3", "001.mrc 4 5 6", "1e5.mrc 7 8 9", ""]))
    facts = info(InfoOptions(particles=star))
    assert (facts["kind"], facts["particles"]) == ("volume series", 3)
    assert facts["tomograms"] == [{"name": "001.mrc", "particles": 2}, {"name": "1e5.mrc", "particles": 1}]
    assert facts["columns"]["particles"]["data_"] == labels


def test_info_of_a_star_imports_no_torch(shared_data: Path) -> None:
    star = shared_data / "cryosrpnt_classE" / "10076_classE_32_sim.star"
    program = (
        "import sys\nfrom napari_tomodrgn.cli.main import main\n"
        "try:\n    main(['info', sys.argv[1], '--json'])\n"
        "finally:\n    print('torch' in sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, star], capture_output=True, text=True, check=True)
    assert done.stderr == "False\n"
    assert json.loads(done.stdout)["particles"] == 72


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a run of three epochs, stopped, whose second epoch is the chosen one."""
    folder = tmp_path / "run"
    z = np.arange(6, dtype=np.float32).reshape(3, 2)
    latents = Latents(IDS, z, -z, np.array(["train", "train", "held-out"]))
    for epoch in EPOCHS:
        layout.checkpoint_path(folder, epoch).parent.mkdir(parents=True, exist_ok=True)
        layout.checkpoint_path(folder, epoch).write_bytes(bytes(1000))
        latents.save(layout.latents_path(folder, epoch))
    latents.save(folder / layout.CHOSEN_LATENTS)
    rows = [f"{epoch},{1 / epoch},{1 / epoch},0.5,0.5,,0.0002,9,1,0" for epoch in EPOCHS]
    (folder / layout.METRICS).write_text("\n".join([",".join(layout.METRIC_COLUMNS), *rows, ""]))
    (folder / "particles.star").write_text("data_\n")
    for name in ("analysis/epoch-0002/report.html", "volumes/epoch-0002/kmeans-2/vol_000.mrc", "sessions/a.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(bytes(500))
    Selection("good", frozenset(IDS[:2]), {"rule": "lasso"}, run=str(folder)).save(folder / "selections" / "good.json")
    document = {
        "status": "running",
        "settings": {"latent_dim": 2, "epochs": 9, "particles": "/far/a.star"},
        "data": {**DATA, "forward_model": {**FORWARD_MODEL, "ctf_power": 1}},
        "model": MODEL,
        "parent": {"run": str(tmp_path / "gone"), "selection": "clean"},
        "chosen_epoch": 2,
    }
    Run.create(folder, document)
    return folder


def test_a_run_is_described(run: Path) -> None:
    facts = info(InfoOptions(particles=run))
    assert (facts["kind"], facts["status"], facts["trainer"]) == ("run", "stopped", None)
    assert (facts["epochs"], facts["chosen_epoch"], facts["particles"]) == ([1, 2, 3], 2, 3)
    assert facts["losses"][1] == {
        "epoch": 2,
        "loss": 0.5,
        "reconstruction": 0.5,
        "kld": 0.5,
        "held_out_reconstruction": None,
    }
    assert facts["lineage"] == [{"run": str(run.parent / "gone"), "selection": "clean"}]
    assert facts["selections"] == [{"name": "good", "particles": 2, "created_from": {"rule": "lasso"}}]
    assert facts["analyses"] == ["epoch-0002"]
    assert facts["volumes"] == ["epoch-0002/kmeans-2"]
    assert facts["bytes"]["checkpoints"] == 3000
    assert facts["bytes"]["total"] == sum(size for name, size in facts["bytes"].items() if name != "total")


def test_a_run_that_is_training_names_its_trainer(run: Path) -> None:
    with run_lock(run):
        facts = info(InfoOptions(particles=run))
    assert facts["status"] == "running"
    assert facts["trainer"].startswith("process ")


def test_the_parents_of_a_run_are_followed(run: Path) -> None:
    child = run.parent / "child"
    parent = {"run": str(run), "selection": "good"}
    Run.create(child, {"status": "stopped", "settings": {}, "data": DATA, "model": MODEL, "parent": parent})
    lineage = info(InfoOptions(particles=child))["lineage"]
    assert [each["selection"] for each in lineage] == ["good", "clean"]


def test_a_bundle_is_a_run_without_what_is_heavy(run: Path, tmp_path: Path) -> None:
    light = tmp_path / "light"
    assert info(InfoOptions(particles=run, bundle=light))["bundle"] == str(light)
    copy = Run.open(light)
    assert copy.epochs == [2]
    assert copy.latents().ids == IDS
    assert copy.selection("good").ids == set(IDS[:2])
    assert (light / "analysis" / "epoch-0002" / "report.html").is_file()
    assert (light / "sessions" / "a.json").is_file()
    assert not (light / "volumes").exists()


def test_a_bundle_overwrites_nothing(run: Path, tmp_path: Path) -> None:
    (tmp_path / "light").mkdir()
    with pytest.raises(InputError, match="exists already"):
        info(InfoOptions(particles=run, bundle=tmp_path / "light"))
    assert list((tmp_path / "light").iterdir()) == []


def test_one_tomogram_is_told_of_as_one(class_e_star: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from napari_tomodrgn.cli.commands.info import _show_particles

    facts = info(InfoOptions(particles=class_e_star))
    _show_particles({**facts, "tomograms": facts["tomograms"][:1]})
    assert "72 in one tomogram\n" in capsys.readouterr().out
