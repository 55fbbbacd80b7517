"""Labels given to classes: the column they make, what is taken back, and what stays in its place."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.session import Session

COLUMN, NAMED = "kmeans-3", "kmeans-3 named"


@pytest.fixture
def session(analysed_run: Run) -> Session:
    session = Session()
    session.open_run(analysed_run.path)
    return session


def classes_of(session: Session, column: str) -> Classes:
    found = session.columns[column]
    assert isinstance(found, Classes)
    return found


def test_several_classes_share_a_label_and_others_have_none(session: Session) -> None:
    session.label_classes(COLUMN, {2: "70S", 0: "70S"})
    labels, codes = classes_of(session, NAMED), classes_of(session, COLUMN).codes
    assert labels.names == ("70S",)
    assert (labels.codes == np.where(codes == 1, -1, 0)).all()
    assert labels.sizes.tolist() == [int((codes != 1).sum())]
    assert session.coloured_by == COLUMN


def test_labelling_is_undone_and_done_again_and_survives_reading_again(session: Session) -> None:
    session.label_classes(COLUMN, {0: "70S"})
    session.label_classes(COLUMN, {0: "70S", 1: "junk"})
    session.colour_by(NAMED)
    session.read_again()
    assert classes_of(session, NAMED).names == ("70S", "junk")
    session.undo()
    session.undo()
    assert classes_of(session, NAMED).names == ("70S",)
    session.undo()
    assert NAMED not in session.columns
    assert session.coloured_by == COLUMN
    session.redo()
    session.redo()
    assert classes_of(session, NAMED).names == ("70S", "junk")
    session.redo()
    assert session.coloured_by == NAMED


def test_views_are_told_of_new_columns_only_when_one_comes_or_goes(session: Session) -> None:
    told: list[str] = []
    for name in ("columns", "labels", "colouring"):
        getattr(session, f"{name}_changed").connect(lambda name=name: told.append(name))
    for labels, expected in (
        ({0: "70S"}, ["columns", "labels"]),
        ({0: "70S", 1: "50S"}, ["labels"]),
        ({}, ["columns", "labels"]),
    ):
        told.clear()
        session.label_classes(COLUMN, labels)
        assert told == expected
    session.undo()
    session.colour_by(NAMED)
    told.clear()
    session.label_classes(COLUMN, {})
    assert told == ["columns", "labels", "colouring"]


def test_without_the_last_label_colours_are_those_of_the_classes_again(session: Session) -> None:
    session.label_classes(COLUMN, {0: "70S"})
    session.colour_by(NAMED)
    session.label_classes(COLUMN, {})
    assert NAMED not in session.columns
    assert session.coloured_by == COLUMN
    session.undo()
    assert session.coloured_by == NAMED
    assert len(session.colouring.classes) == 1


def test_a_label_keeps_its_colour_while_others_come_and_go(session: Session) -> None:
    session.label_classes(COLUMN, {0: "70S", 1: "50S"})
    session.colour_by(NAMED)
    before = session.colouring.classes[1].colour
    session.label_classes(COLUMN, {0: "50S", 1: "50S", 2: "junk"})
    assert classes_of(session, NAMED).names == ("70S", "50S", "junk")
    assert session.colouring.classes[1].colour == before
    session.label_classes(COLUMN, {0: "50S"})
    assert classes_of(session, NAMED).names == ("70S", "50S")


def test_a_class_of_labels_that_is_renamed_in_the_legend_is_labelled_anew(session: Session) -> None:
    session.label_classes(COLUMN, {0: "70S", 1: "50S"})
    session.name_class(NAMED, 0, "whole")
    assert session.labels[COLUMN].of_class == {0: "whole", 1: "50S"}
    session.rename_label(COLUMN, "50S", "whole")
    assert classes_of(session, NAMED).codes.max() == 0
    session.undo()
    session.undo()
    assert classes_of(session, NAMED).names == ("70S", "50S")


def test_classes_made_anew_have_no_labels_of_the_old_ones(analysed_run: Run, tmp_path: Path) -> None:
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))
    session = Session()
    session.open_run(run)
    session.label_classes(COLUMN, {0: "70S"})
    session.colour_by(NAMED)
    (table,) = run.glob(f"analysis/*/labels-{COLUMN}.csv")
    before = table.read_text()
    lines = before.splitlines()
    table.write_text("\n".join([lines[0], *(line[:-1] + str((int(line[-1]) + 1) % 3) for line in lines[1:])]) + "\n")
    session.read_again()
    assert NAMED not in session.columns
    assert session.coloured_by == COLUMN
    table.write_text(before)
    session.read_again()
    assert classes_of(session, NAMED).names == ("70S",)


@pytest.mark.parametrize(
    ("column", "labels", "message"),
    [
        ("z0", {0: "70S"}, "column z0: has no classes that can be labelled"),
        (COLUMN, {3: "70S"}, "class 3: is not among the 3 classes"),
        (COLUMN, {0: " "}, "class 0: an empty label"),
        ("kmeans-77", {0: "70S"}, "column kmeans-77: is not known"),
    ],
)
def test_what_cannot_be_labelled(session: Session, column: str, labels: dict[int, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        session.label_classes(column, labels)
    assert session.history.undo_name is None
