"""Options of ``traverse``."""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_tomodrgn.analysis.latent_graph import AVERAGE_DEGREE, NEIGHBOURS

POINTS = 10
WAYS = ("through", "anchors", "classes", "latents")
Method = Literal["pc", "direct", "graph"]


class TraverseOptions(BaseModel):
    """Options of ``traverse``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    method: Method | None = Field(
        None,
        description="The way: along a principal component (pc, the default), in straight lines (direct), or "
        " from neighbour to neighbour (graph).",
    )
    order_by: str | None = Field(
        None, description="No way, but particles in the order of this column, as 'PC 1' or defocus."
    )
    epoch: int | None = Field(None, ge=1, description="Epoch to go through; default: the run's chosen one.")
    component: int = Field(1, ge=1, description="With pc: which principal component, from 1.")
    low: float = Field(5.0, ge=0, le=100, description="With pc: where to begin, a percentile of the particles.")
    high: float = Field(95.0, ge=0, le=100, description="With pc: where to end, likewise.")
    through: tuple[str, ...] = Field(
        (),
        description="Particles on the way, in order, as TOMOGRAM/PARTICLE; may be given several times.",
        json_schema_extra={"metavar": "TEXT"},
    )
    anchors: Path | None = Field(
        None,
        description="Particles on the way, in order: a table (.csv) with columns tomogram, particle, as centres-*.csv.",
    )
    labels: str | None = Field(
        None, description="The labelling, as kmeans-20, that --classes are of; default: the only one."
    )
    classes: tuple[int, ...] = Field(
        (),
        description="Classes on the way, in order, as 3,0,7: of each the particle nearest to its centre.",
        json_schema_extra={"metavar": "N"},
    )
    latents: Path | None = Field(
        None, description="With direct: latents on the way, in order, a text table or .npy, one row each."
    )
    neighbours: int = Field(NEIGHBOURS, ge=1, description="With graph: nearest particles that each one is joined to.")
    average_degree: float = Field(
        AVERAGE_DEGREE,
        gt=0,
        description="With graph: the longest edges are dropped until a particle has this many on average.",
    )
    points: int | None = Field(
        None,
        ge=1,
        description=f"Number of volumes, evenly along the way; default: {POINTS}, with graph every particle on it; "
        "with --order-by evenly by rank.",
    )
    particles: Path | None = Field(
        None, description="With --order-by: only these, a selection (.json) or a table (.csv) with tomogram, particle."
    )
    name: str | None = Field(None, description="Name of the set, its folder RUN/volumes/epoch-NNNN/NAME.")
    outdir: Path | None = Field(None, description="Folder to write instead of one inside the run.")
    volumes: bool = Field(True, description="Decode the volumes; without, only latents are written.")
    box: int | None = Field(None, gt=0, description="Smaller even box, cropped in Fourier space (coarser pixels).")
    low_pass: float | None = Field(None, gt=0, description="Remove everything beyond this resolution, Å.")
    map_hand: Literal["auto", "keep", "flip"] = Field("auto", description="Flip z on writing; auto: as the run says.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    figures: bool = Field(True, description="Draw a sheet of central slices, and the way in the latent space.")
    movie: bool = Field(False, description="Write slices and projection as a movie (.gif), there and back.")
    overwrite: bool = Field(False, description="Replace a set of the same name.")

    @field_validator("through", mode="before")
    @classmethod
    def _as_list(cls, value: Any) -> Any:
        """Take ``a/1,a/2`` as well as a list."""
        values = [value] if isinstance(value, str) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]

    @field_validator("through")
    @classmethod
    def _named(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            if not all(value.partition("/")):
                raise ValueError("expected TOMOGRAM/PARTICLE for every particle")
        return values

    @field_validator("classes", mode="before")
    @classmethod
    def _as_numbers(cls, value: Any) -> Any:
        """Take ``0,2`` as well as a list."""
        values = [value] if isinstance(value, str | int) else value
        return [part for each in values for part in (each.split(",") if isinstance(each, str) else [each])]

    @field_validator("name")
    @classmethod
    def _plain(cls, value: str | None) -> str | None:
        if value is not None and (Path(value).name != value or value in (".", "..")):
            raise ValueError("expected a plain name; use --outdir for a folder elsewhere")
        return value

    @model_validator(mode="after")
    def _belong_together(self) -> "TraverseOptions":
        given = [name for name in WAYS if getattr(self, name)]
        listed = " and ".join(f"--{name}" for name in given) or "none of them"
        if self.order_by is not None:
            if self.method is not None or given:
                raise ValueError("--order-by orders particles and goes no way; leave --method and its options out")
            return self
        if self.particles is not None:
            raise ValueError("--particles says which ones --order-by orders; give --order-by, or anchors of a way")
        if self.way == "pc":
            if given:
                raise ValueError(f"{listed}: a principal component needs none; say --method direct or graph")
            if self.low >= self.high:
                raise ValueError(f"--low {self.low:g} is not below --high {self.high:g}; give percentiles in order")
        elif len(given) != 1:
            raise ValueError(
                f"--method {self.way}: which way? Give one of --through, --anchors, --classes"
                + (" and --latents" if self.way == "direct" else "")
                + f" (found {listed})"
            )
        elif self.latents is not None and self.way == "graph":
            raise ValueError("--latents: a graph joins particles; say --method direct, or name particles")
        return self

    @property
    def way(self) -> Method:
        """The method, also where none was named."""
        return self.method or "pc"
