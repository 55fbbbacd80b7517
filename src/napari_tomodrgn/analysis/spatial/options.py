"""The options of ``neighbors``."""

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.seeds import LARGEST_SEED

CHANCE: JsonDict = {"group": "What chance gives"}
CHAINS: JsonDict = {"group": "Chains"}
ELSEWHERE: JsonDict = {"group": "Other things to hold against"}
_NAME = re.compile(r"[\w-][\w.-]*")

Null = Literal["auto", "tomogram", "blocks"]


class NeighborsOptions(DataOptions):
    """Options of ``neighbors``: those of the particles, and what is asked of their places."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Run directory, star file or optimisation set.", json_schema_extra={"argument": True}
    )
    epoch: int | None = Field(None, ge=1, description="Epoch of the run; default: its chosen one.")
    labels: Path | None = Field(
        None,
        description="Classes (.csv: tomogram, particle, label), or the name of one of the run's labellings, as "
        "kmeans-4; default: the only ones of the epoch, or a star's rlnClassNumber (counted from 0 here).",
    )
    nearest: int = Field(3, ge=1, le=100, description="Neighbours of each particle that are counted.")
    shade: str | None = Field(
        None,
        description="Interval of distances in Å that is shaded in the figure, and counted.",
        json_schema_extra={"metavar": "LOW:HIGH"},
    )
    radius: float | None = Field(
        None, gt=0, description="Largest distance of the pair correlation, Å; default: five times the median nearest."
    )
    name: str | None = Field(None, description="Name of the folder of results; default: that of the labels.")
    outdir: Path | None = Field(
        None, description="Folder of results; default: RUN/analysis/epoch-NNNN/neighbours/NAME. A star needs one."
    )
    figures: bool = Field(True, description="Draw figures, PNG and PDF.")
    overwrite: bool = Field(False, description="Replace results of the same name.")

    null: Null = Field(
        "auto",
        description="Labels are dealt out anew within tomograms, or within blocks of eight particles or more and less "
        "what the classes about them foretell; auto: the latter where labels follow position.",
        json_schema_extra=CHANCE,
    )
    permutations: int = Field(
        999, ge=99, le=99_999, description="How often labels and orientations are exchanged.", json_schema_extra=CHANCE
    )
    replicates: int = Field(
        1000, ge=0, le=10**5, description="How often tomograms are drawn anew, for intervals.", json_schema_extra=CHANCE
    )
    window: Path | None = Field(
        None,
        description="Mask (.mrc) of where particles were looked for, or a folder of one a tomogram, for the pair "
        "correlation; default: the convex hull of each tomogram's particles.",
        json_schema_extra=CHANCE,
    )
    apart: float | None = Field(
        None,
        ge=0,
        description="Smallest distance between picks, Å, kept by random places; default: the smallest that is found.",
        json_schema_extra=CHANCE,
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of all that is drawn.", json_schema_extra=CHANCE)

    chain_direction: str | None = Field(
        None,
        description="Where the next particle of a chain stands: a direction in the consensus frame, or peak, where "
        "the nearest stand most often; default: no chains are looked for.",
        json_schema_extra={**CHAINS, "metavar": "X,Y,Z|peak"},
    )
    chain_back: str | None = Field(
        None,
        description="Where the one before stands in the frame of the next; default: anywhere.",
        json_schema_extra={**CHAINS, "metavar": "X,Y,Z"},
    )
    chain_angle: float = Field(
        30.0, gt=0, le=180, description="Degrees that it may be off these directions.", json_schema_extra=CHAINS
    )
    chain_distance: str | None = Field(
        None,
        description="Distance in Å from one to the next; default: up to twice the median nearest.",
        json_schema_extra={**CHAINS, "metavar": "LOW:HIGH"},
    )

    beside: Path | None = Field(
        None,
        description="Further classes (.csv, or a labelling of the run) of the same particles: how often both meet.",
        json_schema_extra=ELSEWHERE,
    )
    segmentation: Path | None = Field(
        None,
        description="Label volume (.mrc), or a folder of one a tomogram, to which distances are measured.",
        json_schema_extra=ELSEWHERE,
    )
    segment: int | None = Field(
        None, description="Value of the label volume that is meant; default: all but 0.", json_schema_extra=ELSEWHERE
    )

    @field_validator("shade", "chain_distance")
    @classmethod
    def _an_interval(cls, value: str | None) -> str | None:
        if value is not None:
            interval(value)
        return value

    @field_validator("chain_direction", "chain_back")
    @classmethod
    def _a_direction(cls, value: str | None, info: Any) -> str | None:
        if value is not None and not (value == "peak" and info.field_name == "chain_direction"):
            vector(value)
        return value

    @field_validator("name")
    @classmethod
    def _a_file_name(cls, value: str | None) -> str | None:
        if value is not None and not _NAME.fullmatch(value):
            raise ValueError("expected letters, digits, '.', '-' and '_', as it becomes a folder's name")
        return value

    @model_validator(mode="after")
    def _belong_together(self) -> "NeighborsOptions":
        if self.chain_direction is None and (self.chain_back or self.chain_distance):
            raise ValueError("--chain-back, --chain-distance: chains need --chain-direction, where the next one stands")
        if self.segment is not None and self.segmentation is None:
            raise ValueError("--segment: needs the volume that has this label; give --segmentation")
        return self


def interval(text: str) -> tuple[float, float]:
    """Return the ends of an interval LOW:HIGH; raises ValueError where it is none."""
    try:
        low, high = (float(part) for part in text.split(":"))
    except ValueError as error:
        raise ValueError("expected LOW:HIGH, two numbers of Å") from error
    if not 0 <= low < high < float("inf"):
        raise ValueError("expected LOW:HIGH with 0 or more below, and more above")
    return low, high


def vector(text: str) -> tuple[float, float, float]:
    """Return a direction X,Y,Z as a unit vector; raises ValueError where it is none."""
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError("expected X,Y,Z, three numbers") from error
    length = (x * x + y * y + z * z) ** 0.5
    if not 0 < length < float("inf"):
        raise ValueError("expected X,Y,Z of a length above 0")
    return x / length, y / length, z / length
