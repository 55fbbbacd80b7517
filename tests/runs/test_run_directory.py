"""A run directory opens with plain tools, while it trains, and never with a newer format."""

import json
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

from .conftest import DATA

IDS = (("tomo_1", "001"), ("tomo_1", "1e5"), ("tomo_2", "α"))


def a_run(folder: Path, latent_dim: int = 2, **fields: object) -> Run:
    document = {"status": "finished", "settings": {}, "data": DATA, "model": {"latent_dim": latent_dim}, **fields}
    folder.mkdir(exist_ok=True)
    return Run.create(folder, document)


def some_latents(value: float) -> Latents:
    split = np.array(["train", "held-out", "train"])
    return Latents(IDS, np.full((3, 2), value, np.float32), np.zeros((3, 2), np.float32), split)


def test_latents_open_with_numpy_alone(tmp_path: Path) -> None:
    some_latents(1.5).save(tmp_path / "latents.npz")
    with np.load(tmp_path / "latents.npz", allow_pickle=False) as stored:
        assert set(stored) == {"particle_tomogram", "particle_name", "z_mean", "z_logvar", "split"}
        assert stored["particle_name"].dtype.kind == stored["split"].dtype.kind == "U"
        assert stored["particle_name"].tolist() == ["001", "1e5", "α"]
        assert stored["z_mean"].dtype == np.float32
    assert Latents.load(tmp_path / "latents.npz").ids == IDS


def test_latents_are_those_of_the_epoch_asked_for(tmp_path: Path) -> None:
    run = a_run(tmp_path, chosen_epoch=2)
    for epoch in (1, 2):
        some_latents(epoch).save(layout.latents_path(tmp_path, epoch))
    assert run.latents(1).z_mean[0, 0] == 1
    assert run.latents().z_mean[0, 0] == 2
    with pytest.raises(InputError, match="no latents of epoch 7; those there are: 1, 2"):
        run.latents(7)


def test_a_run_in_training_shows_its_last_finished_epoch(tmp_path: Path) -> None:
    run = a_run(tmp_path, status="running", chosen_epoch=None)
    with pytest.raises(InputError, match="has not finished an epoch yet"):
        _ = run.chosen_epoch
    (tmp_path / "checkpoints").mkdir()
    for name in ("epoch-0001.pt", "epoch-0010.pt", ".epoch-0011.7.part.pt", "stopped.pt"):
        (tmp_path / "checkpoints" / name).touch()
    assert run.epochs == [1, 10]
    assert run.chosen_epoch == 10
    assert len(run.metrics()) == 0


def test_a_running_run_without_a_process_is_stopped(tmp_path: Path) -> None:
    assert a_run(tmp_path, status="running").status == "stopped"


def test_a_decoder_alone_has_no_latents(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="decoder alone"):
        a_run(tmp_path, latent_dim=0).latents()


def test_a_newer_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"format": 2}))
    with pytest.raises(InputError, match="has format 2, this version reads up to 1; update napari-tomodrgn"):
        Run.open(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "one"}'])
def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(InputError, match=r"run\.json"):
        Run.open(tmp_path)


def test_a_folder_without_description_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a run"):
        Run.open(tmp_path)


def test_an_absent_checkpoint_names_those_that_are_there(tmp_path: Path) -> None:
    run = a_run(tmp_path, chosen_epoch=3)
    with pytest.raises(InputError, match="no checkpoint of epoch 3; those there are: none"):
        run.checkpoint()


def test_updates_survive_reopening(tmp_path: Path) -> None:
    a_run(tmp_path, status="running").update(status="failed", error="NaN")
    assert Run.open(tmp_path / "run.json").document["error"] == "NaN"
    assert Run.open(tmp_path).status == "failed"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off"])
def test_damaged_latents_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "latents.npz").write_bytes(content)
    with pytest.raises(InputError, match="are not readable latents"):
        Latents.load(tmp_path / "latents.npz")
