"""A command's options as a form shows them: of what kind each is, and its value as text, as on the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from napari_tomodrgn.cli.options import (
    alternatives,
    choices_of,
    extra_of,
    heading_of,
    is_flag,
    metavar_of,
    option_name,
)

Kind = Literal["flag", "choice", "whole number", "text", "file", "new file", "folder"]
ON, OFF, NONE = "on", "off", ""
PLAIN_HEADING = "Training"


@dataclass(frozen=True)
class OptionField:
    """One option.

    Attributes
    ----------
    name
        Of the model's field.
    written
        As on the command line, or ``""`` for an argument.
    kind
        How it is asked for. A flag may also be neither on nor off, and a choice nothing, where ``default`` is ``""``.
    choices
        What a choice may be.
    low, high
        Bounds of a whole number, ends included, ``None`` where there is none.
    default
        Text of the value where none is given; ``""`` where there is none.
    required
        Whether a value has to be given.
    hint
        What stands for a value on the help page.
    help
        What it means.
    heading
        Under which it is listed.
    """

    name: str
    written: str
    kind: Kind
    choices: tuple[str, ...]
    low: int | None
    high: int | None
    default: str
    required: bool
    hint: str
    help: str
    heading: str

    @property
    def label(self) -> str:
        """The name in words."""
        return self.name.replace("_", " ")

    @property
    def tip(self) -> str:
        """What it means, how it is written on the command line, and what it is where it is not given."""
        default = f" [default: {self.default}]" if self.default else ""
        return f"{self.help}\n{self.written or self.hint}{default}"


def fields_of(model: type[BaseModel]) -> dict[str, OptionField]:
    """Return the options of a command, by name, in the order of its help page."""
    return {
        name: _field(model, name, field) for name, field in model.model_fields.items() if not extra_of(field, "hidden")
    }


def _field(model: type[BaseModel], name: str, field: FieldInfo) -> OptionField:
    low, high = (_bound(field, each) for each in ("ge", "le"))
    return OptionField(
        name=name,
        written="" if extra_of(field, "argument") else option_name(name),
        kind=_kind(field),
        choices=_words(field),
        low=low,
        high=high,
        default=NONE if field.is_required() else text_of(field.get_default(call_default_factory=True)),
        required=field.is_required(),
        hint=metavar_of(name, field),
        help=field.description or "",
        heading=heading_of(model, name) or PLAIN_HEADING,
    )


def _kind(field: FieldInfo) -> Kind:
    kinds = alternatives(field.annotation)
    if is_flag(field):
        return "flag"
    if kinds == (Path,):
        return "folder" if extra_of(field, "folder") else "new file" if extra_of(field, "new") else "file"
    if _words(field):
        return "choice"
    # where no number may be given there is no number to begin with
    return "whole number" if kinds == (int,) and isinstance(field.default, int) else "text"


def _words(field: FieldInfo) -> tuple[str, ...]:
    """Return what an option may be, where it may be nothing else."""
    words = choices_of(field)
    if words and all(isinstance(each, str) for each in words) and not _is_also_number(field):
        return tuple(words)
    metavar = extra_of(field, "metavar")
    return tuple(str(metavar).split("|")) if metavar and "|" in str(metavar) else ()


def _is_also_number(field: FieldInfo) -> bool:
    return any(kind in (int, float) for kind in alternatives(field.annotation))


def _bound(field: FieldInfo, name: str) -> int | None:
    found = (getattr(part, name, None) for part in field.metadata)
    return next((int(value) for value in found if isinstance(value, int)), None)


def text_of(value: Any) -> str:
    """Return a value as text that the command line takes for it; of ``None`` it is empty."""
    if value is None:
        return NONE
    if isinstance(value, bool):
        return ON if value else OFF
    if isinstance(value, float):
        short = f"{value:g}"
        return short if float(short) == value else repr(value)
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def texts_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return values by name as texts."""
    return {name: text_of(value) for name, value in values.items()}
