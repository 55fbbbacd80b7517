"""What a data set is, in numbers: the facts that the trainer's dry run prints too."""

from typing import Any

import numpy as np

from napari_tomodrgn.imaging.lattice import lattice
from napari_tomodrgn.imaging.tilt_images import TiltImages
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.training.points import Weighting


def data_facts(particle_set: ParticleSet) -> dict[str, Any]:
    """Return the facts of a set, with the keys of ``train --dry-run --json``; coordinates are means over particles."""
    count = particle_set.tilts_per_particle
    kept = int(Weighting().kept(TiltImages.of(particle_set), lattice(particle_set.box)).sum())
    every = lattice(particle_set.box).pairs * len(particle_set.tilt_images)
    return {
        "particles": len(particle_set),
        "tilt_images": len(particle_set.tilt_images),
        "tilts_per_particle": {"min": int(count.min()), "median": float(np.median(count)), "max": int(count.max())},
        "box": particle_set.box,
        "pixel_size": particle_set.pixel_size,
        "coordinates_per_particle": _whole(2 * kept / len(particle_set)),
        "coordinates_per_particle_unmasked": _whole(2 * every / len(particle_set)),
        "dialect": particle_set.dialect,
        "forward_model": particle_set.forward_model.as_dict(),
        "warnings": list(particle_set.warnings),
    }


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() else value
