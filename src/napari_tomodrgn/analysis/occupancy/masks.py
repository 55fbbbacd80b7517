"""Where in a map the parts of a complex lie, as one table of masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.atom_density import atom_density, outside_box
from napari_tomodrgn.particles.atoms import Atoms, parts_named

ENCLOSED = 0.95  # of a part's density
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Frame:
    """The grid that volumes lie on: D voxels a side of some Å; 0 Å is the centre of voxel (0, 0, 0)."""

    box: int
    pixel_size: float

    def __str__(self) -> str:
        return f"{self.box}³ voxels of {self.pixel_size:.4g} Å"


@dataclass(frozen=True)
class Region:
    """Where a part lies.

    Attributes
    ----------
    name
        Of the part.
    mask
        (D, D, D), from 0 to 1.
    mass
        What the part's own density adds up to within the mask where the part is a model's; otherwise what the mask adds
        up to.
    whole
        What the density of the whole model adds up to within the mask, in units of ``mass``: more than 1, as neighbours
        reach into it. NaN where there is no model.
    """

    name: str
    mask: Floats
    mass: float
    whole: float = float("nan")


@dataclass(frozen=True)
class Whole:
    """The whole model: its density (D, D, D), the mask of that, true or false, and what it adds up to there."""

    density: Floats
    mask: npt.NDArray[np.bool_]
    mass: float


def enclosing(density: Floats, share: float = ENCLOSED) -> npt.NDArray[np.bool_]:
    """Return the voxels of highest density that hold a ``share`` of all of it."""
    order = np.argsort(density, axis=None)[::-1]
    held = np.cumsum(density.ravel()[order], dtype=np.float64)
    mask = np.zeros(density.size, dtype=bool)
    mask[order[: int(np.searchsorted(held, share * held[-1])) + 1]] = True
    return mask.reshape(density.shape)


def model_regions(
    atoms: Atoms,
    frame: Frame,
    *,
    parts: Sequence[str] = (),
    resolution: float | None = None,
    share: float = ENCLOSED,
) -> tuple[list[Region], Whole]:
    """Return where the parts of a model lie, and the whole of it.

    A part's mask is 1 on the voxels of highest density that enclose a ``share`` of the density of its own atoms at the
    resolution of the maps.

    Parameters
    ----------
    atoms
        In the frame of the maps.
    parts
        Lists of parts as :func:`parts_named` takes them, each part a column of its own; ``NAME=LIST`` is one column of
        all its parts. None: every chain.
    resolution
        Å; by default 2 pixels.

    Raises
    ------
    InputError
        Where atoms lie outside the box, the resolution is coarser than it, a part isn't there, or a name stands for two
        parts.
    """
    outside = outside_box(atoms, frame.box, frame.pixel_size)
    if outside.any():
        raise InputError(
            f"--model: {int(outside.sum())} of {len(atoms)} atoms lie outside the maps of {frame}, the first in "
            f"{':'.join(atoms.parts[atoms.part[outside.argmax()]])}; fit the model first (`napari-tomodrgn fit`) and "
            "give --fit"
        )
    resolution = 2 * frame.pixel_size if resolution is None else resolution
    if resolution > frame.box * frame.pixel_size:
        raise InputError(
            f"--resolution {resolution:g}: is coarser than the maps of {frame} are large; give that of the maps, Å"
        )
    whole = atom_density(atoms, frame.box, frame.pixel_size, resolution)
    regions = []
    for name, rows in named_parts(atoms, parts).items():
        own = atom_density(atoms, frame.box, frame.pixel_size, resolution, np.isin(atoms.part, rows))
        mask = enclosing(own, share)
        mass = float(own[mask].sum(dtype=np.float64))
        regions.append(Region(name, mask.astype(np.float32), mass, float(whole[mask].sum(dtype=np.float64)) / mass))
    mask = enclosing(whole, share)
    return regions, Whole(whole, mask, float(whole[mask].sum(dtype=np.float64)))


def named_parts(atoms: Atoms, parts: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows of ``atoms.parts`` that each column stands for, by its name.

    Raises
    ------
    InputError
        Where a part isn't there, a list is empty, or a name stands for two parts.
    """
    columns: dict[str, list[int]] = {}
    if not parts:
        return {":".join(part): [row] for row, part in enumerate(atoms.parts)}
    for given in parts:
        name, equals, listed = given.rpartition("=")
        rows = parts_named(atoms, listed, "--parts")
        if not rows or (equals and not name.strip()):
            raise InputError(f"--parts {given}: names no part; give FILE:CHAIN, FILE, CHAIN, or NAME=LIST")
        found = {name.strip(): rows} if equals else {":".join(atoms.parts[row]): [row] for row in rows}
        twice = next((each for each in found if each in columns), None)
        if twice is not None:
            raise InputError(f"--parts {given}: {twice} is there already; name each part once")
        columns |= found
    return columns
