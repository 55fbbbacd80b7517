"""Options of ``traverse``."""

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from napari_tomodrgn.analysis.latent_graph import AVERAGE_DEGREE, NEIGHBOURS

POINTS = 10
OF_ZONE = ("model", "parts", "fit")
WAYS = ("through", "anchors", "classes", "latents")
MOVIE: dict[str, Any] = {"group": "Movie"}
ZONE: dict[str, Any] = {"group": "Zone"}
# (degrees about x, y, z) that bring a side to the front, where x is to the right and y up
SIDES: dict[str, tuple[float, float, float]] = {
    "front": (0, 0, 0), "back": (0, 180, 0), "left": (0, 90, 0), "right": (0, -90, 0), "top": (90, 0, 0),
    "bottom": (-90, 0, 0),
}  # fmt: skip
Method = Literal["pc", "direct", "graph"]
LevelUnit = Literal["sigma", "density"]


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
    movie: bool = Field(
        False, description="Write the volumes one after the other as a movie, there and back.", json_schema_extra=MOVIE
    )
    movie_of: Literal["surfaces", "slices"] = Field(
        "surfaces", description="What it shows: shaded surfaces, or slices and the projection.", json_schema_extra=MOVIE
    )
    movie_format: Literal["gif", "mp4"] = Field(
        "gif", description="Format of its file; mp4 needs the program ffmpeg.", json_schema_extra=MOVIE
    )
    movie_side: int = Field(
        480, ge=32, le=4096, description="Side of each of its pictures, px; of slices half of it.",
        json_schema_extra=MOVIE,
    )  # fmt: skip
    fps: int = Field(8, ge=1, le=50, description="Pictures a second.", json_schema_extra=MOVIE)
    level: float = Field(
        3.0,
        allow_inf_nan=False,
        description="The density that all surfaces lie at, in the --level-unit.",
        json_schema_extra=MOVIE,
    )
    level_unit: LevelUnit = Field(
        "sigma",
        description="sigma: standard deviations above the mean of the volume of the particles' mean latent; density: "
        "as the maps have it.",
        json_schema_extra=MOVIE,
    )
    view: tuple[str, ...] = Field(
        (),
        description=f"Side that surfaces are seen from: {', '.join(SIDES)}, or X,Y,Z, degrees that they are turned by "
        "about x, then y, then z; several are side by side. Default: front.",
        json_schema_extra={**MOVIE, "metavar": "VIEW"},
    )
    zone: Literal["keep", "remove"] | None = Field(
        None, description="Keep or remove the density near parts of a model.", json_schema_extra=ZONE
    )
    model: tuple[Path, ...] = Field(
        (),
        description="Atomic model (PDB or mmCIF) that lies in the maps, or --fit says how; repeat it for the files of "
        "one model, or give their folder.",
        json_schema_extra=ZONE,
    )
    parts: tuple[str, ...] = Field(
        (),
        description="Parts of the model that the zone is around: FILE:CHAIN, FILE or CHAIN, separated by commas. "
        "Default: all of it.",
        json_schema_extra={**ZONE, "metavar": "PARTS"},
    )
    fit: Path | None = Field(
        None,
        description="The fit.json of `fit`: how the model lies in the maps. Default: the model is in their frame.",
        json_schema_extra=ZONE,
    )
    zone_radius: float = Field(
        5.0, gt=0, description="The zone reaches to this distance from an atom, Å.", json_schema_extra=ZONE
    )
    zone_edge: float | None = Field(
        None, ge=0, description="Width over which it falls to 0 beyond that, Å; default: 2 voxels.",
        json_schema_extra=ZONE,
    )  # fmt: skip
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

    @field_validator("model", "parts", "view", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        """Take several in one text, separated by semicolons, as a form has them."""
        values = [value] if isinstance(value, str | Path) else value
        pieces = [each.split(";") if isinstance(each, str) else [each] for each in values]
        return [part.strip() if isinstance(part, str) else part for each in pieces for part in each if part]

    @field_validator("view")
    @classmethod
    def _seen(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        for value in values:
            angles_of(value)
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
    def _shown(self) -> "TraverseOptions":
        for name in ("movie", "zone"):
            if getattr(self, name) and not self.volumes:
                raise ValueError(f"--{name}: is of volumes; leave --no-volumes out")
        given = [name for name in OF_ZONE if getattr(self, name) not in (None, ())]
        if self.zone is None and given:
            raise ValueError(f"--{given[0].replace('_', '-')}: is of a zone; say --zone keep or --zone remove")
        if self.zone is not None and not self.model:
            raise ValueError(f"--zone {self.zone}: near what? Give an atomic model (--model)")
        return self

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

    @property
    def views(self) -> tuple[tuple[float, float, float], ...]:
        """Degrees about x, then y, then z that volumes are turned by before they are seen, a view each."""
        return tuple(angles_of(value) for value in self.view or ("front",))


def angles_of(view: str) -> tuple[float, float, float]:
    """Return the degrees about x, then y, then z of a view, or raise what is expected of it."""
    if view in SIDES:
        return SIDES[view]
    try:
        x, y, z = (float(part) for part in view.split(","))
    except ValueError as error:
        raise ValueError(f"expected {', '.join(SIDES)}, or three angles X,Y,Z in degrees as 30,-45,0") from error
    if not all(map(math.isfinite, (x, y, z))):
        raise ValueError("expected angles that are finite, in degrees")
    return x, y, z
