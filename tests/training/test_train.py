"""A training from its star to a finished run, and everything the run directory promises."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

SMALL: dict[str, Any] = {
    "encoder_a": "16x1",
    "encoder_a_out": 8,
    "encoder_b": "16x1",
    "decoder": "16x2",
    "latent_dim": 2,
    "epochs": 2,
    "batch_size": 2,
    "learning_rate": 1e-3,
}


def small(particles: Path, outdir: Path, **given: Any) -> TrainOptions:
    return TrainOptions(particles=particles, outdir=outdir, **{**SMALL, **given})


def weights(run: Run) -> dict[str, torch.Tensor]:
    return load_model(run).model.state_dict()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_holds_what_the_contract_says(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run"))

    document = json.loads((run.path / "run.json").read_text())
    assert (document["format"], document["status"], document["chosen_epoch"], document["parent"]) == (
        1,
        "finished",
        2,
        None,
    )
    assert {"fingerprint", "star", "forward_model", "standard_deviation"} <= document["data"].keys()
    assert document["settings"]["latent_dim"] == 2
    assert document["versions"]["torch"].startswith(torch.__version__.split("+")[0])
    with open(run.path / "metrics.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert tuple(rows[0]) == layout.METRIC_COLUMNS
    assert all(math.isfinite(float(row["loss"])) for row in rows)
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == ["epoch-0001.pt", "epoch-0002.pt"]
    state = torch.load(run.path / "checkpoints" / "epoch-0002.pt", weights_only=True)
    assert {"model", "optimizer", "rng", "epoch", "position", "standard_deviation"} <= state.keys()
    with np.load(run.path / "latents.npz", allow_pickle=False) as chosen:
        with np.load(run.path / "latents" / "epoch-0002.npz", allow_pickle=False) as last:
            assert all(np.array_equal(chosen[name], last[name]) for name in chosen)
        assert chosen["z_mean"].shape == (6, 2)
    assert "epoch 2: loss" in (run.path / "log.txt").read_text()
    assert not (run.path / ".lock").exists()
    assert not [path for path in run.path.rglob("*") if ".part" in path.name]


def test_a_run_opens_the_particles_it_was_trained_on(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run", contrast="bright", first_tilts=3)
    opened = train(options).particle_set()
    trained_on = options.open()
    assert opened.ids == trained_on.ids
    assert opened.forward_model == trained_on.forward_model
    np.testing.assert_array_equal(opened.tilt_images["dose"], trained_on.tilt_images["dose"])
    np.testing.assert_allclose(opened.rotations, trained_on.rotations)


def test_standard_deviation_is_that_of_the_values_in_the_circle(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """Measured here on the full FFT, about 0, without the DC term and everything past Nyquist."""
    import mrcfile

    path = tiny_set(box=16)
    run = train(small(path, tmp_path / "run", latent_dim=0, epochs=1))
    images = mrcfile.read(path.parent / "images.mrcs").astype(float)
    steps = np.arange(16) - 8
    radius = np.hypot(steps[:, None], steps) / 8
    window = 0.5 + 0.5 * np.cos(np.pi * np.clip((radius - 0.8) / 0.1, 0, 1))
    transform = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(images * window, axes=(1, 2))), axes=(1, 2))
    inside = (radius <= 1) & (radius > 0)
    power = np.abs(transform[:, inside]) ** 2  # the shift moves no power between k and -k in sum
    assert run.standard_deviation == pytest.approx(np.sqrt(power.mean()), rel=0.01)


@pytest.mark.parametrize("pooling", ["concatenate", "mean", "max", "median", "attention"])
def test_particles_with_different_numbers_of_tilts(tiny_set, tmp_path: Path, pooling: str) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(tilts=(4, 7, 2, 5)), tmp_path / "run", pooling=pooling))
    assert np.isfinite(run.metrics()["loss"]).all()
    assert np.isfinite(run.latents().z_mean).all()


def test_a_decoder_alone_has_no_latents(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run", latent_dim=0))
    assert (run.metrics()["kld"] == 0).all()
    assert not (run.path / "latents.npz").exists()


@pytest.mark.parametrize("by", ["particle", "tilt"])
def test_held_out_images_are_measured(tiny_set, tmp_path: Path, by: str) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run", held_out_fraction=0.34, held_out_by=by))
    assert np.isfinite(run.metrics()["held_out_reconstruction"]).all()
    held_out = (run.latents().split == "held-out").sum()
    assert held_out == (2 if by == "particle" else 0)


def test_training_twice_gives_the_same_weights(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4, 5, 3, 6))
    runs = [train(small(path, tmp_path / name)) for name in ("one", "other")]
    assert same(weights(runs[0]), weights(runs[1]))
    other_seed = train(small(path, tmp_path / "seed", seed=1))
    assert not same(weights(runs[0]), weights(other_seed))


def test_weights_do_not_depend_on_readers(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    runs = [train(small(path, tmp_path / str(workers), workers=workers, epochs=1)) for workers in (1, 3)]
    assert same(weights(runs[0]), weights(runs[1]))


@pytest.mark.parametrize(
    "given", [{"beta_schedule": "cyclical"}, {"kl_target": 1.0}, {"learning_rate_schedule": "cosine"}]
)
def test_schedules_train(tiny_set, tmp_path: Path, given: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run", **given))
    assert np.isfinite(run.metrics()["loss"]).all()


def test_fewer_checkpoints_are_kept_on_request(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    run = train(small(tiny_set(), tmp_path / "run", epochs=5, checkpoint_every=2))
    assert run.epochs == [2, 4, 5]
    assert len(run.metrics()) == 5


def test_a_selection_is_the_parent(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from napari_tomodrgn.particles.selection import Selection

    selection = Selection("good", frozenset({("tomo", "001"), ("tomo", "003")}), {"rule": "lasso"}, run="first-run")
    selection.save(tmp_path / "good.json")
    run = train(small(tiny_set(), tmp_path / "run", selection=tmp_path / "good.json"))
    assert run.document["parent"] == {"run": "first-run", "selection": "good"}
    assert run.particle_set().ids == [("tomo", "001"), ("tomo", "003")]
