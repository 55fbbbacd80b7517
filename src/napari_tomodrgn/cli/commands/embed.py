"""``napari-tomodrgn embed``."""

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.training.options import EmbedOptions


def _run(options: EmbedOptions, _as_json: bool) -> None:
    from napari_tomodrgn.training.embed import embed

    embed(options)
    show_written(options.output, options.output.with_suffix(".csv"))


COMMAND = Command(
    EmbedOptions,
    _run,
    details="Inference is deterministic: the same images give the same latents. Box and pixel size have to be those "
    "that the run was trained on.",
)
