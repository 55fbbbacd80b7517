"""The tree of runs and selections, from run.json files and selections as a person leaves them on a disk."""

import shutil
from pathlib import Path

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.lineage import Descent, lineage
from napari_tomodrgn.runs.run import Run

from .conftest import DATA, MODEL

IDS = [("TS_01", f"{number:06d}") for number in range(9)]


def make_run(folder: Path, parent: dict[str, str | None] | None = None, particles: int = 9) -> Path:
    data = {**DATA, "particles": particles}
    Run.create(folder, {"status": "finished", "settings": {}, "data": data, "model": MODEL, "parent": parent})
    return folder


def select(run: Path, name: str, count: int, parent: str | None = None) -> None:
    made = {"rule": "between", "column": "loss", "high": 1.0}
    chosen = Selection(name, frozenset(IDS[:count]), made, parent, str(run))
    chosen.save(run / "selections" / f"{name}.json")


def drawn(tree: Descent, depth: int = 0) -> list[str]:
    """Return the tree as indented lines."""
    counted = "missing" if tree.missing else str(tree.particles)
    lines = [f"{'  ' * depth}{tree.kind} {tree.name}: {counted}"]
    return lines + [line for child in tree.children for line in drawn(child, depth + 1)]


@pytest.fixture
def family(tmp_path: Path) -> Path:
    """A run, cleaned and trained again; of the clean run a subset, and a branch with other settings."""
    first = make_run(tmp_path / "first")
    select(first, "clean", 7)
    select(first, "core", 5, parent="clean")
    select(first, "junk", 2)
    clean = make_run(tmp_path / "clean-run", {"run": str(first), "selection": "clean"}, 7)
    select(clean, "70S", 4)
    make_run(tmp_path / "70S-run", {"run": str(clean), "selection": "70S"}, 4)
    make_run(tmp_path / "branch", {"run": str(clean), "selection": None}, 7)
    make_run(tmp_path / "stranger")
    return tmp_path


TREE = [
    "run first: 9",
    "  selection clean: 7",
    "    selection core: 5",
    "    run clean-run: 7",
    "      selection 70S: 4",
    "        run 70S-run: 4",
    "      run branch: 7",
    "  selection junk: 2",
]


@pytest.mark.parametrize("name", ["first", "clean-run", "70S-run", "branch"])
def test_every_run_of_a_family_stands_in_the_same_tree(family: Path, name: str) -> None:
    tree = lineage(family / name)

    assert drawn(tree) == TREE
    assert tree.children[0].made["column"] == "loss"
    assert tree.children[0].children[1].path == family / "clean-run"
    assert tree.status == "finished"


def test_a_family_moved_to_another_disk_is_found(family: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = tmp_path_factory.mktemp("disk") / "runs"
    shutil.move(family, moved)

    assert drawn(lineage(moved / "70S-run")) == TREE


def test_what_is_gone_is_in_the_tree_as_missing(family: Path) -> None:
    shutil.rmtree(family / "first")
    (family / "clean-run" / "selections" / "70S.json").unlink()

    assert drawn(lineage(family / "branch")) == [
        "run first: missing",
        "  selection clean: missing",
        "    run clean-run: 7",
        "      selection 70S: missing",
        "        run 70S-run: 4",
        "      run branch: 7",
    ]


def test_a_damaged_selection_or_run_beside_costs_nothing_else(family: Path) -> None:
    (family / "first" / "selections" / "junk.json").write_text("{")
    (family / "stranger" / "run.json").write_text("{")
    make_run(family / "alone", {"run": None, "selection": "picked"})

    assert drawn(lineage(family / "first")) == [*TREE[:-1], "  selection junk: missing"]
    assert drawn(lineage(family / "alone")) == ["selection picked: missing", "  run alone: 9"]
    with pytest.raises(InputError, match="is not a run"):
        lineage(family / "nothing")


def test_runs_and_selections_that_name_one_another_in_a_circle_end(tmp_path: Path) -> None:
    one = make_run(tmp_path / "one", {"run": str(tmp_path / "two"), "selection": None})
    make_run(tmp_path / "two", {"run": str(one), "selection": None})
    select(one, "a", 1, parent="b")
    select(one, "b", 2, parent="a")

    lines = drawn(lineage(one))

    assert {"selection a: 1", "selection b: 2", "run one: 9", "run two: 9"} <= {line.strip() for line in lines}
