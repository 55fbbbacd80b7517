"""What the Volumes widget knows: which volume is looked at, at which level, and what it is compared with. No Qt."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.latent_paths import LatentPath
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.shaded import FRONT, PLAIN, Colour
from napari_tomodrgn.particles.maps import flip_hand, write_map
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.training.device import choose_compute
from napari_tomodrgn.viewer.array_cache import ArrayCache
from napari_tomodrgn.viewer.meshes import Look
from napari_tomodrgn.viewer.model_chains import FIT_FILE, Chains
from napari_tomodrgn.viewer.session import Session
from napari_tomodrgn.viewer.suggested_options import FIT
from napari_tomodrgn.viewer.treatment import Treatment, VolumeMask, read_mask
from napari_tomodrgn.viewer.volume_picture import Shown
from napari_tomodrgn.viewer.volume_source import VolumeSource

PREVIEW_BOX = 32
LARGEST_BOX = 64
Pin = Literal["A", "B"]
Latent = npt.NDArray[np.float32]


class VolumePanel:
    """Decodes the volume that is asked for, of the session's run at its epoch.

    Attributes
    ----------
    level
        Where surfaces lie, in standard deviations above the mean.
    shared_level
        Whether these are of the volume of the mean latent, so that all volumes are seen at one density: that is how
        particles that are none are told from others. Else of every volume itself.
    low_pass, sphere, mask
        What is done to volumes before the level is laid, see :class:`Treatment`.
    chains
        Of a fitted model, drawn over volumes; ``None``: none are.
    dust
        Å, pieces of surfaces shorter than this are not shown.
    turn, slices
        The side that volumes are seen from, and whether central slices are shown beside them.
    path
        The way through latent space that was chosen last.
    pins
        Latents kept to compare with, and what they are called.
    particle
        The row of the particle whose own volume is looked at, ``None`` where it is another volume.
    """

    changed = Signal()
    path_changed = Signal()

    def __init__(self, session: Session, cache: ArrayCache | None = None) -> None:
        self.session, self._cache = session, cache
        self.level, self.shared_level, self.dust = 3.0, True, 0.0
        self.low_pass, self.sphere = 0.0, 0.0
        self.mask: VolumeMask | None = None
        self.chains: Chains | None = None
        self.turn, self.slices = FRONT, False
        self.path: LatentPath | None = None
        self.pins: dict[Pin, tuple[Latent, str]] = {}
        self._latent: Latent | None = None
        self._caption = ""
        self.particle: int | None = None
        self._moving = False
        self._difference = False
        self._sources: dict[int, VolumeSource] = {}
        self._reference: dict[tuple[int, Treatment], tuple[float, float]] = {}
        self._pinned: dict[Pin, int | None] = {}  # the particles whose volumes were pinned
        self._prepared: VolumeSource | None = None
        session.data_changed.connect(self.forget)
        session.epochs_changed.connect(self.take_epoch)

    def forget(self) -> None:
        """Know no volume any more but those that were prepared: another run is open."""
        prepared, self._prepared = self._prepared, None
        self._sources = {} if prepared is None else {prepared.box: prepared}
        self._reference.clear()
        self.pins.clear()
        self._latent, self._caption, self._difference = None, "", False
        self.particle = self.mask = self.path = self.chains = None
        self.sphere = 0.0  # its radius and the mask suit one box
        self.changed.emit()
        self.path_changed.emit()

    def prepare(self, run: Run, epoch: int, ids: Sequence[ParticleId], row: int | None = None) -> VolumeSource:
        """Read an epoch to come, and decode the particle that is looked at, if any. Works in any thread.

        Raises
        ------
        InputError
            Where the checkpoint can't be read.
        """
        box = min(LARGEST_BOX, int(run.document["model"]["box"])) // 2 * 2
        compute = choose_compute("auto", "auto")
        source = VolumeSource.of_run(run, epoch, ids, box=box, compute=compute, cache=self._cache)
        if row is not None:
            source.volume_of(row)
        source.volume(mean_latent(source))
        return source

    def use(self, source: VolumeSource) -> None:
        """Take the volumes of a run or an epoch that is shown next."""
        self._prepared = source

    def take_epoch(self) -> None:
        """Look at the same particles in the epoch that is shown now; other latents are of another decoder."""
        prepared, self._prepared = self._prepared, None
        self._sources = {} if prepared is None else {prepared.box: prepared}
        self._reference.clear()
        row, pins = self.particle, self.pins
        rows = {name: at for name in pins if (at := self._pinned.get(name)) is not None}
        self.pins, self._latent, self.particle, self._difference = {}, None, None, False
        with suppress(InputError):  # an epoch without a checkpoint has no volumes
            source = self.source() if rows or row is not None else None
            for name, at in rows.items():
                if source is not None and source.known[at]:
                    self.pins[name] = source.latents[at], pins[name][1]
            if row is not None:
                self.look_at_particle(row)
        self.path = None
        self.changed.emit()
        self.path_changed.emit()

    # volumes

    @property
    def trained_box(self) -> int:
        """The box that the run was trained with, px; 0 where no run is open."""
        run = self.session.run
        return 0 if run is None else int(run.document["model"]["box"])

    @property
    def trained_extent(self) -> float:
        """The side of that box, Å."""
        particle_set = self.session.particle_set
        return 0.0 if particle_set is None else self.trained_box * particle_set.pixel_size

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

    def look_at_mean(self) -> None:
        """Look at the volume of the mean latent.

        Raises
        ------
        InputError
            As of :meth:`source`.
        """
        self._look(mean_latent(self.source()), "mean of all latents", moving=False)

    @property
    def looks(self) -> bool:
        """Whether there is a volume to see."""
        return self._latent is not None or self._difference

    def set_path(self, path: LatentPath) -> None:
        """Choose a way through latent space.

        Raises
        ------
        InputError
            Where no particle on it has a latent.
        """
        if not len(path.corners):
            raise InputError(f"{path.name}: no particle on it has a latent; draw it through others")
        self.path = path
        self.path_changed.emit()

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
            self.pins[name], self._pinned[name] = (self._latent, self._caption), self.particle
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
        self._need_pins()
        self._difference, self._moving = True, False
        self.changed.emit()

    def pin_pair(self, one: tuple[Latent, str], other: tuple[Latent, str]) -> None:
        """Keep two latents as A and B, and what they are called, without looking at them."""
        self.pins = {"A": one, "B": other}
        self._pinned = {}
        self.changed.emit()

    def _need_pins(self) -> None:
        if len(self.pins) < 2:
            raise InputError("difference: needs two volumes; look at one and pin it as A, then another and pin it as B")

    # how they are shown

    @property
    def treatment(self) -> Treatment:
        """What is done to volumes before the level is laid."""
        return Treatment(self.low_pass, self.sphere, self.mask)

    def set_level(self, level: float) -> None:
        """Lay surfaces at another level."""
        self.level = level
        self.changed.emit()

    def set_sphere(self, radius: float) -> None:
        """Show volumes within a sphere of a radius in Å, in place of a mask; 0: as a whole."""
        self.sphere, self.mask = radius, None
        self.changed.emit()

    def set_mask(self, path: Path) -> None:
        """Show volumes within a mask in an MRC file, which lies as maps are written.

        Raises
        ------
        InputError
            Where there is no run, or the file holds no mask of its volumes.
        """
        particle_set = self.session.particle_set
        if self.session.run is None or particle_set is None:
            raise InputError(f"{path}: a mask needs a run whose volumes it is for; open one (Dataset ▸ Open run)")
        self.mask = read_mask(path, self.trained_extent, particle_set.forward_model.map_hand)
        self.sphere = 0.0
        self.changed.emit()

    @property
    def fit_file(self) -> Path | None:
        """The fit of a model that lies in the open epoch's analysis, ``None`` where there is none."""
        run, epoch = self.session.run, self.session.epoch
        path = None if run is None or epoch is None else AnalysisFolder(run.path, epoch).path / FIT / FIT_FILE
        return path if path is not None and path.is_file() else None

    def take_chains(self, chains: Chains | None) -> None:
        """Draw the chains of a model over volumes, or none."""
        self.chains = chains
        self.changed.emit()

    def look(self, source: VolumeSource) -> Look:
        """Return how surfaces are drawn of a source's volumes."""
        treatment = self.treatment
        if not self.shared_level:
            return Look(self.level, True, self.dust, treatment)
        mean, deviation = self._scale(source, treatment)
        return Look(mean + self.level * deviation, False, self.dust, treatment)

    def _scale(self, source: VolumeSource, treatment: Treatment) -> tuple[float, float]:
        """Return mean and standard deviation of the volume of the mean latent."""
        key = source.box, treatment
        if key not in self._reference:
            volume = treatment.applied(source.volume(mean_latent(source)), source.pixel_size)
            self._reference[key] = float(volume.mean()), float(volume.std())
        return self._reference[key]

    def colour(self) -> Colour:
        """Return the colour of the particle whose volume is looked at; grey where it is no particle's."""
        if self._difference or self.particle is None:
            return PLAIN
        red, green, blue = map(float, self.session.colouring.rgba[self.particle, :3])
        return red, green, blue

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
        if not self._difference:
            assert self._latent is not None
            return shown_of(source, self._latent, self.look(source), self._caption)
        return self._difference_of(source)

    def _difference_of(self, source: VolumeSource) -> Shown:
        (one, first), (other, second) = self.pins["A"], self.pins["B"]
        volume = self.treatment.applied(source.volume(other) - source.volume(one), source.pixel_size)
        density = self.level * float(volume.std())
        return Shown(volume, density, source.pixel_size, f"B − A: {second} less {first}", self.dust, difference=True)

    def compared(self) -> tuple[Shown, Shown, Shown]:
        """Return A, B and B less A, as they are looked at.

        Raises
        ------
        InputError
            Where one of them was not kept, or the run's checkpoint can't be read.
        """
        self._need_pins()
        source = self.source()
        look = self.look(source)
        one, other = (shown_of(source, latent, look, said) for latent, said in (self.pins["A"], self.pins["B"]))
        return one, other, self._difference_of(source)

    def save(self, path: Path, *, overwrite: bool = False) -> None:
        """Write what is looked at as MRC, with its pixel size and its place, see :meth:`centre`.

        It is mirrored along z where the run says that maps are, as those of the commands are.

        Raises
        ------
        InputError
            Where nothing is looked at, or the file is there already.
        """
        shown = self.shown()
        if shown is None:
            raise InputError(f"{path}: there is no volume to save; click a particle first")
        origin = self.centre() - len(shown.volume) // 2 * shown.pixel_size
        particle_set = self.session.particle_set
        flip = particle_set is not None and particle_set.forward_model.map_hand == "flip"
        write_map(
            path,
            flip_hand(shown.volume) if flip else shown.volume,
            shown.pixel_size,
            origin=origin[::-1].tolist(),
            overwrite=overwrite,
        )

    def centre(self) -> npt.NDArray[np.float64]:
        """Return where voxel D/2 stands, (3,) z, y, x in Å.

        Of a particle's own volume that is its position in the unbinned tomogram, where it is known; the volume is not
        turned. Of any other it is 0.
        """
        particle_set = self.session.particle_set
        if self.particle is None or self._difference or particle_set is None:
            return np.zeros(3)
        position = particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)[self.particle]
        return position if np.isfinite(position).all() else np.zeros(3)


def shown_of(source: VolumeSource, latent: Latent, look: Look, caption: str) -> Shown:
    """Return the volume of a latent as it is looked at."""
    volume = look.treatment.applied(source.volume(latent), source.pixel_size)
    return Shown(volume, look.density(volume), source.pixel_size, caption, look.dust_angstrom)


def mean_latent(source: VolumeSource) -> Latent:
    """Return the mean of the latents of the particles that have one; 0 where none has."""
    known = source.latents[source.known]
    mean: Latent = known.mean(axis=0) if len(known) else np.zeros(source.latents.shape[1], np.float32)
    return mean
