"""The session without a window: what it says of real files, one selection, and what can be taken back."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session


@pytest.fixture
def session(analysed_run: Run) -> Session:
    session = Session()
    session.open_run(analysed_run.path)
    return session


class Heard:
    """Counts what a session tells."""

    def __init__(self, session: Session) -> None:
        self.told: list[str] = []
        for name in ("data", "columns", "tomogram", "colouring", "selection", "particle"):
            getattr(session, f"{name}_changed").connect(lambda name=name: self.told.append(name))

    def __iter__(self) -> Iterator[str]:
        told, self.told = self.told, []
        return iter(told)


def test_a_run_brings_its_particles_latents_and_classes(session: Session, analysed_run: Run) -> None:
    assert len(session) == 24
    assert session.tomograms == [session.tomogram, session.tomograms[1]]
    assert session.coloured_by == "kmeans-3"
    labels = read_labels(AnalysisFolder(analysed_run.path, 2).labels("kmeans-3"))
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    assert session.particle_set is not None
    assert classes.codes.tolist() == [labels[particle] for particle in session.particle_set.ids]
    first = session.columns["z0"]
    assert isinstance(first, Numbers)
    latents = analysed_run.latents()
    rows = [session.row_of(particle) for particle in latents.ids]
    np.testing.assert_array_equal(first.values[rows], latents.z_mean[:, 0])
    assert {"PC 1", "PC 2", "uncertainty", "defocus", "tilt images", "split"} <= session.columns.keys()
    here = session.particle_set.particles["tomogram"][session.rows_here]
    assert set(here) == {session.tomogram}


def test_an_epoch_of_a_run(session: Session, analysed_run: Run) -> None:
    session.open_run(analysed_run.path, epoch=1)
    assert "kmeans-3" not in session.columns
    assert session.coloured_by == "tomogram"
    assert isinstance(session.columns["z0"], Numbers)


def test_classes_have_colours_and_names_in_one_place(session: Session) -> None:
    heard = Heard(session)
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    before = session.colouring
    assert [entry.size for entry in before.classes] == classes.sizes.tolist()
    for entry in before.classes:
        assert (before.rgba[classes.codes == entry.code] == np.float32(entry.colour)).all()
    session.name_class("kmeans-3", 1, "70S")
    session.paint_class("kmeans-3", 1, (1.0, 0.0, 0.0, 0.0))
    assert session.colouring.classes[1].name == "70S"
    assert (session.colouring.rgba[classes.codes == 1] == (1, 0, 0, 0)).all()
    assert list(heard) == ["colouring", "colouring"]
    session.undo()
    session.undo()
    assert session.colouring.classes == before.classes
    session.redo()
    assert session.colouring.classes[1].name == "70S"


def test_numbers_are_coloured_within_their_percentiles(session: Session) -> None:
    session.colour_by("z0")
    column = session.columns["z0"]
    assert isinstance(column, Numbers)
    limits = session.colouring.limits
    assert limits is not None
    np.testing.assert_allclose(limits, np.percentile(column.values, [2, 98]))
    column.values[3] = np.nan
    session.colour_by("z1")
    session.colour_by("z0")
    assert np.isfinite(session.colouring.rgba).all()
    assert session.colouring.rgba[3, 3] < 1
    with pytest.raises(InputError, match="column nothing: is not known of these particles"):
        session.colour_by("nothing")


def test_one_selection_by_every_way(session: Session) -> None:
    heard = Heard(session)
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    session.select_class("kmeans-3", 0)
    assert (session.selected == (classes.codes == 0)).all()
    session.select_class("kmeans-3", 1, how="add")
    assert (session.selected == (classes.codes <= 1)).all()
    numbers = session.columns["z0"]
    assert isinstance(numbers, Numbers)
    middle = float(np.median(numbers.values[session.selected]))
    session.select_between("z0", middle, np.inf, how="intersect")
    assert (session.selected == ((classes.codes <= 1) & (numbers.values >= middle))).all()
    session.select_rows(np.flatnonzero(session.selected)[:1], {"rule": "click"}, how="subtract")
    expected = np.flatnonzero((classes.codes <= 1) & (numbers.values >= middle))[1:]
    assert np.flatnonzero(session.selected).tolist() == expected.tolist()
    session.invert()
    assert session.selected.sum() == 24 - len(expected)
    assert list(heard) == ["selection"] * 5
    for _ in range(5):
        assert session.undo()
    assert not session.selected.any()
    assert not session.undo()
    for _ in range(5):
        assert session.redo()
    assert session.selected.sum() == 24 - len(expected)
    assert not session.redo()


def test_selecting_the_same_again_is_nothing_to_undo(session: Session) -> None:
    session.select_class("kmeans-3", 0)
    session.select_class("kmeans-3", 0)
    session.undo()
    assert not session.selected.any()
    assert session.history.undo_name is None
    assert session.history.redo_name is not None
    session.select_class("kmeans-3", 1)
    assert session.history.redo_name is None


def test_a_selection_goes_to_a_file(session: Session, tmp_path: Path) -> None:
    session.select_class("kmeans-3", 0)
    session.select_class("kmeans-3", 2, how="add")
    session.as_selection("good").save(tmp_path / "good.json")
    saved = Selection.load(tmp_path / "good.json")
    assert saved.created_from["rule"] == "add"
    assert session.run is not None
    assert saved.run == str(session.run.path)
    assert session.particle_set is not None
    assert saved.ids == {session.particle_set.ids[row] for row in np.flatnonzero(session.selected)}


def test_tomograms_and_single_particles(session: Session) -> None:
    heard = Heard(session)
    other = session.tomograms[1]
    session.open_tomogram(other)
    session.open_tomogram(other)
    session.look_at(3)
    session.look_at(3)
    assert list(heard) == ["tomogram", "particle"]
    with pytest.raises(InputError, match="tomogram 1: has no particles in the open data set"):
        session.open_tomogram("1")
    assert session.tomogram == other


def test_what_cannot_be_opened_leaves_what_is_open(session: Session, tmp_path: Path, analysed_run: Run) -> None:
    heard = Heard(session)
    for path in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError):
            session.open_run(path)
        with pytest.raises(InputError):
            session.open_star(path / "nothing.star")
    assert session.run is not None
    assert session.run.path == analysed_run.path
    assert not list(heard)


def test_a_run_that_changes_while_it_is_open(analysed_run: Run, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    shutil.copytree(analysed_run.path, copy)
    analysis = AnalysisFolder(copy, 2).path
    analysis.rename(tmp_path / "analysis")
    session = Session()
    session.open_run(copy)
    assert session.coloured_by == "tomogram"
    session.select_rows([1, 2], {"rule": "click"})
    (tmp_path / "analysis").rename(analysis)
    session.read_again()
    assert "kmeans-3" in session.columns
    assert session.selected.sum() == 2
    document = (copy / "run.json").read_text()
    (copy / "run.json").write_text(document.replace('"fingerprint": "', '"fingerprint": "0'))
    with pytest.raises(InputError, match="was replaced by a run on other particles"):
        session.read_again()
    (copy / "run.json").write_text(document.replace('"format": 1', '"format": 99'))
    with pytest.raises(InputError, match="format 99"):
        session.read_again()
    shutil.rmtree(copy)
    with pytest.raises(InputError, match="is not a run"):
        session.read_again()
    assert "kmeans-3" in session.columns


def test_a_star_alone(warptools_set: Path) -> None:
    session = Session()
    session.open_star(warptools_set)
    assert len(session) == 40
    assert session.run is None
    assert session.coloured_by == "tomogram"
    assert len(session.tomograms) == 4
    assert len(session.rows_here) == 10
