"""The volume of one particle at an epoch of a run, whatever the session shows. No Qt."""

from dataclasses import dataclass

import numpy as np

from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.viewer.volume_picture import Shown
from napari_tomodrgn.viewer.volume_source import VolumeSource

LARGEST_BOX = 48  # px
LEVEL = 3.0  # standard deviations above the mean, where its surface lies


@dataclass(frozen=True)
class PinnedVolume:
    """A particle's own volume as it is shown.

    Attributes
    ----------
    shown
        As it is looked at.
    particle
        Whose it is.
    """

    shown: Shown
    particle: ParticleId


def pinned_volume(run: Run, epoch: int, particle: ParticleId) -> PinnedVolume | None:
    """Return a particle's volume, ``None`` where the run does not know the particle. Works in any thread.

    Raises
    ------
    InputError
        Where the epoch's files can't be read.
    """
    box = min(LARGEST_BOX, int(run.document["model"]["box"])) // 2 * 2
    source = VolumeSource.of_run(run, epoch, [particle], box=box, compute=choose_compute("auto", "auto"))
    volume = source.volume_of(0)
    if volume is None:
        return None
    density = float(volume.mean() + LEVEL * volume.std(dtype=np.float64))
    return PinnedVolume(Shown(volume, density, source.pixel_size, f"epoch {epoch}"), particle)
