"""A session saved beside its run and opened again."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.camera_path import Stop
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.session_file import load_session, save_session

STOP = Stop((1.5, 2.0, 3.0), 2.0, (0.0, -0.6, 0.8), (1.0, 0.0, 0.0), (5.0, 6.0, 7.0), (0, 1, 2), 3, 2.5)


@pytest.fixture
def run(analysed_run: Run, tmp_path: Path) -> Path:
    shutil.copytree(analysed_run.path, tmp_path / "run")
    return tmp_path / "run"


def arranged(run: Path) -> Session:
    session = Session()
    session.open_run(run)
    session.open_tomogram(session.tomograms[1])
    session.name_class("kmeans-3", 1, "70S")
    session.paint_class("kmeans-3", 2, (0.5, 0.25, 0.0, 1.0))
    session.select_class("kmeans-3", 1)
    session.look_at(int(np.flatnonzero(session.selected)[0]))
    return session


def test_it_looks_as_it_did_also_where_the_run_was_moved(run: Path, tmp_path: Path) -> None:
    before = arranged(run)
    save_session(before, run / "sessions" / "mine.json", {"camera": {"zoom": 2.5}})
    moved = run.rename(tmp_path / "elsewhere")
    after = Session()
    view, lost = load_session(after, moved / "sessions" / "mine.json")
    assert view == {"camera": {"zoom": 2.5}}
    assert lost == []
    assert after.run is not None
    assert after.run.path == moved
    assert (after.tomogram, after.coloured_by, after.styles) == (before.tomogram, before.coloured_by, before.styles)
    assert (after.selected == before.selected).all()
    assert after.rule == before.rule
    assert after.particle == before.particle
    np.testing.assert_array_equal(after.colouring.rgba, before.colouring.rgba)
    assert after.history.undo_name is None


def test_labels_come_back_and_not_where_the_classes_are_others(run: Path) -> None:
    path = run / "sessions" / "mine.json"
    before = arranged(run)
    before.label_classes("kmeans-3", {2: "junk", 0: "70S"})
    before.paint_class("kmeans-3 named", 1, (0.5, 0.25, 0.0, 1.0))
    before.colour_by("kmeans-3 named")
    save_session(before, path)
    after = Session()
    _, lost = load_session(after, path)
    assert lost == []
    assert after.labels == before.labels
    assert after.coloured_by == "kmeans-3 named"
    np.testing.assert_array_equal(after.colouring.rgba, before.colouring.rgba)

    document = json.loads(path.read_text())
    document["labels"]["kmeans-3"]["of_class"] = {"77": "junk"}
    (path.parent / "changed.json").write_text(json.dumps(document))
    _, lost = load_session(Session(), path.parent / "changed.json")
    assert lost[0] == "labels of kmeans-3 are of other classes than it has now"

    # the same analysis made anew may number its classes otherwise
    table = AnalysisFolder(run, 2).labels("kmeans-3")
    lines = table.read_text().splitlines()
    turned = [line[:-1] + str((int(line[-1]) + 1) % 3) for line in lines[1:]]
    table.write_text("\n".join([lines[0], *turned]) + "\n")
    _, lost = load_session(after, path)
    assert lost == [
        "labels of kmeans-3 are of other classes than it has now",
        "column kmeans-3 named is not known any more",
    ]
    assert "kmeans-3 named" not in after.columns


def test_what_is_gone_is_said_and_the_rest_is_kept(run: Path) -> None:
    path = run / "sessions" / "mine.json"
    save_session(arranged(run), path)
    document = json.loads(path.read_text())
    document["selected"] += [["nowhere", "1"], ["nowhere", "2"]]
    document["tomogram"], document["coloured_by"] = "nowhere", "kmeans-77"
    path.write_text(json.dumps(document))
    session = Session()
    _, lost = load_session(session, path)
    assert len(lost) == 3
    assert "2 selected particles are not in the data set any more" in lost
    assert session.selected.any()
    assert session.coloured_by == "kmeans-3"


def test_the_cameras_stops_come_back_and_an_older_file_has_none(run: Path) -> None:
    path = run / "sessions" / "mine.json"
    before = arranged(run)
    before.camera_path.set([STOP, replace(STOP, zoom=0.5, ndisplay=2, seconds=0.4)], "flow")
    save_session(before, path)
    after = Session()
    load_session(after, path)
    assert (after.camera_path.stops, after.camera_path.pace) == (before.camera_path.stops, "flow")
    assert not after.undo()
    after.open_run(run, 1)  # of the same particles
    assert after.camera_path.stops == before.camera_path.stops

    document = json.loads(path.read_text())
    document["camera_path"]["stops"][1]["zoom"] = 0
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"camera_path.stops.1.zoom is not as a session has it"):
        load_session(Session(), path)
    del document["camera_path"]
    path.write_text(json.dumps(document))
    load_session(after, path)
    assert after.camera_path.stops == ()


def test_a_star_alone(warptools_set: Path, tmp_path: Path) -> None:
    session = Session()
    session.open_star(warptools_set)
    session.select_rows([3], {"rule": "click"})
    save_session(session, tmp_path / "star.json")
    other = Session()
    load_session(other, tmp_path / "star.json")
    assert np.flatnonzero(other.selected).tolist() == [3]


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("{", "is not a readable session"),
        ('{"format": 99}', "has format 99, this version reads up to 1"),
        ('{"format": 1}', "names neither a run nor a star file"),
        ('{"format": 1, "selected": "all"}', "selected is not as a session has it"),
        ('{"format": 1, "run": "../nowhere"}', "is not a run"),
        ("[]", "is not as a session has it"),
    ],
)
def test_files_that_are_no_sessions(run: Path, tmp_path: Path, contents: str, message: str) -> None:
    session = Session()
    session.open_run(run)
    (tmp_path / "wrong.json").write_text(contents)
    with pytest.raises(InputError, match=message):
        load_session(session, tmp_path / "wrong.json")
    assert session.run is not None
    with pytest.raises(InputError, match="there is nothing to save"):
        save_session(Session(), tmp_path / "empty.json")
    assert not (tmp_path / "empty.json").exists()
