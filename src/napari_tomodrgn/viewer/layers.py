"""What a data set looks like as napari layers: data, attributes and kind, everything in ångström, axes z, y, x."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.mrc_volume import pyramid

LayerData = tuple[Any, dict[str, Any], str]

IN_ANGSTROM: dict[str, Any] = {"units": ("angstrom",) * 3, "axis_labels": ("z", "y", "x")}
TOMOGRAM = "experiment_id"  # the metadata key under which layers carry the name of their tomogram
STAR, RUN = "star", "run"  # the metadata keys of what a layer of particles was opened from
PARTICLE = "particle"  # the feature that holds particles' names
_DECORATION = re.compile(r"(_\d+(\.\d+)?Apx|\.tomostar)$")


def tomogram_label(name: str) -> str:
    """Return a tomogram's name as shown and matched: without ``.tomostar`` and without ``_<pixel size>Apx``."""
    while (shorter := _DECORATION.sub("", name)) != name:
        name = shorter
    return name


def points_layer(
    tomogram: str,
    position_angstrom: npt.NDArray[np.floating],  # (n, 3) z, y, x
    features: pd.DataFrame,  # n rows
    diameter_angstrom: float,
    **attributes: Any,
) -> LayerData:
    """Return the particles of one tomogram as a Points layer; further attributes are napari's own."""
    return (
        np.asarray(position_angstrom, dtype=np.float32),
        {
            "name": f"particles of {tomogram_label(tomogram)}",
            "features": features.reset_index(drop=True),
            **_defaults(features),
            "size": diameter_angstrom,
            "projection_mode": "rescale_spherical",  # in a slice as large as it cuts their spheres
            "metadata": {TOMOGRAM: tomogram},
            **IN_ANGSTROM,
            **attributes,
        },
        "points",
    )


def _defaults(features: pd.DataFrame) -> dict[str, Any]:
    """Return what a point that a person adds is given: napari would name it as a particle that is there."""
    if PARTICLE not in features or features.empty:
        return {}
    return {"feature_defaults": {**features.iloc[0].to_dict(), PARTICLE: ""}}


def particle_layers(particle_set: ParticleSet, metadata: dict[str, Any]) -> list[LayerData]:
    """Return one Points layer a tomogram, in the order of the set; all but the first are hidden.

    Parameters
    ----------
    particle_set
        Needs positions; a point is half a box across.
    metadata
        What the layers carry beside the tomogram's name.

    Raises
    ------
    InputError
        If no particle has a position.
    """
    particles = particle_set.particles.assign(tilt_images=particle_set.tilts_per_particle)
    placed = particles[particles[["z", "y", "x"]].notna().all(axis=1)]
    if placed.empty:
        raise InputError(
            f"{particle_set.source.path}: says nothing about where its {len(particles)} particles lie in their "
            "tomograms, so there is nothing to show; open the star file with their coordinates"
        )
    layers: list[LayerData] = []
    for tomogram, group in placed.groupby("tomogram", sort=False):
        layers.append(
            points_layer(
                str(tomogram),
                group[["z", "y", "x"]].to_numpy(),
                group[["name", "rot", "tilt", "psi", "tilt_images"]].rename(columns={"name": PARTICLE}),
                diameter_angstrom=particle_set.box * particle_set.pixel_size / 2,
                metadata={TOMOGRAM: str(tomogram), **metadata},
                visible=not layers,
            )
        )
    return layers


def image_layer(
    name: str,
    values: Any,  # (z, y, x)
    pixel_size: float | None,  # Å
    *,
    inverted: bool = False,
    **attributes: Any,
) -> LayerData:
    """Return a tomogram or map as an Image layer; without a pixel size it is shown in voxels.

    ``inverted`` shows high values dark, for tomograms whose protein is bright. A very large volume has coarser levels.
    """
    data, own = _shown(name, values, pixel_size)
    return data, {"colormap": "gray_r" if inverted else "gray", "rgb": False, **own, **attributes}, "image"


def segmentation_layer(
    name: str,
    values: Any,  # (z, y, x), whole numbers
    pixel_size: float | None,  # Å
    **attributes: Any,
) -> LayerData:
    """Return a segmentation as a Labels layer; without a pixel size it is shown in voxels."""
    data, own = _shown(name, values, pixel_size)
    return data, {"opacity": 0.4, **own, **attributes}, "labels"


def _shown(name: str, values: Any, pixel_size: float | None) -> tuple[Any, dict[str, Any]]:
    """Return what napari is given as a volume's data, and the attributes that all volumes have."""
    physical = (
        {"scale": (pixel_size,) * 3, **IN_ANGSTROM} if pixel_size else {"axis_labels": IN_ANGSTROM["axis_labels"]}
    )
    levels = pyramid(values)
    several = len(levels) > 1
    own = {"name": name, "multiscale": several, "metadata": {TOMOGRAM: tomogram_label(name)}, **physical}
    return levels if several else values, own


def outline_layer(
    tomogram: str,
    size_angstrom: npt.ArrayLike,  # (3,) z, y, x, from the first voxel's centre to the last's
) -> LayerData:
    """Return the twelve edges of a tomogram's box as a Vectors layer."""
    size = np.asarray(size_angstrom, dtype=np.float32)
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    edges = [
        (corner * size, np.eye(3, dtype=np.float32)[axis] * size[axis])
        for corner in corners
        for axis in range(3)
        if not corner[axis]
    ]
    attributes = {
        "name": "outline",
        "edge_color": "#8a8f98",
        "edge_width": float(size.max()) / 300,
        "vector_style": "line",
        "length": 1,
        "metadata": {TOMOGRAM: tomogram},
        **IN_ANGSTROM,
    }
    return np.array(edges, dtype=np.float32), attributes, "vectors"


def set_pixel_size(layer: Any, pixel_size: float) -> None:
    """Give a napari layer that is shown in voxels its pixel size in Å, or another one.

    Raises
    ------
    InputError
        If it is no number above 0.
    """
    if not (np.isfinite(pixel_size) and pixel_size > 0):
        raise InputError(f"pixel size of {layer.name}: is {pixel_size}; expected a number above 0, in Å")
    layer.scale = (pixel_size,) * layer.ndim
    layer.units = ("angstrom",) * layer.ndim
