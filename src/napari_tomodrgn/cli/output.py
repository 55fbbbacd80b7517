"""Results on stdout: one JSON object, or lines for people."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer


def show_json(result: Mapping[str, Any]) -> None:
    """Write one JSON object; numbers that are not finite become null."""
    typer.echo(json.dumps(_plain(result), indent=1, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def show_facts(facts: Mapping[str, object]) -> None:
    """Write one line a fact, the names in a column of their own."""
    width = max((len(name) for name in facts), default=0)
    for name, value in facts.items():
        typer.echo(f"{name:<{width}}  {value}")


def show_written(*paths: Path) -> None:
    """Say what was written, one path a line."""
    for path in paths:
        typer.echo(str(path))


def size_text(size: float) -> str:
    """Return a number of bytes in the unit that suits it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


def dictionary_text(values: Mapping[str, object]) -> str:
    """Return a small dictionary on one line."""
    return " · ".join(f"{name} {value}" for name, value in values.items())
