"""``neighbors`` as it is called: what it prints and writes, in a run and beside a star, and what it refuses."""

import json
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.columns import Numbers, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.placement import random_positions

from .conftest import Cli, check, listing
from .placed_particles import write_placed

QUICK = ("--permutations", 99, "--replicates", 100)
SIZE = (2500.0, 2500.0, 1000.0)


@pytest.fixture(scope="module")
def dimers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A star of 4 tomograms of 40 particles of classes 0 and 1, and 12 of class 2, each 160 Å along z of another.

    labels.csv beside it; rlnClassNumber is 1 more.
    """
    generator = np.random.default_rng(0)
    tomogram, position, rotation, label = [], [], [], []
    for number in range(4):
        place = random_positions(40, SIZE, 300.0, generator)
        turned = Rotation.random(40, random_state=generator)
        beside = place[:12] + turned[:12].apply([0, 0, 160.0])
        position += [place, beside]
        rotation += [turned.as_matrix(), Rotation.random(12, random_state=generator).as_matrix()]
        label += [*generator.integers(0, 2, 40).tolist(), *[2] * 12]
        tomogram += [f"TS_{number + 1:02d}"] * 52
    into = np.swapaxes(np.concatenate(rotation), 1, 2)
    angles = Rotation.from_matrix(into).as_euler("ZYZ", degrees=True)
    folder = tmp_path_factory.mktemp("dimers")
    return write_placed(folder, tomogram, np.concatenate(position), angles, label, classes=[each + 1 for each in label])


def test_what_is_printed_is_what_is_written(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    labels = dimers.with_name("labels.csv")

    outcome = cli(
        "neighbors", dimers, "--box", 40, "--labels", labels, "--outdir", out, "--json", *QUICK, "--nearest", 1,
        "--shade", "150:170", "--chain-direction", "0,0,1", "--chain-distance", "150:170", "--beside", labels,
    )  # fmt: skip

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert printed.pop("folder") == str(out)
    assert printed == json.loads((out / "neighbours.json").read_text())
    assert (printed["particles"], printed["tomograms"], printed["box_diameter"]) == (208, 4, 400.0)
    assert printed["in_interval"]["particles"] >= 90
    peak = printed["directions"]["peak"]
    assert peak["latitude"] > 60
    assert printed["directions"]["p"] == pytest.approx(0.01)
    assert printed["chains"]["edges"] >= 48
    assert printed["chains"]["rule"]["direction"] == [0, 0, 1]
    pairs = {(each["class"], each["neighbour"]): each for each in printed["enrichment"]["pairs"]}
    assert pairs["class 2", "class 2"]["log2_ratio"] is None  # none were observed
    assert pairs["class 2", "class 2"]["p_adjusted"] <= 0.05
    assert any(
        each.startswith("if these classes were learned in this box: class was learned from images that contain")
        for each in printed["warnings"]
    )
    names = (
        "distances",
        "directions",
        "orientations",
        "enrichment",
        "enrichment-by-tomogram",
        "pair-correlation",
        "chains",
        "co-occurrence",
    )
    tables = (
        *("neighbours", "links", "enrichment", "enrichment-by-tomogram", "pair-correlation"),
        *("directions", "chains", "co-occurrence"),
    )
    assert set(listing(out)) == {
        *("neighbours.json", *(f"{name}.csv" for name in tables)),
        *(f"{name}.{kind}" for name in names for kind in ("png", "pdf")),
    }
    for name in names:
        assert len(np.unique(np.asarray(Image.open(out / f"{name}.png").convert("RGB")))) > 50, f"{name} is blank"
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    assert listing(tmp_path).keys() == {f"out/{name}" for name in listing(out)}


def test_tables_are_keyed_by_particle(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"

    assert cli("neighbors", dimers, "--outdir", out, *QUICK, "--no-figures", "--chain-direction", "peak").code == 0

    particle_set = read_particles(dimers)
    text = {"tomogram": str, "particle": str, "neighbour": str, "next": str}
    own, links = (pd.read_csv(out / f"{name}.csv", dtype=text) for name in ("neighbours", "links"))
    assert set(zip(own["tomogram"], own["particle"], strict=True)) == set(particle_set.ids)
    assert len(links) == 3 * len(own)
    place = particle_set.particles.set_index(["tomogram", "name"])[["x", "y", "z"]]
    first = links[links["rank"] == 1]
    here = place.loc[list(zip(first["tomogram"], first["particle"], strict=True))].to_numpy()
    there = place.loc[list(zip(first["tomogram"], first["neighbour"], strict=True))].to_numpy()
    np.testing.assert_allclose(np.linalg.norm(there - here, axis=1), first["distance"], rtol=1e-4)
    np.testing.assert_allclose(first["distance"].to_numpy(), own["nearest_distance"].to_numpy())
    edges = pd.read_csv(out / "chains.csv", dtype=text)
    merged = edges.merge(own, on=["tomogram", "particle"])
    assert (merged["chain_x"] == merged["chain_y"]).all()
    assert (merged["position"] == merged["position_in_chain"]).all()


def test_classes_are_those_of_the_star_unless_others_are_given(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    told = []
    for name, more in (("own", ()), ("given", ("--labels", dimers.with_name("labels.csv")))):
        outcome = cli("neighbors", dimers, "--outdir", tmp_path / name, *QUICK, "--no-figures", "--json", *more)
        told.append(json.loads(outcome.stdout))
    assert told[0]["classes"]["labels"] == "rlnClassNumber"
    assert told[0]["enrichment"] == told[1]["enrichment"]


def test_the_same_call_writes_the_same_files(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    for name in ("first", "again"):
        assert cli("neighbors", dimers, "--outdir", tmp_path / name, *QUICK, "--no-figures").code == 0
    for path in (tmp_path / "first").iterdir():
        if path.name != "neighbours.json":  # holds the folder
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


def test_people_are_told_in_words(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    outcome = cli("neighbors", dimers, "--outdir", tmp_path / "out", *QUICK, "--no-figures", "--nearest", 1)

    lines = [line.strip() for line in outcome.stdout.splitlines()]
    assert lines[0] == "particles" + lines[0].removeprefix("particles")
    assert lines[0].endswith("208 in 4 tomograms")
    assert any(line.startswith("labels") and "Moran's I" in line for line in lines)
    assert any("family-wise" in line for line in lines)
    assert lines[-1] == str(tmp_path / "out")


def test_a_run_keeps_its_results_and_their_columns(cli: Cli, analysed_run: Run, tmp_path: Path) -> None:
    run = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))

    outcome = cli("neighbors", run, *QUICK, "--no-figures", "--json", "--chain-direction", "0,0,1")

    assert outcome.code == 0, outcome.stderr
    folder = AnalysisFolder(run, 2).neighbours("kmeans-3")
    assert json.loads(outcome.stdout)["folder"] == str(folder)
    opened = Run.open(run)
    ids = opened.particle_set().ids
    column = columns_of_run(opened, 2, ids)["kmeans-3 nearest distance"]
    assert isinstance(column, Numbers)
    table = pd.read_csv(folder / "neighbours.csv", dtype=str).set_index(["tomogram", "particle"])
    np.testing.assert_allclose(column.values, table.loc[ids, "nearest_distance"].astype(float))
    inside = columns_of_run(opened, 2, ids)["kmeans-3 chain"]
    assert isinstance(inside, Numbers)
    assert 0 < np.isnan(inside.values).sum() < len(ids)  # most are in no chain
    near = float(np.median(column.values))
    assert cli("select", run, "--name", "near", "--between", f"kmeans-3 nearest distance::{near}").code == 0
    assert len(Run.open(run).selection("near").ids) == (column.values <= near).sum()
    check(cli("neighbors", run, *QUICK), 2, (str(folder), "exists already"))
    assert cli("neighbors", run, *QUICK, "--no-figures", "--overwrite").code == 0


def test_classes_of_a_large_box_are_marked_and_those_of_a_tight_one_are_not(
    cli: Cli, analysed_run: Run, tmp_path: Path
) -> None:
    """The same labels, in runs that differ in their box: that of the run that the labels lie in counts."""
    notes = {}
    for pixels in (16, 200):
        run = Path(shutil.copytree(analysed_run.path, tmp_path / f"run-{pixels}"))
        document = json.loads((run / "run.json").read_text())
        document["data"]["box"] = pixels
        (run / "run.json").write_text(json.dumps(document))
        outcome = cli("neighbors", run, *QUICK, "--no-figures", "--json")
        notes[pixels] = json.loads(outcome.stdout)["warnings"]
    marked = [
        each for each in notes[200] if each.startswith("class was learned from images that contain the neighbour")
    ]
    assert len(marked) == 1
    assert "tight box" in marked[0]
    assert not any("images that contain" in each for each in notes[16])


def test_the_real_set_is_told_of_without_classes(cli: Cli, warptools_set: Path, tmp_path: Path) -> None:
    outcome = cli("neighbors", warptools_set, "--outdir", tmp_path / "out", *QUICK, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert (printed["particles"], printed["tomograms"], printed["enrichment"]) == (40, 4, None)
    table = read_particles(warptools_set).particles
    nearest = []
    for _, own in table.groupby("tomogram"):
        place = own[["x", "y", "z"]].to_numpy()
        distance = np.linalg.norm(place[:, None] - place[None], axis=2)
        nearest += np.sort(distance, axis=1)[:, 1].tolist()
    assert printed["nearest_distance"]["median"] == pytest.approx(np.median(nearest))


def test_distances_to_a_segmentation_are_a_column(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    (tmp_path / "segmented").mkdir()
    values = np.zeros((55, 130, 130), dtype=np.int8)
    values[:, :, 0] = 4  # a wall at x = 0
    for number in (1, 2):
        with mrcfile.new(tmp_path / "segmented" / f"TS_0{number}_20.00Apx.mrc") as stream:
            stream.set_data(values)
            stream.voxel_size = 20.0
    out = tmp_path / "out"

    more = ("--segmentation", tmp_path / "segmented", "--segment", 4, "--window", tmp_path / "segmented")
    outcome = cli("neighbors", dimers, "--outdir", out, *QUICK, "--no-figures", *more)

    assert outcome.code == 0, outcome.stderr
    assert "2 of 4 tomograms have no segmentation" in outcome.stdout
    table = pd.read_csv(out / "neighbours.csv", dtype={"particle": str}).set_index(["tomogram", "particle"])
    place = read_particles(dimers).particles.set_index(["tomogram", "name"])
    far = table["segment_distance"]
    known = far.notna()
    assert set(far[known].index.get_level_values(0)) == {"TS_01", "TS_02"}
    inside = place["y"].between(0, 2580) & place["z"].between(0, 1080)
    chosen = far[known].index.intersection(place.index[inside & (place["x"] > 10)])
    assert len(chosen) > 50
    # walls are of voxels, so a particle is up to half a voxel's side off straight across
    np.testing.assert_allclose(far[chosen], place.loc[chosen, "x"], atol=10)


@pytest.mark.parametrize(("hand", "reads"), [("keep", "right"), ("flip", "left")])
def test_right_handed_helices_read_right_from_a_star(cli: Cli, tmp_path: Path, hand: str, reads: str) -> None:
    """Maps that are written flipped say that the tomogram is a mirror image, in which a left one looks right."""
    step, rise = Rotation.from_euler("z", 50, degrees=True), np.array([0, 0, 60.0])
    whole = Rotation.from_euler("ZYZ", [20, 65, -130], degrees=True)
    turns = [step**number for number in range(10)]
    place = np.array([each.apply([150.0, 0, 0]) + number * rise for number, each in enumerate(turns)])
    # from RELION's matrix, which takes the consensus frame into the tomogram, to scipy's angles of its inverse
    angles = np.array([(whole * each).inv().as_euler("ZYZ", degrees=True) for each in turns])
    star = write_placed(tmp_path / "helix", ["TS_01"] * 10, whole.apply(place) + 1000, angles)
    ahead = step.apply([150.0, 0, 0]) + rise - [150.0, 0, 0]
    ahead = ahead * [1, 1, -1] if hand == "flip" else ahead
    direction = ",".join(f"{value:.3f}" for value in ahead)

    outcome = cli(
        "neighbors", star, "--outdir", tmp_path / "out", *QUICK, "--no-figures", "--json", "--map-hand", hand,
        "--chain-direction", direction, "--chain-angle", 10, "--chain-distance", "100:180",
    )  # fmt: skip

    chains = json.loads(outcome.stdout)["chains"]
    assert chains["of_length"] == {"10": 1}
    assert chains["handedness"]["reads"] == reads


ODD_PLACES = {
    "in one place": np.zeros((16, 3)),
    "in a plane": np.random.default_rng(2).uniform(0, 1000, (16, 3)) * [1, 1, 0],
    "in a line": np.arange(16)[:, None] * [100.0, 0, 0],
    "anywhere": np.random.default_rng(3).uniform(0, 1000, (16, 3)),
}


@pytest.mark.parametrize("where", ODD_PLACES)
def test_odd_places_are_worked_with_and_drawn(cli: Cli, tmp_path: Path, where: str) -> None:
    labels = [0] * 16 if where == "anywhere" else [0, 3] * 8
    star = write_placed(tmp_path / "odd", ["a"] * 8 + ["b"] * 8, ODD_PLACES[where], labels=labels)
    more = ("--null", "blocks", "--chain-direction", "0,0,1", "--chain-distance", "1:2", "--nearest", 2)

    outcome = cli(
        "neighbors", star, "--outdir", tmp_path / "out", "--labels", star.with_name("labels.csv"), *QUICK, *more
    )

    assert outcome.code == 0, outcome.stderr
    assert len(pd.read_csv(tmp_path / "out" / "neighbours.csv")) == 16
    assert len(pd.read_csv(tmp_path / "out" / "chains.csv")) == 0


# what can't be worked with


def bad(folder: Path, tomogram: list[str], count: int, **more: object) -> Path:
    position = np.random.default_rng(0).uniform(0, 1000, (count, 3))
    return write_placed(folder, tomogram, position, labels=[each % 2 for each in range(count)], **more)  # type: ignore[arg-type]


def test_what_can_not_be_worked_with_is_said_in_one_sentence(cli: Cli, dimers: Path, tmp_path: Path) -> None:
    out = ("--outdir", tmp_path / "out")
    labels = dimers.with_name("labels.csv").read_text().splitlines()
    few, many, twice, high = (tmp_path / f"{name}.csv" for name in ("few", "many", "twice", "high"))
    high.write_text("\n".join([*labels[:-1], labels[-1].rpartition(",")[0] + ",70000"]) + "\n")
    few.write_text("\n".join(labels[:-3]) + "\n")
    many.write_text("\n".join([*labels, "TS_09,000001,1"]) + "\n")
    twice.write_text("\n".join([*labels, labels[1]]) + "\n")
    one_each = bad(tmp_path / "each", ["a", "b", "c"], 3)
    nowhere = bad(tmp_path / "nowhere", ["a"] * 4, 4, volume_series=False)

    for arguments, says in (
        ((dimers,), ("--outdir", "is needed")),
        ((dimers, *out, "--labels", few), (str(few), "labels 205 particles", "3 of the 208 here have none")),
        ((dimers, *out, "--labels", many), (str(many), "labels 209 particles", "000001 of tomogram TS_09")),
        ((dimers, *out, "--labels", twice), (str(twice), "occurs twice")),
        ((dimers, *out, "--labels", high), (str(high), "label 70000", "200 classes")),
        ((dimers, *out, "--labels", tmp_path / "no.csv"), ("no.csv", "no such table")),
        ((one_each, *out), (str(one_each), "each of the 3 tomograms holds one particle")),
        ((nowhere, *out), (str(nowhere), "where 4 of 4 particles lie", "--volume-series")),
        ((dimers, *out, "--epoch", 3), ("--epoch", "is no run")),
        ((dimers, *out, "--shade", "5"), ("--shade", "LOW:HIGH")),
        ((dimers, *out, "--chain-direction", "0,0,0"), ("--chain-direction", "X,Y,Z")),
        ((dimers, *out, "--chain-back", "0,0,1"), ("--chain-back", "need --chain-direction")),
        ((dimers, *out, "--segmentation", tmp_path / "none"), ("--segmentation", "no such file or folder")),
        ((dimers, *out, "--segment", 2), ("--segment", "--segmentation")),
        ((dimers, *out, "--name", "../x"), ("--name", "letters")),
    ):
        check(cli("neighbors", *arguments), 2, says)
        assert not (tmp_path / "out").exists()


def test_a_particle_that_is_there_twice_is_named(cli: Cli, warptools_set: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(warptools_set.parent, tmp_path / "set", copy_function=shutil.copyfile))
    folder.chmod(0o755)
    (star,) = folder.glob("*12.star")
    lines = star.read_text().rstrip().splitlines()
    star.write_text("\n".join([*lines, lines[-1]]) + "\n")
    check(
        cli("neighbors", folder / warptools_set.name, "--outdir", tmp_path / "out"),
        2,
        (str(star), "row 41 repeats particle"),
    )


def test_what_says_little_is_said_and_the_rest_is_done(cli: Cli, tmp_path: Path) -> None:
    position = np.random.default_rng(1).uniform(0, 1000, (12, 3))
    position[1] = position[0]
    star = write_placed(tmp_path / "one", ["a"] * 12, position, labels=[0] * 11 + [1])

    labels = tmp_path / "one" / "labels.csv"
    outcome = cli("neighbors", star, "--outdir", tmp_path / "out", *QUICK, "--labels", labels, "--no-figures", "--json")

    assert outcome.code == 0, outcome.stderr
    notes = json.loads(outcome.stdout)["warnings"]
    for part in ("one tomogram only", "in the very place of another", "class 1: a class of one particle", "too rare"):
        assert len([each for each in notes if part in each]) == 1, (part, notes)


def test_where_a_pair_is_expected_in_one_tomogram_there_is_no_interval(cli: Cli, tmp_path: Path) -> None:
    """Class 2 is in the first tomogram only, class 1 in two of three, class 0 in all."""
    generator = np.random.default_rng(4)
    position = np.concatenate([random_positions(30, SIZE, 150.0, generator) for _ in range(3)])
    labels = [[0, 1, 2] * 10, [0, 1, 1] * 10, [0] * 30]
    star = write_placed(
        tmp_path / "set", np.repeat(["a", "b", "c"], 30).tolist(), position, labels=np.concatenate(labels).tolist()
    )

    given = ("--labels", star.with_name("labels.csv"), "--nearest", 3, "--null", "tomogram")
    outcome = cli("neighbors", star, "--outdir", tmp_path / "out", *QUICK, *given)

    assert outcome.code == 0, outcome.stderr
    table = pd.read_csv(tmp_path / "out" / "enrichment.csv").set_index(["class", "neighbour"])
    pairs = {pair: outcome.stdout.split(f"{pair[0]} → {pair[1]} ")[1].splitlines()[0] for pair in table.index}
    for pair, row in table.iterrows():
        tomograms = {"class 2": 1, "class 1": 2}.get(max(pair), 3)
        assert row["tomograms"] == tomograms
        assert np.isfinite(row["low"]) == np.isfinite(row["high"]) == (tomograms > 1), pair
        assert ("no interval, as it is expected in one tomogram only" in pairs[pair]) == (tomograms == 1)
        assert ("the range of two tomograms" in pairs[pair]) == (tomograms == 2)
    own = pd.read_csv(tmp_path / "out" / "enrichment-by-tomogram.csv").set_index(["class", "neighbour"])
    ends = own.loc[("class 0", "class 1"), "log2_ratio"]
    assert table.loc[("class 0", "class 1"), "low"] == pytest.approx(ends.min(), abs=1e-4)
    assert table.loc[("class 0", "class 1"), "high"] == pytest.approx(ends.max(), abs=1e-4)
    stored = json.loads((tmp_path / "out" / "neighbours.json").read_text())["enrichment"]["pairs"]
    assert {each["tomograms"] for each in stored if each["low"] is None} == {1}
