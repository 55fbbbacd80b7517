"""The options of ``score``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.seeds import LARGEST_SEED


class ScoreOptions(BaseModel):
    """Options of ``score``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    labels: Path = Field(
        description="Labels (.csv: tomogram, particle, label), or the name of one of the epoch's labellings, as "
        "kmeans-20."
    )
    epoch: int | None = Field(None, ge=1, description="Epoch of the labelling; default: the run's chosen one.")
    datadir: Path | None = Field(None, description="Further folder in which image stacks are looked for.")
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed of half-sets and draws.")
    figures: bool = Field(True, description="Draw the figure, PNG and SVG.")
    overwrite: bool = Field(False, description="Replace the scores of the same labelling.")
