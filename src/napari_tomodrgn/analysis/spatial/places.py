"""Where particles stand and how they are turned, tomogram after tomogram."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Places:
    """N particles, those of a tomogram in a row.

    Attributes
    ----------
    ids
        Their ids.
    tomogram
        (N,) number of the tomogram of each, ascending from 0.
    tomograms
        T names.
    position
        (N, 3) x, y, z in Å.
    rotation
        (N, 3, 3): maps vectors (x, y, z) of the consensus frame into the tomogram, RELION's matrix of rot, tilt and
        psi; ``None`` where orientations are not known.
    """

    ids: tuple[ParticleId, ...]
    tomogram: Integers
    tomograms: tuple[str, ...]
    position: Floats
    rotation: Floats | None = None

    def __len__(self) -> int:
        return len(self.tomogram)

    @cached_property
    def starts(self) -> Integers:
        """(T + 1,) the first particle of each tomogram, then N."""
        return np.searchsorted(self.tomogram, np.arange(len(self.tomograms) + 1)).astype(np.int64)

    @property
    def sizes(self) -> Integers:
        """(T,) particles of each tomogram."""
        return np.diff(self.starts)

    def rows_of(self, tomogram: int) -> slice:
        """Return the rows of a tomogram."""
        return slice(int(self.starts[tomogram]), int(self.starts[tomogram + 1]))


def places_of(particle_set: ParticleSet) -> Places:
    """Return where the particles of a set are, ordered by tomogram.

    Raises
    ------
    InputError
        Where a particle has no coordinates.
    """
    table, path = particle_set.particles, particle_set.source.path
    position = table[["x", "y", "z"]].to_numpy(np.float64)
    unknown = np.flatnonzero(~np.isfinite(position).all(axis=1))
    if len(unknown):
        tomogram, name = particle_set.ids[int(unknown[0])]
        raise InputError(
            f"{path}: does not say where {len(unknown)} of {len(table)} particles lie in their tomograms, first "
            f"{name} of tomogram {tomogram}; open the star file with their coordinates, or give --volume-series"
        )
    angles = table[["rot", "tilt", "psi"]].to_numpy(np.float64)
    rotation = euler_matrices(*angles.T) if np.isfinite(angles).all() else None
    codes, names = pd.factorize(table["tomogram"])
    order = np.argsort(codes, kind="stable")
    return Places(
        tuple(particle_set.ids[row] for row in order.tolist()),
        codes[order].astype(np.int64),
        tuple(map(str, names)),
        position[order],
        None if rotation is None else rotation[order],
    )
