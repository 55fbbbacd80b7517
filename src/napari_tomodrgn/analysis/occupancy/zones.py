"""Zones: what of a map lies near some parts of a model."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.fitting.placement import Placement, read_placement
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.imaging.atom_density import outside_box
from napari_tomodrgn.particles.atoms import Atoms, model_files, parts_named, read_atoms, without_waters
from napari_tomodrgn.particles.maps import flip_hand

EDGE = 2.0  # voxels over which a zone falls from 1 to 0
Weights = npt.NDArray[np.float32]


def zone_of_model(
    model: Sequence[Path],
    frame: Frame,
    radius: float,
    *,
    edge: float | None = None,
    parts: Sequence[str] = (),
    fit: Path | None = None,
) -> Weights:
    """Return :func:`zone` of the files of a model, without its waters, that lies in maps as the file of a fit says.

    Raises
    ------
    InputError
        Where model or fit can't be read, or as of :func:`zone`.
    """
    atoms = without_waters(read_atoms(model_files(model)))
    placement = None if fit is None else read_placement(fit)
    edge = EDGE * frame.pixel_size if edge is None else edge
    return zone(atoms, frame, radius, edge=edge, parts=parts, placement=placement)


def zone(
    atoms: Atoms,
    frame: Frame,
    radius: float,
    *,
    edge: float = 0.0,
    parts: Sequence[str] = (),
    placement: Placement | None = None,
) -> Weights:
    """Return how much each voxel (D, D, D), axes z, y, x, belongs to what is near the atoms of some parts.

    1 where a voxel's centre is within the radius of an atom; from there a half period of a cosine down to 0 where it is
    within radius and edge.

    Parameters
    ----------
    atoms
        In the frame of the maps, unless a placement says how they lie there.
    radius, edge
        Å.
    parts
        Lists of parts as :func:`parts_named` takes them; none: all of the model.
    placement
        Of the model in the maps; the zone is of the maps as they are, also where the model fits their mirror image.

    Raises
    ------
    InputError
        Where a part isn't there, atoms of it lie outside the maps, or no voxel is within the radius.
    """
    if not 0 < radius < np.inf:
        raise InputError(f"zone: its radius is {radius:g} Å; expected a number above 0")
    if placement is not None:
        atoms = placement.in_box(atoms, frame.box, frame.pixel_size)
    if parts:
        rows = [row for listed in parts for row in parts_named(atoms, listed, "--parts")]
        atoms = atoms.take(np.isin(atoms.part, rows))
    outside = outside_box(atoms, frame.box, frame.pixel_size)
    if outside.any():
        raise InputError(
            f"zone: {int(outside.sum())} of {len(atoms)} atoms lie outside the maps of {frame}, the first in "
            f"{':'.join(atoms.parts[atoms.part[outside.argmax()]])}; fit the model first (`napari-tomodrgn fit`) and "
            "give --fit, or name --parts that the maps show"
        )
    beyond = _distances(atoms.position, frame, radius + edge) - radius
    if not (beyond <= 0).any():
        raise InputError(f"zone: no voxel of the maps of {frame} is within {radius:g} Å of these parts; widen it")
    share = np.clip(beyond / edge, 0, 1) if edge else (beyond > 0).astype(np.float64)
    weights = (0.5 + 0.5 * np.cos(np.pi * share)).astype(np.float32)
    return flip_hand(weights) if placement is not None and placement.hand == "flip" else weights


def _distances(positions: npt.NDArray[np.float64], frame: Frame, most: float) -> npt.NDArray[np.float64]:
    """Return how far (D, D, D), z, y, x, each voxel is from the nearest position, Å; infinite beyond ``most``."""
    from scipy.spatial import KDTree

    tree = KDTree(positions)
    result = np.full((frame.box,) * 3, np.inf)
    # only voxels of the box around the atoms can be that near
    low = np.ceil((positions.min(axis=0) - most) / frame.pixel_size).clip(0, frame.box).astype(int)
    high = np.floor((positions.max(axis=0) + most) / frame.pixel_size + 1).clip(0, frame.box).astype(int)
    x, y = np.meshgrid(*(np.arange(*ends) for ends in zip(low[:2], high[:2], strict=True)), indexing="ij")
    for z in range(low[2], high[2]):  # a plane at a time needs little memory
        plane = np.stack([x, y, np.full_like(x, z)], axis=-1) * frame.pixel_size
        found = np.asarray(tree.query(plane, distance_upper_bound=np.nextafter(most, np.inf))[0])
        result[z, low[1] : high[1], low[0] : high[0]] = found.T
    return result
