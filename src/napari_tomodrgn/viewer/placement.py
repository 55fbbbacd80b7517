"""Where a particle's volume stands in its tomogram, and how it is turned.

RELION's matrix A of rot, tilt, psi maps reference vectors (x, y, z) into the image frame, and the frame of the untilted
image is that of the tomogram (A_i = R_i A, with R_i = 1 at no tilt). So what lies at v from a volume's voxel D/2 stands
at p + A v, with p the particle's position: not at p + Aᵀ v, and in the hand of the poses, without a flip of the map.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleSet

Floats = npt.NDArray[np.float64]
Vertices = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Poses:
    """Places and orientations of N particles.

    Attributes
    ----------
    position_angstrom
        (N, 3) z, y, x from the centre of the tomogram's voxel (0, 0, 0); NaN where unknown.
    angles
        (N, 3) rot, tilt, psi in degrees; NaN where unknown.
    """

    position_angstrom: Floats
    angles: Floats

    @classmethod
    def of(cls, particle_set: ParticleSet) -> "Poses":
        """Return the poses of a data set, in its order."""
        table = particle_set.particles
        return cls(table[["z", "y", "x"]].to_numpy(np.float64), table[["rot", "tilt", "psi"]].to_numpy(np.float64))

    def __len__(self) -> int:
        return len(self.position_angstrom)

    @property
    def known(self) -> npt.NDArray[np.bool_]:
        """(N,) which particles have both, so that a volume can be placed."""
        return np.asarray(np.isfinite(self.position_angstrom).all(axis=1) & np.isfinite(self.angles).all(axis=1))

    def rotations(self, rows: npt.ArrayLike) -> Floats:
        """Return (..., 3, 3) of some rows: maps reference vectors z, y, x into the tomogram's z, y, x."""
        return euler_matrices(*np.moveaxis(self.angles[np.asarray(rows)], -1, 0))[..., ::-1, ::-1]

    def place(self, row: int, vertices_px: Vertices, pixel_size: float) -> Vertices:
        """Return vertices (V, 3) in Å in the tomogram; given in px of ``pixel_size`` Å from the volume's voxel D/2."""
        turn = (pixel_size * self.rotations(row)).astype(np.float32)
        placed: Vertices = vertices_px @ turn.T + self.position_angstrom[row].astype(np.float32)
        return placed

    def arrows(self, rows: npt.ArrayLike, length_angstrom: float) -> Vertices:
        """Return (2 n, 2, 3) start and direction z, y, x in Å, as a Vectors layer takes them.

        First the reference's z axis of each row, then, half as long, its x axis, which shows the turn about the first.
        """
        rows = np.asarray(rows, dtype=np.int64)
        axes = self.rotations(rows)
        directions = length_angstrom * np.concatenate([axes[:, :, 0], axes[:, :, 2] / 2])
        starts = np.tile(self.position_angstrom[rows], (2, 1))
        return np.stack([starts, directions], axis=1).astype(np.float32)
