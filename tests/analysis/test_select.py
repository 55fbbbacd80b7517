"""Selections that become star files, and come back as the same particles."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
from napari_tomodrgn.analysis.columns import Numbers, columns_of_run
from napari_tomodrgn.analysis.folder import read_labels, write_labels
from napari_tomodrgn.analysis.select import select
from napari_tomodrgn.analysis.select_options import SelectOptions
from napari_tomodrgn.analysis.spacing import face_distance
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.star import StarFile
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.simulate import simulate


@pytest.fixture
def analysed(run: Run, tmp_path: Path) -> Path:
    """A copy of the small run with three classes."""
    folder = Path(shutil.copytree(run.path, tmp_path / "run"))
    analyze(AnalyzeOptions(run=folder, clusters=3, umap=False, volumes=False))
    return folder


def labels_of(run: Path) -> dict[tuple[str, str], int]:
    return read_labels(run / "analysis" / "epoch-0002" / "labels-kmeans-3.csv")


def test_classes_of_a_run_become_a_star_that_reads_back(analysed: Path, tmp_path: Path) -> None:
    star = tmp_path / "kept.star"

    made = select(SelectOptions(particles=analysed, clusters="0,2", name="good", output=star))

    expected = {particle for particle, label in labels_of(analysed).items() if label != 1}
    assert made.stars[0] == star
    assert set(read_particles(star).ids) == expected
    saved = Selection.load(analysed / "selections" / "good.json")
    assert saved.ids == expected
    assert saved.created_from == {"rule": "classes", "column": "kmeans-3", "classes": ["class 0", "class 2"]}
    assert saved.run == str(analysed)


def test_inverted_selections_are_the_other_particles(analysed: Path) -> None:
    kept = select(SelectOptions(particles=analysed, clusters=[1], name="one")).selection
    others = select(SelectOptions(particles=analysed, clusters=[1], name="others", invert=True)).selection

    assert not kept.ids & others.ids
    assert kept.ids | others.ids == set(labels_of(analysed))


def test_what_a_selection_dropped_stays_dropped_when_a_rule_is_inverted(particles_star: Path, tmp_path: Path) -> None:
    every = read_particles(particles_star).ids
    pd.DataFrame(every[:10], columns=["tomogram", "particle"]).to_csv(tmp_path / "ids.csv", index=False)
    Selection("parent", frozenset(every[5:]), {"rule": "lasso"}).save(tmp_path / "parent.json")
    given = {"particles": particles_star, "selection": tmp_path / "parent.json", "invert": True}

    without = select(SelectOptions(**given, ids=tmp_path / "ids.csv", name="a", output=tmp_path / "a.star"))
    others = select(SelectOptions(**given, name="b", output=tmp_path / "b.star"))

    assert without.selection.ids == frozenset(every[10:])
    assert others.selection.ids == frozenset(every[:5])


def test_rules_narrow_one_another(particles_star: Path, tmp_path: Path) -> None:
    every = read_particles(particles_star).ids
    pd.DataFrame(every[:10], columns=["tomogram", "particle"]).to_csv(tmp_path / "ids.csv", index=False)
    Selection("parent", frozenset(every[5:]), {"rule": "lasso"}).save(tmp_path / "parent.json")

    made = select(
        SelectOptions(
            particles=particles_star,
            ids=tmp_path / "ids.csv",
            selection=tmp_path / "parent.json",
            name="both",
            output=tmp_path / "both.star",
        )
    )

    assert made.selection.ids == frozenset(every[5:10])
    assert made.selection.parent == "parent"
    assert read_particles(tmp_path / "both.star").ids == every[5:10]
    assert made.path == tmp_path / "both.json"


def test_classes_ids_and_a_selection_of_a_run_narrow_one_another(analysed: Path, tmp_path: Path) -> None:
    label_of = labels_of(analysed)
    every = list(label_of)
    write_labels(tmp_path / "ids.csv", every[:18], [0] * 18)
    parent = select(SelectOptions(particles=analysed, clusters=[0, 1], name="parent"))

    made = select(
        SelectOptions(
            particles=analysed,
            clusters=[1, 2],
            ids=tmp_path / "ids.csv",
            selection=parent.path,
            name="child",
            output=tmp_path / "child.star",
        )
    )

    assert set(read_particles(tmp_path / "child.star").ids) == {each for each in every[:18] if label_of[each] == 1}
    assert made.selection.parent == "parent"
    assert [part["rule"] for part in made.selection.created_from["of"]] == ["selection", "ids", "classes"]


@pytest.mark.parametrize("dialect", ["warp", "cryosrpnt", "nextpyp", "warptools", "relion5"])
def test_every_dialect_is_selected_from_by_classes_ids_and_selection(dialect: str, tmp_path: Path) -> None:
    source = simulate(
        SimulateOptions(outdir=tmp_path / "data", dialect=dialect, particles=8, box=16, pixel_size=12.0, tilts=3)
    )
    before = read_particles(source)
    write_labels(tmp_path / "labels.csv", before.ids, [0, 1] * 4)
    write_labels(tmp_path / "ids.csv", before.ids[1:], [0] * 7)
    Selection("parent", frozenset(before.ids[:7]), {"rule": "lasso"}, run="/the/run").save(tmp_path / "parent.json")

    made = select(
        SelectOptions(
            particles=source,
            clusters=[1],
            labels=tmp_path / "labels.csv",
            ids=tmp_path / "ids.csv",
            selection=tmp_path / "parent.json",
            name="kept",
            output=tmp_path / "out" / "kept.star",
        )
    )

    after = read_particles(made.stars[0])
    assert after.dialect == before.dialect == dialect
    assert after.ids == before.ids[1:7:2]
    columns = ["z", "y", "x"]
    expected = before.select(after.ids).particles[columns].to_numpy(dtype=float)
    assert np.array_equal(after.particles[columns].to_numpy(dtype=float), expected, equal_nan=True)
    assert made.selection.run == "/the/run"


def test_a_selection_says_where_its_run_lies_from_any_folder(analysed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(analysed.parent)

    made = select(SelectOptions(particles=Path(analysed.name), clusters=[0], name="here"))

    assert made.selection.run == str(analysed)


def test_labels_need_only_cover_what_a_selection_leaves(particles_star: Path, tmp_path: Path) -> None:
    every = read_particles(particles_star).ids
    write_labels(tmp_path / "few.csv", every[:6], [0, 0, 0, 1, 1, 1])
    Selection("few", frozenset(every[:6]), {"rule": "lasso"}).save(tmp_path / "few.json")
    given = {"particles": particles_star, "clusters": [1], "labels": tmp_path / "few.csv", "name": "x"}

    with pytest.raises(InputError, match=r"few.csv: labels 6 particles, and 18 of the 24 to choose from have none"):
        select(SelectOptions(**given, output=tmp_path / "x.star"))
    made = select(SelectOptions(**given, selection=tmp_path / "few.json", output=tmp_path / "x.star"))

    assert made.selection.ids == frozenset(every[3:6])


def test_labels_of_another_run_are_refused(particles_star: Path, tmp_path: Path) -> None:
    strangers = [*read_particles(particles_star).ids[:23], ("nowhere", "7")]
    write_labels(tmp_path / "other.csv", strangers, [0] * 24)

    with pytest.raises(InputError, match=r"other.csv: names particle 7 of tomogram nowhere, which the particles lack"):
        select(
            SelectOptions(
                particles=particles_star, clusters=[0], labels=tmp_path / "other.csv", name="x",
                output=tmp_path / "x.star",
            )
        )  # fmt: skip

    assert not list(tmp_path.glob("x*"))


def test_a_decoder_alone_has_no_classes(homogeneous_run: Run) -> None:
    with pytest.raises(InputError, match=r"is a decoder alone .* have no classes"):
        select(SelectOptions(particles=homogeneous_run.path, clusters=[0], name="x"))


def test_a_run_is_not_opened_in_another_way_than_it_was_trained_on(analysed: Path) -> None:
    with pytest.raises(InputError, match="leave --first-tilts out"):
        select(SelectOptions(particles=analysed, clusters=[0], name="x", first_tilts=2))


def test_labels_can_be_written_as_a_class_column(analysed: Path, tmp_path: Path) -> None:
    star = tmp_path / "classes.star"

    select(SelectOptions(particles=analysed, clusters=[0, 1, 2], name="all", output=star, class_column=True))

    block = StarFile.read(star).blocks[0]
    per_image: dict[tuple[str, str], set[int]] = {}
    for group, number in zip(block.strings("rlnGroupName"), block.strings("rlnClassNumber"), strict=True):
        tomogram, particle = group.rsplit("_", 1)
        per_image.setdefault((tomogram, particle), set()).add(int(number))
    assert per_image == {particle: {label + 1} for particle, label in labels_of(analysed).items()}


def test_one_star_a_tomogram(analysed: Path, tmp_path: Path) -> None:
    stars = select(
        SelectOptions(
            particles=analysed, clusters=[0, 1, 2], name="all", output=tmp_path / "all.star", per_tomogram=True
        )
    ).stars

    by_tomogram = [read_particles(star).ids for star in stars if not star.stem.endswith("volume_series")]
    assert [{tomogram for tomogram, _ in ids} for ids in by_tomogram] == [{"001"}, {"002"}]
    assert {particle for ids in by_tomogram for particle in ids} == set(labels_of(analysed))


def test_nothing_is_overwritten_unasked(analysed: Path, tmp_path: Path) -> None:
    options = SelectOptions(particles=analysed, clusters=[0], name="twice", output=tmp_path / "twice.star")
    select(options)

    with pytest.raises(InputError, match="exists already"):
        select(options)
    select(options.model_copy(update={"overwrite": True}))


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "which particles"),
        ({"clusters": [7]}, "--clusters 7: there is no such class; those there are: 0 to 2"),
        ({"clusters": [0, 1, 2], "invert": True}, "no particle fulfils"),
        ({"clusters": [0], "epoch": 1}, "has no labels; .* --epoch 2, or run `napari-tomodrgn analyze"),
    ],
)
def test_what_cannot_be_selected_is_said(analysed: Path, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        select(SelectOptions(particles=analysed, name="x", **given))

    assert not (analysed / "selections" / "x.json").exists()


def test_unknown_particles_are_named(particles_star: Path, tmp_path: Path) -> None:
    write_labels(tmp_path / "ids.csv", [("nowhere", "17")], [0])

    with pytest.raises(InputError, match="names particle 17 of tomogram nowhere"):
        select(SelectOptions(particles=particles_star, ids=tmp_path / "ids.csv", name="x", output=tmp_path / "x.star"))


def test_clusters_of_a_star_need_labels(particles_star: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="need --labels FILE"):
        select(SelectOptions(particles=particles_star, clusters=[0], name="x", output=tmp_path / "x.star"))


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "a b"])
def test_names_become_file_names(particles_star: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        SelectOptions(particles=particles_star, name=name)


def numbers_of(run: Path, name: str) -> dict[tuple[str, str], float]:
    opened = Run.open(run)
    ids = opened.particle_set().ids
    column = columns_of_run(opened, 2, ids)[name]
    assert isinstance(column, Numbers)
    return dict(zip(ids, column.values.tolist(), strict=True))


def test_limits_of_any_column(analysed: Path) -> None:
    first, second = numbers_of(analysed, "PC 1"), numbers_of(analysed, "z1")
    middle = float(np.median(list(second.values())))

    made = select(SelectOptions(particles=analysed, between=["PC 1:-0.5e0:.5", f"z1::{middle!r}"], name="x"))

    assert made.selection.ids == {each for each in first if -0.5 <= first[each] <= 0.5 and second[each] <= middle}
    assert [part["column"] for part in made.selection.created_from["of"]] == ["PC 1", "z1"]


def test_duplicates_go_but_the_best_and_only_among_what_other_rules_leave(tmp_path: Path) -> None:
    """Each particle twice, 10 Å apart: the second of each is of the class that is kept."""
    simulate(
        SimulateOptions(outdir=tmp_path / "data", dialect="relion5", particles=6, box=16, pixel_size=12.0, tilts=3)
    )
    source = tmp_path / "data" / "particles.star"
    once = read_particles(source)
    block = StarFile.read(source).block("particles")
    lines = source.read_text().splitlines()
    rows = [number for number, line in enumerate(lines) if len(line.split()) == len(block.columns) > 1]
    for number in rows[::-1]:
        values = dict(zip(block.columns, lines[number].split(), strict=True))
        values["rlnTomoParticleName"] += "-again"
        values["rlnCenteredCoordinateXAngst"] = str(float(values["rlnCenteredCoordinateXAngst"]) + 10)
        lines.insert(number + 1, " ".join(values.values()))
    source.write_text("\n".join(lines) + "\n")
    twice = read_particles(source)
    assert len(twice) == 2 * len(once)
    again = [name.endswith("-again") for _, name in twice.ids]
    write_labels(tmp_path / "labels.csv", twice.ids, np.array(again).astype(int))
    given = {"particles": source, "minimum_distance": 80.0, "labels": tmp_path / "labels.csv"}

    first = select(SelectOptions(**given, name="a", output=tmp_path / "a.star")).selection
    last = select(SelectOptions(**given, name="b", output=tmp_path / "b.star", keep_highest="x")).selection
    one = select(SelectOptions(**given, name="c", output=tmp_path / "c.star", clusters=[1])).selection

    assert first.ids == set(once.ids)
    assert last.ids == one.ids == set(twice.ids) - set(once.ids)
    assert read_particles(tmp_path / "a.star").ids == once.ids


def test_particles_near_faces_go(tmp_path: Path) -> None:
    source = simulate(
        SimulateOptions(outdir=tmp_path / "data", dialect="warptools", particles=12, box=16, pixel_size=12.0, tilts=3)
    )
    particle_set = read_particles(source)
    distance = face_distance(particle_set.particles, particle_set.tomograms)
    limit = float(np.median(distance))

    made = select(SelectOptions(particles=source, away_from_faces=limit, name="x", output=tmp_path / "x.star"))

    assert made.selection.ids == {each for each, own in zip(particle_set.ids, distance, strict=True) if own >= limit}


def test_so_many_of_each_tomogram_and_of_named_tomograms(analysed: Path) -> None:
    drawn = select(SelectOptions(particles=analysed, random=3, per="tomogram", name="x")).selection
    of_class = select(SelectOptions(particles=analysed, random=1, per="class", name="y")).selection
    named = select(SelectOptions(particles=analysed, tomograms="002", name="z")).selection

    assert sorted(tomogram for tomogram, _ in drawn.ids) == ["001"] * 3 + ["002"] * 3
    assert sorted(labels_of(analysed)[each] for each in of_class.ids) == [0, 1, 2]
    assert named.ids == {each for each in labels_of(analysed) if each[0] == "002"}


def test_outliers_are_dropped_and_the_rules_apply_again_to_another_epoch(analysed: Path) -> None:
    """One particle is moved far away in epoch 2; the same rules in epoch 1 drop another one or none."""
    epoch = analysed / "latents" / "epoch-0002.npz"
    latents = Latents.load(epoch)
    moved = latents.z_mean.copy()
    moved[5] += 100
    replace(latents, z_mean=moved).save(epoch)

    made = select(SelectOptions(particles=analysed, drop_outliers=5, name="in"))
    again = select(SelectOptions(particles=analysed, like=made.path, epoch=2, name="again")).selection
    earlier = select(SelectOptions(particles=analysed, like=made.path, epoch=1, name="earlier")).selection

    every = frozenset(latents.ids)
    assert latents.ids[5] in every - made.selection.ids
    assert again.ids == made.selection.ids
    assert latents.ids[5] in earlier.ids
    assert earlier.created_from == made.selection.created_from


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"between": ["nothing::3"]}, "column nothing: is not known of these particles; columns of numbers: z, y, x"),
        ({"tomograms": ["TS_9"]}, "--tomograms TS_9: there is no such tomogram; there are 001, 002"),
        ({"away_from_faces": 10}, "does not say how large tomogram 001 is"),
    ],
)
def test_rules_that_can_not_be_applied_are_said(analysed: Path, given: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        select(SelectOptions(particles=analysed, name="x", **given))


@pytest.mark.parametrize(
    "given",
    [{"between": ["loss"]}, {"between": ["loss::"]}, {"between": ["loss:a:b"]}, {"keep_lowest": "loss"},
     {"minimum_distance": 8, "keep_lowest": "loss", "keep_highest": "CC"}],
)  # fmt: skip
def test_limits_and_the_better_particle_are_asked_for_in_full(particles_star: Path, given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"COLUMN:LOW:HIGH|keep"):
        SelectOptions(particles=particles_star, name="x", **given)


@pytest.fixture
def gone_on(analysed: Path) -> Path:
    """The small run after a third epoch, of which nothing was analysed."""
    (analysed / "analysis" / "epoch-0002" / "losses.csv").write_text(
        "tomogram,particle,loss,CC\n" + "".join(f"{t},{p},1,0.5\n" for t, p in Run.open(analysed).latents().ids)
    )
    for folder, kind in (("checkpoints", "pt"), ("latents", "npz")):
        shutil.copy(analysed / folder / f"epoch-0002.{kind}", analysed / folder / f"epoch-0003.{kind}")
    Run.open(analysed).update(chosen_epoch=3)
    return analysed


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        ({"labels": Path("kmeans-3"), "clusters": "1"}, "is no labelling of epoch 3 .* epoch 2 has kmeans-3, so give"),
        ({"clusters": "1"}, "epoch-0003: has no labels; epoch 2 has kmeans-3, so give"),
        ({"between": ["loss::3"]}, "column loss: is not known of these particles; epoch 2 has it, so give"),
    ],
)
def test_what_another_epoch_has_is_said_with_the_option_that_takes_it(
    gone_on: Path, rules: dict[str, object], sentence: str
) -> None:
    with pytest.raises(InputError, match=f"{sentence} --epoch 2"):
        select(SelectOptions(particles=gone_on, name="x", **rules))

    assert len(select(SelectOptions(particles=gone_on, name="x", epoch=2, **rules)).selection)


def test_a_labelling_of_no_epoch_is_not_looked_for_elsewhere(gone_on: Path) -> None:
    with pytest.raises(InputError, match=r"\(there are: none\) and no file; give one of them or a \.csv$"):
        select(SelectOptions(particles=gone_on, name="x", labels=Path("kmeans-9"), clusters="1"))


def test_losses_that_were_not_measured_are_asked_for_by_the_command_that_does(analysed: Path, tmp_path: Path) -> None:
    like = Selection("low", frozenset({("a", "1")}), {"rule": "between", "column": "loss", "low": None, "high": 1.0})
    like.save(tmp_path / "other.json")

    with pytest.raises(
        InputError, match=f"column loss: is not known .*; `napari-tomodrgn analyze {analysed} --losses`"
    ):
        select(SelectOptions(particles=analysed, name="x", like=tmp_path / "other.json"))
