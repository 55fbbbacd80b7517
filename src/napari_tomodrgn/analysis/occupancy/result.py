"""Occupancies of parts in volumes, as files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open

TABLE, DOCUMENT = "occupancy.csv", "occupancy.json"
KEYS = ("volume", "label", "tomogram", "particle")  # columns that say of what volume a row is
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Occupancy:
    """How much of C parts is there in n volumes.

    Attributes
    ----------
    index
        n rows of text that say of what each volume is, columns of :data:`KEYS`.
    parts
        C names.
    values
        (n, C): 1 where a part is as dense, over its own mass, as the whole model is.
    whole
        (C,) what each part would have in the whole model itself, as its neighbours reach into its mask; NaN where
        there is no model.
    facts
        How it was measured.
    """

    index: pd.DataFrame
    parts: tuple[str, ...]
    values: Floats
    whole: Floats
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.values)

    @property
    def unit(self) -> str:
        """What a row is of, in words."""
        return "volume" if "volume" in self.index else "class" if "label" in self.index else "particle"

    def write(self, folder: Path) -> None:
        """Write occupancy.csv and occupancy.json."""
        numbers = pd.DataFrame(self.values, columns=list(self.parts), index=self.index.index)
        with atomic_open(folder / TABLE) as stream:
            pd.concat([self.index, numbers], axis=1).to_csv(
                stream, index=False, lineterminator="\n", float_format="%.6g"
            )
        with atomic_open(folder / DOCUMENT) as stream:
            json.dump(self.document(), stream, indent=1, allow_nan=False)

    def document(self) -> dict[str, Any]:
        """Return how it was measured, and each part's middle and spread, as values that JSON holds."""
        low, middle, high = np.quantile(self.values, (0.05, 0.5, 0.95), axis=0)
        return {
            "format": 1,
            "rows": len(self),
            "of": self.unit,
            **self.facts,
            "parts": [
                {
                    "name": name,
                    "in_whole_model": float(self.whole[place]) if np.isfinite(self.whole[place]) else None,
                    "quantiles": {"0.05": low[place], "0.5": middle[place], "0.95": high[place]},
                }
                for place, name in enumerate(self.parts)
            ],
        }


def read_occupancy(path: Path) -> Occupancy:
    """Read the table that :meth:`Occupancy.write` wrote; raises one sentence on anything else."""
    advice = "give the occupancy.csv of `napari-tomodrgn occupancy`"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such table; {advice}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a readable table ({error}); {advice}") from error
    keys = [name for name in table.columns if name in KEYS]
    parts = [name for name in table.columns if name not in KEYS]
    if not keys or not parts or not len(table):
        raise InputError(f"{path}: has no rows of occupancies by volume or particle; {advice}")
    again = np.flatnonzero(table.duplicated(keys))
    if len(again):
        row = int(again[0])
        which = ", ".join(table[keys].iloc[row].astype(str).tolist())
        raise InputError(f"{path}, line {row + 2}: {which} occurs twice; keep one row")
    values = np.stack([_numbers(table, name, path) for name in parts], axis=1)
    if not np.isfinite(values).all():
        row, column = (int(each[0]) for each in np.nonzero(~np.isfinite(values)))
        raise InputError(f"{path}, line {row + 2}: {parts[column]} is no finite number; measure again")
    document = path.with_name(DOCUMENT)
    whole = np.full(len(parts), np.nan)
    facts: dict[str, Any] = {}
    if document.is_file():
        try:
            facts = json.loads(document.read_text(encoding="utf-8"))
            told = {each["name"]: each["in_whole_model"] for each in facts.pop("parts")}
            whole = np.array([np.nan if told[name] is None else float(told[name]) for name in parts])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{document}: does not belong to {path.name} ({error}); measure again") from error
    return Occupancy(table[keys], tuple(parts), values, whole, facts)


def _numbers(table: pd.DataFrame, name: str, path: Path) -> Floats:
    try:
        return pd.to_numeric(table[name]).to_numpy(np.float64)
    except ValueError as error:
        raise InputError(f"{path}: column {name} is not of numbers ({error}); measure again") from error
