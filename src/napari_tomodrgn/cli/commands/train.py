"""``napari-tomodrgn train``, which is ``napari-tomodrgn-train``."""

from collections.abc import Mapping
from typing import Any

import typer

from napari_tomodrgn.cli.launcher import launch, sbatch_script
from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import dictionary_text, show_facts, show_json, show_written
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.stopping import StopRequest
from napari_tomodrgn.training.options import TrainOptions

_ESTIMATES = ("gflop_per_epoch", "memory_gb", "seconds_per_epoch")


def _run(options: TrainOptions, as_json: bool) -> None:
    if options.print_sbatch:
        typer.echo(sbatch_script(options), nl=False)
        return
    if options.dry_run:
        from napari_tomodrgn.training.plan import plan

        planned = plan(options)
        show_json(planned) if as_json else show_facts(_lines(planned))
        return
    if as_json:
        raise InputError("--json: goes with --dry-run; a run writes run.json and metrics.csv to --outdir")
    if options.devices > 1:
        raise typer.Exit(launch(options))
    from napari_tomodrgn.training.distributed import Ranks
    from napari_tomodrgn.training.train import train

    ranks = Ranks.of_environment()
    with StopRequest().listening() as stop:
        run = train(options, stop, ranks)
    if ranks.first:
        show_written(run.path)


def _lines(planned: Mapping[str, Any]) -> dict[str, object]:
    """Return the plan for people: nested values on one line, estimates in three figures."""
    known = {name: _three_figures(value) if name in _ESTIMATES else value for name, value in planned.items()}
    texts = {name: dictionary_text(value) if isinstance(value, Mapping) else value for name, value in known.items()}
    warnings = texts.pop("warnings", [])
    return {**texts, "warnings": "; ".join(warnings) or "none"}


def _three_figures(value: float) -> str:
    """Return a number to three figures, without an exponent as far as people read it."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:.0f}" if rounded >= 100 else f"{rounded:g}"


COMMAND = Command(
    TrainOptions,
    _run,
    has_json=True,
    details="Writes a run directory: settings, metrics, checkpoints, latents. Ctrl-C and SIGTERM save a checkpoint "
    "first; go on with --resume. --dry-run says what would be done and what it costs, and creates nothing.",
)
