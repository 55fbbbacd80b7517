"""The volumes along a traversal: decoded, within a zone where one is asked for, and written as a set."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.zones import Weights, zone_of_model
from napari_tomodrgn.analysis.traverse import Traversal
from napari_tomodrgn.analysis.traverse_options import OF_ZONE, TraverseOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.volumes import SET_FILES, VolumesOptions, decoded, decoding_of, write_volume_set

LATENTS, INDEX, DOCUMENT, ZONE = "latents.npy", "index.csv", "traversal.json", "zone.mrc"
OWN_FILES = (*SET_FILES, LATENTS, DOCUMENT, ZONE, "slices.png", "slices.svg", "way.png", "way.svg", "movie.*")


def write_traversal(traversal: Traversal, options: TraverseOptions, folder: Path) -> dict[str, Any]:
    """Decode the volumes of a traversal into a folder that is there, with index.csv, latents.npy, traversal.json.

    Returns
    -------
    document
        What traversal.json holds.

    Raises
    ------
    InputError
        Where the volumes can't be decoded as asked, or the zone is none of theirs.
    """
    index = traversal.index()
    document = traversal.document()
    if options.volumes:
        document |= _write_volumes(traversal, index, options, folder)
    else:
        with atomic_open(folder / INDEX) as stream:
            index.to_csv(stream, index=False, lineterminator="\n")
    with atomic_open(folder / LATENTS, "wb") as stream:
        np.save(stream, traversal.z, allow_pickle=False)
    with atomic_open(folder / DOCUMENT) as stream:
        json.dump(document, stream, indent=1)
    return document


def _write_volumes(traversal: Traversal, index: pd.DataFrame, options: TraverseOptions, folder: Path) -> dict[str, Any]:
    """Write the volumes, and the zone where there is one; return what is to be said of them."""
    asked = _decoding_options(options)
    decoding = decoding_of(traversal.run, traversal.epoch, asked)
    volumes = decoded(decoding, traversal.z, asked)
    facts: dict[str, Any] = {}
    if options.movie and options.movie_of == "surfaces":
        facts["surfaces_at"] = options.level
        if options.level_unit == "sigma":
            (mean,) = decoded(decoding, traversal.latents.z_mean.mean(axis=0, keepdims=True), asked)
            facts["surfaces_at"] = float(mean.mean() + options.level * mean.std())
    weights = None if options.zone is None else _zone(options, Frame(decoding.box, decoding.pixel_size))
    if weights is not None:
        facts |= options.model_dump(mode="json", include={"zone", *OF_ZONE, "zone_radius", "zone_edge"})
        volumes = (volume * weights for volume in volumes)
    write_volume_set(folder, volumes, index, decoding.pixel_size, overwrite=True)
    if weights is not None:
        write_map(folder / ZONE, weights, decoding.pixel_size)
    return facts


def _zone(options: TraverseOptions, frame: Frame) -> Weights:
    near = zone_of_model(
        options.model, frame, options.zone_radius, edge=options.zone_edge, parts=options.parts, fit=options.fit
    )
    if options.zone == "remove" and not (near < 1).any():
        raise InputError(f"--zone remove: all of the maps of {frame} is within it; give a smaller --zone-radius")
    return near if options.zone == "keep" else 1 - near


def _decoding_options(options: TraverseOptions) -> VolumesOptions:
    return VolumesOptions(
        run=options.run,
        box=options.box,
        low_pass=options.low_pass,
        map_hand=options.map_hand,
        device=options.device,
    )
