"""Make the pictures of the tutorial in docs/napari.md: napari with the sample data, as a person would use it.

``python scripts/make_screenshots.py`` (or ``tox -e screenshots``); without a screen it starts a virtual one.
"""

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from make_pictures import PICTURES, WINDOW, screen

TURN = (-25.0, 30.0, 20.0)  # of the camera, degrees


class Tutorial:
    """A napari window with the sample's run, and pictures of it."""

    def __init__(self, folder: Path) -> None:
        import napari

        from napari_tomodrgn.viewer.current import scene_of, session_of
        from napari_tomodrgn.viewer.sample_run import make_sample_run
        from napari_tomodrgn.widgets.workspace import open_workspace

        sample = make_sample_run(folder / "sample")
        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(*WINDOW)
        self.widgets: dict[str, Any] = open_workspace(self.viewer)
        self.session, self.scene = session_of(self.viewer), scene_of(self.viewer)
        self.session.open_run(sample.run)
        self.viewer.layers.selection.active = self.scene.points
        self.viewer.canvas.overlays.scale_bar.visible = True
        self.settle()

    def settle(self, seconds: float = 1.0) -> None:
        """Let everything be drawn."""
        from qtpy.QtWidgets import QApplication

        until = time.monotonic() + seconds
        while time.monotonic() < until:
            QApplication.processEvents()
            time.sleep(0.01)

    def show(self, name: str) -> None:
        """Bring a dock to the front."""
        dock = self.widgets[name].parent()
        while dock is not None and not hasattr(dock, "raise_"):
            dock = dock.parent()
        from qtpy.QtWidgets import QDockWidget

        while dock is not None and not isinstance(dock, QDockWidget):
            dock = dock.parent()
        if dock is not None:
            dock.raise_()
        self.settle(0.3)

    def picture(self, name: str) -> None:
        """Save the window as it is."""
        self.settle()
        self.viewer.screenshot(str(PICTURES / f"napari-{name}.png"), canvas_only=False, flash=False)

    def in_three_dimensions(self) -> None:
        """Look at the tomogram from the side, without its image."""
        self.viewer.dims.ndisplay = 3
        self.scene.tomograms.image.visible = False
        self.viewer.reset_view()
        self.viewer.scene.camera.angles = TURN
        self.viewer.scene.camera.zoom *= 1.25

    def place(self) -> None:
        """Place all volumes and wait for them."""
        placing = self.widgets["Volumes"].placing
        placing.place_button.click()
        while placing.work.running or placing.placed.waiting:
            self.settle(0.1)
        self.settle()

    def workspace(self) -> None:
        """Show the tomogram in a slice, its particles in colours, and the latent space."""
        self.show("Dataset")
        particles = self.session.rows_here
        assert self.session.particle_set is not None
        place = self.session.particle_set.particles[["z", "y", "x"]].to_numpy()[particles]
        self.viewer.dims.set_point(0, float(np.median(place[:, 0])))
        self.viewer.dims.thickness = (300.0, 1.0, 1.0)
        self.viewer.reset_view()
        self.picture("workspace")

    def linked(self) -> None:
        """Show a class that was chosen, lit up everywhere."""
        self.session.select_class("kmeans-4", 2)
        self.picture("linked")
        self.session.undo()

    def orientations(self) -> None:
        """Show arrows in three dimensions."""
        self.in_three_dimensions()
        self.widgets["Dataset"].oriented.setChecked(True)
        self.widgets["Dataset"].arrow.setValue(220)
        self.scene.points.size = 60
        self.picture("orientations")
        self.widgets["Dataset"].oriented.setChecked(False)

    def volumes(self) -> None:
        """Show all volumes at their poses, coloured by class, and one particle's own."""
        self.show("Volumes")
        self.session.look_at(int(self.session.rows_here[0]))
        self.place()
        self.scene.points.visible = False
        self.picture("volumes")

    def emphasis(self) -> None:
        """Show the volumes of one class in colour, the others grey and coarse."""
        placing = self.widgets["Volumes"].placing
        self.session.select_class("kmeans-4", 2)
        placing.only_selected.click()
        self.place()
        self.picture("emphasis")
        placing.only_selected.click()
        self.session.select_rows([], {"rule": "click"})
        self.place()

    def two_labellings(self) -> None:
        """Save the canvas with the same volumes in the colours of classes and of what they are labelled with."""
        placing = self.widgets["Volumes"].placing
        self.session.label_classes("kmeans-4", self.by_size("kmeans-4"))
        placing.beside.setCurrentText("kmeans-4 named")
        placing.beside.activated.emit(placing.beside.currentIndex())
        while placing.placed.waiting:
            self.settle(0.1)
        zoom = self.viewer.scene.camera.zoom
        self.viewer.scene.camera.zoom = zoom / 2  # half the canvas is there for each
        self.settle()
        placing.placed.save_picture(PICTURES / "napari-two-labellings.png")
        self.viewer.scene.camera.zoom = zoom
        self.session.undo()  # the second view
        self.session.undo()  # the labels
        self.settle()

    def by_size(self, column: str) -> dict[int, str]:
        """Return a label for each class of a column, by how much of its volume is above the level."""
        classes: Any = self.session.columns[column]
        source = self.widgets["Volumes"].panel.source()
        look = self.widgets["Volumes"].panel.look(source)
        volumes = [source.volume(source.latents[classes.codes == code].mean(axis=0)) for code in range(4)]
        sizes = np.array([(each > look.density(each)).sum() for each in volumes])
        return {code: "larger" if size > np.median(sizes) else "smaller" for code, size in enumerate(sizes)}

    def gallery(self) -> None:
        """Show the volumes of all classes side by side, two of them labelled."""
        self.show("Class gallery")
        self.settle(3.0)
        self.session.label_classes("kmeans-4", {0: "good", 2: "good"})
        self.picture("gallery")
        self.session.undo()
        self.show("Volumes")

    def difference(self) -> None:
        """Show what one volume has and another has not."""
        volumes, session = self.widgets["Volumes"], self.session
        classes: Any = session.columns["kmeans-4"]
        for code, name in ((0, "A"), (1, "B")):
            session.look_at(int(np.flatnonzero(classes.codes == code)[0]))
            self.settle(0.3)
            volumes.pin_buttons[name].click()
        volumes.difference.click()
        self.picture("difference")

    def morph(self) -> None:
        """Show a place on the way along a principal component."""
        volumes = self.widgets["Volumes"]
        volumes.ways.setCurrentIndex(0)
        volumes.ways.activated.emit(0)
        volumes.along.setValue(150)
        self.picture("morph")

    def close(self) -> None:
        """End."""
        self.widgets["Volumes"].close_down()
        self.viewer.close()


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, screen():
        tutorial = Tutorial(Path(folder))
        steps: list[Callable[[], None]] = [tutorial.workspace, tutorial.linked, tutorial.orientations]
        steps += [tutorial.volumes, tutorial.emphasis, tutorial.two_labellings]
        steps += [tutorial.gallery, tutorial.difference, tutorial.morph]
        for step in steps:
            step()
        tutorial.close()


if __name__ == "__main__":
    sys.exit(main())
