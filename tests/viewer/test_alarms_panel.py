"""What latents follow, without a window: the command's words, and its volumes at both ends."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy.spatial import cKDTree

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.cli import main as programs
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import flip_hand
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.alarms_panel import AlarmsPanel
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_panel import VolumePanel

pytestmark = pytest.mark.xdist_group("alarms-panel")  # what they share takes seconds to make

FOLDER = "analysis/epoch-0002/nuisance"


@pytest.fixture(scope="module")
def asked_run(analysed_run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose latents tell its two tomograms apart, and what ``nuisance`` finds of it."""
    run = Run.open(shutil.copytree(analysed_run.path, tmp_path_factory.mktemp("alarms") / "run"))
    latents = run.latents()
    z = latents.z_mean.copy()
    z[:, 1] += 4 * z.std() * np.array([tomogram == latents.ids[0][0] for tomogram, _ in latents.ids])
    for path in (layout.latents_path(run.path, 2), run.path / layout.CHOSEN_LATENTS):
        replace(latents, z_mean=z.astype(np.float32)).save(path)
    with pytest.raises(SystemExit) as ending:
        programs.main(["nuisance", str(run.path), "--volumes", "--no-figures", "--permutations", "99", "--quiet"])
    assert ending.value.code == 0
    return run.path


@pytest.fixture
def panel(asked_run: Path) -> AlarmsPanel:
    session = Session()
    session.open_run(asked_run)
    panel = AlarmsPanel(session, VolumePanel(session))
    panel.read()
    return panel


def test_alarms_come_first_in_the_words_of_the_command(panel: AlarmsPanel, asked_run: Path) -> None:
    document = json.loads((asked_run / FOLDER / "nuisance.json").read_text())
    alarms = [each for each in panel.asked if each.alarm]
    assert [each.name for each in alarms] == ["tomogram"]
    assert [each.sentence for each in alarms] == document["alarms"]
    assert "check, may be biology" in alarms[0].sentence
    assert panel.asked[: len(alarms)] == tuple(alarms)
    assert [each.name for each in panel.asked] == [each["name"] for each in document["quantities"]]
    assert panel.doubt == document["doubt"]
    untested = {each.name: each.sentence for each in panel.asked if each.ends is None}
    assert untested["tilt count"] == "not asked: is the same for all particles"


def test_the_volumes_at_both_ends_are_those_of_the_command(panel: AlarmsPanel, asked_run: Path) -> None:
    panel.choose("tomogram")

    folder = asked_run / "volumes" / "epoch-0002" / "nuisance-tomogram"
    index = pd.read_csv(folder / "index.csv")
    np.testing.assert_allclose(panel.end_latents(), index[["z0", "z1", "z2"]], rtol=1e-5, atol=1e-6)
    low, high, difference = panel.volumes.compared()
    written = [mrcfile.read(folder / name) for name in index["file"]]
    assert panel.session.particle_set is not None
    if panel.session.particle_set.forward_model.map_hand == "flip":  # what is shown has the hand of the poses
        written = [flip_hand(each) for each in written]
    for shown, expected in zip((low, high, difference), (*written, written[1] - written[0]), strict=True):
        # the window may decode in half precision, the command does not
        assert np.linalg.norm(shown.volume - expected) < 0.05 * np.linalg.norm(written[1])
    assert difference.difference
    assert np.corrcoef(difference.volume.ravel(), (written[1] - written[0]).ravel())[0, 1] > 0.99
    assert [low.caption, high.caption] == [
        f"{name} end: {said}" for name, said in zip(("low", "high"), index["tomogram_there"], strict=True)
    ]


def test_particles_are_coloured_by_the_quantity_or_along_its_direction(panel: AlarmsPanel, asked_run: Path) -> None:
    session = panel.session
    assert session.particle_set is not None
    panel.choose("tomogram")
    column = session.columns[str(session.coloured_by)]
    assert isinstance(column, Classes)
    document = json.loads((asked_run / FOLDER / "nuisance.json").read_text())
    told = next(each["tomogram"] for each in document["quantities"] if each["name"] == "tomogram")
    assert column.codes.tolist() == [int(tomogram != told) for tomogram, _ in session.particle_set.ids]

    panel.colour_by("direction")
    column = session.columns[str(session.coloured_by)]
    assert isinstance(column, Numbers)
    table = pd.read_csv(asked_run / FOLDER / "particles.csv", dtype={"tomogram": str, "particle": str})
    assert list(zip(table["tomogram"], table["particle"], strict=True)) == session.particle_set.ids
    np.testing.assert_array_equal(column.values, table["along_tomogram"])

    panel.choose("defocus")
    panel.colour_by("quantity")
    column = session.columns[str(session.coloured_by)]
    assert isinstance(column, Numbers)
    images = session.particle_set.tilt_images
    expected = images[["defocus_u", "defocus_v"]].mean(axis=1).groupby(images["particle"]).mean() / 1e4
    np.testing.assert_allclose(column.values, expected)
    panel.choose("view direction")  # no number says which: its place along the direction does
    column = session.columns["along view direction"]
    assert isinstance(column, Numbers)
    np.testing.assert_array_equal(column.values, table["along_view_direction"])


def test_the_way_goes_straight_from_the_low_end_to_the_high_one(panel: AlarmsPanel, asked_run: Path) -> None:
    """Past the particles nearest to nine places, evenly far apart, between the means of the three at either end."""
    panel.choose("tomogram")

    along = pd.read_csv(asked_run / FOLDER / "particles.csv")["along_tomogram"]
    z = Run.open(asked_run).latents(2).z_mean.astype(np.float64)
    low, high = z[along.nsmallest(3).index].mean(axis=0), z[along.nlargest(3).index].mean(axis=0)
    apart, nearest = cKDTree(z).query(np.linspace(low, high, 9), k=2)
    assert (apart[:, 1] - apart[:, 0] > 1e-4 * apart[:, 1]).all()  # no tie that rounding could turn
    expected = pd.unique(nearest[:, 0]).tolist()
    assert len(expected) > 2
    assert panel.session.path is not None
    assert panel.session.path.tolist() == expected


def test_what_can_not_be_shown_is_said(panel: AlarmsPanel, asked_run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tilt count: was not asked"):
        panel.choose("tilt count")
    copy = Path(shutil.copytree(asked_run, tmp_path / "run"))
    (copy / FOLDER / "nuisance.json").write_text("{}")
    session = Session()
    session.open_run(copy)
    other = AlarmsPanel(session, VolumePanel(session))
    with pytest.raises(InputError, match=r"nuisance.json: could not be read .* run `napari-tomodrgn nuisance` again"):
        other.read()
    assert other.asked == ()
    shutil.rmtree(copy / FOLDER)
    other.read()
    assert other.asked == ()
