"""``occupancy`` as it is called: on a folder of maps, on a run, and again on a table."""

import json
import shutil
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from napari_tomodrgn.analysis.columns import Classes, Numbers, columns_of_run
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_labels
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, write_volumes
from napari_tomodrgn.runs.run import Run

from .conftest import Cli, check, listing

SPHERE, COLUMN = "96,96,96,50", "sphere 96 96 96 50"  # the run's box is 16 voxels of 12 Å


@pytest.fixture
def own_run(analysed_run: Run, tmp_path: Path) -> Path:
    return Path(shutil.copytree(analysed_run.path, tmp_path / "run"))


def written_volumes(run: Path) -> dict[tuple[str, str], np.ndarray]:
    """Volumes of all particles of a run as files, read by mrcfile."""
    folder = write_volumes(VolumesOptions(run=run, all=True, outdir=run / "as-files"))
    index = pd.read_csv(folder / "index.csv", dtype=str)
    volumes = {}
    for row in index.itertuples():
        with mrcfile.open(folder / row.file) as stream:
            volumes[row.tomogram, row.particle] = np.array(stream.data)
    return volumes


def test_every_particle_of_a_run_is_measured_and_known_everywhere(cli: Cli, own_run: Path) -> None:
    outcome = cli("occupancy", own_run, "--sphere", SPHERE, "--normalise", "none", "--json")

    assert outcome.code == 0, outcome.stderr
    folder = AnalysisFolder(own_run, 2)
    printed = json.loads(outcome.stdout)
    assert printed["rows"] == 24
    assert printed["written"] == [str(folder.occupancy("occupancy"))]
    table = pd.read_csv(folder.occupancy("occupancy") / "occupancy.csv", dtype={"tomogram": str, "particle": str})
    z, y, x = np.mgrid[:16, :16, :16] * 12.0
    distance = np.sqrt((z - 96) ** 2 + (y - 96) ** 2 + (x - 96) ** 2)
    mask = np.clip((50 - distance) / 12 + 0.5, 0, 1)
    solvent = (distance > 96 - 12 - 1) & (distance < 96)
    for (tomogram, particle), volume in written_volumes(own_run).items():
        row = table[(table["tomogram"] == tomogram) & (table["particle"] == particle)]
        level = np.median(volume[solvent])
        assert row[COLUMN].item() == pytest.approx(((volume - level) * mask).sum() / mask.sum(), rel=0.05)
    run = Run.open(own_run)
    known = columns_of_run(run, 2, run.latents(2).ids)[f"occupancy {COLUMN}"]
    assert isinstance(known, Numbers)
    np.testing.assert_allclose(known.values, table[COLUMN], rtol=1e-4)
    least = float(table[COLUMN].median())
    assert cli("select", own_run, "--between", f"occupancy {COLUMN}:{least}:", "--name", "full").code == 0
    assert len(run.selection("full")) == (known.values >= least).sum() == 12


def test_thresholds_make_a_labelling_of_the_run(cli: Cli, own_run: Path) -> None:
    assert cli("occupancy", own_run, "--sphere", SPHERE, "--sphere", "60,96,96,30", "--no-figures").code == 0
    folder = AnalysisFolder(own_run, 2)
    path = folder.occupancy("occupancy") / "occupancy.csv"
    table = pd.read_csv(path, dtype={"tomogram": str, "particle": str})
    middle = float(table[COLUMN].median())

    outcome = cli("occupancy", path, "--threshold", f"{COLUMN}={middle}")

    assert outcome.stdout.split() == [str(folder.labels("occupancy-2"))]
    labels = read_labels(folder.labels("occupancy-2"))
    for row in table.to_dict("records"):
        assert labels[row["tomogram"], row["particle"]] == int(row[COLUMN] >= middle)
    assert folder.labellings() == ["kmeans-3", "occupancy-2"]
    run = Run.open(own_run)
    known = columns_of_run(run, 2, run.latents(2).ids)["occupancy-2"]
    assert isinstance(known, Classes)
    assert sorted(known.sizes) == [12, 12]
    check(cli("occupancy", path, "--threshold", f"{COLUMN}=0"), 2, ("labels-occupancy-2.csv", "exists already"))
    assert cli("select", own_run, "--clusters", 1, "--labels", folder.labels("occupancy-2"), "--name", "full").code == 0
    assert len(run.selection("full")) == 12


def test_labels_of_class_centres_go_to_their_particles(cli: Cli, own_run: Path) -> None:
    folder = AnalysisFolder(own_run, 2)
    options = ("--centres", "kmeans-3", "--sphere", SPHERE, "--name", "centres", "--no-figures")
    assert cli("occupancy", own_run, *options).code == 0
    path = folder.occupancy("centres") / "occupancy.csv"
    table = pd.read_csv(path, dtype={"label": int})
    assert list(table.columns) == ["label", "tomogram", "particle", COLUMN]
    value = float(table[COLUMN].max())

    assert cli("occupancy", path, "--threshold", f"{COLUMN}={value * 0.9999}", "--name", "full").code == 0

    fullest = int(table["label"][table[COLUMN].idxmax()])
    classes = read_labels(folder.labels("kmeans-3"))
    assert read_labels(folder.labels("full-2")) == {each: int(label == fullest) for each, label in classes.items()}


def test_a_folder_of_maps_gives_table_figures_and_labels(cli: Cli, four_chains: Path, tmp_path: Path) -> None:
    maps, out = tmp_path / "maps", tmp_path / "out"
    z, y, x = np.mgrid[:32, :32, :32] * 5.0
    generator = np.random.default_rng(0)
    for number in range(5):
        blob = np.exp(-((x - 80 - 4 * number) ** 2 + (y - 80) ** 2 + (z - 80) ** 2) / (2 * 25.0**2))
        write_map(maps / f"vol_{number}.mrc", blob + generator.normal(0, 0.01, blob.shape), 5.0)
    arguments = ("occupancy", maps, "--model", four_chains, "--threshold", "A=0.5", "--threshold", "B=0.5")

    outcome = cli(*arguments, "--outdir", out)

    assert outcome.code == 0, outcome.stderr
    assert outcome.stdout.split() == [str(out), str(out / "labels.csv")]
    assert set(listing(out)) == {
        *("occupancy.csv", "occupancy.json", "labels.csv", "labels.json"),
        *(f"{name}.{kind}" for name in ("heat-map", "histograms") for kind in ("png", "pdf")),
    }
    table = pd.read_csv(out / "occupancy.csv", index_col="volume")
    assert table["four:A"].is_monotonic_increasing  # chain A is where the blob goes
    assert json.loads((out / "labels.json").read_text())["labels"][1] == "four:A ≥ 0.5, four:B < 0.5"
    expected = (table["four:A"] >= 0.5).astype(int) + 2 * (table["four:B"] >= 0.5)
    assert pd.read_csv(out / "labels.csv", index_col="volume")["label"].equals(expected)
    for name in ("heat-map", "histograms"):
        assert len(np.unique(np.asarray(Image.open(out / f"{name}.png").convert("RGB")))) > 50, f"{name} is blank"
        assert (out / f"{name}.pdf").read_bytes().startswith(b"%PDF")
    before = listing(out)
    check(cli(*arguments, "--outdir", out), 2, (str(out), "exists already"))
    assert listing(out) == before
    assert cli(*arguments, "--outdir", out, "--overwrite").code == 0
    assert listing(out) == before


def test_what_is_refused_leaves_nothing_behind(cli: Cli, own_run: Path, four_chains: Path, tmp_path: Path) -> None:
    before = listing(own_run)
    write_map(tmp_path / "mask.mrc", np.ones((32, 32, 32)), 6.0)
    check(cli("occupancy", own_run, "--mask", tmp_path / "mask.mrc"), 2, ("mask.mrc", "32³", "16³ voxels of 12 Å"))
    check(cli("occupancy", own_run, "--model", four_chains, "--box", 18), 2, ("--box 18", "up to the trained box, 16"))
    check(cli("occupancy", own_run, "--sphere", SPHERE, "--centres", "kmeans-9"), 2, ("kmeans-9", "kmeans-3"))
    check(cli("occupancy", own_run, "--sphere", SPHERE, "--epoch", 7), 2, ("no checkpoint of epoch 7",))
    check(cli("occupancy", tmp_path / "no", "--sphere", SPHERE), 2, ("neither a run nor a folder of maps",))
    check(cli("occupancy", tmp_path, "--sphere", SPHERE), 2, ("--outdir",))
    check(cli("occupancy", own_run, "--model", tmp_path / "no.pdb"), 2, ("no.pdb", "no such model"))
    check(cli("occupancy", own_run, "--model", four_chains, "--fit", tmp_path / "no.json"), 2, ("no such fit",))
    assert listing(own_run) == before


def test_a_table_that_is_none_is_refused(cli: Cli, tmp_path: Path) -> None:
    table = tmp_path / "occupancy.csv"
    check(cli("occupancy", table, "--threshold", "A=1"), 2, ("occupancy.csv", "no such table"))
    table.write_text("volume,A\nv1.mrc,0.5\nv2.mrc,inf\n")
    check(cli("occupancy", table), 2, ("is measured already", "--threshold PART=VALUE"))
    check(cli("occupancy", table, "--threshold", "A=1"), 2, ("line 3", "A is no finite number"))
    table.write_text("volume,A\nv1.mrc,nan\n")
    check(cli("occupancy", table, "--threshold", "A=1"), 2, ("column A is not of numbers",))
    table.write_text("tomogram,particle\nt,1\n")
    check(cli("occupancy", table, "--threshold", "A=1"), 2, ("no rows of occupancies",))
    assert listing(tmp_path).keys() == {"occupancy.csv"}
