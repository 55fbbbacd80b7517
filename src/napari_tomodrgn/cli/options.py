"""A command's pydantic model as typer parameters, and what pydantic refuses as one sentence each."""

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails, PydanticUndefined

from napari_tomodrgn.errors import InputError

COMMON_PANEL = "Common options"
CONTEXT = {"max_content_width": 100}
_METAVARS = {int: "N", float: "NUMBER", str: "TEXT", Path: "PATH"}


@dataclass(frozen=True)
class Command:
    """What a subcommand is made of: its options' model and the function that a checked model is given to.

    ``run`` receives the model and whether ``--json`` was given. ``details`` follows the summary on the help page.
    """

    model: type[BaseModel]
    run: Callable[[Any, bool], None]
    has_json: bool = False
    details: str = ""


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return what an annotation accepts apart from ``None``, without ``Annotated``."""
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return tuple(kind for part in get_args(annotation) for kind in alternatives(part))
    return () if annotation is NoneType else (annotation,)


def choices_of(field: FieldInfo) -> list[str]:
    """Return the words that an option may be, where it may be one of a few."""
    kinds = alternatives(field.annotation)
    return [str(value) for kind in kinds if get_origin(kind) is Literal for value in get_args(kind)]


def is_many(field: FieldInfo) -> bool:
    """Return whether an option takes several values."""
    return any(get_origin(kind) in (list, tuple, set, frozenset) for kind in alternatives(field.annotation))


def is_flag(field: FieldInfo) -> bool:
    """Return whether an option is on or off."""
    return alternatives(field.annotation) == (bool,)


def extra_of(field: FieldInfo, name: str) -> Any:
    """Return what a model says of an option beyond its type, ``None`` where it says nothing of that name."""
    return field.json_schema_extra.get(name) if isinstance(field.json_schema_extra, dict) else None


def option_name(name: str) -> str:
    """Return a field's name as written on the command line."""
    return "--" + name.replace("_", "-")


def words_of(options: BaseModel, names: Collection[str]) -> list[str]:
    """Return the words on a command line that give some of a model's options the values that they have."""
    arguments, words = [], []
    for name, field in type(options).model_fields.items():
        value = getattr(options, name)
        if name not in names or value is None:
            continue
        if extra_of(field, "argument"):
            arguments.append(str(value))
        elif isinstance(value, bool):
            words.append(option_name(name if value else f"no_{name}"))
        else:
            values = value if isinstance(value, list | tuple) else [value]
            words += [word for each in values for word in (option_name(name), str(each))]
    return arguments + words


def metavar_of(name: str, field: FieldInfo) -> str:
    """Return what stands for an option's value on the help page."""
    given = extra_of(field, "metavar")
    if given:
        return str(given)
    if extra_of(field, "argument"):
        return name.upper()
    kinds = alternatives(field.annotation)
    if is_many(field):
        kinds = alternatives(get_args(kinds[0])[0])
    words = [_METAVARS[kind] for kind in kinds if kind in _METAVARS]
    return "|".join(words + choices_of(field)) or "TEXT"


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "" if extra_of(field, "argument") else " [required]"
    default = field.get_default(call_default_factory=True, validated_data={})
    if default is None or default is PydanticUndefined or default in ((), [], ""):
        return ""
    if isinstance(default, bool):
        return f" [default: {'on' if default else 'off'}]"
    return f" [default: {default:g}]" if isinstance(default, float) else f" [default: {default}]"


def heading_of(model: type[BaseModel], name: str) -> str | None:
    """Return the heading under which an option is listed: its own group, or that of the model that declares it."""
    group = extra_of(model.model_fields[name], "group")
    if group:
        return str(group)
    declared_by = next(base for base in reversed(model.__mro__) if name in getattr(base, "__annotations__", {}))
    return "Data options" if declared_by.__name__ == "DataOptions" and model is not declared_by else None


def _parameter(model: type[BaseModel], name: str) -> inspect.Parameter:
    field = model.model_fields[name]
    kind: Any = bool if is_flag(field) else list[str] if is_many(field) else str
    if extra_of(field, "argument"):
        info: Any = typer.Argument(
            help=(field.description or "") + _default_text(field), metavar=metavar_of(name, field), show_default=False
        )
        default = inspect.Parameter.empty if field.is_required() else None
    else:
        names = option_name(name)
        if is_flag(field):
            names = f"{names}/--no-{names[2:]}"
        choices = choices_of(field)
        info = typer.Option(
            names,
            help=(field.description or "") + _default_text(field),
            show_default=False,
            metavar="" if is_flag(field) else metavar_of(name, field),
            rich_help_panel=heading_of(model, name),
            autocompletion=(lambda: choices) if choices else None,
        )
        default = None
    annotation = Annotated[kind, info] if default is inspect.Parameter.empty else Annotated[kind | None, info]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"napari-tomodrgn {version('napari-tomodrgn')}")
        raise typer.Exit


def _common_flag(name: str, text: str, **settings: Any) -> Any:
    return typer.Option(name, help=text, metavar="", rich_help_panel=COMMON_PANEL, show_default=False, **settings)


VERSION = _common_flag("--version", "Show the version and exit.", is_eager=True, callback=_show_version)
_COMMON = {
    "as_json": _common_flag("--json", "One JSON object on stdout."),
    "quiet": _common_flag("--quiet", "Plain progress lines in place of bars."),
    "debug": _common_flag("--debug", "Show the traceback of an error."),
    "version": VERSION,
}


def _common_parameters(has_json: bool) -> Iterator[inspect.Parameter]:
    for name, info in _COMMON.items():
        if has_json or name != "as_json":
            yield inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Annotated[bool, info]
            )


class PlainCommand(typer.core.TyperCommand):
    """A command whose help is plain text, its options under the headings they belong to."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands after the program's name: the options, then the arguments by name."""
        arguments = [param for param in self.get_params(ctx) if param.param_type_name == "argument"]
        return ["[OPTIONS]", *(f"{param.metavar}" if param.required else f"[{param.metavar}]" for param in arguments)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write arguments and options, each kind in its section."""
        sections: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            default = "Arguments" if param.param_type_name == "argument" else "Options"
            record = param.get_help_record(ctx)
            if record is not None:
                names = str(param.metavar) if default == "Arguments" else record[0]
                section = sections.setdefault(getattr(param, "rich_help_panel", None) or default, [])
                section.append((names, record[1]))
        sections[COMMON_PANEL] = sections.pop(COMMON_PANEL) + sections["Options"][-1:]  # click's own --help is last
        del sections["Options"][-1:]
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def build(command: Command, name: str, summary: str, set_up: Callable[[bool, bool], None]) -> Any:
    """Return a click command that makes the model from the command line and runs the command with it.

    ``set_up(quiet, debug)`` is called before the options are checked.
    """

    def callback(**given: Any) -> None:
        set_up(given.pop("quiet"), given.pop("debug"))
        given.pop("version")
        as_json = given.pop("as_json", False)
        command.run(parse(command.model, given, name), as_json)

    fields = [
        field for field in command.model.model_fields if not extra_of(command.model.model_fields[field], "hidden")
    ]
    parameters = [_parameter(command.model, field) for field in fields] + list(_common_parameters(command.has_json))
    callback.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    callback.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    text = "\n\n".join(filter(None, [summary, command.details]))
    app.command(name, cls=PlainCommand, help=text, context_settings=CONTEXT)(callback)
    return typer.main.get_command(app)


def build_group(
    commands: Mapping[str, tuple[str, Command]], name: str, summary: str, set_up: Callable[[bool, bool], None]
) -> Any:
    """Return a click group of commands, each given by its name with its summary."""
    built = {own: build(command, f"{name} {own}", text, set_up) for own, (text, command) in commands.items()}
    return typer.core.TyperGroup(
        name=name, commands=built, help=summary, rich_markup_mode=None, context_settings=CONTEXT, no_args_is_help=False
    )


def parse(model: type[BaseModel], given: dict[str, Any], command: str) -> Any:
    """Return the model made of the given values, leaving out those that are ``None`` or empty.

    Raises
    ------
    InputError
        One sentence for every value that the model refuses, each on its own line.
    """
    options, refused = checked(model, given, command)
    if refused:
        raise InputError("\n".join(refused.values()))
    return options


def checked(model: type[BaseModel], given: dict[str, Any], command: str) -> tuple[Any, dict[str, str]]:
    """Return the model made of the given values, and why it can't be made: a sentence for each option refused.

    What the options together are refused for has no name. Where anything is refused the model is ``None``.
    """
    try:
        options = model(**{name: value for name, value in given.items() if value is not None and value != []})
    except ValidationError as error:
        return None, _sentences(error, model, command)
    refused = {
        name: f"{option_name(name)}: expected a finite number, got {value}; {_advice(command)}"
        for name in given
        if isinstance(value := getattr(options, name), float) and not math.isfinite(value)
    }
    return (None if refused else options), refused


def _advice(command: str) -> str:
    return f"see `napari-tomodrgn {command} --help`"


def _sentences(error: ValidationError, model: type[BaseModel], command: str) -> dict[str, str]:
    """Return one sentence an option, by its name; the alternatives of a union are joined in one."""
    by_option: dict[str, list[ErrorDetails]] = {}
    for details in error.errors(include_url=False):
        by_option.setdefault(str(details["loc"][0]) if details["loc"] else "", []).append(details)
    return {option: _sentence(option, group, model, command) for option, group in by_option.items()}


def _sentence(option: str, group: list[ErrorDetails], model: type[BaseModel], command: str) -> str:
    details = group[0]
    own_words = str(details.get("ctx", {}).get("error", "")) if details["type"].endswith("_error") else ""
    if not option:
        return own_words or details["msg"]
    field = model.model_fields.get(option)
    written = option.upper() if field and extra_of(field, "argument") else option_name(option)
    advice = _advice(command)
    if details["type"] == "missing":
        return f"{written}: is missing; {advice}"
    if details["type"] in ("value_error", "assertion_error"):
        return f"{written}: {own_words}, got {details['input']!s}; {advice}"
    expected = " or ".join(dict.fromkeys(_expected(one, field) for one in group))
    return f"{written}: expected {expected}, got {details['input']!s}; {advice}"


def _expected(details: ErrorDetails, field: FieldInfo | None) -> str:
    context = {**details.get("ctx", {}), "default": field.default if field else ""}
    bounds = {
        "greater_than": "a number above {gt:g}",
        "greater_than_equal": "{ge:g} or more",
        "less_than": "a number below {lt:g}",
        "less_than_equal": "{le:.10g} or less",
        "literal_error": "{expected}",
        "string_pattern_mismatch": "something like {default}",
        "int_parsing": "a whole number",
        "int_from_float": "a whole number",
        "float_parsing": "a number",
        "finite_number": "a finite number",
        "path_type": "a path",
        "bool_parsing": "on or off",
    }
    return bounds.get(details["type"], details["msg"][:1].lower() + details["msg"][1:]).format(**context)
