"""A particle in its tomogram, as its decoder sees it, and the consensus: three slabs of the same place."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.cutouts import Cut, Picture, cutouts, slab_of_volume
from napari_tomodrgn.viewer.placement import Poses
from napari_tomodrgn.viewer.tomogram_files import TomogramFiles
from napari_tomodrgn.viewer.volume_panel import VolumePanel

VIEWS = ("tomogram", "its volume (VAE)", "mean latent's volume")
NO_FILE, NO_VOLUME = "no file of this tomogram", "no volume"
SIZE = 96


@dataclass(frozen=True)
class Compared:
    """One of the three pictures, or why there is none."""

    number: int
    picture: Picture | None
    instead: str = ""


def compared(
    particle_set: ParticleSet, row: int, files: TomogramFiles, version: str, panel: VolumePanel
) -> Iterator[Compared]:
    """Yield the three pictures of a particle, those first that are there first."""
    cut = Cut.of(particle_set)
    try:
        (own,) = cutouts(particle_set, [row], files, version, cut)
        yield Compared(0, own.picture, "" if own.picture is not None else NO_FILE)
    except InputError as error:
        yield Compared(0, None, str(error))
    poses = Poses.of(particle_set)
    if not poses.known[row]:
        yield from (Compared(number, None, "no orientation") for number in (1, 2))
        return
    try:
        source = panel.source()
    except InputError:
        yield from (Compared(number, None, NO_VOLUME) for number in (1, 2))
        return
    turn = poses.rotations(row)
    volume = source.volume_of(row)
    if volume is None:
        yield Compared(1, None, NO_VOLUME)
    else:
        yield Compared(1, slab_of_volume(volume, source.pixel_size, turn, cut, SIZE))
    known = source.latents[source.known]
    mean = known.mean(axis=0) if len(known) else np.zeros(source.latents.shape[1], np.float32)
    yield Compared(2, slab_of_volume(source.volume(mean), source.pixel_size, turn, cut, SIZE))
