"""Make the pictures of the pages on fits, occupancies and zones from real data.

``python scripts/make_model_pictures.py DATA`` with the folder that holds ``50S`` and ``warptools_insitu``.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial.transform import Rotation

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from qtpy.QtWidgets import QApplication

from napari_tomodrgn.analysis.fitting.fit import fit
from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.analysis.occupancy.zones import zone_of_model
from napari_tomodrgn.analysis.traverse_options import angles_of
from napari_tomodrgn.figures.fit import write_fit_folder
from napari_tomodrgn.figures.occupancy import write_occupancy
from napari_tomodrgn.figures.surface_frames import labelled, surface_frame
from napari_tomodrgn.particles.maps import read_map
from napari_tomodrgn.viewer.model_chains import read_chains
from napari_tomodrgn.viewer.volume_picture import Shown
from napari_tomodrgn.widgets.volume_view import VolumeView

LEVEL = 2.0  # standard deviations above the mean
BESIDE = (-70, 0, 150)  # degrees about x, y, z, from which the subunits are seen beside one another
PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"
SIDE = 400  # px of each picture of a surface


def draw_zone(data: Path, target: Path) -> None:
    """Draw a 50S, what of it is near the 5S RNA and two proteins, and what is left without that, at one level."""
    whole = read_map(data / "vol_385.mrc")
    near = zone_of_model(
        (data,), Frame(whole.box, whole.pixel_size), radius=5.0, parts=("RNA_5S", "prots1:E,prots1:N")
    )  # fmt: skip
    density = float(whole.values.mean() + 3 * whole.values.std())
    turn = Rotation.from_euler("xyz", angles_of("top"), degrees=True).as_matrix()
    frames = [
        labelled(surface_frame(values, density, turn, SIDE), caption, SIDE / (whole.box * whole.pixel_size))
        for values, caption in (
            (whole.values, "whole"),
            (whole.values * near, "--zone keep"),
            (whole.values * (1 - near), "--zone remove"),
        )
    ]
    Image.fromarray(np.concatenate(frames, axis=1)).save(target)


def draw_chains(path: Path, fit_file: Path) -> None:
    """Draw a map as the Volumes widget shows it, with the chains of the model that was fitted into it."""
    application = QApplication.instance() or QApplication([])
    found = read_map(path)
    view = VolumeView()
    view.resize(480, 480)
    view.chains = read_chains(fit_file)
    level = float(found.values.mean() + LEVEL * found.values.std())
    view.turn = Rotation.from_euler("xyz", BESIDE, degrees=True).as_matrix()
    view.show_volume(Shown(found.values, level, found.pixel_size, ""))
    view.grab().save(str(PICTURES / "fit-chains.png"))
    del application


def main() -> None:
    """Make all of them."""
    data = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (ribosomes,) = (data / "warptools_insitu").glob("*_reconstruct.mrc")
        write_fit_folder(fit(FitOptions(model=data / "50S", map=ribosomes)), folder / "fit")
        shutil.copy(folder / "fit" / "fit.png", PICTURES / "fit.png")
        draw_chains(ribosomes, folder / "fit" / "fit.json")
        options = OccupancyOptions(
            run=data / "50S",
            model=(data / "50S",),
            parts=("prots1",),
            threshold=("U=1", "T=0.8"),
            outdir=folder / "occupancy",
        )
        write_occupancy(occupancy(options))
        draw_zone(data / "50S", PICTURES / "trajectory-zone.png")
        for kind in ("heat-map", "histograms"):
            shutil.copy(folder / "occupancy" / f"{kind}.png", PICTURES / f"occupancy-{kind}.png")


if __name__ == "__main__":
    main()
