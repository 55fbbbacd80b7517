"""Reviewing without a window: the order, marks that are a column, and where the camera goes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.review import KEYS, Review
from napari_tomodrgn.viewer.scene import Scene
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.session_file import load_session, save_session


@pytest.fixture
def viewer() -> ViewerModel:
    return ViewerModel()


@pytest.fixture
def review(viewer: ViewerModel, analysed_run: Run, tmp_path: Path) -> Review:
    session = Session()
    scene = Scene(viewer, session)
    session.open_run(shutil.copytree(analysed_run.path, tmp_path / "run"))
    return Review(scene)


def numbers(review: Review, name: str) -> np.ndarray:
    column = review.session.columns[name]
    assert isinstance(column, Numbers)
    return column.values


def test_particles_come_in_the_order_of_a_column(review: Review) -> None:
    review.begin("uncertainty", highest=True)
    assert review.rows.tolist() == np.argsort(-numbers(review, "uncertainty"), kind="stable").tolist()
    seen = []
    for _ in range(24):
        seen.append(review.session.particle)
        review.next()
    assert seen == review.rows.tolist()
    assert review.place == 23
    review.go_to(-4)
    assert review.place == 0

    review.session.select_class("kmeans-3", 1)
    numbers(review, "kmeans-3 distance")[review.session.selected.argmax()] = np.nan
    review.begin("kmeans-3 distance", selected=True)
    chosen = np.flatnonzero(review.session.selected)
    assert sorted(review.rows.tolist()) == chosen.tolist()
    assert review.rows[-1] == chosen[0]
    distance = numbers(review, "kmeans-3 distance")[review.rows[:-1]]
    assert (np.diff(distance) >= 0).all()


def test_marks_are_a_column_that_is_selected_by_and_taken_back(review: Review) -> None:
    session = review.session
    review.begin(None)
    for action in (review.junk, review.keep, review.junk):
        action()
    review.word = "80S"
    review.label()
    assert session.marks.counts == {"junk": 2, "keep": 1, "80S": 1}
    column = session.columns["marked"]
    assert isinstance(column, Classes)
    assert [column.names[code] for code in column.codes[:4]] == ["junk", "keep", "junk", "80S"]
    session.marks.select("junk")
    assert np.flatnonzero(session.selected).tolist() == [0, 2]
    assert session.rule == {"rule": "classes", "column": "marked", "classes": ["junk"]}
    session.undo()
    session.colour_by("marked")
    assert [entry.size for entry in session.colouring.classes] == [2, 1, 1]
    session.undo()

    review.take_back()
    assert session.marks.counts == {"junk": 2, "keep": 1}
    assert session.particle == 3
    for _ in range(3):
        review.take_back()
    assert session.particle == 0
    assert "marked" not in session.columns
    session.redo()
    assert session.marks.counts == {"junk": 1}


def test_marks_become_named_selections(review: Review) -> None:
    review.begin(None)
    review.junk()
    review.word = "not sure"
    review.label()
    for word in review.session.marks.counts:
        review.session.marks.keep_selection(word)
    assert review.session.run is not None
    assert review.session.run.selections() == ["junk", "not-sure"]
    assert review.session.particle_set is not None
    assert review.session.run.selection("junk").ids == {review.session.particle_set.ids[0]}
    with pytest.raises(InputError, match="selection junk: exists already"):
        review.session.marks.keep_selection("junk")


def test_marks_stay_with_the_particles(review: Review, tmp_path: Path) -> None:
    """In another epoch of the run, where the folder is read again, and in a saved session."""
    session = review.session
    review.begin(None)
    review.junk()
    session.colour_by("marked")
    session.read_again()
    assert session.coloured_by == "marked"
    assert session.run is not None
    session.open_run(session.run.path, epoch=1)
    assert session.marks.counts == {"junk": 1}
    assert "marked" in session.columns
    save_session(session, tmp_path / "session.json")

    other = Session()
    document = json.loads((tmp_path / "session.json").read_text())
    document["marks"]["keep"] = [["gone", "1"]]
    (tmp_path / "session.json").write_text(json.dumps(document))
    _, lost = load_session(other, tmp_path / "session.json")
    assert other.marks.counts == {"junk": 1}
    assert other.marks.of(0) == "junk"
    assert "1 marked particles are not in the data set any more" in lost
    star = session.run.path / "particles.star"
    other.open_star(star)
    assert other.marks.counts == {"junk": 1}


@pytest.mark.parametrize(("dimensions", "order"), [(2, (0, 1, 2)), (2, (1, 0, 2)), (3, (0, 1, 2))])
def test_the_camera_goes_to_the_particle_in_its_tomogram(
    viewer: ViewerModel, review: Review, dimensions: int, order: tuple[int, int, int]
) -> None:
    viewer.dims.order = order
    viewer.dims.ndisplay = dimensions
    review.begin(None)
    review.go_to(20)
    flight = review.flight()
    assert flight is not None
    assert review.session.particle_set is not None
    table = review.session.particle_set.particles
    assert review.session.tomogram == table["tomogram"][20]
    place = table[["z", "y", "x"]].to_numpy()[20]
    begin = viewer.scene.camera.center
    flight.show(viewer, 0.0)
    np.testing.assert_allclose(viewer.scene.camera.center, begin, atol=1e-6)
    for share in (0.4, 1.0):
        flight.show(viewer, share)
    shown = list(order) if dimensions == 3 else list(order[1:])
    np.testing.assert_allclose(np.array(viewer.scene.camera.center)[-len(shown) :], place[shown], atol=1e-6)
    if dimensions == 2:
        step = viewer.dims.range[order[0]].step
        assert abs(viewer.dims.point[order[0]] - place[order[0]]) <= step


def test_keys_are_bound_while_there_is_a_review(viewer: ViewerModel, review: Review) -> None:
    before = dict(viewer.keymap)
    review.begin(None)
    assert len(viewer.keymap) == len(before) + len(KEYS)
    bound = next(action for key, action in viewer.keymap.items() if str(key) == "J")
    bound(viewer)
    assert review.session.marks.of(0) == "junk"
    assert review.place == 1
    review.end()
    assert viewer.keymap == before
    assert not review.on


def test_what_can_not_be_reviewed_is_said(review: Review) -> None:
    with pytest.raises(InputError, match="no particle is selected"):
        review.begin(None, selected=True)
    with pytest.raises(InputError, match="column kmeans-3: holds no numbers"):
        review.begin("kmeans-3")
    with pytest.raises(InputError, match="open a star or a run first"):
        Review(Scene(ViewerModel(), Session())).begin(None)
    review.keep()
    assert review.session.marks.counts == {}
