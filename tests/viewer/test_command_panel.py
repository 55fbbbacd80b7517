"""Commands on the open run without a window: occupancies of every particle, by the process that a terminal begins."""

import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.command_panel import OFFERED, CommandPanel, Offered
from napari_tomodrgn.viewer.session import Session


def test_occupancies_of_the_open_run_are_those_of_the_command(analysed_run: Run, tmp_path: Path) -> None:
    """Two spheres in one field of the form; what comes of it is a column that particles are coloured by."""
    path = Path(shutil.copytree(analysed_run.path, tmp_path / "run"))
    session = Session()
    session.open_run(path)
    panel = CommandPanel(session)
    panel.choose("occupancy")
    panel.values.take({"sphere": "96,96,96,50; 60,96,96,30", "figures": "off", "device": "cpu"})

    panel.start()
    while not panel.look():
        time.sleep(0.1)

    assert not panel.failed, panel.ended
    spheres = ("96,96,96,50", "60,96,96,30")
    other = Path(shutil.copytree(analysed_run.path, tmp_path / "other"))
    expected = occupancy(OccupancyOptions(run=other, epoch=2, sphere=spheres, device="cpu")).occupancy
    session.open_run(path)
    for place, name in enumerate(("sphere 96 96 96 50", "sphere 60 96 96 30")):
        found = session.columns[f"occupancy {name}"]
        assert isinstance(found, Numbers)
        np.testing.assert_allclose(found.values, expected.values[:, place], rtol=1e-4)


@pytest.mark.parametrize("offered", OFFERED, ids=lambda each: each.name)
def test_each_offered_command_is_set_up_on_the_open_run(analysed_run: Run, offered: Offered) -> None:
    """Only what a person has to say is missing; the words are those of the command line."""
    session = Session()
    session.open_run(analysed_run.path)
    panel = CommandPanel(session)
    panel.choose(offered.name)
    assert set(offered.common) <= set(panel.values.fields)
    if offered.where is not None:
        assert panel.values[offered.where] == str(analysed_run.path)
    asked = dict.fromkeys(panel.values.missing, "x")
    panel.values.take(asked)
    words = panel.values.words()
    assert " ".join(words).startswith(f"{offered.name} {'' if offered.where is None else analysed_run.path}")
    assert offered.summary


def test_the_classes_that_are_seen_are_suggested_until_others_are_chosen(analysed_run: Run) -> None:
    session = Session()
    session.open_run(analysed_run.path)
    panel = CommandPanel(session)
    panel.choose("neighbors")
    session.colour_by("z0")
    assert panel.values["labels"] == ""
    session.colour_by("kmeans-3")
    assert panel.values["labels"] == str(AnalysisFolder(analysed_run.path, 2).labels("kmeans-3"))
    panel.values.set("labels", "mine.csv")
    session.colour_by("z0")
    assert panel.values["labels"] == "mine.csv"


def test_a_command_that_is_not_offered_is_refused() -> None:
    with pytest.raises(InputError, match="train: is not offered here; choose one of: analyze"):
        CommandPanel(Session()).choose("train")
