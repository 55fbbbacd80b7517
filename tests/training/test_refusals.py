"""What can't be trained is refused in one sentence, and leaves no output behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.checkpoints import load_model
from napari_tomodrgn.training.train import train

from .test_train import small


def write_images(star: Path, images: np.ndarray) -> None:  # type: ignore[type-arg]
    with mrcfile.new(star.parent / "images.mrcs", overwrite=True) as stack:
        stack.set_data(images.astype(np.float32))


def test_nan_pixels_are_named_and_nothing_is_left(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    with mrcfile.mmap(path.parent / "images.mrcs", "r+") as stack:
        stack.data[5, 3, 3] = np.nan
    with pytest.raises(InputError, match=r"particle 001 .*"):
        train(small(path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_images_of_zeros_are_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    write_images(path, np.zeros((24, 16, 16)))
    with pytest.raises(InputError, match="all images are 0"):
        train(small(path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_existing_run_is_kept_unless_told_otherwise(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    run = train(small(path, tmp_path / "run", epochs=3))
    with pytest.raises(InputError, match="exists already; choose another name, or add --resume or --overwrite"):
        train(small(path, tmp_path / "run"))
    assert run.epochs == [1, 2, 3]
    replaced = train(small(path, tmp_path / "run", epochs=1, overwrite=True))
    assert replaced.epochs == [1]
    assert layout.latent_epochs(replaced.path) == [1]


def test_a_failing_overwrite_keeps_the_run(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    run = train(small(path, tmp_path / "run", epochs=1))
    write_images(path, np.zeros((24, 16, 16)))
    with pytest.raises(InputError, match="all images are 0"):
        train(small(path, tmp_path / "run", overwrite=True))
    assert Run.open(run.path).status == "finished"


def test_a_folder_of_other_files_is_never_overwritten(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(InputError, match="is a folder with other files and not a run"):
        train(small(tiny_set(), tmp_path / "thesis", overwrite=True))
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("given", [{}, {"resume": True}, {"overwrite": True}])
def test_a_run_in_training_is_left_alone(tiny_set, tmp_path: Path, given: dict[str, Any]) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    train(small(path, tmp_path / "run", epochs=1))
    with run_lock(tmp_path / "run"), pytest.raises(InputError, match=f"process {os.getpid()} .* is training in it"):
        train(small(path, tmp_path / "run", **given))


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_epoch(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set(tilts=(4,) * 12)
    with pytest.raises(RunError, match=r"the loss of particle 0\d\d of tomogram tomo is not finite") as failed:
        train(small(path, tmp_path / "run", learning_rate=1e12, epochs=200))
    assert failed.value.exit_code == 1
    run = Run.open(tmp_path / "run")
    assert run.status == "failed"
    assert "not finite" in run.document["error"]
    for epoch in run.epochs:
        weights = load_model(run, epoch).model.state_dict()
        assert all(values.isfinite().all() for values in weights.values())


def test_frequencies_past_every_dose_are_refused(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="the dose mask leaves particle 000 of tomogram tomo no frequency"):
        train(small(tiny_set(dose=1e6), tmp_path / "run"))


def test_a_full_disk_keeps_the_checkpoints_before(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    """A limit on the size of files stands for the disk: the second, larger run's first checkpoint doesn't fit."""
    path = tiny_set()
    outdir = tmp_path / "run"
    run = train(small(path, outdir, epochs=2))
    size = layout.checkpoint_path(outdir, 2).stat().st_size
    program = f"""
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({size - 1}, {size - 1}))
from napari_tomodrgn.cli.main import main_train
main_train()
"""
    command = [sys.executable, "-c", program, str(path), "--outdir", str(outdir), "--resume", "--epochs", "3"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "epoch-0003.pt: could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert run.epochs == [1, 2]
    assert not [name for name in os.listdir(outdir / "checkpoints") if "part" in name]
    assert Run.open(outdir).status == "failed"
    assert train(small(path, outdir, epochs=3, resume=True)).epochs == [1, 2, 3]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_the_command_with_their_codes(tiny_set, tmp_path: Path, number: int, code: int) -> None:  # type: ignore[no-untyped-def]
    program = "from napari_tomodrgn.cli.main import main_train; main_train()"
    command = [sys.executable, "-c", program, str(tiny_set()), "--outdir", str(tmp_path / "run")]
    command += ["--epochs", "100000", "--latent-dim", "0", "--decoder", "8x1"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch 1:"):
                process.send_signal(number)
                break
        rest = process.stderr.read()
    assert process.returncode == code, rest
    assert "go on with --resume" in rest
    assert "Traceback" not in rest
    assert Run.open(tmp_path / "run").document["status"] == "stopped"


def test_a_run_is_not_replaced_by_one_that_needs_its_files(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    run = train(small(path, tmp_path / "run", epochs=1))
    chosen = run.path / "selections" / "good.json"
    Selection("good", frozenset(run.latents().ids[:4]), {"rule": "ids"}).save(chosen)
    before = {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()}

    with pytest.raises(InputError, match=r"good\.json: lies in --outdir"):
        train(small(path, run.path, epochs=1, selection=chosen, overwrite=True))
    with pytest.raises(InputError, match=r"particles\.star: lies in --outdir"):
        train(small(run.path / "particles.star", run.path, epochs=1, overwrite=True))

    assert {file: file.read_bytes() for file in run.path.rglob("*") if file.is_file()} == before


def test_overwriting_a_run_leaves_files_that_are_not_its_own(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    train(small(path, tmp_path / "run", epochs=2))
    (tmp_path / "run" / "notes.txt").write_text("mine")

    run = train(small(path, tmp_path / "run", epochs=1, overwrite=True))

    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"
    assert run.epochs == [1]


def test_a_run_killed_before_its_stars_were_written_goes_on(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    whole = train(small(path, tmp_path / "whole", epochs=1))
    begun = tmp_path / "begun"
    begun.mkdir()
    document = {**whole.document, "status": "running", "chosen_epoch": None}
    (begun / "run.json").write_text(json.dumps(document))

    run = train(small(path, begun, epochs=1, resume=True))

    assert run.epochs == [1]
    assert run.particle_set().ids == whole.particle_set().ids


def test_going_on_keeps_the_epoch_that_volumes_may_refer_to(tiny_set, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    path = tiny_set()
    train(small(path, tmp_path / "run", epochs=2, checkpoint_every=10))

    run = train(small(path, tmp_path / "run", epochs=4, checkpoint_every=10, resume=True))

    assert run.epochs == [2, 4]


@pytest.mark.parametrize("given", [{"pooling": "linear"}, {"kl_target": 1.0}, {"beta": 0.5}])
def test_options_about_latents_are_refused_of_a_decoder_alone(  # type: ignore[no-untyped-def]
    tiny_set, tmp_path: Path, given: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=f"--{next(iter(given)).replace('_', '-')}.*: is about latents"):
        train(small(tiny_set(), tmp_path / "run", latent_dim=0, **given))
    assert not (tmp_path / "run").exists()
