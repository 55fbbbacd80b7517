"""The options of ``occupancy``."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from napari_tomodrgn.analysis.occupancy.masks import ENCLOSED

NAME = "occupancy"
Normalise = Literal["ensemble", "volume", "none"]
Expected = Literal["part", "model"]


class OccupancyOptions(BaseModel):
    """Options of ``occupancy``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(
        description="Run directory; or a folder of maps (.mrc), or an occupancy.csv that was measured before, for "
        "--threshold.",
        json_schema_extra={"argument": True},
    )
    model: tuple[Path, ...] = Field(
        (),
        description="Atomic model (PDB or mmCIF) that lies in the maps, or --fit says how; repeat it for the files of "
        "one model, or give their folder.",
        json_schema_extra={"group": "What to measure"},
    )
    parts: tuple[str, ...] = Field(
        (),
        description="Parts of the model, a column each: FILE:CHAIN, FILE (each of its chains) or CHAIN, separated by "
        "commas; NAME=LIST is one column of them all. Default: every chain.",
        json_schema_extra={"group": "What to measure", "metavar": "PARTS"},
    )
    fit: Path | None = Field(
        None,
        description="The fit.json of `fit`: how the model lies in the maps. Default: the model is in their frame.",
        json_schema_extra={"group": "What to measure"},
    )
    mask: tuple[Path, ...] = Field(
        (), description="Mask (.mrc, from 0 to 1) of the maps' size, a column each.",
        json_schema_extra={"group": "What to measure"},
    )  # fmt: skip
    sphere: tuple[str, ...] = Field(
        (),
        description="Sphere in the maps, a column each: centre and radius in Å; 0 is the centre of the first voxel.",
        json_schema_extra={"group": "What to measure", "metavar": "Z,Y,X,R"},
    )
    resolution: float | None = Field(
        None, gt=0, description="Resolution of the model's density, Å; default: 2 pixels.",
        json_schema_extra={"group": "What to measure"},
    )  # fmt: skip
    enclosed: float = Field(
        ENCLOSED,
        gt=0,
        lt=1,
        description="Share of a part's density that its mask encloses.",
        json_schema_extra={"group": "What to measure"},
    )
    normalise: Normalise = Field(
        "ensemble",
        description="1 is the density of the whole model: in the mean of all volumes (ensemble), or in each volume "
        "itself; none: as the maps' density is.",
        json_schema_extra={"group": "What to measure"},
    )
    expected: Expected = Field(
        "part",
        description="What a part's density is divided by: what the part alone has in its mask, or what the whole model "
        "has there, with neighbours that reach in.",
        json_schema_extra={"group": "What to measure"},
    )
    epoch: int | None = Field(
        None, ge=1, description="Epoch of the run; default: its chosen one.", json_schema_extra={"group": "Volumes"}
    )
    centres: str | None = Field(
        None,
        description="Measure the class centres of a labelling, as kmeans-20, instead of all particles.",
        json_schema_extra={"group": "Volumes", "metavar": "METHOD-K"},
    )
    particles: Path | None = Field(
        None,
        description="Measure only these particles: a selection (.json), or a table (.csv: tomogram, particle).",
        json_schema_extra={"group": "Volumes"},
    )
    box: int | None = Field(
        None, gt=0, description="Smaller even box to decode, cropped in Fourier space.",
        json_schema_extra={"group": "Volumes"},
    )  # fmt: skip
    map_hand: Literal["auto", "keep", "flip"] = Field(
        "auto", description="Flip z of decoded volumes; auto: as the run says.", json_schema_extra={"group": "Volumes"}
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto", description="Where to decode.", json_schema_extra={"group": "Volumes"}
    )
    pixel_size: float | None = Field(
        None, gt=0, description="Å per voxel of a folder's maps, where their headers are wrong or have none.",
        json_schema_extra={"group": "Volumes"},
    )  # fmt: skip
    threshold: tuple[str, ...] = Field(
        (),
        description="Label by whether a part's occupancy is at least this; several give a label for each combination.",
        json_schema_extra={"metavar": "PART=VALUE"},
    )
    name: str = Field(NAME, description="Name of the result, and of its labels in the run: lower-case letters.")
    outdir: Path | None = Field(
        None,
        description="Folder to write; default: RUN/analysis/epoch-NNNN/occupancy/NAME. Needed for a folder of maps.",
    )
    figures: bool = Field(True, description="Draw figures, PNG and PDF.")
    overwrite: bool = Field(False, description="Replace a result of the same name.")

    @field_validator("model", "parts", "mask", "sphere", "threshold", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take several in one text, separated by semicolons, as a form has them."""
        values = [value] if isinstance(value, str | Path) else value
        return [
            part for each in values for part in (_parts_of(each) if isinstance(each, str) else [each])
        ]  # fmt: skip


def _parts_of(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]
