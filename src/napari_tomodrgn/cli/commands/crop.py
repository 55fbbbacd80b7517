"""``napari-tomodrgn crop``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.particles.resize import CropOptions


def _run(options: CropOptions, _as_json: bool) -> None:
    from napari_tomodrgn.particles.resize import crop

    show_written(crop(options)[0])


COMMAND = Command(
    CropOptions, _run, details="Cuts around the centre of every image; the star's pixel size stays. Prints the star."
)
