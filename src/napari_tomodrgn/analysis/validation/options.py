"""The options of ``validate``."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.config import JsonDict

from napari_tomodrgn.seeds import LARGEST_SEED

WHICH: JsonDict = {"group": "Which particles"}
VOLUME: JsonDict = {"group": "Which volume"}


class ValidateOptions(BaseModel):
    """Options of ``validate``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch to validate; default: the run's chosen one.")
    datadir: Path | None = Field(None, description="Further folder in which image stacks are looked for.")
    name: str | None = Field(
        None, description="Name of the folder RUN/analysis/epoch-NNNN/validation/NAME; default: made of the selection."
    )
    permutations: int = Field(999, ge=199, le=99_999, description="Random choices that each test is held against.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of random choices, half-sets and trainings.")
    overwrite: bool = Field(False, description="Replace a validation of the same name.")

    clusters: list[int] = Field(
        [], description="Classes whose particles are validated, as 0,2 or one an option.", json_schema_extra=WHICH
    )
    labels: Path | None = Field(
        None,
        description="Labels (.csv: tomogram, particle, label) of the classes, or the name of one of the epoch's "
        "labellings, as kmeans-20; default: the only ones of the epoch.",
        json_schema_extra=WHICH,
    )
    selection: Path | None = Field(None, description="Selection (.json) to validate.", json_schema_extra=WHICH)
    ids: Path | None = Field(
        None, description="Table (.csv: tomogram, particle) of the particles to validate.", json_schema_extra=WHICH
    )
    against: str | None = Field(
        None,
        description="What they are held against instead of all others: classes of the same labels, as 1,3, or a "
        "selection (.json).",
        json_schema_extra=WHICH,
    )
    chosen_by: Literal["latents", "elsewhere"] = Field(
        "latents",
        description="What the particles were chosen by: the latents, which know their images, or something that does "
        "not, such as their place in the cell.",
        json_schema_extra=WHICH,
    )

    centre: Literal["nearest", "mean"] = Field(
        "nearest",
        description="Latent to decode: of the particle nearest to the selection's mean latent, or that mean.",
        json_schema_extra=VOLUME,
    )
    extrapolate: float = Field(
        1.0,
        gt=0,
        description="Go so many times as far from the others' mean latent to that centre.",
        json_schema_extra=VOLUME,
    )
    at: str | None = Field(
        None,
        description="Latent to decode instead: numbers separated by commas, or a file (.npy, .csv, text) of one row.",
        json_schema_extra=VOLUME,
    )
    nearest: int = Field(
        50,
        ge=2,
        description="With --at and no particles named: hold it against so many particles that lie nearest to it.",
        json_schema_extra=VOLUME,
    )

    decoder_only: bool = Field(
        True,
        description="Also train a decoder alone on the selection, and one on as many others.",
        json_schema_extra={"group": "Decoder-only training"},
    )
    decoder_only_epochs: int | None = Field(
        None,
        ge=1,
        description="Passes over its particles; default: 1600 by their number, at most 40.",
        json_schema_extra={"group": "Decoder-only training"},
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where it is trained.", json_schema_extra={"group": "Decoder-only training"}
    )

    @field_validator("clusters", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take ``0,2`` as well as a list."""
        values = [value] if isinstance(value, str | int) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        if value is not None and (not re.fullmatch(r"[\w.-]+", value) or value.startswith(".")):
            raise ValueError("expected letters, digits, '.', '-' and '_', as it becomes a folder's name")
        return value

    @property
    def names_particles(self) -> bool:
        """Whether particles are named by classes, a selection or a table."""
        return bool(self.clusters or self.selection or self.ids)

    @property
    def folder_name(self) -> str:
        """What the validation is called."""
        if self.name is not None:
            return self.name
        parts = [path.stem for path in (self.selection, self.ids) if path is not None]
        if self.clusters:
            labelling = self.labels.stem.removeprefix("labels-") + "-" if self.labels else ""
            parts.append(labelling + "class-" + "-".join(map(str, self.clusters)))
        if self.at is not None:
            parts.append("latent")
        if self.extrapolate != 1:
            parts.append(f"{self.extrapolate:g}-times")
        if self.against is not None:
            parts.append("against-" + Path(self.against).stem.replace(",", "-"))
        return re.sub(r"[^\w.-]+", "-", "-".join(parts)) or "selection"
