"""What is done to a decoded volume before a surface is laid: detail is removed, and what lies outside a mask."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.ndimage import affine_transform

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import flip_hand, read_map
from napari_tomodrgn.reconstruction.decode import low_pass_volume

Volume = npt.NDArray[np.float32]
EDGE = 0.2  # of a sphere's radius, around it: from 1 to 0
ROUNDING = 0.01  # by which a mask's values may be beyond 0 and 1


@dataclass(frozen=True)
class VolumeMask:
    """A mask of volumes.

    Attributes
    ----------
    name
        Of its file.
    digest
        Tells it from every other.
    values
        (M, M, M) from 0 to 1, z, y, x, in the hand of the poses; voxel M/2 is that about which particles turn.
    pixel_size
        Å.
    """

    name: str
    digest: str
    values: Volume = field(compare=False, repr=False)
    pixel_size: float

    def fitted(self, box: int, pixel_size: float) -> Volume:
        """Return it (box, box, box) at another pixel size, 0 where it does not reach."""
        step = pixel_size / self.pixel_size
        offset = len(self.values) // 2 - step * (box // 2)
        if step == 1 and len(self.values) == box:
            return self.values
        return affine_transform(self.values, np.full(3, step), np.full(3, offset), (box,) * 3, order=1)


def read_mask(path: Path, extent_angstrom: float, map_hand: str = "keep") -> VolumeMask:
    """Read a mask from an MRC file.

    Parameters
    ----------
    path
        Lies as maps are written: where ``map_hand`` is ``"flip"`` it is flipped along z. Its middle voxel is put on
        that of the volumes, whatever its size.
    extent_angstrom
        Side of the volumes; a file whose header has no voxel size is taken to be as wide.

    Raises
    ------
    InputError
        Where it can't be read, has values that are not from 0 to 1, or leaves nothing.
    """
    found = read_map(path)
    low, high = float(found.values.min()), float(found.values.max())
    if low < -ROUNDING or high > 1 + ROUNDING:
        raise InputError(f"{path}: has values from {low:.4g} to {high:.4g}; a mask has values from 0 to 1, so scale it")
    values = flip_hand(found.values) if map_hand == "flip" else found.values
    values = np.ascontiguousarray(np.clip(values, 0, 1))
    digest = hashlib.sha256(values.tobytes()).hexdigest()[:16]
    mask = VolumeMask(path.name, digest, values, found.pixel_size or extent_angstrom / found.box)
    box = round(extent_angstrom / mask.pixel_size)
    if not mask.fitted(box, mask.pixel_size).any():
        raise InputError(f"{path}: is 0 wherever volumes are; give a mask with a part that is 1 in their middle")
    return mask


@dataclass(frozen=True)
class Treatment:
    """What is done to volumes of any box.

    Attributes
    ----------
    low_pass
        Å beyond which detail is removed; 0 removes none.
    sphere
        Å, radius of a sphere about voxel D/2 outside of which nothing is left, with a soft edge around it; 0: none.
    mask
        What volumes are multiplied with.
    """

    low_pass: float = 0.0
    sphere: float = 0.0
    mask: VolumeMask | None = None

    def applied(self, volume: Volume, pixel_size: float) -> Volume:
        """Return a volume (D, D, D), z, y, x, whose pixels are ``pixel_size`` Å, after it."""
        if self.low_pass:
            volume = low_pass_volume(volume, pixel_size, self.low_pass)
        if self.sphere or self.mask is not None:
            volume = volume * _weights(self.sphere, self.mask, len(volume), pixel_size)
        return volume


UNTREATED = Treatment()


@lru_cache(maxsize=8)
def _weights(sphere: float, mask: VolumeMask | None, box: int, pixel_size: float) -> Volume:
    """Return what a volume is multiplied with."""
    weights = np.ones((box,) * 3, np.float32) if mask is None else mask.fitted(box, pixel_size)
    if not sphere:
        return weights
    steps = np.square(np.arange(box) - box // 2)
    radius = np.sqrt(steps[:, None, None] + steps[:, None] + steps)
    edge = np.clip((radius * pixel_size / sphere - 1) / EDGE, 0, 1)
    result: Volume = (weights * (0.5 + 0.5 * np.cos(np.pi * edge))).astype(np.float32)
    return result
