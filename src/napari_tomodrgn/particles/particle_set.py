"""What a data set is: particles, their tilt images, and the star files they came from."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.forward_model import ForwardModel

if TYPE_CHECKING:
    from napari_tomodrgn.particles.star import StarFile

ParticleId = tuple[str, str]

PARTICLE_COLUMNS = (
    "tomogram",  # str, as written
    "name",  # str, as written; (tomogram, name) is the particle's id
    "z", "y", "x",  # Å in the unbinned tomogram, 0 = centre of voxel (0, 0, 0); NaN where the source has no coordinates
    "rot", "tilt", "psi",  # degrees, orientation in the tomogram (RELION ZYZ); NaN where the source has none
    "source_particle",  # int: number of the particle in the source as read, kept through filtering
)  # fmt: skip
TILT_IMAGE_COLUMNS = (
    "particle",  # int: row of the particles table
    "stack",  # int: index into ParticleSet.stacks
    "index",  # int: 0-based image number in that stack
    "shift_x", "shift_y",  # Å, by which the content has to be moved to be centred
    "defocus_u", "defocus_v",  # Å, underfocus positive, the particle's own (height term included)
    "defocus_angle",  # degrees
    "voltage",  # kV
    "spherical_aberration",  # mm
    "amplitude_contrast",
    "phase_shift",  # degrees
    "b_factor",  # Å², 0 where the dialect uses the column for the dose
    "scale",  # 1 where the dialect uses the column for cos(tilt)
    "dose",  # e/Å², as written (ForwardModel.dose_at says when)
    "tilt_angle",  # degrees, geometric, from the tilt matrices; NaN where unknown
    "stage_tilt",  # degrees, nominal; NaN where unknown
    "tilt_cosine",  # the tilt weight, 0 < w <= 1
)  # fmt: skip
HEIGHT_COLUMNS = (  # further columns of sets whose defocus is given per tilt series
    "series_defocus_u", "series_defocus_v",  # Å, the defocus of the tilt at the tomogram's centre
    "height",  # Å, the particle's height along the beam over the tomogram's centre
)  # fmt: skip


@dataclass(frozen=True)
class StarSource:
    """The star files of a data set as read, kept for writing back in the same dialect.

    ``row_particle`` has one entry a row of ``particles_block``: the number of the particle that the row belongs to.
    """

    dialect: str
    path: Path
    star: "StarFile"
    particles_block: str
    row_particle: npt.NDArray[np.int64]
    tomograms_path: Path | None = None
    tomograms: "StarFile | None" = None
    optimisation_set: "StarFile | None" = None
    optimisation_set_path: Path | None = None
    volume_series: "StarFile | None" = None
    volume_series_path: Path | None = None
    volume_series_block: str | None = None
    volume_series_row: npt.NDArray[np.int64] | None = None  # (particles as read,) row of each particle there
    datadir: Path | None = None


@dataclass(frozen=True)
class ParticleSet:
    """Particles with their tilt images. Immutable: filtering returns a new set.

    Attributes
    ----------
    particles
        One row a particle, columns ``PARTICLE_COLUMNS``, index 0 … N-1.
    tilt_images
        One row a visible tilt image, columns ``TILT_IMAGE_COLUMNS``, index 0 … M-1; the rows of one particle are
        contiguous and in file order. Hidden images (rlnTomoVisibleFrames 0) are left out at the door.
    rotations
        (M, 3, 3) float32: maps reference vectors (x, y, z) into the image frame, RELION's matrix.
    stacks
        Resolved paths of the image stacks; empty strings where a stack could not be found (a set opens without).
    stack_names
        The stacks as written in the star file.
    box, pixel_size
        Pixels of the (square, even) images, and Å per pixel. The box is 0 where neither the star, a stack nor the
        caller says it (stacks not found).
    tomograms
        One row a tomogram: name (str), size_z, size_y, size_x (Å, NaN if unknown), hand.
    """

    particles: pd.DataFrame
    tilt_images: pd.DataFrame
    rotations: npt.NDArray[np.float32]
    stacks: tuple[str, ...]
    stack_names: tuple[str, ...]
    box: int
    pixel_size: float
    forward_model: ForwardModel
    dialect: str
    tomograms: pd.DataFrame
    source: StarSource
    warnings: tuple[str, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.particles)

    @cached_property
    def ids(self) -> list[ParticleId]:
        """Particle ids (tomogram, name) in the order of the particles table."""
        return list(zip(self.particles["tomogram"], self.particles["name"], strict=True))

    @property
    def tilts_per_particle(self) -> npt.NDArray[np.int64]:
        """(N,) number of tilt images of each particle."""
        return np.bincount(self.tilt_images["particle"], minlength=len(self)).astype(np.int64)

    @property
    def first_tilt(self) -> npt.NDArray[np.int64]:
        """(N + 1,) row in ``tilt_images`` of each particle's first image; the last entry is M."""
        return np.concatenate([[0], np.cumsum(self.tilts_per_particle)])

    def take(self, rows: npt.ArrayLike) -> "ParticleSet":
        """Return the particles at ``rows`` (integers or a mask, in the set's own order) as a new set."""
        keep = np.zeros(len(self), dtype=bool)
        chosen = np.asarray(rows)
        keep[chosen if chosen.dtype == bool else chosen.astype(np.int64)] = True  # an empty list is of floats
        image_keep = keep[self.tilt_images["particle"].to_numpy()]
        images = self.tilt_images[image_keep].reset_index(drop=True)
        new_row = np.cumsum(keep) - 1
        images["particle"] = new_row[images["particle"].to_numpy()]
        return replace(
            self,
            particles=self.particles[keep].reset_index(drop=True),
            tilt_images=images,
            rotations=self.rotations[image_keep],
        )

    def take_tilts(self, keep: npt.NDArray[np.bool_]) -> "ParticleSet":
        """Return the set with only the tilt images where ``keep`` (M,) is true; no particle may lose all of them."""
        images = self.tilt_images[keep].reset_index(drop=True)
        lost = np.bincount(images["particle"], minlength=len(self)) == 0
        if lost.any():
            tomogram, name = self.ids[int(np.flatnonzero(lost)[0])]
            raise InputError(
                f"{self.source.path}: particle {name} of tomogram {tomogram} would keep no tilt image; keep one or more"
            )
        return replace(self, tilt_images=images, rotations=self.rotations[keep])

    def select(self, ids: Sequence[ParticleId]) -> "ParticleSet":
        """Return the particles with these ids, in the set's own order; raises on none, and on an id not in the set."""
        if not ids:
            raise InputError(f"{self.source.path}: the selection holds no particles; select one or more")
        row_of = {particle_id: row for row, particle_id in enumerate(self.ids)}
        unknown = [particle_id for particle_id in ids if tuple(particle_id) not in row_of]
        if unknown:
            tomogram, name = unknown[0]
            raise InputError(
                f"{self.source.path}: has no particle {name} in tomogram {tomogram} "
                f"({len(unknown)} of {len(ids)} selected particles are missing); use the selection's own data set"
            )
        return self.take(sorted({row_of[(tomogram, name)] for tomogram, name in ids}))

    def with_forward_model(self, **fields: Any) -> "ParticleSet":
        """Return the set with fields of the forward model replaced (``None`` and ``"auto"`` leave them).

        A new ``defocus_height`` changes the particles' defocus too.
        """
        model = self.forward_model.override(**fields)
        if model.defocus_height == self.forward_model.defocus_height:
            return replace(self, forward_model=model)
        if "height" not in self.tilt_images:
            raise InputError(
                f"{self.source.path}: gives each image its own defocus, so --defocus-height must stay none here, "
                f"not {model.defocus_height}"
            )
        images = with_particle_defocus(self.tilt_images, model)
        return replace(self, forward_model=model, tilt_images=images)


def with_particle_defocus(tilt_images: pd.DataFrame, model: ForwardModel) -> pd.DataFrame:
    """Return the table with each particle's own defocus: that of its tilt, plus or minus its height along the beam."""
    sign = {"plus": 1.0, "minus": -1.0, "none": 0.0}[model.defocus_height]
    return tilt_images.assign(
        defocus_u=tilt_images["series_defocus_u"] + sign * tilt_images["height"],
        defocus_v=tilt_images["series_defocus_v"] + sign * tilt_images["height"],
    )
