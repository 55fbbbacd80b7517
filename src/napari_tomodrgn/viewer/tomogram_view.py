"""A file opened as a tomogram of a data set: what napari shows of it, and what does not fit."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.layers import (
    TOMOGRAM,
    LayerData,
    image_layer,
    segmentation_layer,
)
from napari_tomodrgn.viewer.mrc_volume import ConvertedVolume, MrcVolume, Volume, contrast_limits, open_mrc
from napari_tomodrgn.viewer.tomogram_fit import TomogramFit, check_fit


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
    volume: MrcVolume
    pixel_size: float | None
    fit: TomogramFit | None
    messages: tuple[str, ...]


def open_tomogram(
    path: Path,
    tomogram: str,
    particle_set: ParticleSet | None = None,
    *,
    pixel_size: float | None = None,
    segmentation: bool = False,
    inverted: bool = False,
) -> OpenedTomogram:
    """Open an MRC file as a tomogram of a data set, and hold it against what that says.

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
        If the file is missing, no MRC file, cut short, or no segmentation.
    """
    volume = open_mrc(path)
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


def as_labels(volume: MrcVolume) -> Volume:
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
