"""Named selections of a session: what is shown is what is saved, and everything can be taken back."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.rule_trees import particles_of
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.writing import write_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.named_selections import Counts, read_selections
from napari_tomodrgn.viewer.session import Session


@pytest.fixture
def session(analysed_run: Run, tmp_path: Path) -> Session:
    session = Session()
    session.open_run(shutil.copytree(analysed_run.path, tmp_path / "run"))
    return session


def on_disk(session: Session) -> dict[str, int]:
    assert session.run is not None
    return {name: len(session.run.selection(name)) for name in session.run.selections()}


def test_the_number_shown_is_that_of_the_file_and_of_the_star(session: Session, tmp_path: Path) -> None:
    session.select_class("kmeans-3", 1)
    session.named.keep("one")
    session.select_between("z0", -np.inf, 0.0, how="add")
    session.named.keep("more")

    for name in ("one", "more"):
        assert session.particle_set is not None
        chosen = session.particle_set.take(session.named.mask(name))
        write_particles(chosen, tmp_path / f"{name}.star")
        shown = session.named.counts(name)
        assert shown == Counts(on_disk(session)[name], 0)
        assert shown.here == len(read_particles(tmp_path / f"{name}.star"))
    assert session.named.counts("more").here == int(session.selected.sum())


def test_the_algebra_of_sets(session: Session) -> None:
    named = session.named
    for code, name in enumerate("abc"):
        session.select_class("kmeans-3", code)
        named.keep(name)
    session.select_between("z0", 0.0, np.inf)
    named.keep("high")

    named.join("add", ["a", "b"], "a-or-b")
    named.join("intersect", ["a-or-b", "high"], "both")
    named.join("subtract", ["high", "a", "c"], "rest")
    named.turn_round("c", "not-c")

    ids = {name: named[name].ids for name in named.names}
    assert ids["a-or-b"] == ids["a"] | ids["b"] == ids["not-c"]
    assert ids["both"] == ids["a-or-b"] & ids["high"]
    assert ids["rest"] == ids["high"] - ids["a"] - ids["c"]
    assert on_disk(session) == {name: len(own) for name, own in ids.items()}
    assert named["both"].parent == "a-or-b"
    assert session.particle_set is not None
    known = Known(session.particle_set, session.columns)
    for name in named.names:  # what is written of how they were made does make them
        assert (particles_of(named[name].created_from, known) == named.mask(name)).all()
    assert named.in_words("both") == "a-or-b and high"
    with pytest.raises(InputError, match="a and b: holds no particle"):
        named.join("intersect", ["a", "b"], "none")


def test_what_is_selected_by_several_rules_can_be_selected_again(session: Session) -> None:
    session.select_class("kmeans-3", 0)
    session.select_class("kmeans-3", 1, how="add")
    session.select_between("z1", 0.0, np.inf, how="intersect")
    session.invert()
    session.select_class("tomogram", 0, how="subtract")

    assert session.particle_set is not None
    known = Known(session.particle_set, session.columns)
    assert (particles_of(session.rule, known) == session.selected).all()
    assert 0 < session.selected.sum() < len(session)


def test_every_change_is_taken_back_on_the_disk_too(session: Session) -> None:
    named = session.named
    session.select_class("kmeans-3", 0)
    named.keep("a")
    session.invert()
    named.keep("b")
    before = dict(on_disk(session))
    named.rename("a", "first")
    named.delete(["b"])
    assert on_disk(session) == {"first": before["a"]}
    assert named.names == ["first"]

    session.undo()
    session.undo()
    assert on_disk(session) == before
    assert named.names == ["a", "b"]
    session.undo()
    session.undo()
    session.undo()
    assert on_disk(session) == {}
    for _ in range(5):
        session.redo()
    assert on_disk(session) == {"first": before["a"]}
    assert named["first"].name == "first"


def test_taking_back_has_no_end(session: Session) -> None:
    for number in range(700):
        session.select_rows([number % 24], {"rule": "click"})
    for _ in range(699):
        assert session.undo()
    assert np.flatnonzero(session.selected).tolist() == [0]


def test_a_selection_is_selected_and_remembered_as_the_parent(session: Session) -> None:
    session.select_class("kmeans-3", 0)
    session.named.keep("a")
    session.select_rows([], {"rule": "none"})
    session.named.take("a")
    assert (session.selected == session.named.mask("a")).all()
    session.select_class("tomogram", 0, how="intersect")
    session.named.keep("part")
    assert session.named["part"].parent == "a"
    assert session.run is not None
    assert session.run.selection("part").parent == "a"


def test_particles_that_the_set_lacks_are_counted_apart_and_kept(session: Session) -> None:
    assert session.run is not None
    assert session.particle_set is not None
    ids = {*session.particle_set.ids[:3], ("gone", "1"), ("gone", "2")}
    Selection("old", frozenset(ids), {"rule": "lasso"}).save(session.run.path / "selections" / "old.json")
    session.named.read_again()

    assert session.named.counts("old") == Counts(3, 2)
    session.named.take("old")
    assert np.flatnonzero(session.selected).tolist() == [0, 1, 2]
    session.named.rename("old", "older")
    assert len(session.run.selection("older")) == 5


def test_the_particles_that_the_set_lacks_are_named(session: Session) -> None:
    assert session.particle_set is not None
    session.named.keep_ids("some", [session.particle_set.ids[0], ("gone", "2"), ("gone", "1")], {"rule": "file"})
    assert session.named.missing("some") == [("gone", "1"), ("gone", "2")]


def test_no_folder_is_made_where_the_disk_of_the_run_vanished(session: Session) -> None:
    assert session.run is not None
    session.select_rows([5], {"rule": "click"})
    elsewhere = session.run.path.rename(session.run.path.with_name("elsewhere"))
    with pytest.raises(RunError, match=r"run: is not there any more; see that its disk is connected"):
        session.named.keep("x")
    assert not session.run.path.exists()
    assert session.named.names == []
    assert session.selected.sum() == 1
    elsewhere.rename(session.run.path)
    session.named.keep("x")
    assert session.named.names == ["x"]


def test_one_particle_is_a_selection_and_none_is_not(session: Session) -> None:
    with pytest.raises(InputError, match="selection x: no particle is selected"):
        session.named.keep("x")
    session.select_rows([5], {"rule": "click"})
    session.named.keep("x")
    assert session.named.counts("x") == Counts(1, 0)
    assert session.named.in_words("x") == "chosen one by one"
    session.invert()
    session.named.keep("others")
    session.named.join("add", ["x", "others"], "all")
    with pytest.raises(InputError, match="selection all: holds all particles"):
        session.named.turn_round("all", "nobody")


def test_names_become_files_and_are_never_replaced(session: Session) -> None:
    assert session.run is not None
    session.select_rows([5], {"rule": "click"})
    for name in ("", "a b", "../x", ".x"):
        with pytest.raises(InputError, match="it becomes a file name"):
            session.named.keep(name)
    session.named.keep("x")
    with pytest.raises(InputError, match="selection x: exists already"):
        session.named.keep("x")
    Selection("later", frozenset(), {"rule": "click"}).save(session.run.path / "selections" / "later.json")
    with pytest.raises(InputError, match="selection later: exists already"):  # that another program wrote meanwhile
        session.named.rename("x", "later")


def test_a_folder_that_can_not_be_written_changes_nothing(session: Session) -> None:
    assert session.run is not None
    session.select_rows([5], {"rule": "click"})
    folder = session.run.path / "selections"
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file")
    told = session.history.undo_name

    with pytest.raises(InputError, match="a file stands where a folder is needed"):
        session.named.keep("x")

    assert session.named.names == []
    assert session.history.undo_name == told


def test_files_that_can_not_be_read_are_said_and_the_others_are_there(session: Session) -> None:
    assert session.run is not None
    session.select_rows([5], {"rule": "click"})
    session.named.keep("x")
    (session.run.path / "selections" / "bad.json").write_text("{")

    session.named.read_again()

    assert session.named.names == ["x"]
    (trouble,) = session.named.troubles
    assert "bad.json: is not a readable selection" in trouble


def test_those_of_a_star_are_kept_in_memory_until_a_folder_is_chosen(session: Session, tmp_path: Path) -> None:
    assert session.run is not None
    session.open_star(session.run.path / "particles.star")
    assert session.named.names == []
    session.select_rows([3, 4], {"rule": "click"})
    session.named.keep("pair")
    assert list(tmp_path.rglob("pair.json")) == []

    session.named.keep_in(tmp_path / "kept")
    session.named.rename("pair", "two")

    assert read_selections(tmp_path / "kept").selections.keys() == {"two"}
    session.undo()
    session.undo()
    assert read_selections(tmp_path / "kept").selections == {}
    other = Session()
    other.open_star(session.run.path / "particles.star" if session.run else tmp_path / "run" / "particles.star")
    other.select_rows([1], {"rule": "click"})
    other.named.keep("pair")
    (tmp_path / "kept" / "pair.json").write_text("{}")
    with pytest.raises(InputError, match=r"pair\.json: exists already"):
        other.named.keep_in(tmp_path / "kept")


def test_what_another_program_writes_stays_when_a_change_is_taken_back(session: Session) -> None:
    assert session.run is not None
    session.select_rows([5], {"rule": "click"})
    session.named.keep("mine")
    Selection("theirs", frozenset(), {"rule": "click"}).save(session.run.path / "selections" / "theirs.json")
    session.named.read_again()

    session.undo()

    assert session.named.names == session.run.selections() == ["theirs"]
