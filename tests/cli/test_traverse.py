"""``traverse`` as it is called: what it writes, what it prints, and what it refuses."""

import json
import shutil
import subprocess
from pathlib import Path

import gemmi
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing


@pytest.fixture
def path(analysed_run: Run, tmp_path: Path) -> Path:
    """The analysed run in a folder of its own."""
    return Path(shutil.copytree(analysed_run.path, tmp_path / "run"))


def test_a_way_past_classes_leaves_volumes_index_pictures_and_a_movie(cli: Cli, path: Path) -> None:
    command = ("traverse", path, "--method", "graph", "--classes", "2,0", "--average-degree", 12, "--box", 8, "--movie")

    outcome = cli(*command, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    folder = path / "volumes" / "epoch-0002" / "graph"
    assert printed.pop("folder") == str(folder)
    assert printed == json.loads((folder / "traversal.json").read_text())
    index = pd.read_csv(folder / "index.csv", dtype={"tomogram": str, "particle": str})
    assert index[["tomogram", "particle"]].to_numpy().tolist() == printed["particles"]
    assert len(np.load(folder / "latents.npy")) == len(index) == printed["volumes"]
    pictures = {f"{name}.{kind}" for name in ("way", "slices") for kind in ("png", "svg")}
    tables = {"index.csv", "latents.npy", "traversal.json"}
    assert set(listing(folder)) == {*index["file"], *pictures, *tables, "movie.gif"}
    for name in ("way", "slices"):
        assert len(np.unique(np.asarray(Image.open(folder / f"{name}.png").convert("RGB")))) > 50, f"{name} is blank"
    with Image.open(folder / "movie.gif") as movie:
        assert movie.n_frames == 2 * len(index) - 2


def test_zones_and_movies_of_particles_in_order_are_asked_for_in_one_command(
    cli: Cli, path: Path, four_chains: Path
) -> None:
    folder = path.parent / "way"
    order = ("--order-by", "z0", "--points", 2, "--no-figures", "--outdir", folder)
    movie = (
        "--movie",
        "--movie-format",
        "mp4",
        "--movie-side",
        64,
        "--view",
        "top",
        "--view",
        "30,-45,0",
        "--level",
        1,
    )
    zone = ("--zone", "keep", "--model", four_chains, "--parts", "A,C", "--zone-radius", 20)

    outcome = cli("traverse", path, *order, *movie, *zone, "--json")

    assert outcome.code == 0, outcome.stderr
    printed = json.loads(outcome.stdout)
    assert printed.pop("folder") == str(folder)
    assert printed == json.loads((folder / "traversal.json").read_text())
    assert (printed["zone"], printed["parts"], printed["zone_radius"]) == ("keep", ["A,C"], 20)
    assert {"movie.mp4", "zone.mrc", "vol_001.mrc"} <= set(listing(folder))
    read = subprocess.run(
        ["ffprobe", "-loglevel", "error", "-count_frames", "-show_entries", "stream=width,height,nb_read_frames",
         "-of", "csv=p=0", str(folder / "movie.mp4")], capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert read.strip() == "128,64,2"


def test_latents_alone_need_no_decoder(cli: Cli, path: Path) -> None:
    shutil.rmtree(path / "checkpoints")

    outcome = cli("traverse", path, "--no-volumes", "--epoch", 2, "--points", 4, "--outdir", path.parent / "way")

    assert outcome.code == 0, outcome.stderr
    assert "vol_000.mrc" not in listing(path.parent / "way")
    assert np.load(path.parent / "way" / "latents.npy").shape == (4, 3)


def test_a_way_that_is_there_stays_unless_told(cli: Cli, path: Path) -> None:
    assert cli("traverse", path, "--points", 2, "--box", 8).code == 0
    before = listing(path)

    check(cli("traverse", path, "--points", 3), 2, ("pc-1: exists already", "--overwrite"))

    assert listing(path) == before
    assert cli("traverse", path, "--points", 3, "--no-figures", "--overwrite").code == 0
    assert {"vol_002.mrc"} <= set(listing(path / "volumes" / "epoch-0002" / "pc-1"))


def test_a_model_outside_of_the_maps_is_told_and_nothing_is_written(cli: Cli, path: Path, four_chains: Path) -> None:
    elsewhere = gemmi.read_structure(str(four_chains))
    elsewhere[0].transform_pos_and_adp(gemmi.Transform(gemmi.Mat33(), gemmi.Vec3(-80, -80, -80)))
    elsewhere.write_pdb(str(path.parent / "elsewhere.pdb"))
    before = listing(path.parent)

    outcome = cli("traverse", path, "--zone", "remove", "--model", path.parent / "elsewhere.pdb")

    check(outcome, 2, ("atoms lie outside the maps of 16³ voxels of 12 Å", "fit the model first"))
    assert listing(path.parent) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--method", "graph"), ("which way? Give one of --through, --anchors, --classes", "found none of them")),
        (("--method", "direct", "--through", "plain"), ("--through", "expected TOMOGRAM/PARTICLE")),
        (("--low", "60", "--high", "40"), ("--low 60 is not below --high 40",)),
        (("--order-by", "z0", "--method", "pc"), ("--order-by orders particles",)),
        (("--method", "graph", "--latents", "z.txt"), ("--latents: a graph joins particles",)),
        (("--box", "7"), ("--box 7", "even number")),
        (("--method", "direct", "--classes", "0,9"), ("--classes: kmeans-3 has no class 9; it has 0 to 2",)),
        (("--movie", "--no-volumes"), ("--movie: is of volumes",)),
        (("--movie", "--view", "aside"), ("--view", "expected front, back, left, right, top, bottom, or three")),
        (("--zone", "keep"), ("--zone keep: near what? Give an atomic model (--model)",)),
        (("--parts", "A"), ("--parts: is of a zone; say --zone keep or --zone remove",)),
        (("--zone", "keep", "--model", "absent.pdb"), ("absent.pdb: no such model",)),
        (("--method", "direct", "--latents", "absent.npy"), ("absent.npy: is not a table of latents",)),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(
    cli: Cli, path: Path, arguments: tuple[str, ...], says: tuple[str, ...]
) -> None:
    before = listing(path.parent)

    check(cli("traverse", path, *arguments), 2, says)

    assert listing(path.parent) == before
