"""What a training would look at and cost, by the command's own dry run. No Qt."""

import json
from collections.abc import Mapping
from typing import Any

from psygnal import Signal

from napari_tomodrgn.cli.output import size_text
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.viewer.child_command import ChildCommand
from napari_tomodrgn.viewer.option_values import OptionValues


class TrainingEstimate:
    """The dry run of what is set up.

    Attributes
    ----------
    planned
        The object that ``train --dry-run --json`` printed for the present options; ``None`` until it has.
    trouble
        Why there is none.
    """

    changed = Signal()

    def __init__(self, values: OptionValues) -> None:
        self.values = values
        self.planned: dict[str, Any] | None = None
        self.trouble: str | None = None
        self._child: ChildCommand | None = None
        self._asked: list[str] = []

    @property
    def works(self) -> bool:
        """Whether a dry run is under way."""
        return self._child is not None

    def begin(self) -> None:
        """Ask for what is set up now; what was asked for before is given up, where it is something else."""
        if not self.values.ready:
            self.give_up()
            self.planned = self.trouble = None
            self._asked = []
            self.changed.emit()
            return
        words = self.values.words()
        if words == self._asked and (self._child is not None or self.planned is not None):
            return
        self.give_up()
        self.planned = self.trouble = None
        self._asked = words
        try:
            self._child = ChildCommand([*words, "--dry-run", "--json"])
        except (InputError, RunError) as error:
            self.trouble = str(error)
        self.changed.emit()

    def give_up(self) -> None:
        """End the dry run that is under way."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def look(self) -> None:
        """Take its result, where it is there."""
        if self._child is None or (code := self._child.code()) is None:
            return
        child, self._child = self._child, None
        if code == 0:
            try:
                self.planned = child.result()
            except (OSError, json.JSONDecodeError) as error:
                self.trouble = f"the dry run could not be read ({error})"
        else:
            told = self.values.take_errors(child.errors())
            self.trouble = "\n".join(told) or f"the dry run ended with code {code}"
        self.changed.emit()


def told(planned: Mapping[str, Any], epochs: int) -> list[str]:
    """Return a plan, and what it warns of, in a few lines."""
    tilts = planned["tilts_per_particle"]
    each = f"{tilts['min']}" if tilts["min"] == tilts["max"] else f"{tilts['min']} to {tilts['max']}"
    seconds = planned["seconds_per_epoch"]
    images = f"{planned['tilt_images']:,} tilt images ({each} each)"
    encoder, decoder = (_millions(planned[f"{part}_parameters"]) for part in ("encoder", "decoder"))
    space = size_text(1e9 * planned["memory_gb"]), size_text(planned["store_bytes"])
    warnings = list(planned["warnings"])
    if planned["particles"] == 1 and planned["encoder_parameters"]:
        warnings.append("one particle: latents tell particles apart; take more, or a latent of 0 dimensions")
    time = f"about {duration(seconds)} an epoch, {duration(seconds * epochs)} in all"
    return [
        f"{planned['particles']:,} particles · {images} · {planned['box']} px of {planned['pixel_size']:.4g} Å",
        f"to learn: {encoder} numbers in the encoder, {decoder} in the decoder",
        f"{planned['coordinates_per_particle']:,.0f} frequencies a particle",
        f"memory {space[0]} · packed images {space[1]}",
        f"{time} · on {planned['device']}, precision {planned['amp']}",
        *(f"⚠ {each}" for each in warnings),
    ]


def _millions(number: float) -> str:
    return f"{number / 1e6:.2g} million" if number >= 1e5 else f"{number:,}"


def duration(seconds: float) -> str:
    """Return a time in the unit that suits it."""
    if seconds < 1:
        return "less than a second"
    for unit, length, most in (("s", 1, 90), ("min", 60, 90), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 86400:.3g} days"
