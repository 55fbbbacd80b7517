"""Options of ``fit``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FitOptions(BaseModel):
    """Options of ``fit``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: Path = Field(
        description="Atomic model (PDB or mmCIF), or a folder of the files of one model.",
        json_schema_extra={"argument": True},
    )
    map: Path = Field(
        description="Map (.mrc), protein bright, in a cube of an even side.", json_schema_extra={"argument": True}
    )
    outdir: Path | None = Field(
        None, description="Folder for fit.json, the moved model and a picture; default: none are written."
    )
    pixel_size: float | None = Field(
        None, gt=0, description="Å per voxel of the map, where its header is wrong or has none."
    )
    resolution: float | None = Field(
        None,
        gt=0,
        description="Resolution in Å at which both are compared; default: 2 pixels, or 10 Å if that is more.",
    )
    hand: Literal["auto", "keep", "flip"] = Field(
        "auto", description="Take the map as it is, or mirrored (flip); auto: whichever fits better."
    )
    search: bool = Field(True, description="Search all rotations and shifts; off: refine from where the model is.")
    figures: bool = Field(True, description="Draw map and model into --outdir, PNG and PDF.")
    overwrite: bool = Field(False, description="Replace a fit in --outdir.")
