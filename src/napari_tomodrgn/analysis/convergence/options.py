"""Options of ``converge``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.seeds import LARGEST_SEED


class ConvergeOptions(BaseModel):
    """Options of ``converge``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    clusters: int = Field(
        6, ge=1, description="Number of classes; of each the particle nearest to its centre is followed."
    )
    neighbours: int = Field(10, ge=1, description="Neighbours in latent space of which it is seen how many stay.")
    sample: int = Field(5000, ge=2, description="Classes are made of this many particles at most, drawn at random.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of classes, draws and UMAP.")
    volumes: bool = Field(True, description="Decode the followed particles at every epoch that has a checkpoint.")
    box: int | None = Field(None, gt=0, description="Smaller even box of the volumes, cropped in Fourier space.")
    reference: Path | None = Field(
        None, description="A map (MRC) that the volumes are compared with: same orientation, hand and extent in Å."
    )
    keep_volumes: bool = Field(False, description="Write the volumes of the followed particles (.mrc), too.")
    loss_tolerance: float = Field(
        0.05, gt=0, lt=1, description="The loss has settled within this share of its whole fall above its lowest."
    )
    shift_tolerance: float = Field(
        0.1,
        gt=0,
        description="Latents have settled where half of them move less than this share of their spread.",
    )
    volume_tolerance: float = Field(
        0.02, gt=0, lt=1, description="Volumes have settled where they correlate with the ones before to 1 less this."
    )
    difference_tolerance: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="Likewise for what tells each from the mean of all that are followed: what is learned last.",
    )
    umap: bool = Field(False, description="Show the latents by UMAP, epoch by epoch, in place of principal components.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    figures: bool = Field(True, description="Draw figures, PNG and SVG.")
    overwrite: bool = Field(False, description="Replace what is in RUN/analysis/convergence.")
