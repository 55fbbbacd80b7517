"""``napari-tomodrgn converge``."""

import typer

from napari_tomodrgn.analysis.convergence.options import ConvergeOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, show_written


def _run(options: ConvergeOptions, as_json: bool) -> None:
    from napari_tomodrgn.figures.convergence import save_convergence

    found, folder = save_convergence(options)
    if as_json:
        show_json({**found.document(), "folder": folder})
        return
    recommended = found.recommendation
    typer.echo(f"recommended epoch: {recommended.epoch} ({'settled' if recommended.settled else 'not settled'})")
    for sentence in (*recommended.reasons, *found.notes):
        typer.echo(f"  {sentence}")
    show_written(folder)


COMMAND = Command(
    ConvergeOptions,
    _run,
    has_json=True,
    details="Follows losses, latents, classes and volumes from epoch to epoch and recommends an epoch. Writes "
    "RUN/analysis/convergence: convergence.json, convergence.csv, followed.csv and figures.",
)
