"""What a person has set of a command's options, as texts, and what is wrong with it. No Qt."""

from collections.abc import Collection, Mapping
from typing import Any

from psygnal import Signal
from pydantic import BaseModel

from napari_tomodrgn.cli.option_fields import OptionField, fields_of
from napari_tomodrgn.cli.options import checked, words_of
from napari_tomodrgn.errors import InputError

FILES = ("file", "new file", "folder")
PREFIX = "napari-tomodrgn: error: "  # of a command's sentences


def sentences_of(errors: str) -> list[str]:
    """Return what a command said on stderr that went wrong."""
    return [line.removeprefix(PREFIX) for line in errors.splitlines() if line.startswith(PREFIX)]


class OptionValues:
    """The values of a command's options.

    Parameters
    ----------
    model
        The command's options.
    command
        Its name.
    without
        Options that are not asked for.

    Attributes
    ----------
    fields
        The options, by name.
    refused
        Why a value can't be taken, in the command line's sentence, by option; what options together are refused for is
        under ``""``. Options that have to be given and are not yet are not among them.
    """

    changed = Signal()
    refused_changed = Signal()

    def __init__(self, model: type[BaseModel], command: str, without: Collection[str] = ()) -> None:
        self.model, self.command = model, command
        self.fields: dict[str, OptionField] = {
            name: field for name, field in fields_of(model).items() if name not in without
        }
        self._texts = {name: field.default for name, field in self.fields.items()}
        self.refused: dict[str, str] = {}

    def __getitem__(self, name: str) -> str:
        return self._texts[name]

    def set(self, name: str, text: str) -> None:
        """Give one option another value; an empty text is none."""
        self.take({name: text})

    def take(self, texts: Mapping[str, str]) -> None:
        """Give options other values; those that are not asked for are left out."""
        known = {name: text.strip() for name, text in texts.items() if name in self.fields}
        if any(self._texts[name] != text for name, text in known.items()):
            self._texts.update(known)
            self.changed.emit()
            self._refuse(self._check()[1])

    def reset(self, texts: Mapping[str, str]) -> None:
        """Begin with the defaults again, apart from these."""
        self.take({**{name: field.default for name, field in self.fields.items()}, **texts})

    def given(self) -> dict[str, str]:
        """Return the options whose value is not the default, as texts."""
        return {name: text for name, text in self._texts.items() if text != self.fields[name].default}

    def _check(self) -> tuple[Any, dict[str, str]]:
        given: dict[str, Any] = {name: text or None for name, text in self.given().items()}
        return checked(self.model, given, self.command)

    def _refuse(self, refused: Mapping[str, str]) -> None:
        """Keep why values are refused; what was not given yet is no mistake."""
        shown = {name: why for name, why in refused.items() if name not in self.missing}
        if shown != self.refused:
            self.refused = shown
            self.refused_changed.emit()

    @property
    def missing(self) -> list[str]:
        """The options that have to be given and are not."""
        return [name for name, field in self.fields.items() if field.required and not self._texts[name]]

    @property
    def ready(self) -> bool:
        """Whether the command could be run with these values, as far as they can be told without its files."""
        return self._check()[0] is not None

    def options(self) -> Any:
        """Return the options as the command takes them.

        Raises
        ------
        InputError
            Where one can't be taken, or has to be given and is not: a sentence each.
        """
        options, refused = self._check()
        if refused:
            raise InputError("\n".join(refused.values()))
        return options

    def words(self) -> list[str]:
        """Return the words of the command line: the command, and the options that are not the default.

        Raises
        ------
        InputError
            As of :meth:`options`.
        """
        options = self.options()
        return [*self.command.split(), *words_of(options, options.model_fields_set)]

    def take_errors(self, errors: str) -> list[str]:
        """Take what the command said on stderr; return its sentences, those of one option are kept with it too."""
        sentences = sentences_of(errors)
        found = {name: sentence for sentence in sentences if (name := self._option_of(sentence)) is not None}
        if found:
            self._refuse({**self.refused, **found})
        return sentences

    def _option_of(self, sentence: str) -> str | None:
        """Return the option that a sentence begins with: its name, alone or with its value, or that value."""
        first = sentence.split()[0].rstrip(":") if sentence.split() else ""
        for name, field in self.fields.items():
            value = self._texts[name]
            if (field.written and first == field.written) or (
                value and field.kind in FILES and sentence.startswith(f"{value}:")
            ):
                return name
        return None
