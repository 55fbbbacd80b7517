"""``napari-tomodrgn clean``."""

import typer

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import show_json, size_text
from napari_tomodrgn.runs.clean import Cleaning, CleanOptions, clean


def _run(options: CleanOptions, as_json: bool) -> None:
    cleaning = clean(options)
    if as_json:
        show_json(cleaning.as_dict())
    else:
        _show(cleaning)


def _show(cleaning: Cleaning) -> None:
    for path, size in cleaning.files.items():
        typer.echo(f"{size_text(size):>8}  {path}")
    verb = "removed" if cleaning.removed else "would go"
    typer.echo(
        f"{len(cleaning.files)} files, {size_text(sum(cleaning.files.values()))}, {verb}; "
        f"epochs that stay: {', '.join(map(str, cleaning.kept_epochs)) or 'none'}"
    )
    if cleaning.files and not cleaning.removed:
        typer.echo("nothing was removed; run again with --yes to remove exactly these files")


COMMAND = Command(
    CleanOptions,
    _run,
    has_json=True,
    details="The chosen epoch, the last one and those with an analysis or volumes always stay, as do metrics, "
    "selections and sessions. Checkpoints and latents of the other epochs go, and what a killed process left "
    "unfinished.",
)
