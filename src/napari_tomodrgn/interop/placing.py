"""Particles of a run with all that is needed to place their volumes: pose, latent, class; by particle id.

RELION's matrix A of rot, tilt, psi maps reference vectors (x, y, z) into the frame of the untilted image, which is that
of the tomogram: what lies at v from a volume's voxel D/2 stands at p + A v. Volumes are not flipped for it, whatever
the run's ``map_hand``: the tomogram has the hand of the poses.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.class_names import class_names, noise_of
from napari_tomodrgn.analysis.clusters import nearest_members
from napari_tomodrgn.analysis.folder import AnalysisFolder, read_centres, read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.export_options import PlacedOptions
from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.volume_series import tomogram_named
from napari_tomodrgn.runs.run import Run

Floats = npt.NDArray[np.float64]
Volume = npt.NDArray[np.float32]
NO_CLASS = -1


@dataclass(frozen=True)
class Placed:
    """Some particles of one tomogram, by class and then in the order of the set.

    Attributes
    ----------
    ids
        n particle ids.
    position
        (n, 3) z, y, x in Å.
    rotation
        (n, 3, 3): maps reference vectors x, y, z into the tomogram.
    latent
        (n, |z|), those of their class's centre where those are asked for; of a decoder alone (n, 0).
    label
        (n,) class, from 0; -1 where there is none.
    names
        Of all classes, those that no particle here is of among them.
    """

    ids: tuple[ParticleId, ...]
    position: Floats
    rotation: Floats
    latent: npt.NDArray[np.float32]
    label: npt.NDArray[np.int64]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.names)

    def take(self, rows: npt.ArrayLike) -> "Placed":
        """Return some of them."""
        rows = np.asarray(rows)
        ids = tuple(self.ids[row] for row in rows)
        return Placed(ids, self.position[rows], self.rotation[rows], self.latent[rows], self.label[rows], self.names)


def labelling_of(run: Run, epoch: int, given: Path | None) -> tuple[Path, dict[ParticleId, int]] | None:
    """Return the classes that are meant, and the file they are of; ``None`` where none are given and there are none.

    Raises
    ------
    InputError
        Where they can't be read, or it isn't said which of several are meant.
    """
    folder = AnalysisFolder(run.path, epoch)
    names = folder.labellings()
    if given is None:
        if len(names) > 1:
            raise InputError(f"{run.path}: which classes? Give --labels FILE.csv, or one of {', '.join(names)}")
        path = folder.labels(names[0]) if names else None
    else:
        path = folder.labels_meant(given)
    return None if path is None else (path, read_labels(path))


def check_labels(path: Path, labels: dict[ParticleId, int], particle_set: ParticleSet) -> None:
    """Raise where labels are of other particles than those of a set."""
    unknown = sorted(set(labels).difference(particle_set.ids))
    if unknown:
        tomogram, name = unknown[0]
        raise InputError(
            f"{path}: labels particle {name} of tomogram {tomogram}, which {particle_set.source.path} lacks "
            f"({len(unknown)} of {len(labels)} are missing); give the labels of these particles"
        )


def placed_particles(run: Run, epoch: int, options: PlacedOptions) -> dict[str, Placed]:
    """Return the particles to place, by tomogram.

    Raises
    ------
    InputError
        Where particles lack a place, an orientation, a latent or a class that is needed, or none are left.
    """
    particle_set = run.particle_set()
    found = labelling_of(run, epoch, options.labels)
    if found is not None:
        check_labels(*found, particle_set)
    if options.selection is not None:
        particle_set = particle_set.select(sorted(Selection.load(options.selection).ids))
    tomograms = tomograms_of(particle_set, options.tomogram)
    latent = _latents(run, epoch, particle_set)
    label = np.full(len(particle_set), NO_CLASS)
    names: tuple[str, ...] = ()
    if found is not None:
        names = class_names(max(found[1].values(), default=NO_CLASS) + 1, noise_of(found[0]))
        label = np.array([found[1].get(particle, NO_CLASS) for particle in particle_set.ids], dtype=np.int64)
    if options.class_centres:
        if found is None:
            raise InputError(
                f"{run.path}: has no classes of epoch {epoch}; run `napari-tomodrgn analyze`, or give --labels"
            )
        latent = _centres(run, epoch, found[0], found[1])[label] if run.latent_dim else latent
    table = particle_set.particles
    everyone = Placed(
        tuple(particle_set.ids),
        table[["z", "y", "x"]].to_numpy(np.float64),
        euler_matrices(*table[["rot", "tilt", "psi"]].to_numpy(np.float64).T),
        latent,
        label,
        names,
    )
    result = {}
    for name in tomograms:
        rows = np.flatnonzero(table["tomogram"].to_numpy(dtype=object) == name)[: options.limit]
        own = everyone.take(rows)
        _check(own, particle_set, options.class_centres)
        result[name] = own.take(np.argsort(np.where(own.label < 0, np.iinfo(np.int64).max, own.label), kind="stable"))
    return result


def file_name(tomogram: str) -> str:
    """Return a tomogram's name as part of a file's."""
    return re.sub(r"[^\w.+-]+", "_", tomogram.removesuffix(".tomostar")) or "tomogram"


def tomograms_of(particle_set: ParticleSet, asked: str | None, option: str = "--tomogram") -> list[str]:
    """Return the names of the tomograms that particles are in, or the one asked for.

    Raises
    ------
    InputError
        Where there is no such tomogram.
    """
    names = list(dict.fromkeys(particle_set.particles["tomogram"]))
    if asked is None:
        return names
    return [tomogram_named(names, asked, option)]


def _latents(run: Run, epoch: int, particle_set: ParticleSet) -> npt.NDArray[np.float32]:
    """Return the latents of particles, by their ids."""
    if not run.latent_dim:
        return np.zeros((len(particle_set), 0), dtype=np.float32)
    known = run.latents(epoch)
    row_of = dict(zip(known.ids, range(len(known)), strict=True))
    rows = [row_of.get(particle, -1) for particle in particle_set.ids]
    if min(rows, default=0) < 0:
        tomogram, name = particle_set.ids[rows.index(-1)]
        raise InputError(
            f"{run.path}: particle {name} of tomogram {tomogram} has no latent of epoch {epoch}; copy the run again"
        )
    return known.z_mean[rows]


def _centres(run: Run, epoch: int, path: Path, labels: dict[ParticleId, int]) -> npt.NDArray[np.float32]:
    """Return a latent (K, |z|) in the middle of each class: those recorded beside the labels, else of a member."""
    folder = AnalysisFolder(run.path, epoch)
    recorded = folder.path / path.name.replace("labels-", "centres-", 1)
    if path.parent == folder.path and recorded.is_file():
        table = read_centres(recorded)
        try:
            return table.sort_values("label")[[f"z{axis}" for axis in range(run.latent_dim)]].to_numpy(np.float32)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{recorded}: is not a readable table of class centres; run `napari-tomodrgn analyze`"
            ) from error
    known = run.latents(epoch)
    own = np.array([labels.get(particle, NO_CLASS) for particle in known.ids])
    members = [known.z_mean[own == label] for label in range(int(own.max()) + 1)]
    means = np.array([each.mean(axis=0) if len(each) else known.z_mean.mean(axis=0) for each in members])
    return known.z_mean[nearest_members(known.z_mean, own, means)]


def _check(placed: Placed, particle_set: ParticleSet, needs_class: bool) -> None:
    """Raise on the first particle that lacks a pose, or a class where one is needed."""
    known = np.isfinite(placed.position).all(axis=1) & np.isfinite(placed.rotation).all(axis=(1, 2))
    if not known.all():
        tomogram, name = placed.ids[int(np.flatnonzero(~known)[0])]
        raise InputError(
            f"{particle_set.source.path}: does not say where particle {name} of tomogram {tomogram} lies and how it is "
            "turned; train or import with --volume-series"
        )
    finite = np.isfinite(placed.latent).all(axis=1)
    if not finite.all():
        tomogram, name = placed.ids[int(np.flatnonzero(~finite)[0])]
        raise InputError(
            f"{particle_set.source.path}: the latent of particle {name} of tomogram {tomogram} is not finite; leave it "
            "out by --selection, or take another --epoch"
        )
    if needs_class and (placed.label < 0).any():
        tomogram, name = placed.ids[int(np.flatnonzero(placed.label < 0)[0])]
        raise InputError(
            f"--class-centres: particle {name} of tomogram {tomogram} has no class; leave it out by --selection"
        )


@dataclass(frozen=True)
class VolumesOf:
    """What decodes the volumes of placed particles.

    Attributes
    ----------
    decode
        Makes a volume (d, d, d), z, y, x, of a latent (|z|,).
    box, pixel_size
        px and Å of the volumes.
    """

    decode: Callable[[npt.NDArray[np.float32]], Volume]
    box: int
    pixel_size: float

    @classmethod
    def of(cls, run: Run, epoch: int, options: PlacedOptions) -> "VolumesOf":
        """Return what decodes the volumes of an epoch of a run, as the options ask.

        Raises
        ------
        InputError
            Where there is no such epoch, or the box is odd or larger than the trained one.
        """
        from napari_tomodrgn.reconstruction.decode import VolumeDecoder, low_pass_volume
        from napari_tomodrgn.training.checkpoints import load_model
        from napari_tomodrgn.training.device import choose_compute

        compute = choose_compute(options.device, options.amp)
        trained = load_model(run, epoch, compute.device)
        decoder = VolumeDecoder(
            trained.model.decoder, standard_deviation=trained.standard_deviation, box=options.box, compute=compute
        )
        pixel_size = trained.pixel_size * trained.box / decoder.box

        def decode(latent: npt.NDArray[np.float32]) -> Volume:
            (volume,) = decoder.volumes(latent[None] if len(latent) else None)
            return low_pass_volume(volume, pixel_size, options.low_pass) if options.low_pass else volume

        return cls(decode, decoder.box, pixel_size)

    def filtered(self, change: Callable[[Volume], Volume]) -> "VolumesOf":
        """Return what changes every volume after it was decoded."""
        return replace(self, decode=lambda latent: change(self.decode(latent)))

    def each(self, placed: Placed) -> Iterator[tuple[int, Volume]]:
        """Yield the row and the volume of each particle; one that is that of the row before is decoded once."""
        volume, made_of = np.zeros((0, 0, 0), np.float32), None
        for row, latent in enumerate(placed.latent):
            if made_of is None or not np.array_equal(latent, made_of):
                volume, made_of = self.decode(latent), latent
            yield row, volume


def level_of(volume: Volume, sigmas: float) -> float:
    """Return the density so many standard deviations above a volume's mean."""
    return float(volume.mean() + sigmas * volume.std())
