"""Two independent halves of a data set, by particle."""

import logging

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from napari_tomodrgn.particles.particle_set import ParticleSet

log = logging.getLogger("napari_tomodrgn")

SMALLEST_HALF = 0.3  # of the tilt images; below it neighbours are parted


def half_sets(particle_set: ParticleSet, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the half, 0 or 1, of every particle (N,), balanced by number of tilt images.

    Particles of one tomogram nearer than the box diameter show each other in their images, so they stay in one half
    together with their neighbours' neighbours. Where that leaves less than 30 % of the images to one half, the
    particles are divided singly, with a warning. The same set and seed give the same halves.
    """
    images = particle_set.tilts_per_particle
    half = _balanced(_neighbourhoods(particle_set), images, seed)
    if images[half == 1].sum() < SMALLEST_HALF * images.sum() and len(images) > 1:
        log.warning("Particles stand too close for half-sets without common neighbours: halves are by single particle")
        half = _balanced(np.arange(len(images)), images, seed)
    return half


def _neighbourhoods(particle_set: ParticleSet) -> npt.NDArray[np.int64]:
    """Return the number (N,) of the group of touching particles that each belongs to."""
    particles = particle_set.particles
    position = particles[["z", "y", "x"]].to_numpy(np.float64)
    rows, columns = [], []
    for members in particles.groupby("tomogram", sort=False).indices.values():
        known = members[np.isfinite(position[members]).all(axis=1)]
        if len(known) > 1:
            pairs = KDTree(position[known]).query_pairs(
                particle_set.box * particle_set.pixel_size, output_type="ndarray"
            )
            rows.append(known[pairs[:, 0]])
            columns.append(known[pairs[:, 1]])
    if not rows:
        return np.arange(len(particles))
    row, column = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(row)), (row, column)), shape=(len(particles), len(particles)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _balanced(
    group: npt.NDArray[np.int64],  # (N,)
    images: npt.NDArray[np.int64],  # (N,)
    seed: int,
) -> npt.NDArray[np.int64]:
    """Deal groups out, the largest first and equal ones in random order, each to the half with fewer images."""
    size = np.bincount(group, weights=images)
    shuffled = np.random.default_rng(seed).permutation(len(size))
    order = shuffled[np.argsort(-size[shuffled], kind="stable")]
    half = np.zeros(len(size), dtype=np.int64)
    total = [0.0, 0.0]
    for each in order:
        half[each] = int(total[1] < total[0])
        total[half[each]] += size[each]
    return half[group]
