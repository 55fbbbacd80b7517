"""Where particles stand: how near to one another, and how near to the faces of their tomograms."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def kept_apart(
    position_angstrom: Floats,  # (N, 3), finite
    tomogram: npt.NDArray[np.int64],  # (N,) a number for each
    distance: float,
    priority: npt.NDArray[np.int64],  # (N,) rows, those to be kept first before the others
) -> Mask:
    """Return (N,) which particles are kept so that no two of a tomogram are nearer than a distance in Å.

    Particles are taken in the order of their priority, and each is kept unless one that was kept before is too near:
    of two picks of one particle the better stays, and no particle goes for the sake of one that went itself.
    """
    kept = np.ones(len(position_angstrom), dtype=bool)
    rank = np.empty(len(priority), dtype=np.int64)
    rank[priority] = np.arange(len(priority))
    for number in np.unique(tomogram):
        rows = np.flatnonzero(tomogram == number)
        rows = rows[np.argsort(rank[rows])]
        tree = cKDTree(position_angstrom[rows])
        pairs = tree.query_pairs(np.nextafter(distance, 0), output_type="ndarray")  # the tree's own limit is included
        pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]  # in each the first is the better one
        alive = np.ones(len(rows), dtype=bool)
        first = np.searchsorted(pairs[:, 0], np.arange(len(rows) + 1))
        for better in np.unique(pairs[:, 0]):
            if alive[better]:
                alive[pairs[first[better] : first[better + 1], 1]] = False
        kept[rows] = alive
    return kept


def face_distance(particles: pd.DataFrame, tomograms: pd.DataFrame) -> Floats:
    """Return (N,) the distance in Å of particles to the nearest face of their tomogram, below 0 outside of it.

    NaN where a particle's position or its tomogram's size is not known. A face is half a voxel beyond the centres of
    the outermost voxels, which is less than positions are known by, and taken to lie at 0 and at the tomogram's size.
    """
    sizes = tomograms.set_index("name")[["size_z", "size_y", "size_x"]]
    size = sizes.reindex(particles["tomogram"]).to_numpy(np.float64)
    position = particles[["z", "y", "x"]].to_numpy(np.float64)
    distances: Floats = np.minimum(position, size - position).min(axis=1)
    return distances
