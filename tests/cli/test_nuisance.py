"""``nuisance`` as it is called: what it prints, what it writes, and what it refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

from .conftest import Cli, check, listing

TINY = {"pooling": "mean", "encoder_a": "8x1", "encoder_a_out": 8, "encoder_b": "8x1", "decoder": "8x1", "epochs": 1}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on 60 particles in six tomograms."""
    folder = tmp_path_factory.mktemp("nuisance")
    size = {"particles": 60, "tomograms": 6, "box": 16, "pixel_size": 12.0, "tilts": 5}
    star = simulate(SimulateOptions(outdir=folder / "particles", defocus_step=0.4, **size))
    return train(TrainOptions(particles=star, outdir=folder / "run", latent_dim=3, batch_size=10, **TINY))


@pytest.fixture
def leaking(trained: Run, tmp_path: Path) -> Run:
    """A copy of it in which latents follow the defocus."""
    run = Run.open(shutil.copytree(trained.path, tmp_path / "run"))
    particle_set, latents = run.particle_set(), run.latents()
    assert list(latents.ids) == particle_set.ids
    images = particle_set.tilt_images
    defocus = images["defocus_u"].groupby(images["particle"]).mean().to_numpy() / 1e4
    z = np.random.default_rng(0).normal(size=latents.z_mean.shape).astype(np.float32)
    z[:, 1] += 4 * defocus.astype(np.float32)
    save(run, replace(latents, z_mean=z))
    return run


def save(run: Run, latents: object) -> None:
    for path in (layout.latents_path(run.path, 1), run.path / layout.CHOSEN_LATENTS):
        latents.save(path)


def test_a_leak_is_told_with_the_volumes_at_both_ends(cli: Cli, leaking: Run, tmp_path: Path) -> None:
    outcome = cli("nuisance", leaking.path, "--volumes", "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    folder = leaking.path / "analysis" / "epoch-0001" / "nuisance"
    assert set(listing(folder)) == {"nuisance.json", "particles.csv", "nuisance.png", "nuisance.pdf"}
    written = json.loads((folder / "nuisance.json").read_text())
    assert {name: value for name, value in printed.items() if name not in ("folder", "volumes")} == written
    (alarm,) = (each for each in written["quantities"] if each["name"] == "defocus")
    assert alarm["alarm"]
    assert float(alarm["low_end"].split()[0]) < float(alarm["high_end"].split()[0])
    assert any(each.startswith("follows defocus: check, may be biology") for each in written["alarms"])
    assert "artefact" not in json.dumps(written)
    along = pd.read_csv(folder / "particles.csv")["along_defocus"].to_numpy()
    assert np.corrcoef(along, leaking.latents().z_mean[:, 1])[0, 1] > 0.9

    # the volumes are those of the latents that the index gives, as `volumes` decodes them
    ends = leaking.path / "volumes" / "epoch-0001" / "nuisance-defocus"
    index = pd.read_csv(ends / "index.csv")
    assert list(index["end"]) == ["low", "high"]
    assert index["z1"][1] > index["z1"][0] + 2
    np.save(tmp_path / "ends.npy", index[["z0", "z1", "z2"]].to_numpy())
    again = cli("volumes", leaking.path, "--latents", tmp_path / "ends.npy", "--amp", "off", "--device", "cpu")
    assert again.code == 0, again.stderr
    for name in ("vol_000.mrc", "vol_001.mrc"):
        volumes = [mrcfile.read(each / name) for each in (ends, ends.with_name("ends"))]
        np.testing.assert_allclose(*volumes, atol=1e-4 * np.abs(volumes[1]).max())


def test_people_are_told_in_words(cli: Cli, leaking: Run) -> None:
    outcome = cli("nuisance", leaking.path, "--no-figures")

    assert outcome.code == 0, outcome.stderr
    assert "doubt" not in outcome.stdout
    lines = {line.split("  ")[0]: line for line in outcome.stdout.splitlines()}
    assert "follows defocus: check, may be biology (R²" in lines["defocus"]
    assert "not asked: is the same for all particles" in lines["tilt count"]
    assert "not followed (R²" in lines["view direction"]
    assert not (leaking.path / "volumes" / "epoch-0001" / "nuisance-defocus").exists()


def test_few_tomograms_leave_a_doubt(cli: Cli, analysed_run: Run, tmp_path: Path) -> None:
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))

    outcome = cli("nuisance", run, "--no-figures")

    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.splitlines()[-2].startswith("doubt  ")
    assert "2 tomograms can be dealt out in 2 ways only" in outcome.stdout


def test_what_was_found_is_replaced_only_when_told(cli: Cli, leaking: Run) -> None:
    assert cli("nuisance", leaking.path, "--no-figures", "--volumes").code == 0
    before = listing(leaking.path)

    check(cli("nuisance", leaking.path, "--volumes"), 2, ("nuisance", "exists already", "--overwrite"))
    assert listing(leaking.path) == before
    assert cli("nuisance", leaking.path, "--volumes", "--overwrite").code == 0


def test_volumes_of_an_alarm_that_is_no_more_are_removed(cli: Cli, leaking: Run) -> None:
    """Those of others are made anew; a folder in which somebody keeps something stays."""
    assert cli("nuisance", leaking.path, "--no-figures", "--volumes").code == 0
    volumes = leaking.path / "volumes" / "epoch-0001"
    assert (volumes / "nuisance-defocus").is_dir()
    shutil.copytree(volumes / "nuisance-defocus", volumes / "nuisance-tomogram", dirs_exist_ok=True)
    shutil.copytree(volumes / "nuisance-defocus", volumes / "nuisance-last-dose")
    (volumes / "nuisance-last-dose" / "notes.txt").write_text("mine")
    shutil.copytree(volumes / "nuisance-defocus", volumes / "nuisance-of-mine")
    latents = leaking.latents()
    noise = np.random.default_rng(1).normal(size=latents.z_mean.shape).astype(np.float32)
    save(leaking, replace(latents, z_mean=noise))

    outcome = cli("nuisance", leaking.path, "--no-figures", "--overwrite", "--json")

    assert outcome.code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["alarms"] == []
    assert sorted(each.name for each in volumes.iterdir()) == ["nuisance-last-dose", "nuisance-of-mine"]


def test_what_can_not_be_asked_is_said_in_one_sentence(cli: Cli, trained: Run, leaking: Run, tmp_path: Path) -> None:
    check(cli("nuisance", tmp_path), 2, (str(tmp_path), "is not a run"))
    check(cli("nuisance", trained.path, "--epoch", 7), 2, ("no latents of epoch 7",))

    latents = leaking.latents()
    z = latents.z_mean.copy()
    z[4, 0] = np.nan
    save(leaking, replace(latents, z_mean=z))
    tomogram, name = latents.ids[4]
    check(cli("nuisance", leaking.path), 2, ("1 of 60 latents", "not finite", name, tomogram, "--epoch"))
    assert not (leaking.path / "analysis").exists()


def test_one_tomogram_is_too_few(cli: Cli, tmp_path: Path) -> None:
    size = {"particles": 8, "tomograms": 1, "box": 16, "pixel_size": 12.0, "tilts": 3}
    star = simulate(SimulateOptions(outdir=tmp_path / "particles", **size))
    run = train(TrainOptions(particles=star, outdir=tmp_path / "run", latent_dim=2, batch_size=8, **TINY))

    check(cli("nuisance", run.path), 2, ("all 8 particles are in one tomogram", "two or more"))
    assert not (run.path / "analysis").exists()
