"""Make the pictures of the pages on fits and occupancies from real data.

``python scripts/make_model_pictures.py DATA`` with the folder that holds ``50S`` and ``warptools_insitu``.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from napari_tomodrgn.analysis.fitting.fit import fit
from napari_tomodrgn.analysis.fitting.options import FitOptions
from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.figures.fit import write_fit_folder
from napari_tomodrgn.figures.occupancy import write_occupancy

PICTURES = Path(__file__).resolve().parents[1] / "docs" / "pictures"


def main() -> None:
    """Make all of them."""
    data = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (ribosomes,) = (data / "warptools_insitu").glob("*_reconstruct.mrc")
        write_fit_folder(fit(FitOptions(model=data / "50S", map=ribosomes)), folder / "fit")
        shutil.copy(folder / "fit" / "fit.png", PICTURES / "fit.png")
        options = OccupancyOptions(
            run=data / "50S",
            model=(data / "50S",),
            parts=("prots1",),
            threshold=("U=1", "T=0.8"),
            outdir=folder / "occupancy",
        )
        write_occupancy(occupancy(options))
        for kind in ("heat-map", "histograms"):
            shutil.copy(folder / "occupancy" / f"{kind}.png", PICTURES / f"occupancy-{kind}.png")


if __name__ == "__main__":
    main()
