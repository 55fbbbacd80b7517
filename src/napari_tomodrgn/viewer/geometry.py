"""How two particles stand to one another."""

from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleSet


@dataclass(frozen=True)
class Relation:
    """Distance in Å between two particles' positions, and the angle in degrees that turns one into the other.

    NaN where a position or an orientation is not known; the distance is that within one tomogram.
    """

    distance: float
    rotation: float


def relation(particle_set: ParticleSet, one: int, other: int) -> Relation:
    """Return how two particles, given by row, stand to one another."""
    table = particle_set.particles
    pair = table.iloc[[one, other]]
    position = pair[["z", "y", "x"]].to_numpy(np.float64)
    same = pair["tomogram"].iloc[0] == pair["tomogram"].iloc[1]
    distance = float(np.linalg.norm(position[0] - position[1])) if same else float("nan")
    turn = euler_matrices(*pair[["rot", "tilt", "psi"]].to_numpy(np.float64).T)
    cosine = (np.trace(turn[0].T @ turn[1]) - 1) / 2
    return Relation(distance, float(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
