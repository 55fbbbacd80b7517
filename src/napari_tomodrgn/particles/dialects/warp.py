"""Warp 1 and M image series (RELION 3.0 style): rlnGroupName is the particle, rlnCtfBfactor its dose times -4.

cryoSRPNT writes the same columns but no micrograph name and no coordinates, which is how the two are told apart.
"""

from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.dialects.image_series import NEEDED, OPTICAL, ImageRows, Integers, read_image_series
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet

IMAGE_SERIES = tuple((column,) for column in ("rlnImageName", "rlnGroupName", *NEEDED, *OPTICAL))


def split_group(group: str) -> ParticleId:
    """Return (tomogram, particle name): a group name split at its last underscore."""
    tomogram, _, name = group.rpartition("_")
    return tomogram, name


def identify(rows: ImageRows, _by_dose: Integers) -> list[ParticleId]:
    """Return the ids of all particles from their group names."""
    return [split_group(group) for group in rows.group_names]


def read(sources: Sources, dialect: Dialect, options: ReadOptions) -> ParticleSet:
    """Read a warp or cryosrpnt star."""
    return read_image_series(sources, dialect, options, "rlnGroupName", identify)


DIALECT = Dialect(
    name="warp",
    forward_model=ForwardModel(1, "none", "after", "scaled", "bright", "keep", "none"),
    needs=IMAGE_SERIES,
    shows=("rlnMicrographName", "rlnCoordinateX"),
    excludes=("rlnTomoName",),
    read=read,
)
