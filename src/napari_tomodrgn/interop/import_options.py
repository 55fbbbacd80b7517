"""Options of the ``import-tomodrgn`` command."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.particles.data_options import DIALECT_METAVAR


class ImportOptions(BaseModel):
    """Options of ``import-tomodrgn``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path = Field(
        description="Output folder of tomoDRGN's train_vae.", json_schema_extra={"argument": True, "folder": True}
    )
    outdir: Path = Field(description="Folder of the run to write.", json_schema_extra={"folder": True})
    star: Path | None = Field(
        None, description="Star that it was trained on, where it is not the preprocessed one in the folder."
    )
    dialect: str = Field("auto", description="Dialect of that star.", json_schema_extra={"metavar": DIALECT_METAVAR})
    volume_series: Path | None = Field(
        None, description="Star with one row a particle that gives image series their coordinates in the tomogram."
    )
    volume_series_by_order: bool = Field(
        False, description="Join the volume series by the order of its rows instead of by particle name."
    )
    datadir: Path | None = Field(
        None, description="Further folder in which image stacks are looked for.", json_schema_extra={"folder": True}
    )
    ctf_power: Literal["auto", "0", "1", "2"] = Field(
        "auto", description="How many times the CTF is in the images: 0 corrected, 1, or 2 premultiplied."
    )
    overwrite: bool = Field(False, description="Replace a run in --outdir.")
