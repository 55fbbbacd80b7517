"""How far particles are from what is segmented in their tomograms."""

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_tomodrgn.analysis.spatial.places import Floats
from napari_tomodrgn.analysis.spatial.volumes_by_tomogram import LabelVolume
from napari_tomodrgn.errors import InputError

Mask = npt.NDArray[np.bool_]


def distance_to_segment(position: Floats, volume: LabelVolume, segment: int | None = None) -> Floats:
    """Return (n,) Å from particles (n, 3), x, y, z, to the nearest voxel with a label; negative within it.

    Within it is the distance to the nearest voxel without. Voxels count by their centres. Only those at a surface are
    held, so that a volume of any size needs little memory; the distance is that of a Euclidean distance transform, but
    from where the particle is, not from the middle of its voxel.

    Raises
    ------
    InputError
        Where no voxel has the label.
    """
    inner, outer = _surfaces(volume, segment)
    if not len(inner):
        label = "but 0" if segment is None else f"{segment}"
        raise InputError(f"{volume.path}: no voxel has a label {label}; give another --segment or file")
    place = position[:, ::-1] / volume.voxel
    inside = _within(place, volume, segment)
    distance = np.empty(len(place))
    for chosen, surface, sign in ((~inside, inner, 1.0), (inside, outer, -1.0)):
        if chosen.any():
            far = cKDTree(surface).query(place[chosen])[0] if len(surface) else np.inf
            distance[chosen] = sign * far * volume.voxel
    return distance


def _within(place: Floats, volume: LabelVolume, segment: int | None) -> Mask:
    index = np.round(place).astype(np.int64)
    there = np.all((index >= 0) & (index < np.array(volume.values.shape)), axis=1)
    z, y, x = np.where(there[:, None], index, 0).T
    return np.asarray(there & volume.filled(volume.values[z, y, x], segment))


def _surfaces(volume: LabelVolume, segment: int | None) -> tuple[Floats, Floats]:
    """Return the voxels (m, 3), z, y, x, with the label beside one without, and those without beside one with it.

    The nearest voxel of a kind to a place of the other kind has a neighbour of that kind across one of its faces. What
    is beyond the volume has no label.
    """
    inner: list[npt.NDArray[np.int64]] = []
    outer: list[npt.NDArray[np.int64]] = []
    nothing = np.zeros(volume.values.shape[1:], dtype=bool)
    before, this = nothing, volume.filled(np.asarray(volume.values[0]), segment)
    for number in range(len(volume.values)):
        last = number + 1 == len(volume.values)
        after = nothing if last else volume.filled(np.asarray(volume.values[number + 1]), segment)
        for found, kind in (
            (inner, this & _beside(~this, ~before, ~after, beyond=True)),
            (outer, ~this & _beside(this, before, after, beyond=False)),
        ):
            y, x = np.nonzero(kind)
            found.append(np.stack([np.full(len(y), number), y, x], axis=1))
        before, this = this, after
    return np.concatenate(inner).astype(np.float64), np.concatenate(outer).astype(np.float64)


def _beside(this: Mask, before: Mask, after: Mask, *, beyond: bool) -> Mask:
    """Return which voxels of a section have a voxel of a kind across a face; ``beyond`` it they are of it, or not."""
    padded = np.pad(this, 1, constant_values=beyond)
    across = padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]
    return np.asarray(across | before | after)
