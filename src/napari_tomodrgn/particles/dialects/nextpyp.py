"""nextPYP's image series (RELION 3.1 style): rlnGroupNumber is the particle, optics are in their own block."""

from pathlib import PurePosixPath

import numpy as np

from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.dialects.image_series import NEEDED, OPTICAL, ImageRows, Integers, read_image_series
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet


def identify(rows: ImageRows, by_dose: Integers) -> list[ParticleId]:
    """Return the ids: the stem of the micrograph of the particle's first tilt (least dose), and the group number."""
    first = by_dose[np.flatnonzero(np.diff(rows.group[by_dose], prepend=-1))]
    micrographs = rows.block.strings("rlnMicrographName")[first]
    stems = [PurePosixPath(micrograph.rpartition("@")[2]).stem for micrograph in micrographs]
    return list(zip(stems, rows.group_names.tolist(), strict=True))


def read(sources: Sources, dialect: Dialect, options: ReadOptions) -> ParticleSet:
    """Read a nextPYP star."""
    return read_image_series(sources, dialect, options, "rlnGroupNumber", identify)


DIALECT = Dialect(
    name="nextpyp",
    forward_model=ForwardModel(1, "none", "after", "scaled", "bright", "keep", "none"),
    needs=(
        *((column,) for column in ("rlnImageName", "rlnMicrographName", "rlnGroupNumber", *NEEDED, *OPTICAL)),
        ("rlnOpticsGroup",),
    ),
    excludes=("rlnGroupName", "rlnTomoName"),
    read=read,
)
