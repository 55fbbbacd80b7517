"""A line of three runs: who came from whom, also where folders were moved or are gone."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.ancestry import ancestors
from napari_tomodrgn.runs.run import Run

from .conftest import DATA, MODEL

CLEAN = Selection("clean", frozenset({("TS_01", "1"), ("TS_01", "2")}), {"rule": "lasso"})


def make(path: Path, parent: dict[str, Any] | None = None, **settings: Any) -> Run:
    return Run.create(
        path, {"status": "finished", "settings": settings, "data": DATA, "model": MODEL, "parent": parent}
    )


@pytest.fixture
def youngest(tmp_path: Path) -> Run:
    """The run of a selection of a run that began with the weights of another."""
    oldest = make(tmp_path / "oldest")
    middle = make(tmp_path / "middle", {"run": str(oldest.path), "selection": None})
    CLEAN.save(middle.path / "selections" / "clean.json")
    return make(tmp_path / "youngest", {"run": str(middle.path), "selection": "clean"})


def test_the_line_goes_back_to_the_first_run(youngest: Run) -> None:
    middle, oldest = ancestors(youngest)

    assert (middle.path, oldest.path) == (youngest.path.parent / "middle", youngest.path.parent / "oldest")
    assert (middle.selection_name, oldest.selection_name) == ("clean", None)
    assert middle.selection == CLEAN
    assert oldest.selection is None
    assert ancestors(Run.open(oldest.path)) == []


def test_runs_that_were_moved_together_are_found(youngest: Run, tmp_path: Path) -> None:
    shutil.copytree(tmp_path, tmp_path.with_name(f"{tmp_path.name}-moved"))
    for name in ("middle", "oldest"):
        shutil.rmtree(tmp_path / name)

    moved = ancestors(Run.open(tmp_path.with_name(f"{tmp_path.name}-moved") / "youngest"))

    assert [each.run is not None and each.run.path.name for each in moved] == ["middle", "oldest"]
    assert moved[0].selection == CLEAN


def test_the_line_ends_where_a_folder_is_gone(youngest: Run) -> None:
    shutil.rmtree(youngest.path.parent / "middle")

    (middle,) = ancestors(youngest)

    assert (middle.run, middle.selection_name, middle.selection) == (None, "clean", None)


def test_a_selection_beside_a_star_is_read_from_where_it_was_given(tmp_path: Path) -> None:
    CLEAN.save(tmp_path / "mine.json")
    run = make(tmp_path / "run", {"run": None, "selection": "clean"}, selection=str(tmp_path / "mine.json"))

    (parent,) = ancestors(run)

    assert (parent.path, parent.run, parent.selection) == (None, None, CLEAN)


def test_runs_that_name_each_other_end_the_line(tmp_path: Path) -> None:
    make(tmp_path / "a", {"run": str(tmp_path / "b"), "selection": None})
    make(tmp_path / "b", {"run": str(tmp_path / "a"), "selection": None})

    assert len(ancestors(Run.open(tmp_path / "a"))) == 2
