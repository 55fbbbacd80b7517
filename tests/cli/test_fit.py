"""``fit`` as it is called, and its transform in ``occupancy``."""

import json
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
from PIL import Image

from napari_tomodrgn.particles.maps import write_map

from .conftest import Cli, check, listing


def write_maps(folder: Path, model: Path) -> None:
    """Maps of the model in its own place, whole and without chain B."""
    chains = gemmi.read_structure(str(model))[0]
    steps = np.arange(32) * 5.0
    for name in ("whole", "without_B"):
        values = np.zeros((32, 32, 32))
        for atom in (each.atom for each in chains.all() if name == "whole" or each.chain.name != "B"):
            x, y, z = (np.exp(-((steps - at) ** 2) / (2 * 4.0**2)) for at in atom.pos.tolist())
            values += z[:, None, None] * y[:, None] * x
        write_map(folder / f"{name}.mrc", values, 5.0)


def test_a_model_from_anywhere_is_fitted_and_its_parts_are_measured(
    cli: Cli, four_chains: Path, tmp_path: Path
) -> None:
    """A model that was turned and moved far away has, once fitted, the occupancies it has in its own place."""
    write_maps(tmp_path / "maps", four_chains)
    structure = gemmi.read_structure(str(four_chains))
    turn = gemmi.Mat33([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    structure[0].transform_pos_and_adp(gemmi.Transform(turn, gemmi.Vec3(700, -300, 20)))
    structure.make_mmcif_document().write_file(str(tmp_path / "away.cif"))
    whole, out = tmp_path / "maps" / "whole.mrc", tmp_path / "fit"

    outcome = cli("fit", tmp_path / "away.cif", whole, "--outdir", out)

    assert outcome.code == 0, outcome.stderr
    assert "hand            as it is" in outcome.stdout
    assert set(listing(out)) == {"fit.json", "away-fitted.cif", "fit.png", "fit.pdf"}
    assert len(np.unique(np.asarray(Image.open(out / "fit.png").convert("RGB")))) > 50, "fit is blank"
    found = []
    for model, more in (
        (four_chains, ()),
        (tmp_path / "away.cif", ("--fit", out / "fit.json")),
        (out / "away-fitted.cif", ()),
    ):
        measured = tmp_path / f"{model.stem}-measured"
        arguments = ("occupancy", tmp_path / "maps", "--model", model, *more, "--outdir", measured, "--no-figures")
        assert cli(*arguments).code == 0
        found.append(pd.read_csv(measured / "occupancy.csv", index_col="volume").to_numpy())
    np.testing.assert_allclose(found[1], found[0], atol=0.05)
    np.testing.assert_allclose(found[2], found[1], atol=0.01)
    assert found[0][1, 1] < 0.4
    check(cli("occupancy", tmp_path / "maps", "--model", tmp_path / "away.cif", "--outdir", tmp_path / "no"), 2,
          ("600 of 600 atoms lie outside", "napari-tomodrgn fit"))  # fmt: skip


def test_json_is_what_is_written(cli: Cli, four_chains: Path, tmp_path: Path) -> None:
    write_maps(tmp_path / "maps", four_chains)
    arguments = ("fit", four_chains, tmp_path / "maps" / "whole.mrc", "--no-search", "--hand", "keep", "--no-figures")

    outcome = cli(*arguments, "--outdir", tmp_path / "fit", "--json")

    printed = json.loads(outcome.stdout)
    assert printed == json.loads((tmp_path / "fit" / "fit.json").read_text())
    assert printed["hand"] == "keep"
    assert printed["angle_degrees"] < 0.5
    assert printed["atoms"] == 600
    before = listing(tmp_path)
    check(cli(*arguments, "--outdir", tmp_path / "fit"), 2, ("fit: exists already", "--overwrite"))
    check(cli("fit", four_chains, tmp_path / "no.mrc"), 2, ("no.mrc", "can't be read"))
    check(cli("fit", tmp_path / "no.cif", tmp_path / "maps" / "whole.mrc"), 2, ("no.cif", "no such model"))
    assert listing(tmp_path) == before
