"""Options of the ``select`` command, and the rules that they ask for."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from napari_tomodrgn.analysis.rules import Best
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.seeds import LARGEST_SEED

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_BETWEEN = re.compile(rf"(?P<column>.+?):(?P<low>{_NUMBER})?:(?P<high>{_NUMBER})?")


class SelectOptions(DataOptions):
    """Options of ``select``: those of the particles, and which ones to keep."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Run directory, star file or optimisation set.", json_schema_extra={"argument": True}
    )
    name: str = Field(description="Name of the selection; letters, digits, '.', '-' and '_'.")
    output: Path | None = Field(None, description="Star file to write; default: none from a run, NAME.star otherwise.")
    ids: Path | None = Field(None, description="Keep the particles of a table (.csv: tomogram, particle).")
    like: Path | None = Field(
        None, description="Selection (JSON) whose rules are applied again, to these particles; not those it lists."
    )
    clusters: list[int] = Field([], description="Classes to keep, as 0,2 or one an option.")
    labels: Path | None = Field(
        None,
        description="Labels (.csv: tomogram, particle, label), or the name of one of the run's labellings, as "
        "kmeans-20; default: the only ones of the run's epoch.",
    )
    epoch: int | None = Field(
        None, ge=1, description="Epoch of the run whose labels and latents are meant; default: the chosen one."
    )
    tomograms: list[str] = Field([], description="Tomograms to keep, by name, as A,B or one an option.")
    between: list[str] = Field(
        [],
        description="Keep numbers within limits, as loss::0.9 or 'PC 1:-2:3'; a limit may be left out.",
        json_schema_extra={"metavar": "COLUMN:LOW:HIGH"},
    )
    drop_outliers: float | None = Field(
        None, gt=0, description="Drop latents that lie beyond so many standard deviations, robustly; 3 is usual."
    )
    away_from_faces: float | None = Field(
        None, gt=0, description="Keep particles at least so far from the faces of their tomogram, Å."
    )
    minimum_distance: float | None = Field(
        None, gt=0, description="Of particles of a tomogram nearer than this keep the better one, Å."
    )
    keep_lowest: str | None = Field(
        None, description="The better one has less in this column; default: it stands first in the file."
    )
    keep_highest: str | None = Field(None, description="The better one has more in this column.")
    random: int | None = Field(None, ge=1, description="Keep so many of what is left, drawn at random.")
    per: Literal["all", "tomogram", "class"] = Field(
        "all", description="Draw so many in all, of each tomogram, or of each class."
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of what is drawn.")
    invert: bool = Field(
        False, description="Keep the others instead: of the selection, where one is given with other rules."
    )
    class_column: bool = Field(False, description="Write rlnClassNumber: the label + 1 of each particle.")
    per_tomogram: bool = Field(False, description="Write one star file for each tomogram.")
    overwrite: bool = Field(False, description="Replace a selection or star file of the same name.")

    @field_validator("clusters", "tomograms", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take ``0,2`` as well as a list."""
        values = [value] if isinstance(value, str | int) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]

    @field_validator("between")
    @classmethod
    def _with_limits(cls, values: list[str]) -> list[str]:
        for value in values:
            found = _BETWEEN.fullmatch(value)
            if found is None or not (found["low"] or found["high"]):
                raise ValueError("expected COLUMN:LOW:HIGH with a number at one end or both")
        return values

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str) -> str:
        return plain_name(value)

    @model_validator(mode="after")
    def _belong_together(self) -> "SelectOptions":
        if self.keep_lowest and self.keep_highest:
            raise ValueError("--keep-lowest and --keep-highest: which of the two says which particle is better?")
        if self.minimum_distance is None and (self.keep_lowest or self.keep_highest):
            raise ValueError(
                "--keep-lowest, --keep-highest: say which of near particles is kept; give a minimum distance"
            )
        return self

    @property
    def needs_labels(self) -> bool:
        """Whether classes are asked for."""
        return bool(self.clusters) or self.class_column or (self.random is not None and self.per == "class")

    @property
    def limits(self) -> list[tuple[str, float | None, float | None]]:
        """Columns and the limits that their numbers have to lie within."""
        found = [_BETWEEN.fullmatch(value) for value in self.between]
        return [
            (each["column"], *(float(each[end]) if each[end] else None for end in ("low", "high")))  # type: ignore[misc]
            for each in found
            if each is not None
        ]

    @property
    def better(self) -> tuple[str | None, Best]:
        """The column that says which of near particles is kept, and which end of it is the better one."""
        return (self.keep_highest, "highest") if self.keep_highest else (self.keep_lowest, "lowest")


def plain_name(name: str) -> str:
    """Return the name of a selection; raises ValueError where it can't become a file name."""
    if not re.fullmatch(r"[\w.-]+", name) or name.startswith("."):
        raise ValueError("expected letters, digits, '.', '-' and '_', as it becomes a file name")
    return name
