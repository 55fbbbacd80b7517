"""Options of every command that opens particles."""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.particles.dialects import dialects
from napari_tomodrgn.particles.particle_set import ParticleSet

DIALECT_METAVAR = "|".join(("auto", *dialects()))


class DataOptions(BaseModel):
    """Which particles, how their file is to be read, and what is known about their images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    particles: Path = Field(
        description="Star file of particles, or an optimisation set.", json_schema_extra={"argument": True}
    )
    dialect: str = Field("auto", description="Dialect of the star.", json_schema_extra={"metavar": DIALECT_METAVAR})
    volume_series: Path | None = Field(
        None, description="Star with one row a particle that gives image series their coordinates in the tomogram."
    )
    volume_series_by_order: bool = Field(
        False, description="Join the volume series by the order of its rows instead of by particle name."
    )
    coordinate_pixel_size: float | None = Field(
        None, gt=0, description="Å per unit of the volume series' coordinates, where not its own pixel size."
    )
    datadir: Path | None = Field(
        None, description="Further folder in which image stacks are looked for.", json_schema_extra={"folder": True}
    )
    contrast: Literal["auto", "bright", "dark"] = Field("auto", description="The particles' colour in the images.")
    ctf_power: Literal["auto", "0", "1", "2"] = Field(
        "auto", description="How many times the CTF is in the images: 0 corrected, 1, or 2 premultiplied."
    )
    attenuation: Literal["auto", "none", "dose", "dose-tilt"] = Field(
        "auto", description="What is multiplied into the images already: exposure weights, and the cosine of the tilt."
    )
    dose_at: Literal["auto", "before", "middle", "after"] = Field(
        "auto", description="Whether the file's dose is that before, at the middle of, or after each exposure."
    )
    voltage_rule: Literal["auto", "scaled", "300kv"] = Field(
        "auto", description="Critical dose at 200 kV: scaled by 0.8, or the curve of 300 kV."
    )
    defocus_height: Literal["auto", "plus", "minus", "none"] = Field(
        "auto", description="How a particle's height along the beam changes its defocus."
    )
    map_hand: Literal["auto", "keep", "flip"] = Field(
        "auto", description="Whether maps are flipped along z when they are written or compared."
    )
    first_tilts: int | None = Field(
        None, ge=1, description="Use only this many tilt images a particle (all where it has fewer)."
    )
    tilt_order: Literal["file", "dose"] = Field("file", description="Order of a particle's tilt images.")
    selection: Path | None = Field(None, description="Selection (JSON) of the particles to use.")
    box: int | None = Field(None, gt=0, description="Box size in pixels, only where the files lack it.")
    pixel_size: float | None = Field(None, gt=0, description="Å per pixel of the images, only where the file lacks it.")

    def open(self) -> ParticleSet:
        """Read the particles and apply every option; raises one sentence on what can't be worked with."""
        from napari_tomodrgn.particles.reading import read_particles
        from napari_tomodrgn.particles.selection import Selection
        from napari_tomodrgn.particles.subset import first_tilts, order_tilts

        result = read_particles(
            self.particles,
            dialect=self.dialect,
            volume_series=self.volume_series,
            datadir=self.datadir,
            box=self.box,
            pixel_size=self.pixel_size,
            coordinate_pixel_size=self.coordinate_pixel_size,
            volume_series_by_order=self.volume_series_by_order,
        )
        result = result.with_forward_model(
            contrast=self.contrast,
            ctf_power=None if self.ctf_power == "auto" else int(self.ctf_power),
            attenuation=self.attenuation,
            dose_at=self.dose_at,
            voltage_rule=self.voltage_rule,
            defocus_height=self.defocus_height,
            map_hand=self.map_hand,
        )
        if self.selection is not None:
            result = result.select(sorted(Selection.load(self.selection).ids))
        if self.first_tilts is not None:
            result = first_tilts(result, self.first_tilts, self.tilt_order)
        return order_tilts(result, self.tilt_order)
