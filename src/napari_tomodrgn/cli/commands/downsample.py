"""``napari-tomodrgn downsample``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.particles.resize import DownsampleOptions


def _run(options: DownsampleOptions, _as_json: bool) -> None:
    from napari_tomodrgn.particles.resize import downsample

    show_written(downsample(options)[0])


COMMAND = Command(
    DownsampleOptions,
    _run,
    details="Writes stacks and a star file in which the new pixel size stands; prints the star.",
)
