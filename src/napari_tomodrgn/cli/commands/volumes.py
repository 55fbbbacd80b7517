"""``napari-tomodrgn volumes``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.reconstruction.volumes import VolumesOptions


def _run(options: VolumesOptions, _as_json: bool) -> None:
    from napari_tomodrgn.reconstruction.volumes import write_volumes

    show_written(write_volumes(options))


COMMAND = Command(
    VolumesOptions,
    _run,
    details="Writes vol_000.mrc … and index.csv (file, tomogram, particle, label, latent), and prints their folder.",
)
