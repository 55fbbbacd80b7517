"""The maps that particles are made of: built in, from files, of atomic models, or steps of a motion."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import left_after, read_atoms
from napari_tomodrgn.particles.maps import Map, read_map
from napari_tomodrgn.simulation.density import atoms_density, check_size
from napari_tomodrgn.simulation.motion import moved, paired_atoms
from napari_tomodrgn.simulation.options import SimulateOptions
from napari_tomodrgn.simulation.shapes import four_state_complex
from napari_tomodrgn.simulation.superposition import superposed


@dataclass(frozen=True)
class Specimen:
    """What the particles look like.

    Attributes
    ----------
    maps
        (S, D, D, D), axes z, y, x, protein positive.
    pixel_size
        Å.
    continuous
        Whether the maps are steps of one motion, between which a particle may lie, instead of discrete states.
    diameter
        Å, of the sphere about voxel D/2 that a particle fills; ``None``: 66 % of the box.
    """

    maps: npt.NDArray[np.float32]
    pixel_size: float
    continuous: bool = False
    diameter: float | None = None

    @property
    def states(self) -> int:
        """Number of discrete states."""
        return 1 if self.continuous else len(self.maps)

    @property
    def file_names(self) -> list[str]:
        """Each map's file beside the truth."""
        kind, digits = ("motion", len(str(len(self.maps) - 1))) if self.continuous else ("state", 1)
        return [f"{kind}_{number:0{digits}d}.mrc" for number in range(len(self.maps))]


def make_specimen(options: SimulateOptions) -> Specimen:
    """Return the maps that the options ask for; raises one sentence on a file that cannot be used."""
    if options.morph_to is not None:
        return _motion(options)
    if options.model:
        return _assembly_states(options)
    if options.maps:
        return _given_maps(options)
    return Specimen(four_state_complex(options.box, options.pixel_size), options.pixel_size)


def _assembly_states(options: SimulateOptions) -> Specimen:
    atoms = read_atoms(options.model)
    states = [left_after(atoms, parts) for parts in options.leave_out or ("",)]
    centre = atoms.centre_of_mass  # of the whole complex, so that what a state lacks moves nothing else
    diameter = check_size(atoms, options.box, options.pixel_size, centre)
    maps = [atoms_density(atoms, options.box, options.pixel_size, centre, rows) for rows in states]
    return Specimen(np.stack(maps), options.pixel_size, diameter=diameter)


def _motion(options: SimulateOptions) -> Specimen:
    assert options.morph_to is not None
    first, last = read_atoms(options.model), read_atoms([options.morph_to])
    if options.superpose:
        last = superposed(first, last)
    first, last = paired_atoms(first, last, options.morph_to)
    centre = first.centre_of_mass
    diameter = max(check_size(end, options.box, options.pixel_size, centre) for end in (first, last))
    steps = np.linspace(0, 1, options.morph_steps)
    box, pixel_size = options.box, options.pixel_size
    maps = [atoms_density(moved(first, last, step), box, pixel_size, centre) for step in steps]
    return Specimen(np.stack(maps), pixel_size, continuous=True, diameter=diameter)


def _given_maps(options: SimulateOptions) -> Specimen:
    maps = [read_map(path) for path in options.maps]
    for path, each in zip(options.maps, maps, strict=True):
        if each.box != maps[0].box:
            raise InputError(
                f"{path}: has a box of {each.box} pixels, {options.maps[0]} has {maps[0].box}; give maps of one box"
            )
    if "box" in options.model_fields_set and options.box != maps[0].box:
        raise InputError(
            f"{options.maps[0]}: has a box of {maps[0].box} pixels, and --box is {options.box}; leave --box out to "
            "simulate in the maps' own box, or bring the maps to the box you want first"
        )
    specimen = Specimen(np.stack([each.values for each in maps]), _pixel_size(options, maps))
    empty = next((path for path, each in zip(options.maps, maps, strict=True) if not np.ptp(each.values)), None)
    dark = next((path for path, each in zip(options.maps, maps, strict=True) if each.values.max() <= 0), None)
    if empty is not None:
        raise InputError(f"{empty}: has the same value in every voxel; give a map of something")
    if dark is not None:
        raise InputError(f"{dark}: has no positive density, and protein is positive here; invert the map")
    return specimen


def _pixel_size(options: SimulateOptions, maps: list[Map]) -> float:
    """Return --pixel-size where it was given, else that of the maps' headers, else the default."""
    written = [each.pixel_size for each in maps if each.pixel_size > 0]
    if "pixel_size" in options.model_fields_set or not written:
        return options.pixel_size
    if max(written) > 1.001 * min(written):
        raise InputError(
            f"--maps: have pixel sizes from {min(written):g} to {max(written):g} Å in their headers; say which is "
            "right with --pixel-size"
        )
    return written[0]
