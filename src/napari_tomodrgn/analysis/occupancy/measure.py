"""Density within masks, volume after volume, as one product of two matrices."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.occupancy.masks import Frame, Region, Whole
from napari_tomodrgn.errors import InputError

AT_ONCE = 16  # volumes in one product
SOLVENT_APART = 2  # voxels between the whole model and what counts as solvent
LEAST_SOLVENT = 0.02  # of the voxels within the sphere that fits the box; below that there is no solvent to speak of
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """What was measured in n volumes.

    Attributes
    ----------
    ratio
        (n, C) density within each mask, less that of the solvent, in units of what the part itself would add up to.
    whole
        (n,) likewise of the whole model; NaN where there is none.
    solvent
        (n,) what was taken off each voxel.
    mean
        (D, D, D) the mean of all volumes.
    """

    ratio: Floats
    whole: Floats
    solvent: Floats
    mean: npt.NDArray[np.float32]


class Measure:
    """Masks laid out for measuring volumes as they come; holds :data:`AT_ONCE` volumes and no more."""

    def __init__(self, regions: Sequence[Region], frame: Frame, whole: Whole | None = None) -> None:
        rows = [region.mask for region in regions] + ([] if whole is None else [whole.mask.astype(np.float32)])
        mass = [region.mass for region in regions] + ([] if whole is None else [whole.mass])
        table = np.stack([row.ravel() for row in rows])
        self.voxels = np.flatnonzero(table.any(axis=0))
        self._weights = np.ascontiguousarray(table[:, self.voxels].T)  # (V, C): voxels that are in no mask are left out
        self._mass = np.array(mass, dtype=np.float64)
        self._size = self._weights.sum(axis=0, dtype=np.float64)
        self._frame, self._has_whole = frame, whole is not None
        self._solvent = solvent_of(np.any(table, axis=0).reshape(rows[0].shape))

    def of(self, volumes: Iterable[npt.NDArray[np.float32]], names: Sequence[str] = ()) -> Measured:
        """Return what is measured in volumes (D, D, D), which are looked at one after the other.

        ``names`` say of what each one is, for whoever has to find one that is bad.

        Raises
        ------
        InputError
            Where a volume is of another size or has values that are no finite numbers.
        """
        found, solvents, total, count = [], [], np.zeros((self._frame.box,) * 3), 0
        for block in _blocks(volumes):
            for number, volume in enumerate(block, count):
                self._check(volume, names[number] if names else f"volume {number + 1}")
                total += volume
            solvents.append(np.array([self._solvent_density(volume) for volume in block]))
            sums = np.stack([volume.ravel()[self.voxels] for volume in block]) @ self._weights
            found.append((sums - solvents[-1][:, None] * self._size) / self._mass)
            count += len(block)
        if not count:
            raise InputError("there are no volumes to measure; give a run, or a folder of maps (.mrc)")
        ratio = np.concatenate(found).astype(np.float64)
        whole = ratio[:, -1] if self._has_whole else np.full(count, np.nan)
        mean = (total / count).astype(np.float32)
        return Measured(ratio[:, : -1 if self._has_whole else None], whole, np.concatenate(solvents), mean)

    def _solvent_density(self, volume: npt.NDArray[np.float32]) -> float:
        """Return the median over the solvent, which neighbours and gold beads move less than a mean."""
        return float(np.median(volume.ravel()[self._solvent])) if len(self._solvent) else 0.0

    def _check(self, volume: npt.NDArray[np.float32], name: str) -> None:
        if volume.shape != (self._frame.box,) * 3:
            found = " x ".join(map(str, volume.shape))
            raise InputError(f"{name}: has {found} voxels, the masks are for {self._frame}; give one size")
        if not np.isfinite(volume).all():
            raise InputError(f"{name}: has voxels that are NaN or infinite; choose an earlier --epoch")


def solvent_of(inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the flat places of voxels that are in no mask nor near one, within the sphere that fits the box.

    None where that leaves too few of them.
    """
    from scipy.ndimage import distance_transform_edt

    box = inside.shape[0]
    steps = np.arange(box) - box // 2
    sphere = steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2 < (box // 2) ** 2
    far = distance_transform_edt(~inside) > SOLVENT_APART
    places = np.flatnonzero(far & sphere)
    return places if len(places) >= LEAST_SOLVENT * sphere.sum() else np.empty(0, dtype=np.int64)


def _blocks(volumes: Iterable[npt.NDArray[np.float32]]) -> Iterator[list[npt.NDArray[np.float32]]]:
    block: list[npt.NDArray[np.float32]] = []
    for volume in volumes:
        block.append(volume)
        if len(block) == AT_ONCE:
            yield block
            block = []
    if block:
        yield block
