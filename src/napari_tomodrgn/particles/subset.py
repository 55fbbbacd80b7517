"""Fewer tilt images a particle, and tilt images in another order."""

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet

TiltOrder = Literal["file", "dose"]


def order_tilts(particle_set: ParticleSet, order: TiltOrder = "dose") -> ParticleSet:
    """Return the set with each particle's tilt images in file order or by rising dose (file order breaks ties)."""
    if order == "file":
        return particle_set
    rows = _by_dose(particle_set)
    images = particle_set.tilt_images.iloc[rows].reset_index(drop=True)
    return replace(particle_set, tilt_images=images, rotations=particle_set.rotations[rows])


def first_tilts(particle_set: ParticleSet, n: int, order: TiltOrder = "file") -> ParticleSet:
    """Return the set with each particle's first ``n`` tilt images; particles that have fewer keep all of theirs."""
    if n < 1:
        raise InputError(f"--first-tilts {n}: at least one tilt image a particle is needed")
    rows = _by_dose(particle_set) if order == "dose" else np.arange(len(particle_set.tilt_images))
    rank = np.empty(len(rows), dtype=np.int64)
    rank[rows] = np.arange(len(rows)) - particle_set.first_tilt[particle_set.tilt_images["particle"].to_numpy()[rows]]
    return particle_set.take_tilts(rank < n)


def _by_dose(particle_set: ParticleSet) -> npt.NDArray[np.int64]:
    images = particle_set.tilt_images
    return np.lexsort((np.arange(len(images)), images["dose"].to_numpy(), images["particle"].to_numpy()))
