"""``napari-tomodrgn reconstruct``."""

import typer

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_written
from napari_tomodrgn.reconstruction.reconstruct import ReconstructOptions
from napari_tomodrgn.stopping import StopRequest


def _run(options: ReconstructOptions, _as_json: bool) -> None:
    from napari_tomodrgn.reconstruction.reconstruct import reconstruct

    if options.backproject:
        result = reconstruct(options)
    else:
        with StopRequest().listening() as stop:
            result = reconstruct(options, stop)
    show_written(result.map_path)
    for name, value in result.told().items():
        typer.echo(f"{name}: {value}")


COMMAND = Command(
    ReconstructOptions,
    _run,
    details="Without --backproject a decoder is trained alone: --outdir becomes a run, and its map is decoded. With "
    "it, --outdir gets the weighted backprojection, two half-maps by particle and their FSC.",
)
