"""A session beside another run: the same particles on both sides, whatever the order and whatever is missing."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.analysis.rule_trees import in_words
from napari_tomodrgn.analysis.run_comparison import RunComparison
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.compared import CHANGED, STAYED, Compared, agreement_in_words, summary_of
from napari_tomodrgn.viewer.comparing import ALIGNED, Found, ask, epochs_of, find, labellings, runs_beside
from napari_tomodrgn.viewer.session import Session

LABELLING = "kmeans-3"
MOVED = (2, 9)  # rows of the other run's labels


@pytest.fixture
def session(analysed_run: Run, tmp_path: Path) -> Session:
    """The run in a folder that another one lies in."""
    session = Session()
    session.open_run(Path(shutil.copytree(analysed_run.path, tmp_path / "one")))
    return session


@pytest.fixture
def other(session: Session) -> Path:
    """A copy with its particles in another order, without the first two, and two particles in other classes.

    Classes are called otherwise too: 0, 1, 2 are 1, 2, 0.
    """
    assert session.run is not None
    path = Path(shutil.copytree(session.run.path, session.run.path.with_name("other")))
    latents = Run.open(path).latents(2)
    order = np.random.default_rng(0).permutation(np.arange(2, len(latents)))
    ids = tuple(latents.ids[row] for row in order)
    for target in (layout.latents_path(path, 2), path / layout.CHOSEN_LATENTS):
        Latents(ids, latents.z_mean[order], latents.z_logvar[order], latents.split[order]).save(target)
    labels = read_labels(AnalysisFolder(path, 2).labels(LABELLING))
    codes = np.array([(labels[particle] + 1) % 3 for particle in ids])
    codes[list(MOVED)] = (codes[list(MOVED)] + 1) % 3
    write_labels(AnalysisFolder(path, 2).labels(LABELLING), ids, codes)
    return path


def compared_with(session: Session, run: Path, seeds: int = 0) -> Compared:
    compared = Compared(session)
    for step in find(ask(session, LABELLING, run, 2, LABELLING, seeds)):
        if isinstance(step, Found):
            compared.take(step)
        elif isinstance(step, RunComparison):
            compared.take_seeds(step)
    return compared


def ids_of(session: Session, mask: np.ndarray) -> set[ParticleId]:
    assert session.particle_set is not None
    return {session.particle_set.ids[row] for row in np.flatnonzero(mask)}


def moved_ids(other: Path) -> set[ParticleId]:
    latents = Run.open(other).latents(2)
    return {latents.ids[row] for row in MOVED}


def test_particles_that_changed_class_are_selected_by_id(session: Session, other: Path) -> None:
    compared = compared_with(session, other)

    compared.select_changed()

    assert ids_of(session, session.selected) == moved_ids(other)
    assert session.rule["compared with"]["run"] == str(other)
    assert in_words(session.rule) == "changed class, compared with other"
    assert "2 of 22 changed class" in summary_of(compared.comparison)  # type: ignore[arg-type]
    session.undo()
    assert not session.selected.any()


def test_what_is_selected_is_selected_on_both_sides(session: Session, other: Path) -> None:
    compared = compared_with(session, other)
    ids = Run.open(other).latents(2).ids

    mask = np.zeros(22, dtype=bool)
    mask[[0, 5, 21]] = True
    compared.select(mask, {"rule": "lasso"})
    assert ids_of(session, session.selected) == {ids[row] for row in (0, 5, 21)}
    np.testing.assert_array_equal(compared.selected, mask)

    session.select_rows(range(4), {"rule": "table"})
    assert {ids[row] for row in np.flatnonzero(compared.selected)} <= ids_of(session, session.selected)
    assert compared.selected.sum() == 2  # two of the four are not in the other run
    compared.select(mask, {"rule": "lasso"}, "add")
    assert session.selected.sum() == 4 + 3 - len(ids_of(session, np.arange(24) < 4) & {ids[row] for row in (0, 5, 21)})


def test_a_cell_of_the_confusion_selects_those_it_counts(session: Session, other: Path) -> None:
    compared = compared_with(session, other)
    assert compared.comparison is not None
    assert compared.comparison.agreement is not None
    counts = compared.comparison.agreement.counts
    column = session.columns[LABELLING]
    assert isinstance(column, Classes)
    theirs = read_labels(AnalysisFolder(other, 2).labels(LABELLING))

    for a, b in np.ndindex(3, 3):
        session.select_rows([], {})
        compared.select_cell(a, b)
        assert session.selected.sum() == counts[a, b]
        assert set(column.codes[session.selected]) <= {a}
        assert {theirs[particle] for particle in ids_of(session, session.selected)} <= {b}
        if counts[a, b]:
            words = f"class {a} of {LABELLING} and class {b} of {LABELLING}, compared with other"
            assert in_words(session.rule) == words
    compared.select_cell(None, 1)
    assert session.selected.sum() == counts[:, 1].sum()


def test_classes_have_the_colours_of_their_partners(session: Session, other: Path) -> None:
    session.paint_class(LABELLING, 0, (0.1, 0.2, 0.3, 1.0))
    compared = compared_with(session, other)

    first, second = compared.class_colours()

    assert first[0] == second[1] == (0.1, 0.2, 0.3, 1.0)
    assert second[2] == first[1]
    codes = compared.comparison.b.labelling.codes  # type: ignore[union-attr]
    np.testing.assert_allclose(compared.colours_of_classes()[codes == 1], [first[0]] * (codes == 1).sum(), rtol=1e-6)
    changed = compared.colours_of_change()
    np.testing.assert_allclose(changed[list(MOVED)], [CHANGED] * 2, rtol=1e-6)
    assert (np.isclose(changed, STAYED).all(axis=1)).sum() == 20
    ids = Run.open(other).latents(2).ids
    rows = [session.row_of(particle) for particle in ids]
    np.testing.assert_array_equal(compared.colours_as_here(), session.colouring.rgba[rows])


def test_noise_is_grey_on_both_sides_and_nothing_else_is(session: Session, other: Path) -> None:
    folder, noisy = AnalysisFolder(other, 2), "hdbscan-5"
    shutil.copy(folder.labels(LABELLING), folder.labels(noisy))
    folder.settings(noisy).write_text('{"noise": 1}')  # the partner of class 0 of the session
    compared = Compared(session)
    for step in find(ask(session, LABELLING, other, 2, noisy, 0)):
        assert isinstance(step, Found)
        compared.take(step)

    first, second = compared.class_colours()

    grey = pytest.approx([0x76 / 255] * 3 + [1])
    assert [colour == grey for colour in first] == [False] * 3
    assert [colour == grey for colour in second] == [False, True, False]
    assert (second[0], second[2]) == (first[2], first[1])
    session.open_run(other)
    session.colour_by(noisy)
    entries = session.colouring.classes
    assert [entry.name for entry in entries] == ["class 0", "noise", "class 2"]
    assert [entry.colour == grey for entry in entries] == [False, True, False]


def test_latents_of_a_copy_lie_where_they_are_in_the_session(session: Session, other: Path) -> None:
    compared = compared_with(session, other)
    assert session.particle_set is not None
    row_of = {particle: row for row, particle in enumerate(compared.comparison.b.ids)}  # type: ignore[union-attr]

    own = session.columns["PC 1"].values  # type: ignore[union-attr]
    laid = compared.values(ALIGNED.format(1))
    there = [row for row, particle in enumerate(session.particle_set.ids) if particle in row_of]
    theirs = [row_of[session.particle_set.ids[row]] for row in there]
    np.testing.assert_allclose(laid[theirs], own[there], atol=1e-4)
    assert np.isnan(compared.values("no such column")).all()


def test_the_particle_that_is_looked_at_is_known_on_both_sides(session: Session, other: Path) -> None:
    compared = compared_with(session, other)
    row = int(np.flatnonzero(session.columns["tomogram"].codes == 1)[-1])  # type: ignore[union-attr]

    compared.show(row)

    assert (session.particle, session.tomogram) == (row, session.tomograms[1])
    assert compared.particle is not None
    assert compared.row_here(compared.particle) == row
    session.look_at(session.row_of(Run.open(session.run.path).latents(2).ids[0]))  # type: ignore[union-attr]
    assert compared.particle is None


def test_intervals_come_after_the_comparison(session: Session, other: Path) -> None:
    compared = compared_with(session, other, seeds=2)

    assert compared.comparison is not None
    assert compared.comparison.over_seeds is not None
    words = agreement_in_words(compared.comparison)
    assert "over seeds" in words
    assert "over 2 tomograms" in words


def test_labels_that_a_person_gave_are_compared_as_they_are(session: Session, other: Path) -> None:
    session.label_classes(LABELLING, {0: "good", 1: "good", 2: "junk"})
    assert labellings(session) == [LABELLING, f"{LABELLING} named"]

    (found,) = [
        step for step in find(ask(session, f"{LABELLING} named", other, 2, LABELLING, 3)) if isinstance(step, Found)
    ]

    assert found.comparison.a.labelling is not None
    assert found.comparison.a.labelling.names == ("good", "junk")
    assert found.comparison.found_by_seed == (False, True)


def test_what_can_not_be_compared_is_said(session: Session, other: Path, tmp_path: Path) -> None:
    assert session.run is not None
    with pytest.raises(InputError, match="these are the same"):
        ask(session, LABELLING, session.run.path, 2, LABELLING, 0)
    with pytest.raises(InputError, match="open a run first"):
        ask(Session(), None, other, 2, None, 0)
    with pytest.raises(InputError, match="is not a run"):
        epochs_of(tmp_path)
    shutil.rmtree(other)
    with pytest.raises(InputError, match="is not a run"):
        ask(session, LABELLING, other, 2, LABELLING, 0)


def test_runs_beside_and_before_are_offered(session: Session, other: Path, tmp_path: Path) -> None:
    assert session.run is not None
    before = Path(shutil.copytree(other, tmp_path / "elsewhere" / "before"))
    session.run.update(parent={"run": str(before), "selection": None})

    assert runs_beside(session.run) == [before, other]
    assert epochs_of(other) == ([1, 2], 2)


def test_nothing_is_left_of_what_was_forgotten(session: Session, other: Path) -> None:
    compared = compared_with(session, other)
    told: list[int] = []
    compared.changed.connect(lambda: told.append(1))

    compared.forget()
    compared.forget()

    assert (len(compared), len(compared.changed_rows()), told) == (0, 0, [1])
    compared.select_cell(0, 0)
    assert not session.selected.any()


def test_what_was_found_of_another_data_set_is_not_taken(session: Session, other: Path) -> None:
    (found,) = [step for step in find(ask(session, LABELLING, other, 2, LABELLING, 0)) if isinstance(step, Found)]
    session.open_run(other)
    compared = Compared(session)

    compared.take(found)

    assert compared.comparison is None


def test_classes_that_came_along_from_another_run_are_not_compared(session: Session, other: Path) -> None:
    session.columns["kmeans-9"] = session.columns[LABELLING]  # as those of the run before are, until it is analysed
    assert LABELLING in labellings(session)
    assert "kmeans-9" not in labellings(session)
    with pytest.raises(InputError, match="kmeans-9 are classes that the particles had before"):
        ask(session, "kmeans-9", other, 2, LABELLING, 0)
