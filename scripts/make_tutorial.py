"""Make the pictures of docs/tutorial.md: picks with junk among them, trained on, sorted out, and trained on again.

``python scripts/make_tutorial.py`` (or ``tox -e screenshots``); without a screen it starts a virtual one.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from make_pictures import screen
from pictured_window import PicturedWindow

CLASSES, CLASSES_AGAIN = 8, 4


class Loop(PicturedWindow):
    """The window, and what a person does in it."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def open(self) -> None:
        """Open the sample."""
        from napari_tomodrgn.viewer import sample_run

        sample_run.folder_with_junk = lambda: self.folder / "picks"
        self.viewer.open_sample("napari-tomodrgn", "picks-with-junk")
        self.star = self.folder / "picks" / "particles" / "particles.star"
        place = self.scene.points.data
        self.viewer.dims.set_point(0, float(np.median(place[:, 0])))
        self.viewer.dims.thickness = (300.0, 1.0, 1.0)
        self.viewer.layers.selection.active = self.scene.points
        self.show("Train")
        self.settle(3.0)
        self.viewer.reset_view()
        self.picture("loop-1-open")

    def train(self, outdir: str, picture: str = "") -> None:
        """Train on what is set up, and wait until it is done."""
        self.show("Train")
        train = self.widgets["Train"]
        train.panel.values.take({"outdir": str(self.folder / outdir)})
        train.setup.start_button.click()
        while train.panel.ended is None:
            self.settle(0.2)
        self.settle(4.0)
        if picture:
            self.picture(picture)

    def classes(self, count: int) -> None:
        """Find classes."""
        self.show("Analyse")
        analyse = self.widgets["Analyse"]
        analyse.panel.values.take({"clusters": str(count), "umap": "off"})
        analyse.start_button.click()
        while analyse.panel.works or analyse.reading.busy:
            self.settle(0.2)
        self.settle(1.0)

    def label(self) -> None:
        """Label the classes that are no particles."""
        self.show("Class gallery")
        self.show("Latent space")
        self.settle(4.0)
        junk = self.junk_classes()
        labels = {code: "junk" if code in junk else "good" for code in range(CLASSES)}
        self.session.label_classes(f"kmeans-{CLASSES}", labels)
        self.session.colour_by(f"kmeans-{CLASSES}")
        self.widgets["Class gallery"].gallery.select("junk")
        self.picture("loop-3-gallery")

    def junk_classes(self) -> list[int]:
        """Return what a person sees in the gallery; told by the simulation's table."""
        truth = pd.read_csv(self.star.with_name("truth.csv"), dtype={"tomogram": str, "particle": str})
        kind = truth.set_index(["tomogram", "particle"])["kind"]
        codes = self.session.columns[f"kmeans-{CLASSES}"].codes
        known = [kind[tomogram.split(".")[0], name.split("/")[-1]] for tomogram, name in self.session.particle_set.ids]
        is_junk = np.array(known) != "particle"
        return [code for code in range(CLASSES) if is_junk[codes == code].mean() > 0.5]

    def write(self) -> None:
        """Keep the junk and the others under names, and write the star of those."""
        self.show("Curate")
        curate = self.widgets["Curate"]
        curate.name.setText("junk")
        curate.keep_button.click()
        curate.invert_button.click()
        curate.name.setText("clean")
        curate.keep_button.click()
        curate.tabs.setCurrentIndex(1)
        self.settle(0.5)
        curate.star.selection.setCurrentText("clean")
        curate.star.write(self.folder / "clean.star")
        while curate.star.work.running:
            self.settle(0.1)
        self.picture("loop-4-curate")

    def retrain(self) -> None:
        """Set a training on the clean particles up."""
        train = self.widgets["Train"]
        self.show("Train")
        train.tabs.setCurrentWidget(train.setup)
        train.setup.retrain.section.open()
        train.setup.retrain.name.setText("clean-1")
        train.setup.retrain.set_up_button.click()
        self.settle(4.0)
        self.picture("loop-5-retrain")

    def compare(self) -> None:
        """Compare the second run with the first."""
        self.show("Compare")
        compare = self.widgets["Compare"]
        compare.choice.refresh()
        box = compare.choice.run_box
        box.setCurrentIndex(box.findText("first"))
        box.activated.emit(box.currentIndex())
        compare.choice.seeds.setValue(0)
        compare.choice.button.click()
        self.settle(0.3)
        while compare.work is not None and compare.work.running:
            self.settle(0.2)
        self.show("Dataset")
        self.picture("loop-6-compare")

    def validate(self) -> None:
        """Validate a class of the second run."""
        self.session.select_class(f"kmeans-{CLASSES_AGAIN}", 0)
        self.show("Validate")
        validate = self.widgets["Validate"]
        validate.name.setText("class-0")
        validate.button.click()
        while validate.panel.ended is None:
            self.settle(0.2)
        self.settle(3.0)
        self.picture("loop-7-validate")


def main() -> None:
    """Make all pictures."""
    with tempfile.TemporaryDirectory() as folder, screen():
        loop = Loop(Path(folder))
        loop.open()
        loop.train("first", "loop-2-train")
        loop.classes(CLASSES)
        loop.label()
        loop.write()
        loop.retrain()
        loop.train("second")
        loop.classes(CLASSES_AGAIN)
        loop.compare()
        loop.validate()
        loop.close()


if __name__ == "__main__":
    sys.exit(main())
