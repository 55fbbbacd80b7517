"""Chains of a fitted model over a volume: where the model's density is, from any side and in either hand."""

import json
from pathlib import Path

import gemmi
import numpy as np
import numpy.typing as npt
import pytest
from scipy.ndimage import center_of_mass, gaussian_filter
from scipy.spatial.transform import Rotation

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import shaded
from napari_tomodrgn.particles.maps import flip_hand
from napari_tomodrgn.viewer.model_chains import read_chains

BOX, PIXEL_SIZE = 32, 6.0
TURN = Rotation.from_rotvec([0.4, -0.9, 0.3]).as_matrix()
SHIFT = np.array([9.0, -14.0, 21.0])


@pytest.fixture
def fit(four_chains: Path, tmp_path: Path) -> Path:
    """A fit that turns the model about the middle of its chains, and shifts it."""
    shift = SHIFT - TURN @ np.full(3, 80.0)
    path = tmp_path / "fit.json"
    document = {"format": 1, "rotation": TURN.tolist(), "shift_from_voxel_half_box": shift.tolist(), "hand": "keep"}
    path.write_text(json.dumps({**document, "model": [str(four_chains)]}))
    return path


def expected(four_chains: Path, name: str) -> npt.NDArray[np.float64]:
    """Return where the atoms of a chain lie, (n, 3) x, y, z in Å from voxel D/2, as gemmi moves them."""
    move = gemmi.Transform(gemmi.Mat33(TURN.tolist()), gemmi.Vec3(*(SHIFT - TURN @ np.full(3, 80.0))))
    chain = gemmi.read_structure(str(four_chains))[0][name]
    return np.array([move.apply(residue[0].pos).tolist() for residue in chain])


def test_lines_run_through_the_atoms_where_the_fit_puts_them(fit: Path, four_chains: Path) -> None:
    """The residues of the model are clouds, whose steps are cut where they are too long to be one."""
    chains = read_chains(fit)
    assert list(dict.fromkeys(chains.names)) == [f"four:{name}" for name in "ABCD"]
    for number, name in enumerate("ABCD"):
        atoms = expected(four_chains, name)
        lines = [line for line, own in zip(chains.lines, chains.numbers, strict=True) if own == number]
        found = np.concatenate(lines)
        assert np.abs(found[:, None] - atoms[None]).sum(axis=2).min(axis=1).max() < 2e-3
        steps = np.linalg.norm(np.diff(atoms, axis=0), axis=1)
        assert sum(len(line) - 1 for line in lines) == np.count_nonzero(steps <= 12.0)


@pytest.mark.parametrize("map_hand", ["keep", "flip"])
def test_a_chain_is_seen_where_its_density_is(fit: Path, four_chains: Path, map_hand: str) -> None:
    """A map of chain D, in the hand in which it is decoded, is drawn from a side, and the chain over it."""
    atoms = expected(four_chains, "D")
    counts, _ = np.histogramdd((atoms / PIXEL_SIZE + BOX // 2)[:, ::-1], bins=[np.arange(BOX + 1) - 0.5] * 3)
    written = gaussian_filter(counts, 1.5).astype(np.float32)
    decoded = flip_hand(written) if map_hand == "flip" else written
    turn, scale = Rotation.from_rotvec([-0.7, 0.5, 1.1]).as_matrix(), 3
    picture = shaded(decoded, float(decoded.max()) / 3, turn, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), scale)
    row, column = center_of_mass(picture.sum(axis=2) > 0)

    chains = read_chains(fit, map_hand)

    lines = chains.seen(turn, BOX, PIXEL_SIZE, scale)
    own = np.concatenate([line for line, number in zip(lines, chains.numbers, strict=True) if number == 3])
    assert abs(own[:, 0].mean() - column) < 1.5 * scale
    assert abs(own[:, 1].mean() - row) < 1.5 * scale


def test_a_fit_whose_model_is_gone_says_so(fit: Path) -> None:
    document = json.loads(fit.read_text())
    fit.write_text(json.dumps({**document, "model": ["gone.pdb"]}))
    with pytest.raises(InputError, match=r"gone.pdb: no such model"):
        read_chains(fit)
    fit.write_text(json.dumps({name: value for name, value in document.items() if name != "model"}))
    with pytest.raises(InputError, match="does not name its model"):
        read_chains(fit)
