"""Another epoch in an open session: what belongs to particles stays with them, and the picture lies as before."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import pearsonr

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.options import TrainOptions
from napari_tomodrgn.training.train import train
from napari_tomodrgn.viewer.live_epoch import Before, read_epoch, show_epoch
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel
from napari_tomodrgn.viewer.volume_source import VolumeSource

KMEANS = "kmeans-3"


@pytest.fixture(scope="module")
def subset_run(analysed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on every third particle, in reversed order of their ids in the file."""
    folder = tmp_path_factory.mktemp("subset")
    ids = frozenset(analysed_run.particle_set().ids[::3])
    Selection("third", ids, {"rule": "test"}, run=str(analysed_run.path)).save(folder / "third.json")
    settings = {**analysed_run.settings, "outdir": folder / "run", "selection": folder / "third.json", "epochs": 1}
    return train(TrainOptions.model_validate(settings))


@pytest.fixture
def session(analysed_run: Run) -> Session:
    session = Session()
    session.open_run(analysed_run.path, 2)
    session.label_classes(KMEANS, {1: "junk"})
    session.paint_class(KMEANS, 0, (1.0, 0.0, 0.0, 1.0))
    session.select_class(KMEANS, 1)
    session.open_tomogram(session.tomograms[1])
    session.look_at(3)
    return session


def values(session: Session, name: str) -> np.ndarray:
    column = session.columns[name]
    assert isinstance(column, Numbers)
    return column.values


def test_everything_that_belongs_to_particles_stays(session: Session, analysed_run: Run) -> None:
    before = (session.labels, session.styles, session.rule, session.tomogram, session.particle, session.coloured_by)
    selected, colours, codes = session.selected, session.colouring.rgba, session.columns[KMEANS]
    heard: list[str] = []
    session.data_changed.connect(lambda: heard.append("data"))
    session.epochs_changed.connect(lambda: heard.append("epochs"))
    live = read_epoch(analysed_run, 1, Before.of(session))
    show_epoch(session, live)
    assert session.epoch == 1
    assert heard == ["epochs"]
    assert before == (
        session.labels, session.styles, session.rule, session.tomogram, session.particle, session.coloured_by
    )  # fmt: skip
    now = session.columns[KMEANS]
    assert isinstance(codes, Classes)
    assert isinstance(now, Classes)
    assert (now.codes.tolist(), now.names) == (codes.codes.tolist(), codes.names)
    assert f"{KMEANS} named" in session.columns
    np.testing.assert_array_equal(session.selected, selected)
    np.testing.assert_array_equal(session.colouring.rgba, colours)
    np.testing.assert_array_equal(values(session, "z0"), analysed_run.latents(1).z_mean[:, 0])
    session.undo()
    assert not session.selected.any()


@pytest.fixture
def copy(analysed_run: Run, tmp_path: Path) -> Run:
    """The run without its analysis."""
    shutil.copytree(analysed_run.path, tmp_path / "run", ignore=shutil.ignore_patterns("analysis"))
    return Run.open(tmp_path / "run")


def test_components_lie_as_those_before(session: Session, copy: Run) -> None:
    """Of one epoch they are those of the analysis again, which an epoch without one is turned onto."""
    known = [values(session, f"PC {number}") for number in (1, 2, 3)]
    live = read_epoch(copy, 2, Before.of(session))
    for number, own in enumerate(known, 1):
        column = live.columns[f"PC {number}"]
        assert isinstance(column, Numbers)
        np.testing.assert_allclose(column.values, own, atol=1e-3 * np.abs(own).max())
    mirrored = Before(session.particle_set, Before.of(session).fingerprint, dict(session.columns))
    mirrored.columns["PC 1"] = Numbers(-known[0])
    column = read_epoch(copy, 1, mirrored).columns["PC 1"]
    assert isinstance(column, Numbers)
    assert pearsonr(column.values, -known[0]).statistic > 0


def test_a_run_on_some_of_the_particles_takes_their_classes_over(session: Session, subset_run: Run) -> None:
    assert session.particle_set is not None
    ids, classes = session.particle_set.ids, session.columns[KMEANS]
    assert isinstance(classes, Classes)
    code_of = dict(zip(ids, classes.codes.tolist(), strict=True))
    chosen = {ids[row] for row in np.flatnonzero(session.selected)}
    looked_at = ids[3]
    show_epoch(session, read_epoch(subset_run, 1, Before.of(session)))
    assert session.run is not None
    assert session.particle_set is not None
    assert (session.run.path, session.epoch, session.coloured_by) == (subset_run.path, 1, KMEANS)
    mine, own = session.particle_set.ids, session.columns[KMEANS]
    assert len(mine) == 8
    assert isinstance(own, Classes)
    assert own.codes.tolist() == [code_of[particle] for particle in mine]
    assert {mine[row] for row in np.flatnonzero(session.selected)} == chosen & set(mine)
    labelled = session.columns[f"{KMEANS} named"]
    assert isinstance(labelled, Classes)
    assert [labelled.names[code] if code >= 0 else "" for code in labelled.codes] == [
        "junk" if code_of[particle] == 1 else "" for particle in mine
    ]
    assert session.particle == mine.index(looked_at)
    red = session.colouring.rgba[own.codes == 0]
    np.testing.assert_array_equal(red, np.tile([1.0, 0.0, 0.0, 1.0], (len(red), 1)))


def test_a_session_with_nothing_open_gets_the_run(analysed_run: Run) -> None:
    session = Session()
    show_epoch(session, read_epoch(analysed_run, 2, Before.of(session)))
    assert len(session) == 24
    assert session.epoch == 2
    assert KMEANS in session.columns


def test_reading_the_folder_again_keeps_classes_of_another_epoch(session: Session, analysed_run: Run) -> None:
    show_epoch(session, read_epoch(analysed_run, 1, Before.of(session)))
    session.read_again()
    assert session.epoch == 1
    assert KMEANS in session.columns
    assert session.coloured_by == KMEANS


def test_latents_that_are_cut_short_are_named(session: Session, copy: Run) -> None:
    path = layout.latents_path(copy.path, 1)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match=r"epoch-0001\.npz: are not readable latents"):
        read_epoch(copy, 1, Before.of(session))
    assert session.epoch == 2


def test_volumes_are_of_the_epoch_that_is_shown(session: Session, analysed_run: Run) -> None:
    """What is looked at and pinned stays the particle's; what was prepared beside the window is what is shown."""
    panel = VolumePanel(session)
    panel.look_at_particle(5)
    panel.pin("A")
    panel.look_at_particle(3)
    truth = VolumeSource.of_run(analysed_run, 1, session.particle_set.ids)  # type: ignore[union-attr]
    prepared = panel.prepare(analysed_run, 1, session.particle_set.ids, 3)  # type: ignore[union-attr]
    panel.use(prepared)

    show_epoch(session, read_epoch(analysed_run, 1, Before.of(session)))

    assert panel.source() is prepared
    shown = panel.shown()
    assert shown is not None
    assert panel.particle == 3
    np.testing.assert_allclose(shown.volume, truth.volume_of(3), atol=1e-2 * np.abs(shown.volume).max())
    panel.show_pin("A")
    pinned = panel.shown()
    assert pinned is not None
    np.testing.assert_allclose(pinned.volume, truth.volume_of(5), atol=1e-2 * np.abs(pinned.volume).max())
    assert np.abs(truth.volume_of(5) - shown.volume).max() > 0.05 * np.abs(shown.volume).max()  # type: ignore[operator]
