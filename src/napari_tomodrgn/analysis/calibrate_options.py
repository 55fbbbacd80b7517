"""The options of ``calibrate``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.seeds import LARGEST_SEED


class CalibrateOptions(BaseModel):
    """Options of ``calibrate``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch to calibrate; default: the run's chosen one.")
    datadir: Path | None = Field(None, description="Further folder in which image stacks are looked for.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to infer latents.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of draws.")
    figures: bool = Field(True, description="Draw the figure, PNG and SVG.")
    overwrite: bool = Field(False, description="Replace the calibration of the same epoch.")
