"""``napari-tomodrgn inspect``."""

from collections.abc import Mapping
from typing import Any

import typer

from napari_tomodrgn.analysis.inspection.options import InspectOptions
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import dictionary_text, show_facts, show_json, show_written


def _run(options: InspectOptions, as_json: bool) -> None:
    from napari_tomodrgn.analysis.inspection.inspect import inspect

    result = inspect(options)
    if options.outdir is not None:
        from napari_tomodrgn.analysis.inspection.inspect import WEIGHTS
        from napari_tomodrgn.analysis.inspection.weights import read_weights
        from napari_tomodrgn.figures.weights import write_weights_figure

        found = read_weights(options.outdir / WEIGHTS)
        write_weights_figure(options.outdir / "weights", found, result["weighting"], result["particles"])
    if as_json:
        show_json(result)
        return
    _show(result)
    if options.outdir is not None:
        show_written(options.outdir)


def _show(result: Mapping[str, Any]) -> None:
    facts = {name: value for name, value in result.items() if name not in ("checks", "warnings")}
    show_facts({name: dictionary_text(value) if isinstance(value, Mapping) else value for name, value in facts.items()})
    for warning in result["warnings"]:
        typer.echo(f"warning: {warning}")
    width = max((len(check["name"]) for check in result["checks"]), default=0)
    for check in result["checks"]:
        typer.echo(f"{check['status']:<7}  {check['name']:<{width}}  {check['message']}")


COMMAND = Command(
    InspectOptions,
    _run,
    has_json=True,
    details="Each check answers ok, warn or unknown, with how well the data can tell; it warns only on a significant "
    "disagreement and never changes a setting.",
)
