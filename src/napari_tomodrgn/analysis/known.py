"""What rules look at: a data set, and a column for all else that is known of its particles."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import Classes, Columns, Numbers, latents_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Known:
    """A data set of N particles and its columns, in its order; ``where`` says how a column that lacks is come by."""

    particle_set: ParticleSet
    columns: Columns
    where: Callable[[str], str] = lambda _: ""

    def __len__(self) -> int:
        return len(self.particle_set)

    @property
    def everyone(self) -> Mask:
        """(N,) true."""
        return np.ones(len(self), dtype=bool)

    def numbers(self, column: str) -> Floats:
        """Return the numbers (N,) of a column, NaN where a particle has none.

        Raises
        ------
        InputError
            Where there is no such column of numbers.
        """
        found = self.columns.get(column)
        if isinstance(found, Numbers):
            return found.values
        raise InputError(f"column {column}: {self._instead(Numbers, column, 'numbers')}")

    def classes(self, column: str) -> Classes:
        """Return a column of classes.

        Raises
        ------
        InputError
            Where there is no such column of classes.
        """
        found = self.columns.get(column)
        if isinstance(found, Classes):
            return found
        raise InputError(f"column {column}: {self._instead(Classes, column, 'classes')}")

    def _instead(self, kind: type, column: str, what: str) -> str:
        names = ", ".join(name for name, own in self.columns.items() if isinstance(own, kind)) or "none"
        if column in self.columns:
            return f"holds no {what}; columns of {what}: {names}"
        where = self.where(column)
        return f"is not known of these particles{where and f'; {where}'}; columns of {what}: {names}"

    @property
    def latents(self) -> Floats:
        r"""(N, \|z\|) the means of the latents, NaN where a particle has none.

        Raises
        ------
        InputError
            Where no particle has any.
        """
        found = latents_of(self.columns)
        if found is None:
            raise InputError(
                f"{self.particle_set.source.path}: its particles have no latents; open a run with a latent, or another "
                "epoch"
            )
        return found

    def listed(self, ids: Collection[ParticleId], path: Path) -> Mask:
        """Return (N,) which particles are among those that a file lists.

        Raises
        ------
        InputError
            Where it lists others.
        """
        own = self.particle_set.ids
        mask = np.array([particle in ids for particle in own], dtype=bool)
        unknown = sorted(set(ids).difference(own)) if mask.sum() < len(ids) else []
        if unknown:
            tomogram, name = unknown[0]
            raise InputError(
                f"{path}: names particle {name} of tomogram {tomogram}, which the particles lack "
                f"({len(unknown)} of {len(ids)} are missing); use the data set it was made from"
            )
        return mask

    def positions(self, among: Mask) -> Floats:
        """Return the positions (n, 3) z, y, x in Å of some particles.

        Raises
        ------
        InputError
            Where one of them has none.
        """
        position = self.particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[among]
        unknown = int((~np.isfinite(position).all(axis=1)).sum())
        if unknown:
            raise InputError(
                f"{self.particle_set.source.path}: does not say where {unknown} of {len(position)} particles lie in "
                "their tomograms; open the star file with their coordinates"
            )
        return position
