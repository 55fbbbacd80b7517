"""Looking at a run's folder while it is written, copied, moved away and replaced; truth is what lies there."""

import json
import shutil
from pathlib import Path

import pytest

from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.training_watch import TrainingWatch


@pytest.fixture
def run(analysed_run: Run, tmp_path: Path) -> Path:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    return tmp_path / "run"


def test_what_is_there_is_told_and_what_stays_is_not_read_again(run: Path) -> None:
    watch = TrainingWatch(run)
    first = watch.look()
    assert first.trouble is None
    assert (first.status, first.epochs, first.finished_epochs) == ("finished", 2, 2)
    assert first.newest is not None
    assert first.newest.epoch == 2
    assert first.metrics["reconstruction"].tolist() == Run.open(run).metrics()["reconstruction"].tolist()
    again = watch.look()
    assert again.same_as(first)
    assert again.metrics is first.metrics


def test_an_epoch_counts_when_its_metrics_and_its_latents_are_there(run: Path) -> None:
    latents = layout.latents_path(run, 2)
    watch = TrainingWatch(run)
    latents.rename(run / "aside")
    before = watch.look()
    assert before.newest is not None
    assert (before.finished_epochs, before.newest.epoch) == (2, 1)
    (run / "aside").rename(latents)
    after = watch.look()
    assert after.newest is not None
    assert after.newest.epoch == 2


def test_a_run_is_running_while_its_lock_is_held(run: Path) -> None:
    Run.open(run).update(status="running")
    watch = TrainingWatch(run)
    assert watch.look().status == "stopped"
    with run_lock(run):
        held = watch.look()
        assert (held.status, held.trainer is None) == ("running", False)
    assert watch.look().status == "stopped"


@pytest.mark.parametrize("name", [layout.DOCUMENT, layout.METRICS])
def test_a_file_in_the_making_is_waited_for_and_one_that_stays_broken_is_named(run: Path, name: str) -> None:
    whole = (run / name).read_bytes()
    watch = TrainingWatch(run)
    before = watch.look()
    for share in (0.3, 0.6):
        (run / name).write_bytes(
            whole[: int(share * len(whole))].rsplit(b",", 3)[0] if name == layout.DOCUMENT else b"x"
        )
        (run / name).touch()
        glance = watch.look()
        assert glance.trouble is None
        assert glance.finished_epochs == before.finished_epochs
        (run / name).write_bytes(b"")
    watch.look()
    broken = watch.look()
    assert broken.trouble is not None
    assert str(run / name) in broken.trouble
    assert broken.finished_epochs == 2
    (run / name).write_bytes(whole)
    assert watch.look().trouble is None


def test_a_folder_that_goes_and_comes_back(run: Path) -> None:
    watch = TrainingWatch(run)
    watch.look()
    run.rename(run.with_name("elsewhere"))
    gone = watch.look()
    assert gone.trouble == f"{run}: is not there any more; it is looked for again"
    assert gone.finished_epochs == 2
    run.with_name("elsewhere").rename(run)
    back = watch.look()
    assert (back.trouble, back.finished_epochs) == (None, 2)


def test_another_run_in_its_place_is_read_anew(run: Path) -> None:
    watch = TrainingWatch(run)
    watch.look()
    other = run.with_name("other")
    shutil.copytree(run, other)
    document = json.loads((other / layout.DOCUMENT).read_text())
    document["settings"]["epochs"] = 7
    (other / layout.DOCUMENT).write_text(json.dumps(document))
    lines = (other / layout.METRICS).read_text().splitlines()
    (other / layout.METRICS).write_text("\n".join(lines[:2]) + "\n")
    shutil.rmtree(run)
    other.rename(run)
    glance = watch.look()
    assert (glance.epochs, glance.finished_epochs) == (7, 1)
    assert glance.newest is not None
    assert glance.newest.epoch == 1


def test_a_folder_before_there_is_a_run(tmp_path: Path) -> None:
    watch = TrainingWatch(tmp_path / "run")
    assert watch.look().trouble == f"{tmp_path / 'run'}: is not there yet"
    assert watch.look().status == "waiting"
    with run_lock(tmp_path / "run"):
        assert (watch.look().status, watch.look().trouble) == ("running", None)
