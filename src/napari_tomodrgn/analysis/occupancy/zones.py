"""Zones: what of a map lies near some parts of a model."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.fitting.placement import Placement
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.atoms import Atoms, parts_named


def zone(
    atoms: Atoms,
    frame: Frame,
    radius: float,
    *,
    parts: Sequence[str] = (),
    placement: Placement | None = None,
) -> npt.NDArray[np.bool_]:
    """Return which voxels (D, D, D), axes z, y, x, have their centre within a radius of an atom of some parts.

    Parameters
    ----------
    atoms
        In the frame of the maps, unless a placement says how they lie there.
    radius
        Å.
    parts
        Lists of parts as :func:`parts_named` takes them; none: all of the model.
    placement
        Of the model in the maps; the zone is of the maps as they are, also where the model fits their mirror image.

    Raises
    ------
    InputError
        Where a part isn't there, or no voxel is within the radius.
    """
    from scipy.spatial import KDTree

    if not 0 < radius < np.inf:
        raise InputError(f"zone: its radius is {radius:g} Å; expected a number above 0")
    if placement is not None:
        atoms = placement.in_box(atoms, frame.box, frame.pixel_size)
    rows = [row for listed in parts for row in parts_named(atoms, listed, "--parts")]
    positions = atoms.position[np.isin(atoms.part, rows)] if parts else atoms.position
    near = np.zeros((frame.box,) * 3, dtype=bool)
    # only voxels of the box around the atoms can be within the radius
    low = np.ceil((positions.min(axis=0) - radius) / frame.pixel_size).clip(0, frame.box).astype(int)
    high = np.floor((positions.max(axis=0) + radius) / frame.pixel_size + 1).clip(0, frame.box).astype(int)
    grid = np.stack(np.meshgrid(*(np.arange(*ends) for ends in zip(low, high, strict=True)), indexing="ij"), axis=-1)
    voxels = grid.reshape(-1, 3)
    if len(voxels):
        distance, _ = KDTree(positions).query(
            voxels * frame.pixel_size, distance_upper_bound=np.nextafter(radius, np.inf)
        )
        x, y, z = voxels[distance <= radius].T
        near[z, y, x] = True
    if not near.any():
        raise InputError(
            f"zone: no voxel of the maps of {frame} is within {radius:g} Å of these parts; fit the model first"
        )
    return np.roll(near[::-1], 1, axis=0) if placement is not None and placement.hand == "flip" else near
