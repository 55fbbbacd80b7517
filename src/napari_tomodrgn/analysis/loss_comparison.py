"""The losses of two runs side by side, and whether they measure the same."""

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_tomodrgn.runs.run import Run

# What a reconstruction loss is a mean over, and with which weights.
_MEASURE = {
    "dose_mask": "--dose-mask",
    "dose_weight": "--dose-weight",
    "tilt_weight": "--tilt-weight",
    "dose_middle": "--dose-middle",
    "window": "--window",
    "whiten": "--whiten",
    "first_tilts": "--first-tilts",
    "tilt_order": "--tilt-order",
}
_HELD_OUT = {"held_out_fraction": "--held-out-fraction", "held_out_by": "--held-out-by", "seed": "--seed"}
_DATA = {"fingerprint": "particles, poses or images", "focus_mask": "parts of the particles (--focus-mask)"}
_OF_MAPS = ("map_hand",)  # how maps are written and compared, which no loss depends on
SHOWN = ("reconstruction", "held_out_reconstruction", "kld")
_SAME_SCALE = 1e-6


@dataclass(frozen=True)
class Losses:
    """What two runs measured.

    Attributes
    ----------
    a, b
        Their metrics.csv, a row an epoch.
    at
        The epochs that are compared, ``None`` where a run has none.
    differences
        Why reconstruction losses may not be compared, a sentence each; empty where they may.
    held_out_differences
        Why what is held out may not be compared although the losses may.
    """

    a: pd.DataFrame
    b: pd.DataFrame
    at: tuple[int | None, int | None]
    differences: tuple[str, ...]
    held_out_differences: tuple[str, ...]

    def value(self, side: int, column: str) -> float:
        """Return a loss of run 0 or 1 at its epoch; NaN where it was not measured."""
        table, epoch = (self.a, self.b)[side], self.at[side]
        rows = table[table["epoch"] == epoch] if epoch is not None and column in table else table[:0]
        return float(rows[column].iloc[-1]) if len(rows) else math.nan

    @property
    def held_out(self) -> bool:
        """Whether both runs measured what is held out."""
        return all(table["held_out_reconstruction"].notna().any() for table in (self.a, self.b))

    @property
    def note(self) -> str:
        """Say in words what may be compared."""
        if self.differences:
            return "Not comparable: " + "; ".join(self.differences) + "."
        fraction = [each for each in self.held_out_differences if each.startswith(_HELD_OUT["held_out_fraction"])]
        if fraction:
            return f"Losses are of other images: {fraction[0]}; hold the same out in both runs."
        if not self.held_out:
            return "Comparable, but how well a run fits what it was trained on says little: hold some out in both runs."
        if self.held_out_differences:
            return "Held-out losses are of other images: " + "; ".join(self.held_out_differences) + "."
        return "Comparable: the same images were held out, under the same forward model, mask and weights."


def compare_losses(a: Run, b: Run, at: tuple[int | None, int | None]) -> Losses:
    """Return the losses of two runs, to be compared at an epoch of each.

    Raises
    ------
    InputError
        Where a metrics.csv can't be read.
    """
    return Losses(a.metrics(), b.metrics(), at, tuple(_differences(a, b)), tuple(_of_settings(a, b, _HELD_OUT)))


def _differences(a: Run, b: Run) -> list[str]:
    """Return what makes reconstruction losses of two runs mean different things."""
    first, second = a.document["data"], b.document["data"]
    found = [
        f"they were trained on other {what}" for name, what in _DATA.items() if first.get(name) != second.get(name)
    ]
    if not found and not math.isclose(a.standard_deviation, b.standard_deviation, rel_tol=_SAME_SCALE):
        found.append("images were divided by another standard deviation")
    model, other = first["forward_model"], second["forward_model"]
    found += [
        f"{name} is {model[name]} in A and {other[name]} in B"
        for name in model
        if name not in _OF_MAPS and model[name] != other[name]
    ]
    return found + _of_settings(a, b, _MEASURE)


def _of_settings(a: Run, b: Run, names: dict[str, str]) -> list[str]:
    first, second = a.settings, b.settings
    return [
        f"{option} is {_word(first.get(name))} in A and {_word(second.get(name))} in B"
        for name, option in names.items()
        if first.get(name) != second.get(name)
    ]


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not set" if value is None else str(value)
