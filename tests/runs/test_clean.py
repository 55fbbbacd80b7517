"""``clean`` lists first, removes only what it listed, and leaves what a run still needs."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.clean import CleanOptions, clean
from napari_tomodrgn.runs.lock import run_lock
from napari_tomodrgn.runs.run import Run

from .conftest import DATA, MODEL

EPOCHS = range(1, 11)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Return a finished run of ten epochs of which the sixth is the chosen one; its files hold 100 bytes each."""
    folder = tmp_path / "run"
    for epoch in EPOCHS:
        for path in (layout.checkpoint_path(folder, epoch), layout.latents_path(folder, epoch)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(100))
    for name in ("metrics.csv", "latents.npz", "particles.star", "selections/good.json", "sessions/first.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(bytes(100))
    Run.create(folder, {"status": "finished", "settings": {}, "data": DATA, "model": MODEL, "chosen_epoch": 6})
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def names(epochs: Iterable[int]) -> set[str]:
    return {
        name for epoch in epochs for name in (f"checkpoints/epoch-{epoch:04d}.pt", f"latents/epoch-{epoch:04d}.npz")
    }


def test_without_yes_files_are_listed_and_stay(run: Path) -> None:
    before = files(run)
    cleaning = clean(CleanOptions(run=run))
    assert not cleaning.removed
    assert {path.relative_to(run).as_posix() for path in cleaning.files} == names(set(EPOCHS) - {6, 10})
    assert sum(cleaning.files.values()) == 16 * 100
    assert files(run) == before


def test_with_yes_exactly_the_listed_files_go(run: Path) -> None:
    before = files(run)
    listed = {path.relative_to(run).as_posix() for path in clean(CleanOptions(run=run)).files}
    assert clean(CleanOptions(run=run, yes=True)).removed
    assert before - files(run) == listed
    assert Run.open(run).epochs == [6, 10]


def test_every_nth_epoch_can_stay(run: Path) -> None:
    clean(CleanOptions(run=run, keep_every=4, yes=True))
    assert Run.open(run).epochs == [4, 6, 8, 10]


def test_latents_can_stay(run: Path) -> None:
    clean(CleanOptions(run=run, latents=False, yes=True))
    assert layout.checkpoint_epochs(run) == [6, 10]
    assert layout.latent_epochs(run) == list(EPOCHS)


@pytest.mark.parametrize("folder", ["analysis/epoch-0003", "volumes/epoch-0003/kmeans-4"])
def test_an_epoch_that_was_looked_at_stays(run: Path, folder: str) -> None:
    (run / folder).mkdir(parents=True)
    clean(CleanOptions(run=run, yes=True))
    assert Run.open(run).epochs == [3, 6, 10]


def test_the_state_of_a_stopped_run_stays(run: Path) -> None:
    layout.stopped_path(run).write_bytes(bytes(100))
    clean(CleanOptions(run=run, yes=True))
    assert layout.stopped_path(run).exists()


def test_what_a_killed_process_left_unfinished_goes(run: Path) -> None:
    unfinished = run / "checkpoints" / ".epoch-0011.4711.part.pt"
    unfinished.write_bytes(bytes(10))
    assert unfinished in clean(CleanOptions(run=run, yes=True)).files
    assert not unfinished.exists()


def test_a_run_that_is_training_is_refused(run: Path) -> None:
    before = files(run)
    with run_lock(run), pytest.raises(InputError, match="is training in it"):
        clean(CleanOptions(run=run, yes=True))
    assert files(run) == before


def test_a_second_cleaning_finds_nothing(run: Path) -> None:
    clean(CleanOptions(run=run, yes=True))
    assert clean(CleanOptions(run=run)).files == {}


def test_a_run_without_an_epoch_loses_nothing(tmp_path: Path) -> None:
    Run.create(tmp_path, {"status": "stopped", "settings": {}, "data": DATA, "model": MODEL, "chosen_epoch": None})
    assert clean(CleanOptions(run=tmp_path, yes=True)).files == {}


def test_unfinished_folders_go_and_one_set_aside_alone_stays(run: Path) -> None:
    volumes = run / "volumes" / "epoch-0010"
    for name in ("kmeans-4", ".kmeans-4.ab12.part", ".kmeans-4.cd34.previous", ".kmeans-8.ef56.previous"):
        (volumes / name).mkdir(parents=True)
        (volumes / name / "vol_000.mrc").write_bytes(b"1234")
    gone = [volumes / ".kmeans-4.ab12.part", volumes / ".kmeans-4.cd34.previous"]
    cleaning = clean(CleanOptions(run=run, yes=True))
    assert [cleaning.files[path] for path in gone] == [4, 4]
    # nothing stands where the last one was: it is the only copy, and is put back when that set is made anew
    assert sorted(path.name for path in volumes.iterdir()) == [".kmeans-8.ef56.previous", "kmeans-4"]


def test_packed_images_go_where_that_is_asked_for(run: Path) -> None:
    packed, other = run.parent / "packed-images" / "images-0123.packed", run.parent / "packed-images" / "notes.txt"
    packed.parent.mkdir()
    packed.write_bytes(bytes(100))
    other.write_bytes(bytes(100))
    clean(CleanOptions(run=run, yes=True))
    assert packed.exists()
    assert packed in clean(CleanOptions(run=run, packed_images=True)).files
    clean(CleanOptions(run=run, packed_images=True, yes=True))
    assert not packed.exists()
    assert other.exists()
