"""Thresholds on occupancies without a window: what they label is what the command labels."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.analysis.occupancy.thresholds import valley
from napari_tomodrgn.analysis.rule_trees import particles_of
from napari_tomodrgn.analysis.spatial.labelling import read_labelling
from napari_tomodrgn.cli import main as programs
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.occupancy import write_occupancy
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.occupancy_panel import OccupancyPanel
from napari_tomodrgn.viewer.opening import read_anew
from napari_tomodrgn.viewer.session import Session

pytestmark = pytest.mark.xdist_group("occupancy-panel")  # what they share takes seconds to make

SPHERES = ("96,96,96,50", "60,96,96,30")
INNER, OUTER = "sphere 96 96 96 50", "sphere 60 96 96 30"


@pytest.fixture(scope="module")
def measured_run(analysed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run in which two spheres were measured in all particles, and in the class centres."""
    path = Path(shutil.copytree(analysed_run.path, tmp_path_factory.mktemp("measured") / "run"))
    common = {"run": path, "sphere": SPHERES, "device": "cpu", "figures": False}
    for options in (OccupancyOptions(**common), OccupancyOptions(**common, centres="kmeans-3", name="centres")):
        write_occupancy(occupancy(options), figures=False)
    return path


@pytest.fixture
def panel(measured_run: Path, tmp_path: Path) -> OccupancyPanel:
    session = Session()
    session.open_run(Path(shutil.copytree(measured_run, tmp_path / "run")))
    return OccupancyPanel(session)


def command(*words: object) -> None:
    with pytest.raises(SystemExit) as ending:
        programs.main([*map(str, words), "--quiet"])
    assert ending.value.code == 0


def test_a_valley_is_where_two_hills_meet() -> None:
    """Of two Gaussians, of which one is twice as large, the density is lowest where its derivative is 0."""
    places = np.linspace(0, 1, 20_001)
    density = 2 * norm.pdf(places, 0.2, 0.1) + norm.pdf(places, 0.9, 0.12)
    between = (places > 0.3) & (places < 0.8)
    truth = places[between][density[between].argmin()]
    generator = np.random.default_rng(0)
    values = np.concatenate([generator.normal(0.2, 0.1, 4000), generator.normal(0.9, 0.12, 2000)])

    assert valley(values) == pytest.approx(truth, abs=0.05)
    assert valley(1000 + 7 * values) == pytest.approx(1000 + 7 * truth, abs=0.4)


@pytest.mark.parametrize("values", [np.zeros(0), np.ones(50), np.random.default_rng(1).normal(size=3000)])
def test_one_hill_has_no_valley(values: np.ndarray) -> None:
    assert valley(values) is None


def test_the_columns_and_counts_are_those_of_the_table(panel: OccupancyPanel) -> None:
    assert panel.names() == ["centres", "occupancy"]
    panel.choose("occupancy")
    assert panel.part == INNER
    assert panel.session.coloured_by == f"occupancy {INNER}"
    values = panel.session.columns[f"occupancy {INNER}"]
    assert isinstance(values, Numbers)
    panel.set_lines([float(np.sort(values.values)[7])])
    (line,) = panel.here

    assert panel.counts() == {"below": int((values.values < line).sum()), "above": int((values.values >= line).sum())}
    counts, edges = panel.histogram(INNER, 10)
    np.testing.assert_array_equal(counts, np.histogram(values.values, 10)[0])
    assert len(edges) == 11


def test_a_first_threshold_stands_in_the_valley_or_the_middle(panel: OccupancyPanel) -> None:
    panel.choose("occupancy")
    proposed = valley(panel.values)
    expected = float(np.median(panel.values)) if proposed is None else proposed
    assert panel.here == (pytest.approx(expected, abs=float(np.ptp(panel.values)) / 1000),)


def test_lines_stop_at_one_another(panel: OccupancyPanel) -> None:
    panel.choose("occupancy")
    low, high = np.percentile(panel.values, (30, 70))
    panel.set_lines([high, low])
    first, second = panel.here
    assert first < second
    panel.move(0, second + 1)
    assert panel.here == (second, second)
    panel.move(1, first - 1)
    assert panel.here == (second, second)


def test_particles_are_recoloured_by_what_a_threshold_says_as_it_moves(panel: OccupancyPanel) -> None:
    session = panel.session
    panel.choose("occupancy")
    panel.colour_by("labels")
    heard: list[int] = []
    columns: list[int] = []
    session.colouring_changed.connect(lambda: heard.append(1))
    session.columns_changed.connect(lambda: columns.append(1))
    for share in (20, 50, 80):
        panel.move(0, float(np.percentile(panel.values, share)))
        live = session.columns[str(session.coloured_by)]
        assert isinstance(live, Classes)
        np.testing.assert_array_equal(live.codes, panel.values >= panel.here[0])
        codes = live.codes
        for code in (0, 1):
            assert len(np.unique(session.colouring.rgba[codes == code], axis=0)) == 1
    assert len(heard) == 3
    assert columns == []  # views make much anew when columns come and go


@pytest.mark.parametrize("parts", [(), (INNER, OUTER)])
def test_labels_that_are_kept_are_those_of_the_command(
    panel: OccupancyPanel, measured_run: Path, tmp_path: Path, parts: tuple[str, ...]
) -> None:
    """The files are the same bytes, and other commands read them."""
    panel.choose("occupancy")
    low, high = np.percentile(panel.values, (30, 70))
    panel.set_lines([low, high] if not parts else [low])
    for part in parts:
        panel.label_by(part, True)
    kept = panel.keep("parts")

    copy = Path(shutil.copytree(measured_run, tmp_path / "copy"))
    folder = AnalysisFolder(copy, 2)
    words = [word for each in panel.thresholds for word in ("--threshold", f"{each.part}={each.value}")]
    command("occupancy", folder.occupancy("occupancy") / "occupancy.csv", *words, "--name", "parts")
    assert kept.name == "labels-parts-4.csv"
    assert kept.read_bytes() == folder.labels("parts-4").read_bytes()
    mine = AnalysisFolder(panel.session.run.path, 2)  # type: ignore[union-attr]
    assert mine.settings("parts-4").read_bytes() == folder.settings("parts-4").read_bytes()

    session = panel.session
    assert session.particle_set is not None
    assert session.run is not None
    session.renew(read_anew(session.particle_set, session.run, session.epoch))
    classes = session.columns["parts-4"]
    assert isinstance(classes, Classes)
    np.testing.assert_array_equal(classes.codes, panel.labels().codes)
    assert list(read_labels(kept)) == session.particle_set.ids
    np.testing.assert_array_equal(read_labelling(kept, tuple(session.particle_set.ids)).codes, classes.codes)
    with pytest.raises(InputError, match="exists already"):
        panel.keep("parts")
    panel.keep("parts", overwrite=True)
    with pytest.raises(InputError, match="lower-case letters"):
        panel.keep("Parts 2")


def test_labels_of_class_centres_are_their_particles(panel: OccupancyPanel, measured_run: Path, tmp_path: Path) -> None:
    panel.choose("centres")
    session = panel.session
    classes = session.columns["kmeans-3"]
    assert isinstance(classes, Classes)
    shown = session.columns[f"centres {INNER}"]
    assert isinstance(shown, Numbers)
    np.testing.assert_array_equal(shown.values, panel.values[classes.codes])
    panel.set_lines([float(np.sort(panel.values)[1])])
    panel.select("above")
    np.testing.assert_array_equal(session.selected, shown.values >= panel.here[0])
    kept = panel.keep("centres")

    copy = Path(shutil.copytree(measured_run, tmp_path / "copy"))
    folder = AnalysisFolder(copy, 2)
    (each,) = panel.thresholds
    table = folder.occupancy("centres") / "occupancy.csv"
    command("occupancy", table, "--threshold", f"{each.part}={each.value}", "--name", "centres")
    assert kept.read_bytes() == folder.labels("centres-2").read_bytes()


def test_both_sides_of_a_threshold_are_selected_by_a_rule_that_means_them(panel: OccupancyPanel) -> None:
    session = panel.session
    panel.choose("occupancy")
    low, high = np.sort(panel.values)[[6, 15]]  # values themselves: a threshold is part of what is above it
    panel.lines[INNER] = (float(low), float(high))
    assert session.particle_set is not None
    known = Known(session.particle_set, session.columns)
    for side, count in (("below", 6), ("between", 9), ("above", 9)):
        panel.select(side)
        assert session.selected.sum() == count == panel.counts()[side]
        np.testing.assert_array_equal(particles_of(session.rule, known), session.selected)


def test_labels_that_would_be_too_many_are_refused(panel: OccupancyPanel) -> None:
    """As the command refuses more than six thresholds."""
    panel.choose("occupancy")
    assert panel.measured is not None
    table = panel.measured.occupancy
    names = tuple(f"part{number}" for number in range(8))
    panel.take(
        replace(panel.measured, occupancy=replace(table, parts=names, values=np.repeat(table.values, 4, axis=1)))
    )
    for name in names[:6]:
        panel.label_by(name, True)
    assert len(panel.labels().names) == 64
    with pytest.raises(InputError, match="7 thresholds: there would be 128 of them"):
        panel.label_by(names[6], True)
    with pytest.raises(InputError, match="at most 6 thresholds"):
        panel.second_line(True)
    assert panel.labelled == names[:6]
    assert panel.here == (panel.here[0],)


def test_what_is_missing_is_said(panel: OccupancyPanel) -> None:
    with pytest.raises(InputError, match="no occupancies are open"):
        panel.keep("occupancy")
    with pytest.raises(InputError, match="no such table"):
        panel.choose("nothing")
    session = Session()
    session.open_star(panel.session.particle_set.source.path)  # type: ignore[union-attr]
    assert OccupancyPanel(session).names() == []
    with pytest.raises(InputError, match="open one"):
        OccupancyPanel(session).choose("occupancy")
