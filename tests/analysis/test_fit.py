"""Fitting models in maps: atoms moved here by SciPy, blurred here, and the real ribosome."""

import json
from pathlib import Path
from typing import Any

import gemmi
import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.fitting.fit import ModelFit, fit, write_fit
from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.analysis.fitting.placement import Placement, read_placement
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.zones import zone_of_model
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import flip_hand, read_map, write_map
from napari_tomodrgn.particles.mrc_header import read_header

TURN = Rotation.from_euler("ZYZ", [100, 70, -40], degrees=True).as_matrix()
CENTRE = np.array([100.0, 85.0, 90.0])  # Å, where the model's mean goes in the map
BOX, PIXEL_SIZE = 32, 6.0


def positions_of(*paths: Path) -> np.ndarray:
    """Atoms (n, 3) x, y, z as gemmi reads them, without waters."""
    structures = [gemmi.read_structure(str(path)) for path in paths]
    for structure in structures:
        structure.remove_waters()
    return np.array([each.atom.pos.tolist() for structure in structures for each in structure[0].all()])


def blurred(positions: np.ndarray, box: int, pixel_size: float, sigma: float) -> np.ndarray:
    """A map of atoms, counted on a grid five times finer and blurred by SciPy; 0 Å is the centre of the first voxel."""
    fine = pixel_size / 5
    edges = (np.arange(5 * box + 1) - 0.5) * fine
    counts, _ = np.histogramdd(positions[:, ::-1], bins=[edges] * 3)
    return ndimage.gaussian_filter(counts, sigma / fine, truncate=5)[::5, ::5, ::5].astype(np.float32)


def moved(positions: np.ndarray) -> np.ndarray:
    return (positions - positions.mean(axis=0)) @ TURN.T + CENTRE


@pytest.fixture(scope="module")
def small_map(four_chains: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of four chains, turned and moved, as a map with noise."""
    values = blurred(moved(positions_of(four_chains)), BOX, PIXEL_SIZE, sigma=4.0)
    values += np.random.default_rng(0).normal(0, 0.2 * values.std(), values.shape)
    path = tmp_path_factory.mktemp("map") / "small.mrc"
    write_map(path, values, PIXEL_SIZE)
    return path


@pytest.fixture(scope="module")
def small_fit(four_chains: Path, small_map: Path) -> ModelFit:
    return fit(FitOptions(model=four_chains, map=small_map))


def distance(found: ModelFit, expected: np.ndarray) -> float:
    """How far atoms are from where they belong, root mean square, Å."""
    return float(np.sqrt(((found.placed().position - expected) ** 2).sum(axis=1).mean()))


def test_a_model_is_put_where_the_map_has_it(four_chains: Path, small_fit: ModelFit) -> None:
    assert distance(small_fit, moved(positions_of(four_chains))) < 0.5
    assert small_fit.chosen.placement.hand == "keep"
    keep, flip = small_fit.hands
    assert keep.correlation > 0.9
    assert keep.shells > flip.shells + 0.1
    assert keep.correlation > flip.correlation + 0.1


def test_a_map_of_the_other_hand_is_mirrored(four_chains: Path, small_map: Path, tmp_path: Path) -> None:
    write_map(tmp_path / "mirrored.mrc", flip_hand(read_map(small_map).values), PIXEL_SIZE, origin=(10, 20, 30))

    found = fit(FitOptions(model=four_chains, map=tmp_path / "mirrored.mrc"))

    assert found.chosen.placement.hand == "flip"
    assert distance(found, moved(positions_of(four_chains))) < 0.5
    write_fit(found, tmp_path / "out")
    written = tmp_path / "out" / "map-flipped.mrc"
    np.testing.assert_array_equal(read_map(written).values, read_map(small_map).values)
    assert read_header(written).origin == (10, 20, 30)
    expected = moved(positions_of(four_chains)) + np.array(
        [10, 20, 30]
    )  # as programs see it that honour the header's origin
    placed = positions_of(tmp_path / "out" / "four-fitted.pdb")
    assert np.sqrt(((placed - expected) ** 2).sum(axis=1).mean()) < 0.5


def test_a_poor_fit_is_called_one(
    four_chains: Path, small_map: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In a map whose protein is dark there is no good place."""
    write_map(tmp_path / "dark.mrc", -read_map(small_map).values, PIXEL_SIZE)
    fit(FitOptions(model=four_chains, map=tmp_path / "dark.mrc", search=False))
    assert "the best fit is a poor one" in caplog.text


def test_what_is_written_says_where_the_model_is(four_chains: Path, small_fit: ModelFit, tmp_path: Path) -> None:
    write_fit(small_fit, tmp_path)

    told = json.loads((tmp_path / "fit.json").read_text())
    as_told = positions_of(four_chains) @ np.array(told["rotation"]).T + told["translation_in_map"]
    np.testing.assert_allclose(positions_of(tmp_path / "four-fitted.pdb"), as_told, atol=2e-3)
    placement = read_placement(tmp_path / "fit.json")
    np.testing.assert_allclose(placement.in_box(small_fit.atoms, BOX, PIXEL_SIZE).position, as_told, atol=1e-9)
    half = placement.in_box(small_fit.atoms, BOX // 2, 2 * PIXEL_SIZE)  # the same map in voxels twice as large
    np.testing.assert_allclose(half.position, as_told, atol=1e-9)


def test_a_zone_by_what_is_written_lies_in_the_map_as_scipy_turns_it(
    four_chains: Path, small_fit: ModelFit, tmp_path: Path
) -> None:
    write_fit(small_fit, tmp_path)
    frame = Frame(BOX, PIXEL_SIZE)
    as_read = zone_of_model([four_chains], frame, 9.0, edge=12.0, parts=("A,C",))

    found = zone_of_model([four_chains], frame, 9.0, edge=12.0, parts=("A,C",), fit=tmp_path / "fit.json")

    back, own = TURN.T[::-1, ::-1], positions_of(four_chains).mean(axis=0)  # z, y, x
    offset = (own[::-1] - back @ CENTRE[::-1]) / PIXEL_SIZE
    expected = ndimage.affine_transform(as_read, back, offset, order=1)
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.99
    assert np.corrcoef(found.ravel(), as_read.ravel())[0, 1] < 0.7


def test_from_near_by_no_search_is_needed(four_chains: Path, small_map: Path, tmp_path: Path) -> None:
    structure = gemmi.read_structure(str(four_chains))
    near = Rotation.from_rotvec([4, -5, 3], degrees=True).as_matrix() @ TURN
    own, off = positions_of(four_chains).mean(axis=0), CENTRE + np.array([3, -2, 2])
    transform = gemmi.Transform(gemmi.Mat33(near.tolist()), gemmi.Vec3(*(off - near @ own).tolist()))
    structure[0].transform_pos_and_adp(transform)
    structure.write_pdb(str(tmp_path / "near.pdb"))

    found = fit(FitOptions(model=tmp_path / "near.pdb", map=small_map, search=False))

    assert distance(found, moved(positions_of(four_chains))) < 0.5


def test_the_50s_is_recovered_at_12_angstrom(shared_data: Path, tmp_path: Path) -> None:
    """At a random turn and shift, in noise, in a mirrored map (`benchmarks/occupancy.py` does twenty of them)."""
    generator = np.random.default_rng(1)
    model = shared_data / "50S"
    positions = positions_of(*sorted(model.glob("*.pdb")))
    turn = Rotation.random(rng=generator).as_matrix()
    centre = 18 * 12.0 + generator.uniform(-40, 40, 3)
    values = blurred((positions - positions.mean(axis=0)) @ turn.T + centre, 36, 12.0, sigma=6.0)
    values += generator.normal(0, 0.3 * values.std(), values.shape)
    write_map(tmp_path / "map.mrc", flip_hand(values), 12.0)

    found = fit(FitOptions(model=model, map=tmp_path / "map.mrc"))

    placement = found.chosen.placement
    assert placement.hand == "flip"
    assert np.rad2deg(Rotation.from_matrix(placement.rotation @ turn.T).magnitude()) < 1
    assert np.linalg.norm(found.placed().position.mean(axis=0) - centre) < 3


def test_the_ribosomes_of_the_warptools_set_have_the_hand_of_the_50s(warptools_set: Path, shared_data: Path) -> None:
    reference = warptools_set.with_name("warptools_test_box-32_angpix-12_reconstruct.mrc")

    found = fit(FitOptions(model=shared_data / "50S", map=reference))

    keep, flip = found.hands
    assert found.chosen.placement.hand == "keep"
    assert keep.shells > flip.shells + 0.15
    assert keep.correlation > flip.correlation + 0.2


@pytest.mark.long
def test_a_published_alignment_is_the_best_near_by(shared_data: Path) -> None:
    """The 50S volumes are aligned to the model: nothing much better is near."""
    found = fit(FitOptions(model=shared_data / "50S", map=shared_data / "50S" / "vol_385.mrc", search=False))
    assert distance(found, found.atoms.position) < 1.0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"model": "empty"}, r"empty: holds no atomic model; give a PDB or mmCIF file, or a folder of them"),
        ({"model": "waters.pdb"}, r"waters.pdb: holds waters only"),
        ({"map": "unset.mrc"}, r"unset.mrc: has a voxel size of 0 Å .* give --pixel-size"),
        ({"map": "flat.mrc"}, r"flat.mrc: has the same value in every voxel"),
        ({"map": "noncubic.mrc"}, r"noncubic.mrc: is 8 x 6 x 4 voxels; expected a cube"),
        ({"pixel_size": 0.5}, r"four.pdb: is \d+ Å long, the map 16 Å"),
        ({"map": "elsewhere.mrc", "search": False}, r"elsewhere.mrc: \d+ of 600 atoms would lie outside it"),
    ],
)
def test_what_can_not_be_fitted_is_said(
    four_chains: Path, small_map: Path, tmp_path: Path, changes: dict[str, Any], sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "waters.pdb").write_text(
        "HETATM    1  O   HOH A   1      10.000  10.000  10.000  1.00  0.00           O\nEND\n"
    )
    values = read_map(small_map).values
    write_map(tmp_path / "unset.mrc", values, 0.0)
    write_map(tmp_path / "flat.mrc", np.ones((16, 16, 16)), 6.0)
    write_map(tmp_path / "noncubic.mrc", np.ones((4, 6, 8)), 6.0)
    write_map(tmp_path / "elsewhere.mrc", values, 6.0, origin=(500, 0, 0))
    options: dict[str, Any] = {"model": four_chains, "map": small_map}
    for name, value in changes.items():
        options[name] = tmp_path / value if isinstance(value, str) else value
    with pytest.raises(InputError, match=sentence):
        fit(FitOptions(**options))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, r"no such fit; give the fit.json"),
        ("[]", r"is not a fit \(no 'format'\)"),
        ('{"format": 2}', r"has format 2, this version reads up to 1"),
        ('{"format": 1, "hand": "keep"}', r"rotation, shift and hand are not all there"),
        ('{"format": 1, "hand": "keep", "rotation": [[1,0,0],[0,1,0],[0,0,-1]], "shift_from_voxel_half_box": [0,0,0]}',
         r"its rotation is none \(not orthogonal, or a mirror\)"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_fit_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    path = tmp_path / "fit.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InputError, match=sentence):
        read_placement(path)


def test_a_placement_turns_then_shifts(four_chains: Path, small_fit: ModelFit) -> None:
    placed = Placement(TURN, np.array([1.0, 2.0, 3.0])).in_box(small_fit.atoms, 10, 4.0)
    expected = [TURN @ each + [1, 2, 3] + 20 for each in positions_of(four_chains)]
    np.testing.assert_allclose(placed.position, expected)
