"""What the Volumes widget knows: which volume is looked at, at which level, and what it is compared with. No Qt."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.reconstruction.decode import low_pass_volume
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.viewer.array_cache import ArrayCache
from napari_tomodrgn.viewer.meshes import Look, Volume
from napari_tomodrgn.viewer.paths import LatentPath
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.volume_source import VolumeSource

PREVIEW_BOX = 32
LARGEST_BOX = 64
Pin = Literal["A", "B"]
Latent = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Shown:
    """A volume as it is looked at.

    Attributes
    ----------
    volume
        (d, d, d), z, y, x; of a difference, B less A.
    density
        Where its surface lies.
    pixel_size
        Å.
    caption
        What it is.
    """

    volume: Volume
    density: float
    pixel_size: float
    caption: str


class VolumePanel:
    """Decodes the volume that is asked for, of the session's run at its epoch.

    Attributes
    ----------
    level
        Where surfaces lie, in standard deviations above the mean.
    shared_level
        Whether these are of the volume of the mean latent, so that all volumes are seen at one density: that is how
        particles that are none are told from others. Else of every volume itself.
    low_pass
        Å beyond which detail is removed; 0 removes none.
    pins
        Latents kept to compare with, and what they are called.
    particle
        The row of the particle whose own volume is looked at, ``None`` where it is another volume.
    """

    changed = Signal()

    def __init__(self, session: Session, cache: ArrayCache | None = None) -> None:
        self.session, self._cache = session, cache
        self.level, self.shared_level, self.low_pass, self.dust = 3.0, True, 0.0, 0.0
        self.pins: dict[Pin, tuple[Latent, str]] = {}
        self._latent: Latent | None = None
        self._caption = ""
        self.particle: int | None = None
        self._moving = False
        self._difference = False
        self._sources: dict[int, VolumeSource] = {}
        self._reference: dict[int, tuple[float, float]] = {}
        session.data_changed.connect(self.forget)

    def forget(self) -> None:
        """Know no volume any more: another run is open."""
        self._sources.clear()
        self._reference.clear()
        self.pins.clear()
        self._latent, self._caption, self._difference = None, "", False
        self.particle = None
        self.changed.emit()

    # volumes

    @property
    def trained_box(self) -> int:
        """The box that the run was trained with, px; 0 where no run is open."""
        run = self.session.run
        return 0 if run is None else int(run.document["model"]["box"])

    def source(self, largest: int = LARGEST_BOX) -> VolumeSource:
        """Return the run's volumes, in a box of at most ``largest`` px.

        Raises
        ------
        InputError
            Where no run is open, or its checkpoint can't be read.
        """
        session = self.session
        if session.run is None or session.epoch is None or session.particle_set is None:
            raise InputError("volumes need a run that has finished an epoch; open one (Dataset ▸ Open run)")
        box = min(largest, self.trained_box) // 2 * 2
        if box not in self._sources and self._sources:
            self._sources[box] = next(iter(self._sources.values())).in_box(box)
        elif box not in self._sources:
            compute = choose_compute("auto", "auto")
            self._sources[box] = VolumeSource.of_run(
                session.run, session.epoch, session.particle_set.ids, box=box, compute=compute, cache=self._cache
            )
        return self._sources[box]

    def look_at_particle(self, row: int) -> None:
        """Look at a particle's own volume.

        Raises
        ------
        InputError
            Where there is no run, or the particle has no latent.
        """
        source = self.source()
        particle_set = self.session.particle_set
        assert particle_set is not None
        tomogram, name = particle_set.ids[row]
        if not source.known[row]:
            raise InputError(f"particle {name} of tomogram {tomogram}: has no latent in this run, so it has no volume")
        self._look(source.latents[row], f"{name} · {tomogram}", moving=False, particle=row)

    def look_along(self, path: LatentPath, share: float, *, moving: bool) -> None:
        """Look at a place on a way through latent space; while it is ``moving``, in a small box."""
        self._look(path.at(share), f"{path.name}, {share:.0%}", moving=moving)

    def _look(self, latent: Latent, caption: str, *, moving: bool, particle: int | None = None) -> None:
        self.particle = particle
        self._latent, self._caption, self._moving, self._difference = latent, caption, moving, False
        self.changed.emit()

    def pin(self, name: Pin) -> None:
        """Keep what is looked at, to compare with."""
        if self._latent is not None:
            self.pins[name] = (self._latent, self._caption)
            self.changed.emit()

    def show_pin(self, name: Pin) -> None:
        """Look at what was kept."""
        if name in self.pins:
            latent, caption = self.pins[name]
            self._look(latent, caption, moving=False)

    def show_difference(self) -> None:
        """Look at B less A.

        Raises
        ------
        InputError
            Where one of them was not kept yet.
        """
        if len(self.pins) < 2:
            raise InputError("difference: needs two volumes; look at one and pin it as A, then another and pin it as B")
        self._difference, self._moving = True, False
        self.changed.emit()

    @property
    def shows_difference(self) -> bool:
        """Whether what is looked at is a difference."""
        return self._difference

    def set_level(self, level: float) -> None:
        """Lay surfaces at another level."""
        self.level = level
        self.changed.emit()

    def look(self, source: VolumeSource) -> Look:
        """Return how surfaces are drawn of a source's volumes."""
        if not self.shared_level:
            return Look(self.level, in_sigma=True, dust_angstrom=self.dust)
        mean, deviation = self._scale(source)
        return Look(mean + self.level * deviation, in_sigma=False, dust_angstrom=self.dust)

    def _scale(self, source: VolumeSource) -> tuple[float, float]:
        """Return mean and standard deviation of the volume of the mean latent."""
        if source.box not in self._reference:
            known = source.latents[source.known]
            centre = known.mean(axis=0) if len(known) else np.zeros(source.latents.shape[1], np.float32)
            volume = source.volume(centre)
            self._reference[source.box] = float(volume.mean()), float(volume.std())
        return self._reference[source.box]

    def shown(self) -> Shown | None:
        """Return what is looked at, decoded; ``None`` where nothing is.

        Raises
        ------
        InputError
            Where the run's checkpoint can't be read any more.
        """
        if self._latent is None and not self._difference:
            return None
        source = self.source(PREVIEW_BOX if self._moving else LARGEST_BOX)
        if self._difference:
            (one, first), (other, second) = self.pins["A"], self.pins["B"]
            volume = self._filtered(source.volume(other) - source.volume(one), source)
            deviation = float(volume.std())
            return Shown(volume, self.level * deviation, source.pixel_size, f"B − A: {second} less {first}")
        assert self._latent is not None
        volume = self._filtered(source.volume(self._latent), source)
        density = self.look(source).density(volume)
        return Shown(volume, density, source.pixel_size, self._caption)

    def _filtered(self, volume: Volume, source: VolumeSource) -> Volume:
        return low_pass_volume(volume, source.pixel_size, self.low_pass) if self.low_pass else volume

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write what is looked at as MRC, with its pixel size.

        Raises
        ------
        InputError
            Where nothing is looked at, or the file is there already.
        """
        shown = self.shown()
        if shown is None:
            raise InputError(f"{path}: there is no volume to save; click a particle first")
        write_map(path, shown.volume, shown.pixel_size, overwrite=overwrite)
