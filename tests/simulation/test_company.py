"""Dimers and particles on membranes, against what their places and angles say in the frame of each particle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from napari_tomodrgn.cli.main import main
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.simulation.options import SimulateOptions, check_options
from napari_tomodrgn.simulation.plan import Plan, make_plan
from napari_tomodrgn.simulation.scene.company import TO_MATE, TO_MEMBRANE
from napari_tomodrgn.simulation.scene.objects import MEMBRANE
from napari_tomodrgn.simulation.simulate import truth_table

DIAMETER = 200.0


def plan_of(**options: Any) -> Plan:
    chosen = SimulateOptions(outdir=Path("unused"), scene=True, tilts=3, **options)
    check_options(chosen)
    model = ForwardModel(ctf_power=1, contrast="bright", defocus_height="plus")
    return make_plan(chosen, model, 1, by_angle=False, diameter=DIAMETER)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(particles=200, tomograms=3, dimers=0.5, membrane_bound=0.2, membrane_dimers=0.15, junk=0.1)


def frames(plan: Plan) -> np.ndarray:
    """Return (N, 3, 3) reference into tomogram."""
    return Rotation.from_euler("ZYZ", plan.angles, degrees=True).as_matrix().swapaxes(1, 2)


def test_shares_are_those_asked_for(plan: Plan) -> None:
    table = truth_table(plan).query("kind == 'particle'")
    assert len(table) == 180
    assert table["in_dimer"].sum() == 90
    assert table["on_membrane"].sum() == 36
    # Of dimers on membranes there is a whole number: 13 or 14 for 27 particles.
    assert abs((table["in_dimer"] * table["on_membrane"]).sum() - 27) <= 1


def test_each_of_a_dimer_sees_the_other_in_the_same_place_and_the_rest_farther_off(plan: Plan) -> None:
    assert plan.scene is not None
    seen = []
    for tomogram in range(3):
        rows = np.flatnonzero((plan.tomogram == tomogram) & (plan.scene.kind == "particle"))
        distance, nearest = cKDTree(plan.position[rows]).query(plan.position[rows], k=3)
        dimer = plan.scene.in_dimer[rows]
        assert np.allclose(distance[dimer, 1], DIAMETER)
        assert distance[~dimer, 1].min() > 1.4 * DIAMETER
        assert distance[dimer, 2].min() > 0.9 * DIAMETER
        towards = plan.position[rows[nearest[:, 1]]] - plan.position[rows]
        seen.append(np.einsum("nji,nj->ni", frames(plan)[rows], towards)[dimer] / DIAMETER)
    assert np.allclose(np.concatenate(seen), TO_MATE, atol=1e-6)


def test_a_membrane_lies_in_the_same_direction_of_all_that_sit_on_one(plan: Plan) -> None:
    assert plan.scene is not None
    bound = np.flatnonzero(plan.scene.on_membrane)
    middle_of_membrane = plan.position + (DIAMETER / 2 + MEMBRANE) * frames(plan) @ np.array(TO_MEMBRANE)
    for row in range(len(plan)):
        vesicles = [each for each in plan.scene.objects[plan.tomogram[row]] if each.hollow]
        to_surface = min(each.distance(plan.position[[row]])[0] for each in vesicles)
        if row in bound:
            # A dimer's halves stand a little off, as the vesicle is round.
            assert DIAMETER / 2 - 1e-6 <= to_surface < 0.65 * DIAMETER
            inside = min(each.distance(middle_of_membrane[[row]])[0] for each in vesicles)
            assert -MEMBRANE - 1e-6 <= inside < 0
        elif plan.scene.kind[row] == "particle":
            assert to_surface > DIAMETER / 2


def test_all_turned_alike_often(plan: Plan) -> None:
    # Uniform rotations have a mean matrix of 0, in which each entry has a variance of 1/3.
    assert np.abs(frames(plan).mean(axis=0)).max() < 4 * np.sqrt(1 / 3 / len(plan)) * np.sqrt(2)


def test_without_dimers_and_membranes_a_scene_has_no_such_columns() -> None:
    assert "in_dimer" not in truth_table(plan_of(particles=8, tomograms=1))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dimers": 1.5}, "--dimers: is 1.5; expected a share from 0 to 1"),
        ({"dimers": 0.5, "membrane_bound": 0.2, "membrane_dimers": 0.3}, "--membrane-dimers: is 0.3; expected from 0 "),
        ({"dimers": 0.9, "membrane_bound": 0.9, "membrane_dimers": 0.1}, "expected from 0.8 to 0.9"),
    ],
)
def test_shares_that_cannot_be(options: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        plan_of(particles=20, **options)


def test_dimers_need_a_scene(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["simulate", str(tmp_path / "set"), "--dimers", "0.5"])
    assert stopped.value.code == 2
    assert "add --scene" in capsys.readouterr().err
    assert not (tmp_path / "set").exists()
