"""Options of ``ensemble``."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from napari_tomodrgn.reconstruction.decoding import Amp
from napari_tomodrgn.seeds import LARGEST_SEED


class EnsembleOptions(BaseModel):
    """Options of ``ensemble``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch to decode; default: the run's chosen one.")
    clusters: int = Field(20, ge=1, description="Number of classes of the volumes, by k-means of the components.")
    components: int = Field(10, ge=1, description="Number of principal components of the voxels.")
    mask: Path | None = Field(
        None,
        description="Soft mask (MRC, 0 to 1) of the voxels' extent; default: around what any of some volumes shows.",
    )
    reference: Path | None = Field(
        None,
        description="A map (MRC) that each volume is correlated with; default: the mean of all volumes.",
    )
    box: int | None = Field(None, gt=0, description="Smaller even box of the volumes, cropped in Fourier space.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of classes, UMAP, and of what the mask is made from.")
    umap: bool = Field(False, description="Make a UMAP of the components.")
    neighbours: int = Field(15, ge=2, description="Neighbours a particle has in UMAP; cut to what the set has.")
    name: str | None = Field(
        None, description="Name of the result, its folder RUN/analysis/epoch-NNNN/ensemble/NAME; default: voxels-K."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    amp: Amp = Field(
        "off", description="Precision of the products: off is float32, which keeps small differences; auto is faster."
    )
    figures: bool = Field(True, description="Draw a figure, PNG and SVG.")
    overwrite: bool = Field(False, description="Replace a result of the same name.")

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).name != value or value in (".", "..")):
            raise ValueError("expected a plain name")
        return value

    @property
    def labelling(self) -> str:
        """The name of the classes in the run."""
        return f"voxels-{self.clusters}"
