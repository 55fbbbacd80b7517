"""The grid of a tomogram: how many voxels of which size, by its file or by what the star says of it."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import zyx_order
from napari_tomodrgn.particles.mrc_header import read_header
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.tilt_series import global_block, resolve_star

_NAMED = ("rlnTomoReconstructedTomogram", "rlnTomoReconstructedTomogramDenoised")
_LARGEST = 1 << 40  # bytes


@dataclass(frozen=True)
class TomogramFile:
    """A tomogram in an MRC file.

    Attributes
    ----------
    path
        The file.
    shape
        (Z, Y, X) voxels.
    voxel
        Å a voxel.
    """

    path: Path
    shape: tuple[int, int, int]
    voxel: float


def tomogram_file(
    particle_set: ParticleSet, name: str, given: Path | None, pixel_size: float | None = None
) -> TomogramFile | None:
    """Return the file of a tomogram: the one given, else the one that the tomograms star names, else ``None``.

    Raises
    ------
    InputError
        Where it can't be read, or says no size of its voxels and none is given.
    """
    path = given or _named(particle_set, name)
    if path is None:
        return None
    header = read_header(path)
    order = zyx_order(header, path)
    z, y, x = (header.shape[axis] for axis in order)
    sides = header.voxel_sides
    if pixel_size is None:
        if sides is None or max(sides) > 1.01 * min(sides):
            raise InputError(f"{path}: its header gives no size of its voxels; give --tomogram-pixel-size")
        pixel_size = float(np.mean(sides))
    return TomogramFile(path, (z, y, x), pixel_size)


def _named(particle_set: ParticleSet, name: str) -> Path | None:
    tomograms = particle_set.source.tomograms
    if tomograms is None:
        return None
    table = global_block(tomograms)
    for column in (each for each in _NAMED if each in table):
        for own, written in zip(table.strings("rlnTomoName"), table.strings(column), strict=True):
            if own == name:
                try:
                    return resolve_star(written, tomograms.path)
                except InputError:  # it isn't where the star says
                    continue
    return None


@dataclass(frozen=True)
class Grid:
    """Voxels of a tomogram: (Z, Y, X) of them, Å a side; the centre of the first one is at 0 Å."""

    shape: tuple[int, int, int]
    voxel: float

    @classmethod
    def of(
        cls,
        particle_set: ParticleSet,
        name: str,
        file: TomogramFile | None,
        default: float,
        asked: float | None,
        bins: int,
    ) -> "Grid":
        """Return the grid of a tomogram.

        Parameters
        ----------
        particle_set
            What says how large its tomograms are, where there is no file.
        name
            The tomogram.
        file
            Its file, where there is one.
        default
            Å of a voxel, where there is no file.
        asked
            Å of a voxel, where they are asked for.
        bins
            How many times larger the voxels are to be.

        Raises
        ------
        InputError
            Where nothing says how large the tomogram is.
        """
        voxel = (asked or (default if file is None else file.voxel)) * bins
        if file is not None:
            size = np.array(file.shape) * file.voxel
        else:
            table = particle_set.tomograms
            size = table.loc[table["name"] == name, ["size_z", "size_y", "size_x"]].to_numpy(np.float64)[0]
        if not np.isfinite(size).all():
            raise InputError(
                f"{particle_set.source.path}: does not say how large tomogram {name} is; give its --tomogram-file"
            )
        z, y, x = (max(1, math.ceil(length / voxel - 1e-6)) for length in size.tolist())
        if 4 * z * y * x > _LARGEST:
            raise InputError(f"{name}: would have {x} x {y} x {z} voxels of {voxel:.4g} Å; give a larger --pixel-size")
        return cls((z, y, x), voxel)
