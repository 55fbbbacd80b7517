"""Options of the ``export`` commands."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class PlacedOptions(BaseModel):
    """Which particles of a run are placed, and how their volumes are decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    outdir: Path = Field(description="Folder to write.", json_schema_extra={"folder": True})
    tomogram: str | None = Field(None, description="Tomogram; may be left out where there is only one.")
    tomogram_file: Path | None = Field(
        None, description="Its file (MRC), where the star does not name one that is there."
    )
    tomogram_pixel_size: float | None = Field(
        None, gt=0, description="Å per voxel of that file, where its header is wrong."
    )
    epoch: int | None = Field(None, ge=1, description="Epoch of the run; default: its chosen one.")
    selection: Path | None = Field(None, description="Selection (JSON) of the particles to place; default: all.")
    labels: Path | None = Field(
        None,
        description="Classes (.csv: tomogram, particle, label), or the name of a labelling of the epoch, as kmeans-20; "
        "default: the only ones there are, or none.",
    )
    class_centres: bool = Field(
        False, description="Place the volume in the middle of a particle's class instead of its own."
    )
    limit: int | None = Field(None, ge=1, description="Place only so many particles of a tomogram, the first ones.")
    box: int | None = Field(None, gt=0, description="Smaller even box, cropped in Fourier space (coarser pixels).")
    low_pass: float | None = Field(None, gt=0, description="Remove everything beyond this resolution, Å.")
    level: float = Field(3.0, description="Level of surfaces, standard deviations above the mean of each volume.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    amp: Literal["auto", "off", "fp16", "bf16"] = Field(
        "auto", description="Precision of the products: auto as in training; off is float32."
    )
    overwrite: bool = Field(False, description="Replace what an earlier export wrote to --outdir.")


class ChimeraxOptions(PlacedOptions):
    """Options of ``export chimerax``."""

    tomogram: str | None = Field(None, description="Only this tomogram; default: a scene for each.")


class TomogramOptions(PlacedOptions):
    """Options of ``export tomogram``."""

    pixel_size: float | None = Field(
        None, gt=0, description="Å per voxel; default: those of the tomogram's file, else of the volumes."
    )
    binning: int = Field(1, ge=1, description="Voxels so many times as large as they would be.")
    overlap: Literal["sum", "max"] = Field(
        "sum", description="What stands where boxes overlap: the sum of the volumes, or the largest value above 0."
    )
    window: bool = Field(
        True, description="Leave out what is beyond 0.9 of the half-box, softly from 0.8 on: images are windowed so."
    )


class CoordinatesOptions(BaseModel):
    """Options of ``export coordinates``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Run directory, star file or optimisation set.", json_schema_extra={"argument": True}
    )
    output: Path = Field(description="File to write.", json_schema_extra={"new": True})
    format: Literal["auto", "csv", "relion", "warp", "dynamo"] = Field(
        "auto",
        description="csv in Å, a star of RELION or Warp, a table of Dynamo; auto: by its name.",
    )
    pixel_size: float | None = Field(
        None, gt=0, description="Å per pixel of the coordinates; default: those of the tilt series, else of the images."
    )
    tomograms: list[str] = Field([], description="Tomograms to write, as A,B or one an option; default: all.")
    selection: Path | None = Field(None, description="Selection (JSON) of the particles to write; default: all.")
    labels: Path | None = Field(
        None,
        description="Classes (.csv: tomogram, particle, label), or the name of a labelling of the run's epoch; "
        "default: the only ones there are, or none.",
    )
    epoch: int | None = Field(None, ge=1, description="Epoch of the run that classes are of; default: its chosen one.")
    volume_series: Path | None = Field(
        None, description="Star with one row a particle that gives image series their coordinates in the tomogram."
    )
    overwrite: bool = Field(False, description="Replace a file of that name.")

    @field_validator("tomograms", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take ``A,B`` as well as a list."""
        values = [value] if isinstance(value, str) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]
