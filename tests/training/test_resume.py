"""A run that was cut off goes on and ends as the undisturbed one, bit for bit."""

import logging
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.stopping import InterruptedWorkError, StopRequest
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train

from .test_train import same, small, weights


class StopAfter(StopRequest):
    """Asks for a stop after a number of looks."""

    def __init__(self, looks: int, number: int) -> None:
        self._left, self._number = looks, number

    @property
    def signal(self) -> int | None:  # type: ignore[override]
        self._left -= 1
        return self._number if self._left < 0 else None


@pytest.mark.parametrize("given", [{}, {"pooling": "attention", "kl_target": 1.0}, {"latent_dim": 0}])
@pytest.mark.parametrize("looks", [3, 5, 6])
def test_a_stopped_run_goes_on_bit_for_bit(tiny_set, tmp_path: Path, looks: int, given: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4, 5, 3, 6, 4, 4))
    undisturbed = train(small(path, tmp_path / "undisturbed", **given))
    options = small(path, tmp_path / "stopped", **given)
    with pytest.raises(InterruptedWorkError) as stopped:
        train(options, StopAfter(looks, signal.SIGTERM))
    assert stopped.value.exit_code == 143
    assert Run.open(tmp_path / "stopped").document["status"] == "stopped"

    resumed = train(options.model_copy(update={"resume": True}))

    assert same(weights(resumed), weights(undisturbed))
    measured = ["epoch", "loss", "reconstruction", "kld", "beta", "learning_rate"]
    assert resumed.metrics()[measured].equals(undisturbed.metrics()[measured])
    assert resumed.status == "finished"
    assert not layout.stopped_path(resumed.path).exists()
    if resumed.latent_dim:
        assert (resumed.latents().z_mean == undisturbed.latents().z_mean).all()


def test_a_signal_stops_a_training_and_leaves_it_whole(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run", epochs=100_000)
    timer = threading.Timer(1.0, signal.raise_signal, [signal.SIGINT])
    with StopRequest().listening() as stop:
        timer.start()
        with pytest.raises(InterruptedWorkError, match="go on with --resume") as stopped:
            train(options, stop)
    assert stopped.value.exit_code == 130
    assert Run.open(options.outdir).status == "stopped"


def test_epochs_may_be_raised(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    whole = train(small(path, tmp_path / "whole", epochs=3))
    train(small(path, tmp_path / "run", epochs=1))
    resumed = train(small(path, tmp_path / "run", epochs=3, resume=True))
    assert same(weights(resumed), weights(whole))
    assert resumed.document["chosen_epoch"] == 3
    assert resumed.settings["epochs"] == 3


def test_options_that_are_left_out_are_those_of_the_run(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    train(small(path, tmp_path / "run"))
    resumed = train(TrainOptions(particles=path, outdir=tmp_path / "run", resume=True, epochs=3))
    assert resumed.settings["decoder"] == "16x2"
    assert len(resumed.metrics()) == 3


def test_a_finished_run_stays_as_it_is(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run")
    before = weights(train(options))
    assert same(weights(train(options.model_copy(update={"resume": True}))), before)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch_size": 3}, r"begun with --batch-size 2, and --resume was given 3"),
        ({"decoder": "32x2"}, r"begun with --decoder 16x2"),
        ({"epochs": 1}, r"has finished 2 epochs, more than --epochs 1"),
        ({"first_tilts": 2}, r"begun with --first-tilts None"),
        ({"overwrite": True}, r"--resume and --overwrite exclude each other"),
    ],
)
def test_other_options_are_refused_by_name(tiny_set, tmp_path: Path, given: dict[str, Any], message: str) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    train(small(path, tmp_path / "run"))
    with pytest.raises(InputError, match=message):
        train(small(path, tmp_path / "run", resume=True, **given))


def test_other_particles_are_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train(small(tiny_set("one"), tmp_path / "run"))
    with pytest.raises(InputError, match="holds other particles"):
        train(small(tiny_set("other", seed=5), tmp_path / "run", resume=True))


def test_the_same_particles_elsewhere_are_accepted(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    train(small(tiny_set("one"), tmp_path / "run"))
    assert len(train(small(tiny_set("moved"), tmp_path / "run", resume=True, epochs=3)).metrics()) == 3


def test_a_damaged_checkpoint_is_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run")
    train(options)
    layout.checkpoint_path(options.outdir, 2).write_bytes(b"cut off")
    with pytest.raises(InputError, match=r"epoch-0002\.pt: is not a readable checkpoint"):
        train(options.model_copy(update={"resume": True}))


def test_a_checkpoint_of_something_else_is_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run")
    train(options)
    torch.save({"weights": torch.zeros(1)}, layout.checkpoint_path(options.outdir, 2))
    with pytest.raises(InputError, match="is not a checkpoint of napari-tomodrgn"):
        train(options.model_copy(update={"resume": True}))


def test_a_run_goes_on_from_an_earlier_epoch_bit_for_bit(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4, 5, 3, 6))
    undisturbed = train(small(path, tmp_path / "undisturbed", epochs=3))
    other = small(path, tmp_path / "other", epochs=4)
    train(other)

    resumed = train(other.model_copy(update={"resume": True, "resume_epoch": 1, "epochs": 3}))

    assert same(weights(resumed), weights(undisturbed))
    assert resumed.epochs == layout.latent_epochs(resumed.path) == [1, 2, 3]
    assert resumed.metrics()["loss"].equals(undisturbed.metrics()["loss"])
    assert (resumed.latents().z_mean == undisturbed.latents().z_mean).all()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"resume": True, "resume_epoch": 9}, "has no checkpoint of epoch 9; those there are: 1, 2"),
        ({"resume_epoch": 1}, "--resume-epoch 1: goes with --resume"),
        ({"resume": True, "resume_epoch": 1}, "epoch-0002: was made from an epoch after 1"),
    ],
)
def test_epochs_that_cannot_be_gone_on_from_are_refused(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, given: dict[str, Any], sentence: str
) -> None:
    options = small(tiny_set(), tmp_path / "run", epochs=2)
    run = train(options)
    (run.path / "analysis" / "epoch-0002").mkdir(parents=True)
    with pytest.raises(InputError, match=sentence):
        train(options.model_copy(update=given))
    assert Run.open(run.path).epochs == [1, 2]


def test_an_epoch_to_go_on_from_needs_a_run(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run", resume=True, resume_epoch=1)
    with pytest.raises(InputError, match="holds no run, so --resume-epoch 1 has nothing to go on from"):
        train(options)
    assert not options.outdir.exists()


def test_where_there_is_no_run_a_training_begins_with_a_warning(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "napari_tomodrgn")
    outdir = tmp_path / "typo"

    run = train(small(tiny_set(), outdir, epochs=1, resume=True))

    assert run.epochs == [1]
    (warning,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.getMessage() == f"{outdir}: holds no run to go on from, so --resume begins a training there"


def test_of_a_finished_run_nothing_is_left_to_do(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = small(tiny_set(), tmp_path / "run", epochs=1)
    run = train(options)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.path.rglob("*") if path.is_file()}
    caplog.set_level(logging.INFO, "napari_tomodrgn")
    caplog.clear()

    again = train(TrainOptions(particles=options.particles, outdir=run.path, resume=True))

    assert again.path == run.path
    assert caplog.messages == [
        f"{run.path}: has finished all 1 epochs, so nothing is left to do; an --epochs above 1 goes on"
    ]
    after = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in run.path.rglob("*") if path.is_file()}
    assert after == before


def test_a_run_cut_off_after_its_last_epoch_is_ended(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    options = small(tiny_set(), tmp_path / "run", epochs=1)
    run = train(options)
    run.update(status="running", chosen_epoch=None)
    (run.path / layout.CHOSEN_LATENTS).unlink()

    ended = train(options.model_copy(update={"resume": True}))

    assert (ended.status, ended.document["chosen_epoch"]) == ("finished", 1)
    assert len(ended.latents().ids) == len(run.particle_set())
