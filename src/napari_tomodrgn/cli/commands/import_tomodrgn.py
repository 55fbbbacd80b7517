"""``napari-tomodrgn import-tomodrgn``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.interop.import_options import ImportOptions


def _run(options: ImportOptions, _as_json: bool) -> None:
    from napari_tomodrgn.interop.import_tomodrgn import import_tomodrgn

    show_written(import_tomodrgn(options).path)


COMMAND = Command(
    ImportOptions,
    _run,
    details="Writes a run directory with the latents and the decoder of every epoch that is there. Pickles are read as "
    "data: arrays, tensors and plain values; whatever else they ask for is refused by name, and nothing is run.",
)
