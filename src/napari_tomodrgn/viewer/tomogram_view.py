"""A file opened as a tomogram of a data set: what napari shows of it, and what does not fit."""

from collections.abc import Mapping
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
from napari_tomodrgn.viewer.tomogram_files import header_key
from napari_tomodrgn.viewer.tomogram_fit import TomogramFit, check_fit
from napari_tomodrgn.viewer.zarr_volume import open_zarr


@dataclass(frozen=True)
class OpenedTomogram:
    """A tomogram as it is shown.

    Attributes
    ----------
    layer
        What napari shows.
    file
        The file.
    pixel_size
        Å per voxel: what the file or a person says, else what the tomogram's size asks for; ``None`` where it is shown
        in voxels.
    fit
        How it fits its data set, ``None`` where none was given.
    messages
        What a person should know, a sentence each.
    question
        The sentence that says why its pixel size can't be right, ``None`` where it can. ``fit`` may suggest another.
    """

    layer: LayerData
    file: VolumeFile
    pixel_size: float | None
    fit: TomogramFit | None
    messages: tuple[str, ...]
    question: str | None


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
    pixel_sizes: Mapping[str, float] | None = None,
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
    pixel_sizes
        Å per voxel in place of what headers say, by :func:`~napari_tomodrgn.viewer.tomogram_files.header_key`.
    segmentation
        Whether voxels are whole numbers that name what they belong to.
    inverted
        Show high values dark.

    Raises
    ------
    InputError
        If the file is missing, of no kind that is known, cut short, or no segmentation.
    """
    file = open_volume(path)
    side = (pixel_sizes or {}).get(header_key(file.pixel_size), file.pixel_size)
    fit = None if particle_set is None else check_fit(path.name, file.values.shape, side, particle_set, tomogram)
    messages, question = () if fit is None else fit.messages, file.trouble if side is None else None
    if fit is not None and fit.suggested_pixel_size is not None:
        # particles that lie outside do so because of it
        messages, question = (), fit.messages[0]
        side = side or fit.suggested_pixel_size
    if segmentation:
        layer = segmentation_layer(path.stem, as_labels(file), side)
    else:
        limits = contrast_limits(file.values)
        layer = image_layer(path.stem, file.values, side, inverted=inverted, contrast_limits=limits)
    layer[1]["metadata"] = {TOMOGRAM: tomogram, "file": str(path)}
    return OpenedTomogram(layer, file, side, fit, messages, question)


def as_labels(file: VolumeFile) -> Volume:
    """Return a segmentation (Z, Y, X) as whole numbers; programs write them as any type of number.

    Raises
    ------
    InputError
        If voxels in its middle are no whole numbers.
    """
    values = file.values
    if values.dtype.kind in "iu":
        return values
    middle = np.asarray(values[values.shape[0] // 2], dtype=np.float32)
    if not np.array_equal(middle, np.rint(middle)):
        raise InputError(
            f"{file.path}: holds voxels that are no whole numbers, so it is no segmentation; open it as raw"
        )
    stored = values.stored if isinstance(values, ConvertedVolume) else values
    return ConvertedVolume(stored, np.int32)
