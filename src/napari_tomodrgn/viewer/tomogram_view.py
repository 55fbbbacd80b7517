"""A file opened as a tomogram of a data set: what napari shows of it, and what does not fit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer import tiff_volume, zarr_volume
from napari_tomodrgn.viewer.layers import (
    TOMOGRAM,
    LayerData,
    image_layer,
    segmentation_layer,
)
from napari_tomodrgn.viewer.mrc_volume import ConvertedVolume, Volume, VolumeFile, contrast_limits, open_mrc
from napari_tomodrgn.viewer.tiff_volume import open_tiff
from napari_tomodrgn.viewer.tomogram_fit import TomogramFit, check_fit
from napari_tomodrgn.viewer.zarr_volume import open_zarr


@dataclass(frozen=True)
class OpenedTomogram:
    """A tomogram as it is shown.

    Attributes
    ----------
    layer
        What napari shows.
    volume
        The file.
    pixel_size
        Å per voxel, ``None`` where it is shown in voxels.
    fit
        How it fits its data set, ``None`` where none was given.
    messages
        What a person should know, a sentence each.
    """

    layer: LayerData
    volume: VolumeFile
    pixel_size: float | None
    fit: TomogramFit | None
    messages: tuple[str, ...]


def open_volume(path: Path) -> VolumeFile:
    """Open a volume in an MRC file, a TIFF or an OME-Zarr, without reading it.

    Raises
    ------
    InputError
        If it is missing, of no such kind, or can't be read.
    """
    suffix = path.suffix.lower()
    if suffix in tiff_volume.SUFFIXES:
        return open_tiff(path)
    return open_zarr(path) if suffix in zarr_volume.SUFFIXES else open_mrc(path)


def open_tomogram(
    path: Path,
    tomogram: str,
    particle_set: ParticleSet | None = None,
    *,
    pixel_size: float | None = None,
    segmentation: bool = False,
    inverted: bool = False,
) -> OpenedTomogram:
    """Open a file as a tomogram of a data set, and hold it against what that says.

    Parameters
    ----------
    path
        The file.
    tomogram
        Its name in the data set.
    particle_set
        The data set.
    pixel_size
        Å per voxel where the header has none that can be right.
    segmentation
        Whether voxels are whole numbers that name what they belong to.
    inverted
        Show high values dark.

    Raises
    ------
    InputError
        If the file is missing, of no kind that is known, cut short, or no segmentation.
    """
    volume = open_volume(path)
    side = volume.pixel_size or pixel_size
    messages: tuple[str, ...] = () if side or volume.trouble is None else (volume.trouble,)
    fit = None
    if particle_set is not None:
        fit = check_fit(path.name, volume.values.shape, side, particle_set, tomogram)
        messages += fit.messages
    if segmentation:
        layer = segmentation_layer(path.stem, as_labels(volume), side)
    else:
        limits = contrast_limits(volume.values)
        layer = image_layer(path.stem, volume.values, side, inverted=inverted, contrast_limits=limits)
    layer[1]["metadata"] = {TOMOGRAM: tomogram, "file": str(path)}
    return OpenedTomogram(layer, volume, side, fit, messages)


def as_labels(volume: VolumeFile) -> Volume:
    """Return a segmentation (Z, Y, X) as whole numbers; programs write them as any type of number.

    Raises
    ------
    InputError
        If voxels in its middle are no whole numbers.
    """
    values = volume.values
    if values.dtype.kind in "iu":
        return values
    middle = np.asarray(values[values.shape[0] // 2], dtype=np.float32)
    if not np.array_equal(middle, np.rint(middle)):
        raise InputError(
            f"{volume.path}: holds voxels that are no whole numbers, so it is no segmentation; open it as raw"
        )
    stored = values.stored if isinstance(values, ConvertedVolume) else values
    return ConvertedVolume(stored, np.int32)
