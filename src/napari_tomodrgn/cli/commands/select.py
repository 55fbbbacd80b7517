"""``napari-tomodrgn select``."""

from napari_tomodrgn.analysis.select_options import SelectOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written


def _run(options: SelectOptions, _as_json: bool) -> None:
    from napari_tomodrgn.analysis.select import select

    selected = select(options)
    show_written(selected.path, *selected.stars)


COMMAND = Command(
    SelectOptions,
    _run,
    details="Saves a named selection and writes the star file of its particles, every untouched column as it was read. "
    "The rules given narrow one another; --invert keeps the others.",
)
