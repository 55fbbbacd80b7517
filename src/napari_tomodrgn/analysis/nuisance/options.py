"""The options of ``nuisance``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.seeds import LARGEST_SEED


class NuisanceOptions(BaseModel):
    """Options of ``nuisance``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch whose latents are asked; default: the run's chosen one.")
    permutations: int = Field(199, ge=99, le=99_999, description="Shuffles that every effect is held against.")
    level: float = Field(
        0.05, gt=0, lt=1, description="Largest family-wise p of an alarm: over all quantities that are asked."
    )
    volumes: bool = Field(
        False, description="Decode the volumes at both ends of the direction that goes with each alarm, as MRC files."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of folds and shuffles.")
    figures: bool = Field(True, description="Draw the figure, PNG and PDF.")
    overwrite: bool = Field(False, description="Replace what was found, and its volumes, before.")
