"""A model's fields as command-line parameters, and its complaints as sentences."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_tomodrgn.cli.exits import exit_code_of
from napari_tomodrgn.cli.options import Command, build


class Soup(BaseModel):
    """Options of every kind that the commands use."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    recipe: Path = Field(description="The recipe [a file].", json_schema_extra={"argument": True})
    bowls: int = Field(1, ge=1, description="How many bowls.")
    salt: float | None = Field(None, gt=0, lt=9, description="Grams of salt.")
    heat: Literal["low", "high"] = Field("low", description="The hob.")
    spoons: int | Literal["min", "all"] = Field("min", description="Spoons.")
    hot_bread: bool = Field(True, description="Serve bread.")
    pepper: bool | None = Field(None, description="Pepper, if you like.")
    size: str = Field("2x3", description="Pots.", json_schema_extra={"metavar": "WIDTHxDEPTH"})
    herbs: tuple[str, ...] = Field((), description="Herbs.")

    @field_validator("size")
    @classmethod
    def _of_two_numbers(cls, size: str) -> str:
        if "x" not in size:
            raise ValueError("expected two numbers such as 2x3")
        return size

    @model_validator(mode="after")
    def _not_both(self) -> "Soup":
        if self.pepper and self.herbs:
            raise ValueError("--pepper and --herbs spoil each other; choose one")
        return self


def cook(*arguments: str) -> tuple[int, Soup | None]:
    cooked: list[Soup] = []
    command = build(
        Command(Soup, lambda soup, _json: cooked.append(soup)), "cook", "Cook.", lambda _quiet, _debug: None
    )

    def work() -> Any:
        with command.make_context("cook", list(arguments)) as context:
            command.invoke(context)

    return exit_code_of(work, debug=False), (cooked or [None])[0]


def test_defaults_are_the_models_own() -> None:
    assert cook("leek.txt") == (0, Soup(recipe=Path("leek.txt")))


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        (["--bowls", "3"], "bowls", 3),
        (["--salt", "2e-1"], "salt", 0.2),
        (["--heat", "high"], "heat", "high"),
        (["--spoons", "7"], "spoons", 7),
        (["--spoons", "all"], "spoons", "all"),
        (["--no-hot-bread"], "hot_bread", False),
        (["--pepper"], "pepper", True),
        (["--herbs", "dill", "--herbs", "mint"], "herbs", ("dill", "mint")),
    ],
)
def test_a_value_reaches_its_field(arguments: list[str], field: str, value: object) -> None:
    code, soup = cook("leek.txt", *arguments)
    assert code == 0
    assert getattr(soup, field) == value


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "missing argument 'RECIPE'; see `cook --help`"),
        (["a", "b"], "got unexpected extra argument(s) (b); see `cook --help`"),
        (["a", "--bowls", "two"], "--bowls: expected a whole number, got two; see `napari-tomodrgn cook --help`"),
        (["a", "--bowls", "0"], "--bowls: expected 1 or more, got 0; see `napari-tomodrgn cook --help`"),
        (["a", "--salt", "-1"], "--salt: expected a number above 0, got -1; see `napari-tomodrgn cook --help`"),
        (["a", "--salt", "99"], "--salt: expected a number below 9, got 99; see `napari-tomodrgn cook --help`"),
        (["a", "--heat", "hi"], "--heat: expected 'low' or 'high', got hi; see `napari-tomodrgn cook --help`"),
        (
            ["a", "--spoons", "x"],
            "--spoons: expected a whole number or 'min' or 'all', got x; see `napari-tomodrgn cook --help`",
        ),
        (["a", "--size", "4"], "--size: expected two numbers such as 2x3, got 4; see `napari-tomodrgn cook --help`"),
        (["a", "--pepper", "--herbs", "dill"], "--pepper and --herbs spoil each other; choose one"),
        (["a", "--qqq", "1"], "no such option: --qqq; see `cook --help`"),
    ],
)
def test_a_bad_value_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, soup = cook(*arguments)
    assert (code, soup) == (2, None)
    assert capsys.readouterr().err == f"napari-tomodrgn: error: {sentence}\n"


def test_help_shows_every_field_with_its_default(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERMINAL_WIDTH", "160")
    assert cook("--help") == (0, None)
    text = " ".join(capsys.readouterr().out.split())
    for shown in (
        "RECIPE",
        "The recipe [a file].",
        "--bowls N How many bowls. [default: 1]",
        "--heat low|high The hob. [default: low]",
        "--spoons N|min|all",
        "--no-hot-bread",
        "[default: on]",
        "--size WIDTHxDEPTH",
        "--quiet",
        "--debug",
        "--version",
    ):
        assert shown in text
