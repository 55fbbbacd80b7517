"""Rules as plain values: what they mean, that JSON keeps it, and what is said where they can't be applied."""

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.path import Path as Outline

from napari_tomodrgn.analysis.columns import Classes, Numbers, columns_of_run, columns_of_set
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels, write_labels
from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.regions import near_path
from napari_tomodrgn.analysis.rule_trees import combined, from_selection, in_words, inverted, particles_of
from napari_tomodrgn.analysis.rules import (
    Apart,
    AtRandom,
    Between,
    Brush,
    FromFaces,
    Lasso,
    Listed,
    OfClasses,
    Outliers,
)
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.runs.run import Run


@pytest.fixture(scope="module")
def known(analysed_run: Run) -> Known:
    particle_set = analysed_run.particle_set()
    columns = columns_of_set(particle_set) | columns_of_run(analysed_run, 2, particle_set.ids)
    return Known(particle_set, columns)


def ids_of(known: Known, mask: np.ndarray) -> set[tuple[str, str]]:
    return {known.particle_set.ids[row] for row in np.flatnonzero(mask)}


def test_classes_are_those_of_the_table_of_labels(known: Known, analysed_run: Run) -> None:
    labels = read_labels(AnalysisFolder(analysed_run.path, 2).labels("kmeans-3"))

    found = OfClasses(column="kmeans-3", classes=("class 0", "class 2")).mask(known)

    assert ids_of(known, found) == {particle for particle, label in labels.items() if label != 1}


def test_numbers_between_limits_and_beyond_one(known: Known, analysed_run: Run) -> None:
    latents = analysed_run.latents(2)
    first = dict(zip(latents.ids, latents.z_mean[:, 0].tolist(), strict=True))
    low, high = np.quantile(list(first.values()), [0.25, 0.75])

    between = Between(column="z0", low=low, high=high).mask(known)
    above = Between(column="z0", low=low).mask(known)

    assert ids_of(known, between) == {particle for particle, value in first.items() if low <= value <= high}
    assert ids_of(known, above) == {particle for particle, value in first.items() if value >= low}


def test_particles_apart_are_the_best_by_a_column_and_those_without_a_number_come_last(known: Known) -> None:
    table = known.particle_set.particles
    position = table[["z", "y", "x"]].to_numpy()
    quality = np.arange(len(known), dtype=float)
    quality[3] = np.nan
    tomogram = table["tomogram"].to_numpy()
    other = next(row for row in range(len(known)) if row != 3 and tomogram[row] == tomogram[3])
    position[other] = position[3] + 5
    moved = table.assign(z=position[:, 0], y=position[:, 1], x=position[:, 2])
    own = Known(replace(known.particle_set, particles=moved), {**known.columns, "quality": Numbers(quality)})

    for best in ("lowest", "highest"):
        kept = Apart(angstrom=20, column="quality", best=best).mask(own)
        assert kept[other]
        assert not kept[3]
    among = np.arange(len(known)) != other
    assert Apart(angstrom=20, column="quality").mask(own, among)[3]


def test_what_is_drawn_at_random_depends_on_seed_and_class_alone(known: Known) -> None:
    per_tomogram = AtRandom(count=4, per="tomogram", seed=7).mask(known)
    tomograms = known.classes("tomogram")
    assert [int(per_tomogram[tomograms.codes == code].sum()) for code in range(2)] == [4, 4]
    assert (AtRandom(count=4, per="tomogram", seed=7).mask(known) == per_tomogram).all()
    assert (AtRandom(count=4, per="tomogram", seed=8).mask(known) != per_tomogram).any()
    first = tomograms.codes == 0
    assert (AtRandom(count=4, per="tomogram", seed=7).mask(known, first) == (per_tomogram & first)).all()
    assert AtRandom(count=5).mask(known).sum() == 5
    assert AtRandom(count=500).mask(known).all()


def test_a_lasso_in_a_tomogram_is_matplotlibs(known: Known) -> None:
    table = known.particle_set.particles
    tomogram = str(table["tomogram"].iat[0])
    span = table.loc[table["tomogram"] == tomogram, ["x", "y"]]
    corner, size = span.min().to_numpy(), np.ptp(span.to_numpy(), axis=0)
    star = np.array([[0.1, 0.0], [1.0, 0.2], [0.4, 0.6], [1.1, 0.9], [-0.1, 1.0]])
    polygon = tuple(map(tuple, (corner + star * size).tolist()))
    low, high = np.quantile(table["z"], [0.1, 0.8])

    found = Lasso(columns=("x", "y"), polygon=polygon, tomogram=tomogram, depth=("z", low, high)).mask(known)

    inside = Outline(polygon).contains_points(table[["x", "y"]].to_numpy())
    expected = inside & (table["tomogram"] == tomogram) & table["z"].between(low, high)
    assert found.tolist() == expected.tolist()
    assert 0 < found.sum() < (table["tomogram"] == tomogram).sum()


def test_a_brush_takes_what_is_near_its_path() -> None:
    generator = np.random.default_rng(0)
    x, y = generator.uniform(0, 100, (2, 500))
    path = ((10.0, 10.0), (80.0, 30.0), (80.0, 30.0), (40.0, 90.0))

    found = near_path(x, y, path, 12.0)

    dense = np.concatenate([np.linspace(a, b, 2000) for a, b in itertools.pairwise(path)])
    distance = np.linalg.norm(np.stack([x, y], axis=1)[:, None] - dense, axis=2).min(axis=1)
    clear = np.abs(distance - 12) > 0.05  # the samples are 0.04 apart
    assert (found == (distance <= 12))[clear].all()
    assert near_path(np.array([3.0, 9.0]), np.array([4.0, 0.0]), ((0.0, 0.0),), 5.0).tolist() == [True, False]


TREES: list[dict[str, Any]] = [
    OfClasses(column="kmeans-3", classes=("class 1",)).model_dump(),
    Outliers(beyond=1.0, within="split").model_dump(),
    inverted(Between(column="z1", high=0.1).model_dump()),
    combined(
        "intersect",
        [
            combined("add", [OfClasses(column="tomogram", classes=("001",)).model_dump(), {"rule": "none"}]),
            AtRandom(count=3, per="kmeans-3").model_dump(),
        ],
    ),
    from_selection("good", combined("subtract", [Between(column="z0").model_dump(), Outliers(beyond=2).model_dump()])),
    Brush(columns=("PC 1", "PC 2"), path=((0, 0), (1, 1)), radius=0.5).model_dump(),
]


@pytest.mark.parametrize("tree", TREES, ids=in_words)
def test_json_keeps_what_a_tree_means(known: Known, tree: dict[str, Any]) -> None:
    again = json.loads(json.dumps(tree))

    assert particles_of(again, known).tolist() == particles_of(tree, known).tolist()
    assert in_words(again) == in_words(tree)


def test_trees_combine_from_left_to_right_and_later_parts_look_at_what_is_left(known: Known) -> None:
    classes = known.classes("kmeans-3").codes
    one, two = (OfClasses(column="kmeans-3", classes=(f"class {code}",)).model_dump() for code in (1, 2))
    few = AtRandom(count=2).model_dump()

    assert (particles_of(combined("add", [one, two]), known) == (classes >= 1)).all()
    assert (particles_of(combined("subtract", [inverted(one), two]), known) == (classes == 0)).all()
    drawn = particles_of(combined("intersect", [one, few]), known)
    assert drawn.sum() == 2
    assert (classes[drawn] == 1).all()
    left = particles_of(combined("subtract", [one, few]), known)
    assert (left == ((classes == 1) & ~drawn)).all()
    assert inverted(inverted(one)) == one


def test_many_clicks_are_one_entry() -> None:
    tree: dict[str, Any] = {"rule": "lasso", "columns": ["PC 1", "PC 2"], "polygon": []}
    for how in ("add", "add", "subtract", "subtract"):
        tree = combined(how, [tree, {"rule": "click"}])

    assert [part["rule"] for part in tree["of"]] == ["add", "click"]
    assert combined("subtract", [{"rule": "click"}, {"rule": "table"}]) == {"rule": "table"}
    assert in_words(tree) == "(lasso in PC 1 and PC 2 or chosen one by one) without chosen one by one"


def test_particles_listed_in_a_table(known: Known, tmp_path: Path) -> None:
    write_labels(tmp_path / "ids.csv", known.particle_set.ids[4:9], [0] * 5)
    assert np.flatnonzero(Listed(path=tmp_path / "ids.csv").mask(known)).tolist() == [4, 5, 6, 7, 8]

    pd.DataFrame([("nowhere", "1")], columns=["tomogram", "particle"]).to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(InputError, match=r"other.csv: names particle 1 of tomogram nowhere, which the particles lack"):
        Listed(path=tmp_path / "other.csv").mask(known)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        (
            {"rule": "classes", "column": "kmeans-9", "classes": []},
            "kmeans-9: is not known .* columns of classes: tomo",
        ),
        ({"rule": "classes", "column": "kmeans-3", "classes": ["class 3"]}, "has no class 'class 3'; those .* class 0"),
        ({"rule": "between", "column": "kmeans-3"}, "kmeans-3: holds no numbers; columns of numbers: z, y, x"),
        ({"rule": "click"}, "chosen one by one can't be chosen again by rule"),
        ({"rule": "outliers", "beyond": -1}, "rule 'outliers': outliers.beyond can't be applied"),
        ({"rule": "sorcery"}, "rule 'sorcery': it can't be applied"),
        ({}, "rule None"),
        ({"rule": "add", "of": [7]}, "7: is no rule"),
        ({"rule": "add"}, "rule 'add': has no valid 'of'"),
        ({"rule": "faces", "angstrom": 10}, "does not say how large tomogram 001 is"),
    ],
)
def test_what_cannot_be_applied_is_said(known: Known, tree: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        particles_of(tree, known)
    assert in_words(tree)


def test_rules_on_positions_say_where_there_are_none(class_e_star: Path) -> None:
    particle_set = read_particles(class_e_star)
    known = Known(particle_set, columns_of_set(particle_set))
    for rule in (Apart(angstrom=80), FromFaces(angstrom=80)):
        with pytest.raises(InputError, match="does not say where 72 of 72 particles lie"):
            rule.mask(known)
    with pytest.raises(InputError, match="have no latents"):
        Outliers().mask(known)
    assert isinstance(known.columns["tomogram"], Classes)
