"""Make the pictures of napari in docs: with the sample data, as a person would use it.

``python scripts/make_screenshots.py`` (or ``tox -e screenshots``); without a screen it starts a virtual one.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from context_pictures import context_pictures
from make_check_pictures import make_run
from make_pictures import PICTURES, screen
from pictured_window import PicturedWindow

TURN = (-25.0, 30.0, 20.0)  # of the camera, degrees
PICTURED_EPOCHS = 12  # of the training that is shown
TRAIN_PX = 480
SPHERE = {"z": 0.68, "y": 0.5, "x": 0.5, "radius": 0.13}  # shares of the box: where three of four states have a part
VIEWED_FROM = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])  # z upwards
VALIDATE_PX = 640


class Tutorial(PicturedWindow):
    """A napari window with the sample's run, and pictures of it."""

    def __init__(self, folder: Path) -> None:
        from napari_tomodrgn.viewer.sample_run import make_sample_run

        sample = make_sample_run(folder / "sample")
        self.again = train_again(sample.star, folder / "again")
        super().__init__()
        self.session.open_run(sample.run)
        self.viewer.layers.selection.active = self.scene.points
        self.scene.overlays.scale_bar = True
        self.settle()

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
        self.scene.orientations.show(220)
        self.scene.points.size = 60
        self.picture("orientations")
        self.scene.orientations.show(0)

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
        from qtpy.QtWidgets import QDockWidget

        window = self.widgets["Volumes"].window()
        docks = [dock for dock in window.findChildren(QDockWidget) if dock.isVisible()]
        for dock in docks:  # half the canvas is there for each
            dock.hide()
        self.settle()
        placing.placed.save_picture(PICTURES / "napari-two-labellings.png")
        for dock in docks:
            dock.show()
        self.show("Volumes")
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
        self.show("Latent space")
        self.show("Class gallery")
        self.settle(3.0)
        self.session.label_classes("kmeans-4", {0: "good", 2: "good"})
        self.picture("gallery")
        self.session.undo()
        self.show("Volumes")

    def curate(self) -> None:
        """Show a lasso drawn over the tomogram, and how many particles it means."""
        self.show("Curate")
        curate = self.widgets["Curate"]
        self.session.select_class("kmeans-4", 0)
        curate.rules.kind.setCurrentText("Drawn in the tomogram")
        self.settle(0.3)
        curate.rules.page.lasso.click()
        place = self.scene.points.data
        low, size = place[:, 1:].min(axis=0), np.ptp(place[:, 1:], axis=0)
        corners = low + size * np.array([[0.1, 0.15], [0.25, 0.75], [0.6, 0.85], [0.85, 0.5], [0.7, 0.2]])
        depth = np.full((len(corners), 1), self.viewer.dims.point[0])
        curate.regions.shapes.add_polygons(np.hstack([depth, corners]))
        self.settle(2.0)
        self.picture("curate")
        curate.regions.clear()
        self.viewer.layers.remove(curate.regions.shapes)
        self.session.undo()

    def review(self) -> None:
        """Show the sheet of particles that are far from their class, some of them marked."""
        self.show("Review")
        review = self.widgets["Review"]
        review.order.setCurrentText("kmeans-4 distance")
        review.tabs.setCurrentIndex(1)
        review.begin_button.click()
        for word in ("junk", "keep", "keep", "unsure", "keep"):
            review.review.mark(word)
            self.settle(0.5)
        self.settle(4.0)
        self.picture("review")
        review.review.end()
        for _ in range(5):
            self.session.undo()
        self.viewer.reset_view()

    def difference(self) -> None:
        """Show what one volume has and another has not."""
        self.show("Latent space")
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
        self.show("Latent space")
        volumes = self.widgets["Volumes"]
        volumes.morph.ways.setCurrentIndex(0)
        volumes.morph.ways.activated.emit(0)
        volumes.morph.along.setValue(150)
        self.picture("morph")

    def occupancy(self) -> None:
        """Show a threshold on what is within a sphere, and the sphere in the volume that is looked at."""
        volumes, findings, session = self.widgets["Volumes"], self.widgets["Findings"], self.session
        self.show("Latent space")
        self.show("Volumes")
        session.look_at(int(session.rows_here[0]))
        volumes.sphere_button.click()
        for axis, share in SPHERE.items():
            volumes.measuring.boxes[axis].setValue(share * volumes.panel.trained_extent)
        volumes.view.set_turn(VIEWED_FROM)
        volumes.measuring.measure_button.click()
        while volumes.measuring.measuring.works or volumes.measuring.reading.busy:
            self.settle(0.1)
        self.picture("sphere")
        volumes.sphere_button.click()
        self.show("Findings")
        findings.occupancy.by_labels.click()
        self.picture("occupancy")
        findings.occupancy.by_occupancy.click()
        findings.occupancy.panel.end()
        session.colour_by("kmeans-4")
        self.show("Volumes")

    def inspect(self) -> None:
        """Show the tilt images of a particle beside the projections of its volume."""
        inspect, session = self.widgets["Inspect"], self.session
        self.show("Inspect")
        session.look_at(int(session.rows_here[0]))
        self.settle(0.5)
        while inspect.work is None or inspect.work.running:
            self.settle(0.1)
        inspect.low_pass.setValue(40)
        inspect.sheet.picked.emit(10)
        self.picture("inspect")

    def average(self) -> None:
        """Show a class averaged by backprojection beside the volume that is decoded for it."""
        inspect, session = self.widgets["Inspect"], self.session
        session.select_class("kmeans-4", 0)
        inspect.tabs.setCurrentWidget(inspect.selection)
        inspect.selection.begin_button.click()
        while inspect.selection.work.running:
            self.settle(0.1)
        self.picture("average")
        session.undo()

    def validate(self) -> None:
        """Show what was found of a class: the verdict, three maps of it, and their curves."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QDockWidget

        validate, session = self.widgets["Validate"], self.session
        self.show("Validate")
        window, dock = validate.window(), validate.parentWidget()
        while not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        window.resizeDocks([dock], [VALIDATE_PX], Qt.Orientation.Vertical)
        session.select_class("kmeans-4", 0)
        validate.name.setText("class-0")
        validate.button.click()
        while validate.result.found is None:
            self.settle(0.5)
        self.picture("validate")
        session.undo()  # the name
        session.undo()  # the selection

    def movie(self) -> None:
        """Show stops of a camera: a slice, all volumes from the side, and one from near."""
        self.show("Movie")
        viewer, stops, path = self.viewer, self.widgets["Movie"].stops, self.session.camera_path
        camera, zoom = viewer.scene.camera, viewer.scene.camera.zoom
        viewer.dims.ndisplay = 2
        stops.add_button.click()
        viewer.dims.ndisplay = 3
        stops.add_button.click()
        assert self.session.particle_set is not None
        row = self.session.rows_here[0]
        place = self.session.particle_set.particles[["z", "y", "x"]].to_numpy()[row]
        camera.center, camera.zoom, camera.angles = tuple(map(float, place)), 4 * zoom, (-50.0, 50.0, 30.0)
        stops.add_button.click()
        path.take_seconds(2, 5.0)
        self.picture("movie")

    def compare(self) -> None:
        """Show the run beside another one in which classes were found otherwise, and who changed class."""
        self.viewer.dims.ndisplay = 2
        self.scene.points.visible = True
        self.scene.tomograms.image.visible = True
        self.viewer.reset_view()
        self.show("Compare")
        compare = self.widgets["Compare"]
        compare.choice.choose(self.again)
        compare.choice.button.click()
        while compare.work.running:
            self.settle(0.1)
        compare.changed_button.click()
        self.picture("compare")
        compare.tabs.setCurrentIndex(1)
        self.picture("compare-classes")
        self.session.undo()
        self.show("Volumes")

    def train(self) -> None:
        """Show a training that is followed, in the colours of the classes that were found before."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QDockWidget

        self.show("Train")
        train = self.widgets["Train"]
        window, dock = train.window(), train.parentWidget()
        while not isinstance(dock, QDockWidget):
            dock = dock.parentWidget()
        window.resizeDocks([dock], [TRAIN_PX], Qt.Orientation.Vertical)
        train.panel.values.take(
            {"latent_dim": "4", "pooling": "mean", "decoder": "64x3", "batch_size": "8", "learning_rate": "0.003",
             "epochs": "30", "held_out_fraction": "0.1", "encoder_a": "64x2", "encoder_b": "64x2"}
        )  # fmt: skip
        self.session.look_at(int(self.session.rows_here[0]))
        train.setup.start_button.click()
        train.progress.pin_button.click()
        while train.panel.glance.finished_epochs < PICTURED_EPOCHS:
            self.settle(0.5)
        self.picture("train")
        train.panel.child.kill()


class Alarms(PicturedWindow):
    """A window of its own, in which nothing else has ended or is told of."""

    def take(self, run: Path) -> None:
        """Show what latents follow in a run, and the volumes at both ends."""
        from napari_tomodrgn.analysis.nuisance.nuisance import nuisance
        from napari_tomodrgn.analysis.nuisance.options import NuisanceOptions
        from napari_tomodrgn.figures.nuisance import save_nuisance

        save_nuisance(nuisance(NuisanceOptions(run=run, overwrite=True, figures=False)))
        findings = self.widgets["Findings"]
        self.viewer.dims.ndisplay = 3
        self.session.open_run(run)
        self.settle()
        self.viewer.reset_view()
        self.show("Latent space")
        self.show("Findings")
        findings.tabs.setCurrentWidget(findings.alarms)
        alarm = next(each for each in findings.alarms.panel.asked if each.alarm and each.name != "tomogram")
        findings.alarms.panel.choose(alarm.name)
        self.picture("alarms")


def train_again(star: Path, folder: Path) -> Path:
    """Train on the sample with another seed, and find more classes than there are states."""
    from napari_tomodrgn.analysis.analyze import AnalyzeOptions, analyze
    from napari_tomodrgn.training.options import TrainOptions
    from napari_tomodrgn.training.train import train
    from napari_tomodrgn.viewer.sample_run import TRAINING

    run = train(TrainOptions(particles=star, outdir=folder, **TRAINING, seed=1))
    analyze(AnalyzeOptions(run=run.path, clusters=6, umap=False, volumes=False, figures=False))
    return run.path


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, screen():
        tutorial = Tutorial(Path(folder))
        steps: list[Callable[[], None]] = [tutorial.workspace, tutorial.linked, tutorial.curate, tutorial.review]
        steps += [tutorial.orientations, tutorial.volumes, tutorial.emphasis, tutorial.two_labellings]
        steps += [tutorial.gallery, tutorial.difference, tutorial.morph]
        steps += [tutorial.inspect, tutorial.average, tutorial.movie, tutorial.compare]
        steps += [tutorial.validate, tutorial.occupancy, tutorial.train]
        for step in steps:
            step()
        tutorial.close()
        alarms = Alarms()
        alarms.take(make_run(Path(folder) / "checks").path)
        alarms.close()
        context_pictures(Path(folder) / "dimers")


if __name__ == "__main__":
    sys.exit(main())
