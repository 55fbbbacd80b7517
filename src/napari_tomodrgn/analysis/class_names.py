"""What classes are called wherever they are listed or drawn."""

import json
from pathlib import Path

NOISE = "noise"  # the class of particles that are in none by the method that gave the labels


def class_names(count: int, noise: int | None = None) -> tuple[str, ...]:
    """Return the names of ``count`` classes, numbered from 0; ``noise`` is the label of the particles in none."""
    return tuple(NOISE if label == noise else f"class {label}" for label in range(count))


def noise_of(labels: Path) -> int | None:
    """Return the label of the particles that are in no class, by the settings beside a table of labels.

    ``None`` where the method puts every particle into a class, or labels alone were copied.
    """
    name = labels.stem.removeprefix("labels-")
    if not name.startswith("hdbscan-"):
        return None
    try:
        found = json.loads(labels.with_name(f"settings-{name}.json").read_text(encoding="utf-8")).get("noise")
    except (OSError, ValueError, AttributeError):
        return None
    return found if isinstance(found, int) else None
