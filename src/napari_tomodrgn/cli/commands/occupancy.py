"""``napari-tomodrgn occupancy``."""

from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written


def _run(options: OccupancyOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.occupancy.occupancy import occupancy
    from napari_tomodrgn.figures.occupancy import write_occupancy

    result = occupancy(options)
    written = write_occupancy(result, figures=options.figures, overwrite=options.overwrite)
    if as_json:
        show_json({**result.occupancy.document(), "written": written})
        return
    show_written(*written)


COMMAND = Command(
    OccupancyOptions,
    _run,
    has_json=True,
    details="Density within the mask of each part of a model, over what the part itself would add up to. Writes "
    "occupancy.csv, occupancy.json, a clustered heat map and histograms, and with --threshold labels that load like "
    "those of `analyze`.",
)
