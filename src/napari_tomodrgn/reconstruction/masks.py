"""Soft masks around the density of a map."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from napari_tomodrgn.errors import InputError


def soft_mask(
    values: npt.NDArray[np.floating],
    *,
    threshold: float | None = None,
    dilate: float = 3.0,
    edge: float = 10.0,
    unit: Literal["px", "angstrom"] = "px",
    pixel_size: float = 1.0,
) -> npt.NDArray[np.float32]:
    """Return a mask (D, D, D): 1 on the density and ``dilate`` around it, then a cosine edge down to 0.

    The defaults are those of Powell & Davis (2024): density is what exceeds half the 99th percentile.

    Parameters
    ----------
    values
        (D, D, D) map, protein positive.
    threshold
        Density above which the mask is 1 before it grows; half the 99th percentile by default.
    dilate, edge
        Widths of growth and edge, in voxels, or in Å with ``unit="angstrom"``.
    pixel_size
        Å per voxel, for widths in Å.

    Raises
    ------
    InputError
        Where nothing exceeds the threshold, or the mask touches a face of the box.
    """
    voxel = pixel_size if unit == "angstrom" else 1.0
    threshold = float(np.percentile(values, 99)) / 2 if threshold is None else threshold
    density = values > threshold
    if not density.any():
        raise InputError(f"no voxel of the map exceeds the mask's threshold of {threshold:.4g}; choose a lower one")
    beyond = distance_transform_edt(~density) * voxel - dilate
    fraction = np.clip(beyond / edge, 0, 1) if edge > 0 else (beyond > 0).astype(np.float64)
    mask = (0.5 + 0.5 * np.cos(np.pi * fraction)).astype(np.float32)
    if any(mask.take(face, axis).any() for axis in range(3) for face in (0, -1)):
        width = "Å" if unit == "angstrom" else "px"
        raise InputError(
            f"the mask (threshold {threshold:.4g}, grown by {dilate:g} {width}, edge {edge:g} {width}) touches the "
            f"{values.shape[0]} px box; choose smaller widths, a higher threshold or a larger box"
        )
    return mask
