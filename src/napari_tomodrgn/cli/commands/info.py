"""``napari-tomodrgn info``."""

from collections.abc import Callable, Mapping
from typing import Any

import typer

from napari_tomodrgn.cli.options import Command
from napari_tomodrgn.cli.output import dictionary_text, show_facts, show_json, size_text
from napari_tomodrgn.runs.info import InfoOptions, info

_MOST_LINES = 20


def _run(options: InfoOptions, as_json: bool) -> None:
    facts = info(options)
    if as_json:
        show_json(facts)
        return
    _RENDERERS[facts["kind"]](facts)
    if "bundle" in facts:
        typer.echo(f"light copy: {facts['bundle']}")


def _show_particles(facts: Mapping[str, Any]) -> None:
    tilts, stacks = facts["tilts_per_particle"], facts["stacks"]
    spread = f"{tilts['min']}" if tilts["min"] == tilts["max"] else f"{tilts['min']} to {tilts['max']}"
    found = f"{stacks['found']} of {stacks['found'] + stacks['missing']} found"
    missing = f"; first missing: {stacks['first_missing']}" if stacks["missing"] else ""
    count = len(facts["tomograms"])
    show_facts(
        {
            "data set": facts["path"],
            "dialect": facts["dialect"],
            "particles": f"{facts['particles']} in {'one tomogram' if count == 1 else f'{count} tomograms'}",
            "tilt images": f"{facts['tilt_images']}, {spread} a particle (median {tilts['median']:g})",
            "images": f"{facts['box']} px, {facts['pixel_size']:g} Å/px",
            "coordinates": "known" if facts["coordinates"] else "unknown; give --volume-series for positions",
            "stacks": found + missing,
            "forward model": dictionary_text(facts["forward_model"]),
        }
    )
    _show_lines("tomograms", [_tomogram_line(tomogram) for tomogram in facts["tomograms"]])
    _show_columns(facts["columns"])
    for warning in facts["warnings"]:
        typer.echo(f"warning: {warning}")


def _tomogram_line(tomogram: Mapping[str, Any]) -> str:
    size = tomogram["size_angstrom"]
    extent = f", {' x '.join(f'{length:.0f}' for length in size)} Å (z y x)" if size else ""
    return f"{tomogram['name']}: {tomogram['particles']} particles, {tomogram['tilt_images']} tilt images{extent}"


def _show_columns(columns: Mapping[str, Mapping[str, list[str]]]) -> None:
    for star, blocks in columns.items():
        _show_lines(f"{star} star", [f"{block}: {', '.join(names)}" for block, names in blocks.items()])


def _show_volume_series(facts: Mapping[str, Any]) -> None:
    show_facts({"volume series": facts["path"], "particles": facts["particles"]})
    _show_lines("tomograms", [f"{one['name']}: {one['particles']} particles" for one in facts["tomograms"]])
    _show_columns(facts["columns"])


def _show_run(facts: Mapping[str, Any]) -> None:
    trainer = f", {facts['trainer']} is training" if facts["trainer"] else ""
    show_facts(
        {
            "run": facts["path"],
            "status": facts["status"] + trainer,
            "particles": facts["particles"] if facts["particles"] is not None else "unknown",
            "epochs": _epochs_text(facts["epochs"]),
            "chosen epoch": facts["chosen_epoch"] if facts["chosen_epoch"] is not None else "none yet",
            "forward model": dictionary_text(facts["data"].get("forward_model", {})),
            "trained on": dictionary_text(
                {
                    name: value
                    for name, value in facts["settings"].items()
                    if name in ("particles", "selection") and value
                }
            ),
            "size on disk": size_text(facts["bytes"]["total"]),
        }
    )
    _show_lines("parents", [dictionary_text(parent) for parent in facts["lineage"]])
    _show_lines("losses", [dictionary_text(_rounded(loss)) for loss in _ends(facts["losses"])])
    _show_lines(
        "settings", [f"{name}: {value}" for name, value in facts["settings"].items() if value is not None], None
    )
    _show_lines("selections", [_selection_line(selection) for selection in facts["selections"]])
    _show_lines("analyses", facts["analyses"])
    _show_lines("volumes", facts["volumes"])


def _epochs_text(epochs: list[int]) -> str:
    if len(epochs) == 1:
        return f"1 with a checkpoint, epoch {epochs[0]}"
    return f"{len(epochs)} with a checkpoint, {epochs[0]} to {epochs[-1]}" if epochs else "none finished"


def _selection_line(selection: Mapping[str, Any]) -> str:
    if "error" in selection:
        return str(selection["error"])
    return f"{selection['name']}: {selection['particles']} particles"


def _rounded(loss: Mapping[str, Any]) -> dict[str, str]:
    return {name: f"{value:.5g}" for name, value in loss.items() if value is not None}


def _ends(losses: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return losses if len(losses) <= 2 else [losses[0], losses[-1]]


def _show_lines(title: str, lines: list[str], limit: int | None = _MOST_LINES) -> None:
    if not lines:
        return
    typer.echo(f"{title}:")
    for line in lines[:limit]:
        typer.echo(f"  {line}")
    if limit is not None and len(lines) > limit:
        typer.echo(f"  and {len(lines) - limit} more (--json shows all)")


_RENDERERS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "particles": _show_particles,
    "volume series": _show_volume_series,
    "run": _show_run,
}

COMMAND = Command(
    InfoOptions,
    _run,
    has_json=True,
    details="Reads text alone: no image and no model is opened, so it works where the image stacks are absent.",
)
