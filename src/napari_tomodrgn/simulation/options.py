"""The options of ``simulate``, and what is wrong with them in one sentence."""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.seeds import LARGEST_SEED
from napari_tomodrgn.simulation.shapes import STATES
from napari_tomodrgn.simulation.tilt_scheme import dose_symmetric, given_tilts

SMALLEST_BOX = 16
MOST_TILTS = 1000  # on a side


class SimulateOptions(BaseModel):
    """Simulate a tilt-series particle set with a truth beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    outdir: Path = Field(
        description="Folder to write the star file, the image stacks and the truth to.",
        json_schema_extra={"argument": True},
    )
    maps: tuple[Path, ...] = Field((), description="MRC maps to simulate from, one a state; none: a built-in complex.")
    model: tuple[Path, ...] = Field(
        (), description="Atomic model (PDB or mmCIF) to simulate from; all files given are one complex."
    )
    leave_out: tuple[str, ...] = Field(
        (),
        description="Parts of the model that a state lacks, one option a state: FILE:CHAIN, FILE or CHAIN, separated "
        'by commas; "" is the whole complex.',
        json_schema_extra={"metavar": "PARTS"},
    )
    morph_to: Path | None = Field(
        None, description="The same complex in another conformation: particles lie anywhere on the way from --model."
    )
    superpose: bool = Field(
        True, description="Lay that conformation on the model first, and pair chains of one sequence where they lie."
    )
    morph_steps: int = Field(21, description="Number of maps on that way; images between two maps are interpolated.")
    dialect: Literal["cryosrpnt", "warp", "nextpyp", "warptools", "relion5"] = Field(
        "cryosrpnt", description="The star files' dialect."
    )
    particles: int = Field(
        400, description="Number of particles, or of all picks of a scene; the states are equally frequent."
    )
    tomograms: int = Field(2, description="Number of tomograms that the particles are spread over.")
    box: int = Field(32, description="Box size in pixels, even; maps given with --maps bring their own.")
    pixel_size: float = Field(6.0, description="Å per pixel; maps bring their own unless it is given.")
    max_tilt: float = Field(60.0, description="Largest tilt in degrees.")
    tilt_step: float = Field(3.0, description="Step between tilts in degrees.")
    tilt_scheme: Path | None = Field(
        None, description="Text file of tilts in degrees, one a line in order of acquisition; none: dose-symmetric."
    )
    tilts: int | None = Field(None, description="Keep only the first tilts of the scheme; none: all.")
    dose_per_tilt: float = Field(3.0, description="Exposure of each tilt in e/Å².")
    dose_at: Literal["auto", "before", "middle", "after"] = Field(
        "auto", description="Whether the dose written, by which images are damped, is that before or after an exposure."
    )
    dose_spread: float = Field(1.0, description="Dose per tilt differs between tomograms by up to this factor.")
    missing_tilts: int = Field(0, description="Each tomogram lacks between none and this many of its tilts, any ones.")
    noise: bool = Field(True, description="Add structural noise and shot noise.")
    structural_snr: float = Field(1.4, description="Variance of the signal over that of the structural noise.")
    shot_snr: float = Field(0.1, description="Variance of signal and structural noise over that of the shot noise.")
    noise_spread: float = Field(1.0, description="Noise is stronger in some tomograms, by up to this factor.")
    voltage: float = Field(300.0, description="Acceleration voltage in kV.")
    spherical_aberration: float = Field(2.7, description="Spherical aberration in mm.")
    amplitude_contrast: float = Field(0.1, description="Amplitude contrast, a fraction.")
    phase_shift: float = Field(0.0, description="Phase shift of a phase plate in degrees.")
    defocus_min: float = Field(1.5, description="Smallest mean defocus of a tomogram in µm.")
    defocus_max: float = Field(3.5, description="Largest mean defocus of a tomogram in µm.")
    defocus_step: float = Field(0.5, description="Step between the mean defoci in µm.")
    defocus_spread: float = Field(0.3, description="Standard deviation of a tomogram's defocus about its mean in µm.")
    defocus_error: float = Field(0.02, description="Standard deviation of the defocus from tilt to tilt in µm.")
    per_image_defocus: bool = Field(False, description="Draw a defocus for every image instead of every tomogram.")
    defocus_height: Literal["auto", "plus", "minus", "none"] = Field(
        "auto", description="How a particle's height along the beam adds to its defocus; auto: plus."
    )
    shift: float = Field(
        1.0, description="Standard deviation of each particle's shift in x, y, z, which the star corrects, in pixels."
    )
    image_shift: float = Field(
        0.0, description="The same of each image, beside that; for dialects that write a shift for every image."
    )
    thickness: float = Field(1500.0, description="Thickness of the tomograms in Å.")
    tomogram: bool = Field(False, description="Also write each tomogram as a map, tomograms/NAME.mrc.")
    tomogram_pixel_size: float | None = Field(
        None, description="Å per voxel of those; none: twice the pixel size of the images."
    )
    scene: bool = Field(
        False, description="Cut the images from whole tilt series, with neighbours, membranes and gold beads in them."
    )
    junk: float = Field(0.06, description="Share of a scene's picks that are no particles, or particles off centre.")
    junk_kinds: tuple[Literal["noise", "membrane", "bead", "off-centre"], ...] = Field(
        (), description="What those are, in equal shares; none: all four kinds."
    )
    dimers: float = Field(0.0, description="Share of a scene's particles that are in dimers.")
    membrane_bound: float = Field(0.0, description="Share of a scene's particles that sit on membranes.")
    membrane_dimers: float | None = Field(
        None, description="Share of a scene's particles that are in dimers on membranes; none: as chance has it."
    )
    contrast: Literal["auto", "bright", "dark"] = Field(
        "auto", description="The particles' colour in the images; auto: as the dialect's program writes them."
    )
    ctf_power: Literal["auto", "0", "1", "2"] = Field(
        "auto", description="How many times the CTF is in the images; 2: multiplied in once more after the shot noise."
    )
    attenuation: Literal["auto", "none", "dose", "dose-tilt"] = Field(
        "auto", description="Exposure weights, or those times cos(tilt), multiplied in after the shot noise."
    )
    seed: int = Field(0, le=LARGEST_SEED, description="Seed of everything random: the same seed gives the same bytes.")
    overwrite: bool = Field(False, description="Replace a simulated data set that is there already.")


def tilts_of(options: SimulateOptions) -> npt.NDArray[np.float64]:
    """Return the stage tilts (T,) in degrees in order of acquisition, given or dose-symmetric."""
    if options.tilt_scheme is not None:
        return given_tilts(options.tilt_scheme, options.tilts)
    return dose_symmetric(options.max_tilt, options.tilt_step, options.tilts)


def check_options(options: SimulateOptions) -> None:
    """Raise one sentence that names the first option that cannot work."""
    positive = ("pixel_size", "max_tilt", "tilt_step", "structural_snr", "shot_snr", "voltage", "thickness")
    for name in positive:
        _require(options, name, getattr(options, name) > 0, "a number above 0")
    for name in (
        "dose_per_tilt",
        "defocus_spread",
        "defocus_error",
        "shift",
        "image_shift",
        "spherical_aberration",
        "seed",
    ):
        _require(options, name, getattr(options, name) >= 0, "0 or more")
    _require(
        options, "box", options.box % 2 == 0 and options.box >= SMALLEST_BOX, f"an even number from {SMALLEST_BOX}"
    )
    _require(options, "tilts", options.tilts is None or options.tilts >= 1, "1 or more, or left out for all")
    _check_tomogram(options)
    _require(options, "max_tilt", options.max_tilt < 90, "less than 90 degrees")
    for name in ("noise_spread", "dose_spread"):
        _require(options, name, getattr(options, name) >= 1, "1 (none) or more")
    _require(options, "tilt_step", options.tilt_step * MOST_TILTS > options.max_tilt, f"more than 1/{MOST_TILTS} of it")
    tilts = len(tilts_of(options))
    _require(options, "missing_tilts", 0 <= options.missing_tilts < tilts, f"0 or more, fewer than the {tilts} tilts")
    _require(options, "tomograms", options.tomograms >= 1, "1 or more")
    _require(options, "amplitude_contrast", 0 <= options.amplitude_contrast <= 1, "a fraction from 0 to 1")
    _require(options, "defocus_step", options.defocus_step > 0, "a number above 0")
    _require(options, "defocus_max", options.defocus_max >= options.defocus_min > 0, "at least --defocus-min, above 0")
    _check_source(options)
    _check_scene(options)
    states = _states(options)
    _require(options, "particles", options.particles >= states, f"at least one a state, of which there are {states}")
    fewest = max(states, options.tomograms)
    _require(options, "particles", options.particles >= fewest, f"at least one a tomogram, which is {fewest}")
    left = options.particles - round(options.junk * options.particles) if options.scene else options.particles
    _require(options, "junk", left >= states, f"a share that leaves {states} particles or more")


def _states(options: SimulateOptions) -> int:
    """Return the number of discrete states, 1 for a motion."""
    if options.model:
        return len(options.leave_out) or 1
    return len(options.maps) or STATES


def _check_source(options: SimulateOptions) -> None:
    """Raise one sentence unless the options name one source of maps."""
    if options.maps and options.model:
        raise InputError("--maps: is given together with --model; simulate from maps or from an atomic model")
    for name, given in (("--leave-out", options.leave_out), ("--morph-to", options.morph_to)):
        if given and not options.model:
            raise InputError(f"{name}: needs an atomic model; give --model")
    if options.leave_out and options.morph_to:
        raise InputError("--leave-out: is given together with --morph-to; simulate discrete states or one motion")
    if options.morph_to and len(options.model) > 1:
        raise InputError("--morph-to: needs one --model to start from; put the complex into one file")
    _require(options, "morph_steps", options.morph_steps >= 2, "2 or more")


def _check_scene(options: SimulateOptions) -> None:
    """Raise one sentence on junk, dimers or particles on membranes that can't be."""
    for name in ("junk", "junk_kinds"):
        if name in options.model_fields_set and not options.scene:
            raise InputError(f"--{name.replace('_', '-')}: junk picks are in scenes only; add --scene")
    for name in ("dimers", "membrane_bound", "membrane_dimers"):
        if getattr(options, name) and not options.scene:
            raise InputError(f"--{name.replace('_', '-')}: particles see others and membranes in scenes; add --scene")
    _require(options, "junk", 0 <= options.junk < 1, "0 or more, and less than 1")
    _require(options, "dimers", 0 <= options.dimers <= 1, "a share from 0 to 1")
    _require(options, "membrane_bound", 0 <= options.membrane_bound <= 1, "a share from 0 to 1")
    both = options.membrane_dimers
    if both is not None:
        least = max(0.0, options.dimers + options.membrane_bound - 1)
        most = min(options.dimers, options.membrane_bound)
        between = f"from {least:g} to {most:g}, as --dimers and --membrane-bound have it"
        _require(options, "membrane_dimers", least <= both <= most, between)


def _check_tomogram(options: SimulateOptions) -> None:
    """Raise one sentence on a voxel size that tomograms can't have."""
    size = options.tomogram_pixel_size
    if size is None:
        return
    if not options.tomogram:
        raise InputError("--tomogram-pixel-size: no tomogram was asked for; add --tomogram")
    enough = size >= options.pixel_size
    _require(options, "tomogram_pixel_size", enough, f"at least --pixel-size, {options.pixel_size:g}")


def _require(options: SimulateOptions, name: str, good: bool, expected: str) -> None:
    if not good:
        flag = "--" + name.replace("_", "-")
        raise InputError(f"{flag}: is {getattr(options, name)}; expected {expected}")
