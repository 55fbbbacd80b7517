"""Commands on the open run without a window: occupancies of every particle, by the process that a terminal begins."""

import shutil
import time
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.columns import Numbers
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.command_panel import CommandPanel
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
    expected = occupancy(OccupancyOptions(run=analysed_run.path, epoch=2, sphere=spheres, device="cpu")).occupancy
    session.open_run(path)
    for place, name in enumerate(("sphere 96 96 96 50", "sphere 60 96 96 30")):
        found = session.columns[f"occupancy {name}"]
        assert isinstance(found, Numbers)
        np.testing.assert_allclose(found.values, expected.values[:, place], rtol=1e-4)
