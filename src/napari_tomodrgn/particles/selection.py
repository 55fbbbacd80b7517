"""Named sets of particles that remember how they were made."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.particle_set import ParticleId

FORMAT = 1


@dataclass(frozen=True)
class Selection:
    """A named set of particle ids; ``created_from`` says by which rule, ``parent`` names the selection it came from."""

    name: str
    ids: frozenset[ParticleId]
    created_from: dict[str, Any]
    parent: str | None = None
    run: str | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def save(self, path: Path) -> None:
        """Write the selection as JSON (format 1 of the run directory)."""
        document = {
            "format": FORMAT,
            "name": self.name,
            "created_from": self.created_from,
            "parent": self.parent,
            "run": self.run,
            "particles": sorted([tomogram, name] for tomogram, name in self.ids),
        }
        with atomic_open(path) as stream:
            json.dump(document, stream, indent=1)

    @classmethod
    def load(cls, path: Path) -> "Selection":
        """Read a selection written by :meth:`save`; raises one sentence on anything else."""
        try:
            document = json.loads(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such selection file; give the path of a selection's .json") from error
        except (ValueError, RecursionError, OSError) as error:
            raise InputError(
                f"{path}: is not a readable selection ({error}); write one with `napari-tomodrgn select`"
            ) from error
        if not (
            isinstance(document, dict)
            and isinstance(document.get("format"), int)
            and isinstance(document.get("particles"), list)
        ):
            raise InputError(
                f"{path}: is not a selection (no whole-number 'format' and list of 'particles'); write one with "
                "`napari-tomodrgn select`"
            )
        if document["format"] > FORMAT:
            raise InputError(
                f"{path}: has format {document['format']}, this version reads up to {FORMAT}; update napari-tomodrgn"
            )
        for number, pair in enumerate(document["particles"], start=1):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)):
                raise InputError(
                    f"{path}: its particle {number} is {json.dumps(pair)}; expected [tomogram, particle], both as text"
                )
        ids = frozenset((tomogram, name) for tomogram, name in document["particles"])
        told = {"name": Path(path).stem, "created_from": {}, "parent": None, "run": None, **document}
        for name, kind in (("name", str), ("created_from", dict), ("parent", str | None), ("run", str | None)):
            if not isinstance(told[name], kind):
                raise InputError(
                    f"{path}: its {name!r} is {json.dumps(told[name])}; expected "
                    f"{'an object' if kind is dict else 'text'}, or leave it out"
                )
        return cls(told["name"], ids, told["created_from"], told["parent"], told["run"])
