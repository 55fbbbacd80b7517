"""Selections averaged beside what is decoded for them: against the map they show, and files read by others."""

import csv
import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest

from napari_tomodrgn.analysis.run_evidence import MissingImagesError, RunEvidence
from napari_tomodrgn.analysis.selection_maps import SelectionMaps, selection_maps, write_selection_maps
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.reconstruction.backproject import backproject
from napari_tomodrgn.runs.run import Run

from .conftest import Taught


def finished(steps: Generator[tuple[int, int], None, SelectionMaps]) -> tuple[SelectionMaps, list[tuple[int, int]]]:
    told = []
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, told


@pytest.fixture(scope="module")
def maps(taught: Taught) -> SelectionMaps:
    return finished(selection_maps(taught.source, range(0, 60, 2)))[0]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_both_maps_are_the_one_that_the_images_show(taught: Taught, maps: SelectionMaps) -> None:
    mirrored = taught.map[::-1, ::-1, ::-1]
    for values in (maps.averaged.map, maps.decoded):
        assert correlation(values, taught.map) > 0.85
        assert correlation(values, mirrored) < 0.6
    assert (maps.between[1:8] > 0.8).all()
    assert (maps.half_maps[1:5] > 0.8).all()
    np.testing.assert_allclose(maps.frequencies[[0, 16]], [0, 1 / 12])


def test_the_average_is_that_of_the_command_with_the_runs_weights(taught: Taught, maps: SelectionMaps) -> None:
    expected = backproject(taught.particle_set, rows=np.arange(0, 60, 2), window=False, progress=False)
    np.testing.assert_array_equal(maps.averaged.map, expected.map)
    np.testing.assert_array_equal(maps.half_maps, expected.fsc)


def test_every_map_says_where_it_comes_from_and_only_half_maps_have_a_resolution(
    maps: SelectionMaps, analysed_run: Run
) -> None:
    assert maps.averaged_origin == "averaged by backprojection of 30 particles"
    assert maps.decoded_origin == "the decoder's, of all particles"
    assert maps.half_map_resolution.startswith("the half-maps agree to ")
    source = RunEvidence(analysed_run, analysed_run.chosen_epoch, analysed_run.particle_set())
    of_latents, _ = finished(selection_maps(source, [3, 8, 11]))
    assert of_latents.decoded_origin == "decoded by the VAE at their mean latent"
    noise = replace(maps, averaged=replace(maps.averaged, fsc=np.zeros(17)))
    assert noise.half_map_resolution == "the half-maps agree at no resolution"
    perfect = replace(maps, averaged=replace(maps.averaged, fsc=np.ones(17)))
    assert perfect.half_map_resolution == "the half-maps agree to 12.0 Å (Nyquist) at 0.143"


def test_steps_are_told_and_the_work_can_be_given_up(taught: Taught) -> None:
    _, told = finished(selection_maps(taught.source, [0, 5, 9]))
    total = told[0][1]
    assert told == [(done, total) for done in range(total + 1)]
    steps = selection_maps(taught.source, range(60))
    next(steps)
    steps.close()  # what has not begun is left, and nothing is raised


@pytest.mark.parametrize(("rows", "selected"), [([], "no particle is"), ([4], "1 particle is")])
def test_too_few_particles_are_refused(taught: Taught, rows: list[int], selected: str) -> None:
    with pytest.raises(InputError, match=f"backprojection: {selected} selected, and half-maps need two or more"):
        next(selection_maps(taught.source, rows))


def test_images_that_are_missing_are_said(taught: Taught) -> None:
    blind = replace(taught.particle_set, stacks=("",) * len(taught.particle_set.stacks))
    source = RunEvidence(taught.run, taught.run.chosen_epoch, blind)
    with pytest.raises(MissingImagesError, match="evidence asks for the images"):
        next(selection_maps(source, [0, 1]))


@pytest.mark.parametrize("hand", ["keep", "flip"])
def test_maps_curves_and_particles_are_written(maps: SelectionMaps, tmp_path: Path, hand: str) -> None:
    own = replace(maps, map_hand=hand)
    ids = frozenset([("001", "000000"), ("001", "000002")])
    selection = Selection("chosen", ids, {"rule": "lasso"})

    write_selection_maps(own, selection, tmp_path / "maps")

    found = {path.name: path for path in (tmp_path / "maps").iterdir()}
    expected = {"backprojection.mrc": maps.averaged.map, "decoded_mean.mrc": maps.decoded}
    expected |= {"half_1.mrc": maps.averaged.half_1, "half_2.mrc": maps.averaged.half_2}
    assert set(found) == {*expected, "fsc.csv", "selection.json"}
    for name, values in expected.items():
        with mrcfile.open(found[name]) as stream:
            assert stream.voxel_size.x == pytest.approx(6.0)
            np.testing.assert_array_equal(stream.data, values if hand == "keep" else np.roll(values[::-1], 1, axis=0))
    with open(found["fsc.csv"], newline="") as stream:
        rows = list(csv.DictReader(stream))
    np.testing.assert_allclose([float(row["half_maps"]) for row in rows], maps.half_maps, atol=1e-5)
    np.testing.assert_allclose([float(row["decoded_mean"]) for row in rows], maps.between, atol=1e-5)
    assert json.loads(found["selection.json"].read_text())["created_from"] == {"rule": "lasso"}
    with pytest.raises(InputError, match="exists already"):
        write_selection_maps(own, selection, tmp_path / "maps")
    write_selection_maps(own, selection, tmp_path / "maps", overwrite=True)
