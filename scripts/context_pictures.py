"""The pictures of the Spatial context widget: simulated dimers, found in their tomogram.

``python scripts/context_pictures.py`` makes them alone; ``make_screenshots.py`` makes them with all others.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from make_pictures import screen
from pictured_window import PicturedWindow

DIMERS: dict[str, Any] = {
    "particles": 150, "tomograms": 2, "dialect": "warptools", "scene": True, "junk": 0.0, "dimers": 0.6, "box": 32,
    "pixel_size": 12.0, "tilt_step": 10.0, "dose_per_tilt": 8.0, "structural_snr": 3.0, "shot_snr": 0.5,
    "thickness": 900.0, "tomogram": True, "tomogram_pixel_size": 12.0,
}  # fmt: skip
CLASSES = 4
TURN = (-25.0, 30.0, 20.0)  # of the camera, degrees
CLOSER, POINT = 3.0, 110.0  # times, and Å: so that the lines are seen
CLOSE = 24  # particles about the middle of the view
MATES = 400.0  # Å, up to which the nearest is a mate
HIGH_PX, WIDE_PX = 560, 560


class Context(PicturedWindow):
    """A window with a run on dimers."""

    def __init__(self, folder: Path) -> None:
        run = make_run(folder)
        super().__init__()
        self.session.open_run(run)
        self.context = self.widgets["Spatial context"]
        self.settle()

    def look_for_neighbours(self) -> None:
        """Ask for neighbours as a person does, and wait until they are shown."""
        self.context.ask_button.click()
        analyse = self.widgets["Analyse"]
        analyse.panel.values.take({"chain_direction": "peak", "nearest": "1", "figures": "off"})
        analyse.start_button.click()
        while analyse.panel.works or analyse.reading.busy:
            self.settle(0.2)
        self.settle(2.0)

    def make_room(self) -> None:
        """Give the widget the height of the window."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QDockWidget

        self.show("Spatial context")
        dock = self.context.parentWidget()
        while not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        window = self.context.window()
        for other in window.findChildren(QDockWidget):
            if other.isAncestorOf(self.widgets["Particles"]):
                other.hide()
        window.resizeDocks([dock], [HIGH_PX], Qt.Orientation.Vertical)
        window.resizeDocks([dock], [WIDE_PX], Qt.Orientation.Horizontal)
        self.settle()

    def chains(self) -> None:
        """Show dimers as lines, one of them selected by its row."""
        self.viewer.dims.ndisplay = 3
        self.scene.tomograms.image.visible = False
        self.viewer.reset_view()
        self.viewer.scene.camera.angles = TURN
        self.viewer.scene.camera.zoom *= CLOSER
        self.viewer.scene.camera.center = self.where_most_are()
        self.scene.points.size = POINT
        self.viewer.layers.selection.active = self.scene.points
        table = self.context.chains.table
        table.selectRow(int(np.argmax([len(own) for own in self.context.context.found.chains.members])))
        self.picture("context")

    def where_most_are(self) -> tuple[float, ...]:
        """Return the place in the open tomogram that the most particles are about."""
        from scipy.spatial import cKDTree

        place = self.scene.points.data
        apart = cKDTree(place).query(place, CLOSE)[0][:, -1]
        return tuple(map(float, place[int(apart.argmin())]))

    def distances(self) -> None:
        """Show the distances by class, and the particles in an interval of them."""
        page = self.context.distances
        self.context.tabs.setCurrentWidget(page)
        page.high.setValue(MATES)
        page.high.editingFinished.emit()
        page.select_button.click()
        self.picture("context-distances")

    def enrichment(self) -> None:
        """Show who stands beside whom, and the particles of a cell."""
        page = self.context.enrichment
        self.context.tabs.setCurrentWidget(page)
        own = page.table.model_.enrichment
        effect = np.where(np.isfinite(own.p_adjusted) & np.isfinite(own.log2_ratio), own.log2_ratio, -np.inf)
        a, b = np.unravel_index(int(effect.argmax()), effect.shape)
        page.table.setCurrentIndex(page.table.model_.index(int(a), int(b)))
        page.table.picked.emit(int(a), int(b), "replace")
        self.picture("context-enrichment")


def make_run(folder: Path) -> Path:
    """Simulate dimers and single particles in tomograms, train on them, and find classes."""
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
    from napari_tomodrgn.simulation.options import SimulateOptions
    from napari_tomodrgn.simulation.simulate import simulate
    from napari_tomodrgn.training.options import TrainOptions
    from napari_tomodrgn.training.train import train
    from napari_tomodrgn.viewer.sample_run import TRAINING

    star = simulate(SimulateOptions(outdir=folder / "particles", **DIMERS))
    run = train(TrainOptions(particles=star, outdir=folder / "run", **TRAINING))
    analyze(AnalyzeOptions(run=run.path, clusters=CLASSES, umap=False, volumes=False, figures=False))
    return run.path


def context_pictures(folder: Path) -> None:
    """Make them, in a folder of their own."""
    context = Context(folder)
    context.look_for_neighbours()
    context.make_room()
    context.chains()
    context.distances()
    context.enrichment()
    context.close()


def main() -> None:
    """Make these pictures alone."""
    with tempfile.TemporaryDirectory() as folder, screen():
        context_pictures(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
