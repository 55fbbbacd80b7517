"""``napari-tomodrgn validate``."""

import typer

from napari_tomodrgn.analysis.validation.options import ValidateOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written
from napari_tomodrgn.stopping import StopRequest


def _run(options: ValidateOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.validation.validate import validate
    from napari_tomodrgn.figures.validation import save_validation

    with StopRequest().listening() as stop:
        validation = validate(options, stop)
        folder = save_validation(validation)
    if as_json:
        show_json({**validation.document(), "folder": folder})
        return
    typer.echo(f"{folder.name}: {validation.verdict.verdict}")
    for reason in validation.verdict.reasons:
        typer.echo(f"  {reason}")
    show_written(folder)


COMMAND = Command(
    ValidateOptions,
    _run,
    has_json=True,
    details="Compares the volume that the VAE decodes of some particles with their weighted backprojection and with a "
    "decoder trained on them alone, and tests its difference to the other particles against the tilt images. Writes "
    "RUN/analysis/epoch-NNNN/validation/NAME: validation.json, maps, fsc.csv, particles.csv, and a panel as PNG and "
    "PDF.",
)
