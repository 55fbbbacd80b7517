"""The ``volumes`` command: maps of latents, particles or class centres, with an index of what each one is."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_folder, atomic_open
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.particle_table import read_particle_table
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.progress import track
from napari_tomodrgn.reconstruction.decoding import Amp, MapHand, RunDecoding, Volume
from napari_tomodrgn.runs.latents import Latents
from napari_tomodrgn.runs.run import Run

# What this program writes into the folder of a set; such a folder may be replaced.
SET_FILES = ("vol_*.mrc", "index.csv", "fsc.csv", "correlations.csv", "mask.mrc")


class VolumesOptions(BaseModel):
    """Options of ``volumes``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: Path = Field(description="Run directory.", json_schema_extra={"argument": True})
    epoch: int | None = Field(None, ge=1, description="Epoch to decode; default: the run's chosen one.")
    latents: Path | None = Field(None, description="Latents to decode: a text table or .npy, one row a volume.")
    particles: Path | None = Field(
        None, description="Particles to decode: a selection (.json), or a table (.csv) with columns tomogram, particle."
    )
    all: bool = Field(False, description="Decode every particle of the run.")
    name: str | None = Field(None, description="Name of the set, its folder RUN/volumes/epoch-NNNN/NAME.")
    outdir: Path | None = Field(None, description="Folder to write instead of one inside the run.")
    box: int | None = Field(None, gt=0, description="Smaller even box, cropped in Fourier space (coarser pixels).")
    low_pass: float | None = Field(None, gt=0, description="Remove everything beyond this resolution, Å.")
    map_hand: MapHand = Field("auto", description="Flip z on writing; auto: as the run says.")
    invert: bool = Field(False, description="Write protein dark instead of bright.")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="Where to decode.")
    amp: Amp = Field("auto", description="Precision of the products: auto as in training; off is float32.")
    overwrite: bool = Field(False, description="Replace a set of the same name.")


@dataclass(frozen=True)
class VolumeRows:
    """What to decode: (n, |z|) latents or ``None`` (one volume without a latent), and the index's columns."""

    name: str
    z: npt.NDArray[np.float32] | None
    index: pd.DataFrame


def write_volumes(options: VolumesOptions) -> Path:
    """Decode the volumes asked for and return the folder of vol_000.mrc … and index.csv.

    Raises
    ------
    InputError
        Where the run lacks the epoch or the particles, the latents don't fit, or the folder exists.
    """
    run = Run.open(options.run)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    run.checkpoint(epoch)
    if options.name is not None and Path(options.name).name != options.name:
        raise InputError(f"--name {options.name}: expected a plain name; use --outdir for a folder elsewhere")
    rows = rows_to_decode(run, epoch, options)
    folder = options.outdir or volumes_folder(run, epoch, options.name or rows.name)
    write_decoded(run, epoch, rows, options, folder)
    return folder


def volumes_folder(run: Run, epoch: int, name: str) -> Path:
    """Return the folder of a set of volumes of an epoch, within its run."""
    return run.path / "volumes" / f"epoch-{epoch:04d}" / name


def decoding_of(run: Run, epoch: int, options: VolumesOptions) -> RunDecoding:
    """Return the decoder that the options ask for: box, hand, device, precision."""
    box, map_hand, device, amp = options.box, options.map_hand, options.device, options.amp
    return RunDecoding(run, epoch, box=box, map_hand=map_hand, device=device, amp=amp)


def decoded(decoding: RunDecoding, z: npt.NDArray[np.float32] | None, options: VolumesOptions) -> Iterator[Volume]:
    """Yield the volumes of latents as the options say: without what is beyond the low-pass, and in their colour."""
    from napari_tomodrgn.reconstruction.decode import low_pass_volume

    for volume in decoding.volumes(z):
        found = low_pass_volume(volume, decoding.pixel_size, options.low_pass) if options.low_pass else volume
        yield -found if options.invert else found


def write_decoded(run: Run, epoch: int, rows: VolumeRows, options: VolumesOptions, folder: Path) -> None:
    """Decode volumes as the options say (box, low-pass, hand, colour, device) and write them as a folder.

    Raises
    ------
    InputError
        Where the run lacks the epoch, the latents or the box don't fit, or the folder exists.
    """
    decoding = decoding_of(run, epoch, options)
    volumes = decoded(decoding, rows.z, options)
    write_volume_set(folder, volumes, rows.index, decoding.pixel_size, overwrite=options.overwrite)


def write_volume_set(
    folder: Path,
    volumes: Iterable[npt.NDArray[np.float32]],
    index: pd.DataFrame,
    pixel_size: float,
    *,
    overwrite: bool = False,
) -> None:
    """Write volumes and their index, one row a volume, as a folder that is either whole or absent."""
    digits = max(3, len(str(len(index) - 1)))
    files = [f"vol_{number:0{digits}d}.mrc" for number in range(len(index))]
    with atomic_folder(folder, overwrite=overwrite, replaces=SET_FILES) as temporary:
        for file, volume in track(zip(files, volumes, strict=True), "Decoding", total=len(files), unit="volumes"):
            write_map(temporary / file, volume, pixel_size)
        with atomic_open(temporary / "index.csv") as stream:
            index.assign(file=files)[["file", *index.columns]].to_csv(stream, index=False, lineterminator="\n")


def rows_to_decode(run: Run, epoch: int, options: VolumesOptions) -> VolumeRows:
    """Return the latents that the options ask for."""
    asked = [name for name in ("latents", "particles", "all") if getattr(options, name)]
    if not run.latent_dim:
        if asked:
            raise InputError(f"{run.path}: is a decoder alone, it has one volume; leave --{asked[0]} out")
        return VolumeRows("map", None, pd.DataFrame({"tomogram": [""], "particle": [""], "label": [""]}))
    if len(asked) != 1:
        found = " and ".join(f"--{name}" for name in asked) or "none of them"
        raise InputError(f"which volumes? Give one of --latents FILE, --particles FILE and --all (found {found})")
    if options.latents:
        return _rows_of_latents(run, options.latents)
    latents = run.latents(epoch)
    ids, labels = list(latents.ids), [""] * len(latents.ids)
    if options.particles:
        ids, labels = listed_particles(options.particles)
    z = latents.z_mean[rows_of_particles(ids, latents, run.path, options.particles)]
    name = options.particles.stem if options.particles else "all"
    columns = {"tomogram": [each[0] for each in ids], "particle": [each[1] for each in ids], "label": labels}
    return VolumeRows(name, z, pd.DataFrame(columns).join(latent_columns(z)))


def listed_particles(path: Path) -> tuple[list[ParticleId], list[str]]:
    """Return the particle ids of a selection or a table, and their labels (blank where there are none).

    Raises
    ------
    InputError
        Where the file can't be read, or names no particle.
    """
    if path.suffix == ".json":
        ids = sorted(Selection.load(path).ids)
        labels = [""] * len(ids)
    else:
        rows = list(read_particle_table(path))
        ids, labels = [particle for particle, _ in rows], [row.get("label") or "" for _, row in rows]
    if not ids:
        raise InputError(f"{path}: names no particles; list one or more")
    return ids, labels


def rows_of_particles(ids: Iterable[ParticleId], latents: Latents, run: Path, source: object) -> list[int]:
    """Return the rows of particles among the latents of a run; ``source`` is what named them.

    Raises
    ------
    InputError
        Where one of them is not in the run.
    """
    row_of = {particle_id: row for row, particle_id in enumerate(latents.ids)}
    found = []
    for tomogram, name in ids:
        if (tomogram, name) not in row_of:
            raise InputError(f"{source}: particle {name} of tomogram {tomogram} is not in the run {run}")
        found.append(row_of[tomogram, name])
    return found


def _rows_of_latents(run: Run, path: Path) -> VolumeRows:
    z = read_latent_table(path, run.latent_dim)
    blank = pd.DataFrame({name: [""] * len(z) for name in ("tomogram", "particle", "label")})
    return VolumeRows(path.stem, z, blank.join(latent_columns(z)))


def read_latent_table(path: Path, latent_dim: int) -> npt.NDArray[np.float32]:
    r"""Return latents (n, \|z\|) of a text table (.csv: commas) or an array (.npy), one row a latent.

    Raises
    ------
    InputError
        Where the file is missing or is no such table, or holds rows of another length or what is not finite.
    """
    try:
        if path.suffix == ".npy":
            values = np.load(path, allow_pickle=False)
        else:
            values = np.loadtxt(path, ndmin=2, delimiter="," if path.suffix == ".csv" else None)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: is not a table of latents ({error}); give numbers, one row a volume") from error
    z = np.atleast_2d(values).astype(np.float32)
    if z.ndim != 2 or z.shape[1] != latent_dim or not len(z):
        raise InputError(f"{path}: has shape {z.shape}; expected (volumes, {latent_dim}), one row a volume")
    if not np.isfinite(z).all():
        row = int(np.flatnonzero(~np.isfinite(z).all(axis=1))[0])
        raise InputError(f"{path}: row {row + 1} has a value that is not finite; give numbers only")
    return z


def latent_columns(z: npt.NDArray[np.float32]) -> pd.DataFrame:
    """Return latents as the columns z0, z1 and so on of an index."""
    return pd.DataFrame(z, columns=[f"z{column}" for column in range(z.shape[1])])
