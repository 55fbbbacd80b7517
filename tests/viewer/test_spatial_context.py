"""What is read back of ``neighbors`` and what it selects, held against planted chains and scipy's geometry."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.rule_trees import particles_of
from napari_tomodrgn.analysis.spatial.neighbors import neighbors
from napari_tomodrgn.analysis.spatial.options import NeighborsOptions
from napari_tomodrgn.analysis.spatial.tables import DOCUMENT
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.spatial import write_neighbours_folder
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.neighbour_distances import count_in_words, distance_curves, first_interval
from napari_tomodrgn.viewer.neighbour_view import NeighbourStyle
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.session_file import load_session, save_session
from napari_tomodrgn.viewer.spatial_context import NO_CHAINS, NO_RESULT, NO_RUN, NOTHING_FITS, SpatialContext

from ..planted_run import PlantedRun


def context_of(run: Path) -> SpatialContext:
    session = Session()
    session.open_run(run)
    context = SpatialContext(session)
    context.read()
    return context


@pytest.fixture
def context(planted_run: PlantedRun) -> SpatialContext:
    return context_of(planted_run.path)


@pytest.fixture
def copied(planted_run: PlantedRun, tmp_path: Path) -> Path:
    return shutil.copytree(planted_run.path, tmp_path / "run")


def ids_of(context: SpatialContext, rows: np.ndarray) -> list[ParticleId]:
    assert context.session.particle_set is not None
    return [context.session.particle_set.ids[row] for row in rows]


def planted_chains(planted: PlantedRun) -> set[frozenset[ParticleId]]:
    """The particles of each planted chain: links that share a particle belong together."""
    chains: list[set[ParticleId]] = []
    for link in planted.links:
        touching = [each for each in chains if each & set(link)]
        chains = [each for each in chains if each not in touching] + [set(link).union(*touching)]
    return set(map(frozenset, chains))


def test_planted_chains_are_listed_in_order(context: SpatialContext, planted_run: PlantedRun) -> None:
    assert context.found is not None
    chains = context.found.chains
    assert chains is not None
    found = [ids_of(context, own) for own in chains.members]
    assert set(map(frozenset, found)) == planted_chains(planted_run)
    assert {(a, b) for own in found for a, b in pairwise(own)} == planted_run.links
    assert {tuple(ids_of(context, edge)) for edge in chains.edges} == planted_run.links
    document = context.found.document["chains"]["handedness"]
    winds = [chains.winds(place) for place in range(len(found))]
    assert (winds.count("right"), winds.count("left")) == (document["chains_right"], document["chains_left"])
    assert [bool(each) for each in winds] == [len(own) >= 4 for own in found]


def test_a_chain_becomes_the_selection_and_its_rule_means_it_again(
    context: SpatialContext, planted_run: PlantedRun
) -> None:
    session = context.session
    context.select_chains([2])
    first = set(ids_of(context, np.flatnonzero(session.selected)))
    assert first in planted_chains(planted_run)
    context.select_chains([5, 6], "add")
    assert session.selected.sum() == len(first) + sum(len(context.found.chains.members[each]) for each in (5, 6))  # type: ignore[union-attr]
    assert session.particle_set is not None
    again = particles_of(session.rule, Known(session.particle_set, session.columns))
    assert (again == session.selected).all()
    assert context.selected_chains().tolist() == [2, 5, 6]
    context.select_chains([5], "subtract")
    assert context.selected_chains().tolist() == [2, 6]
    session.undo()
    session.undo()
    assert set(ids_of(context, np.flatnonzero(session.selected))) == first


def test_chains_of_selected_particles_are_completed(context: SpatialContext, planted_run: PlantedRun) -> None:
    assert context.session.particle_set is not None
    one = next(iter(planted_run.links))[0]
    alone = next(id_ for id_, label in planted_run.labels.items() if label != 2)
    rows = [context.session.row_of(each) for each in (one, alone)]
    context.session.select_rows([row for row in rows if row is not None], {"rule": "click"})
    context.select_chains(context.chains_of_selected().tolist())
    chosen = set(ids_of(context, np.flatnonzero(context.session.selected)))
    assert chosen == next(each for each in planted_chains(planted_run) if one in each)


def test_columns_of_the_result_colour_particles(context: SpatialContext, planted_run: PlantedRun) -> None:
    session = context.session
    column = context.columns["length of its chain"]
    session.colour_by(column)
    lengths = {id_: len(own) for own in planted_chains(planted_run) for id_ in own}
    assert session.particle_set is not None
    assert session.columns[column].values.tolist() == [lengths.get(each, 1) for each in session.particle_set.ids]  # type: ignore[union-attr]
    assert session.colouring.limits is not None
    assert "distance to the nearest" in context.columns
    assert "distance to the segmentation" not in context.columns


def nearest_by_scipy(context: SpatialContext, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and distances (N, k) of the nearest others in each tomogram."""
    assert context.session.particle_set is not None
    table = context.session.particle_set.particles
    row, distance = np.zeros((len(table), k), int), np.zeros((len(table), k))
    for _, group in table.reset_index(drop=True).groupby("tomogram"):
        own = group.index.to_numpy()
        place = group[["x", "y", "z"]].to_numpy(np.float64)
        apart, other = cKDTree(place).query(place, k + 1)
        row[own], distance[own] = own[other[:, 1:]], apart[:, 1:]
    return row, distance


def test_distances_between_two_limits_are_selected(context: SpatialContext) -> None:
    _, distance = nearest_by_scipy(context, 1)
    context.select_between(200.0, 250.0)
    expected = (distance[:, 0] >= 200) & (distance[:, 0] <= 250)
    assert expected.sum() > 20
    assert (context.session.selected == expected).all()
    session = context.session
    assert session.particle_set is not None
    assert (particles_of(session.rule, Known(session.particle_set, session.columns)) == expected).all()


def test_particles_that_have_another_class_beside_them_are_selected(
    context: SpatialContext, planted_run: PlantedRun
) -> None:
    rows, _ = nearest_by_scipy(context, 2)
    assert context.session.particle_set is not None
    labels = np.array([planted_run.labels[each] for each in context.session.particle_set.ids])
    for a, b in ((2, 2), (0, 1), (1, 2)):
        context.select_beside(a, b)
        expected = (labels == a) & (labels[rows] == b).any(axis=1)
        assert (context.session.selected == expected).all()
    observed = context.found.enrichment.observed  # type: ignore[union-attr]
    counted = [[((labels == a)[:, None] & (labels[rows] == b)).sum() for b in range(3)] for a in range(3)]
    assert observed.tolist() == counted


def test_the_null_is_told(context: SpatialContext) -> None:
    assert context.found is not None
    assert context.says.endswith(f"the 2 nearest counted, null: {context.found.document['enrichment']['null']}")


def test_curves_and_counts_are_those_of_the_distances(context: SpatialContext, planted_run: PlantedRun) -> None:
    """Against numpy's histogram of scipy's distances, rounded as tables are written."""
    distance = np.vectorize(lambda own: float(f"{own:.6g}"))(nearest_by_scipy(context, 1)[1])
    assert context.session.particle_set is not None
    labels = np.array([planted_run.labels[each] for each in context.session.particle_set.ids])
    curves = distance_curves(context)
    assert [each.name for each in curves.series] == ["class 0", "class 1", "class 2"]
    assert curves.ranges[0][0] == 200.0  # the box, below all distances
    for code, series in enumerate(curves.series):
        own = distance[labels == code, 0]
        edges = series.x[::2]
        np.testing.assert_allclose(series.y[1:-1:2], 100 * np.histogram(own, edges)[0] / len(own), atol=1e-9)
    low, high = first_interval(context)
    inside = (distance[:, 0] >= low) & (distance[:, 0] <= high)
    assert 0.4 < inside.mean() < 0.6
    words = count_in_words(context, low, high)
    assert words.startswith(f"{inside.sum()} of 138 particles from ")
    assert words.endswith(f"class 2 {(inside & (labels == 2)).sum()} of {(labels == 2).sum()}")


# what a saved session keeps

SHOWN = NeighbourStyle("other", chains=False, nearest=True, by="length", interval=(210.0, 345.5))


@pytest.fixture
def saved(copied: Path) -> Path:
    """A session, beside its run, that looks at the second of two results."""
    folder = AnalysisFolder(copied, 1)
    shutil.copytree(folder.neighbours("kmeans-3"), folder.neighbours("other"))
    context = context_of(copied)
    assert (context.names, context.name) == (("kmeans-3", "other"), "kmeans-3")
    context.choose("other")
    context.session.neighbours.set(chains=False, nearest=True, by="length", interval=(210.0, 345.5))
    save_session(context.session, copied / "sessions" / "mine.json")
    return copied / "sessions" / "mine.json"


def test_a_saved_session_looks_at_the_same_result_lines_and_interval(saved: Path) -> None:
    before, later = context_of(saved.parents[1]), Session()
    for session in (before.session, later):
        assert load_session(session, saved)[1] == []
    after = SpatialContext(later)  # its dock was opened after the session

    for context in (before, after):
        context.read()
        assert context.session.neighbours.style == SHOWN
        assert context.found is not None
        assert context.found.folder.name == "other"
    before.choose("kmeans-3")  # of whose distances nobody set an interval
    assert before.session.neighbours.style == replace(SHOWN, result="kmeans-3", interval=None)


def test_an_older_session_opens_and_one_whose_result_is_gone_says_so(saved: Path) -> None:
    document = json.loads(saved.read_text())
    given = document.pop("neighbours")
    saved.write_text(json.dumps(document))
    context = context_of(saved.parents[1])
    assert load_session(context.session, saved)[1] == []
    assert context.session.neighbours.style == NeighbourStyle()

    saved.write_text(json.dumps({**document, "neighbours": given}))
    shutil.rmtree(AnalysisFolder(saved.parents[1], 1).neighbours("other"))
    assert load_session(context.session, saved)[1] == ["result other of neighbors is not there any more"]
    assert context.name == "kmeans-3"


@pytest.mark.parametrize(("name", "value"), [("by", "mood"), ("interval", [1.0]), ("interval", [0.0, float("nan")])])
def test_a_session_that_was_changed_by_hand_is_refused(saved: Path, name: str, value: object) -> None:
    document = json.loads(saved.read_text())
    document["neighbours"][name] = value
    saved.write_text(json.dumps(document))
    with pytest.raises(InputError, match=rf"neighbours\.{name}\S* is not as a session has it"):
        load_session(Session(), saved)


def test_an_interval_goes_with_the_result_that_it_was_set_on(saved: Path) -> None:
    context = context_of(saved.parents[1])
    load_session(context.session, saved)
    document = AnalysisFolder(saved.parents[1], 1).neighbours("other") / DOCUMENT
    os.utime(document, ns=(0, 1))  # the result was made anew
    context.refresh()
    assert context.session.neighbours.style == replace(SHOWN, interval=None)


# what is not there, or is not what it should be


def table_of(copied: Path, name: str) -> Path:
    return copied / "analysis" / "epoch-0001" / "neighbours" / "kmeans-3" / name


def without_links(copied: Path) -> None:
    table_of(copied, "links.csv").unlink()


def without_chains(copied: Path) -> None:
    table_of(copied, "chains.csv").unlink()


def of_another_run(copied: Path) -> None:
    table = pd.read_csv(table_of(copied, "neighbours.csv"), dtype={"particle": str})
    table["particle"] = [f"9{each}" for each in table["particle"]]
    table.to_csv(table_of(copied, "neighbours.csv"), index=False)


def cut_short(copied: Path) -> None:
    path = table_of(copied, "neighbours.json")
    path.write_text(path.read_text()[:200])


def lacking(copied: Path) -> None:
    path = table_of(copied, "neighbours.json")
    document = json.loads(path.read_text())
    del document["enrichment"]["pairs"]
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (without_links, "links.csv: is gone"),
        (without_chains, "chains.csv: is gone"),
        (of_another_run, "tells of 138 particles that are not open, first 9000000 of tomogram t0"),
        (cut_short, "neighbours.json: could not be read"),
        (lacking, "neighbours.json: lacks what belongs in it"),
    ],
)
def test_what_can_not_be_read_is_said_in_a_sentence(copied: Path, spoil: Callable[[Path], None], words: str) -> None:
    spoil(copied)
    context = context_of(copied)
    assert context.found is None
    assert context.trouble is not None
    assert words in context.says
    assert "run `neighbors` again" in context.says
    assert "\n" not in context.says
    context.select_chains([0])
    context.select_between(0, 1000)
    assert not context.session.selected.any()


def test_classes_that_were_made_anew_are_not_taken_for_those_of_the_result(copied: Path) -> None:
    path = copied / "analysis" / "epoch-0001" / "labels-kmeans-3.csv"
    table = pd.read_csv(path, dtype=str)
    table["label"] = "0"
    table.to_csv(path, index=False)
    context = context_of(copied)
    assert context.found is not None
    with pytest.raises(InputError, match="these classes were made anew since"):
        context.select_beside(0, 1)


def test_without_a_run_a_result_or_chains_the_next_step_is_said(copied: Path) -> None:
    assert SpatialContext(Session()).says == NO_RUN
    shutil.rmtree(copied / "analysis" / "epoch-0001" / "neighbours")
    context = context_of(copied)
    assert (context.says, context.names) == (NO_RESULT, ())
    rule = {"chain_direction": "0,0,1", "chain_angle": 0.01}
    found = neighbors(NeighborsOptions(particles=copied, permutations=99, replicates=0, **rule))
    write_neighbours_folder(found, figures=False)
    context.refresh()
    context.read()
    assert context.why_no_chains == NOTHING_FITS
    assert not len(context.chains_of_selected())


def test_of_one_tomogram_it_is_said_that_there_are_no_intervals(copied: Path) -> None:
    chosen = [id_ for id_ in context_of(copied).session.particle_set.ids if id_[0] == "t1"]  # type: ignore[union-attr]
    selection = {"format": 1, "name": "one", "created_from": {}, "parent": None, "run": None, "particles": chosen}
    (copied / "one.json").write_text(json.dumps(selection))
    options = NeighborsOptions(particles=copied, selection=copied / "one.json", name="one", permutations=99)
    write_neighbours_folder(neighbors(options), figures=False)
    context = context_of(copied)
    context.choose("one")
    context.read()
    assert context.says.startswith("46 particles in 1 tomogram;")
    assert any("there is one tomogram only" in each for each in context.warnings)
    assert context.found is not None
    assert context.found.known.sum() == 46
    with pytest.raises(InputError, match="those there are: kmeans-3, one"):
        context.choose("two")


def test_a_result_made_anew_is_read_again_and_another_run_forgets_it(copied: Path, planted_run: PlantedRun) -> None:
    """Links are 230 Å: in boxes of 600 Å the neighbours are in the images, in those of 200 Å they are not."""
    context = context_of(copied)
    before = context.found
    context.refresh()
    assert context.found is before
    assert context.caution is None
    document = json.loads((copied / "run.json").read_text())
    document["data"] |= {"box": 60, "open_with": {"box": 60}}
    (copied / "run.json").write_text(json.dumps(document))
    options = NeighborsOptions(particles=copied, nearest=1, permutations=99, replicates=0, overwrite=True)
    write_neighbours_folder(neighbors(options), figures=False, overwrite=True)
    context.refresh()
    assert context.found is None
    context.read()
    assert context.found is not None
    assert context.found.rank.max() == 1
    assert context.caution is not None
    assert context.caution.startswith("class was learned from images that contain the neighbour")
    assert context.why_no_chains == NO_CHAINS
    context.session.open_run(planted_run.path)
    assert context.found is None
    context.read()
    assert context.found is not None
    assert context.found.rank.max() == 2
