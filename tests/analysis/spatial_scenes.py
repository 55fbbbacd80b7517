"""Particles at places with a known truth."""

import numpy as np
from scipy.spatial.transform import Rotation

from napari_tomodrgn.analysis.spatial.places import Places
from napari_tomodrgn.simulation.placement import random_positions

SIZE = (4000.0, 4000.0, 1500.0)  # Å, x, y, z


def places(position: list[np.ndarray], rotation: list[np.ndarray] | None = None) -> Places:
    """Return tomograms of particles at positions (n, 3) x, y, z, one array a tomogram."""
    tomogram = np.repeat(np.arange(len(position)), [len(each) for each in position])
    ids = tuple((f"t{own}", str(number)) for number, own in enumerate(tomogram.tolist()))
    turned = None if rotation is None else np.concatenate(rotation)
    names = tuple(f"t{number}" for number in range(len(position)))
    return Places(ids, tomogram, names, np.concatenate(position).astype(float), turned)


def scattered(tomograms: int, particles: int, seed: int, *, apart: float = 250.0, poses: bool = False) -> Places:
    """Return particles at random places, a distance apart, and turned at random."""
    generator = np.random.default_rng(seed)
    position = [random_positions(particles, SIZE, apart, generator) for _ in range(tomograms)]
    turned = [Rotation.random(particles, random_state=generator).as_matrix() for _ in range(tomograms)]
    return places(position, turned if poses else None)


def following(where: Places, classes: int, seed: int, wavelength: float = 4000.0, strength: float = 1.0) -> np.ndarray:
    """Return labels (N,) whose frequencies are smooth functions of position; nothing else draws particles together."""
    generator = np.random.default_rng(seed)
    labels = np.zeros(len(where), dtype=np.int64)
    for tomogram in range(len(where.tomograms)):
        rows = where.rows_of(tomogram)
        position = where.position[rows]
        field = np.zeros((len(position), classes))
        for label in range(classes):
            for _ in range(3):
                along = generator.standard_normal(3)
                along /= np.linalg.norm(along)
                phase = 2 * np.pi * position @ along / generator.uniform(wavelength, 2 * wavelength)
                field[:, label] += strength * np.sqrt(2 / 3) * np.sin(phase + generator.uniform(0, 2 * np.pi))
        share = np.exp(field)
        share /= share.sum(axis=1, keepdims=True)
        labels[rows] = (share.cumsum(axis=1)[:, :-1] < generator.random(len(position))[:, None]).sum(axis=1)
    return labels
