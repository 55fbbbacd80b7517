"""The ``export coordinates`` command: where particles are and how they are turned, as other programs take it.

Positions are written in pixels from the centre of the tomogram's first voxel, in CSV in Å. Origins are in them
already.
"""

import csv
import io
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.folder import read_labels
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.interop.export_options import CoordinatesOptions
from napari_tomodrgn.interop.placing import check_labels, labelling_of, tomograms_of
from napari_tomodrgn.particles.data_options import DataOptions
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.tilt_series import global_block
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

Floats = npt.NDArray[np.float64]
ANGLES = ("rot", "tilt", "psi")
BY_ENDING = {".csv": "csv", ".tbl": "dynamo"}
DYNAMO_COLUMNS = 35
MAP_OF_TOMOGRAMS = ".doc"  # beside a table of Dynamo: number and name of each tomogram


def export_coordinates(options: CoordinatesOptions) -> list[Path]:
    """Write the coordinates and angles of particles, and return the files.

    Raises
    ------
    InputError
        Where particles have no positions, it isn't said which format or pixels are meant, or a file exists.
    """
    kind = _format(options)
    output = options.output
    beside = [output.with_suffix(MAP_OF_TOMOGRAMS)] if kind == "dynamo" else []
    for path in (output, *beside):
        refuse_existing(path, options.overwrite)
    particle_set, labels = _particles(options)
    position = particle_set.particles[["x", "y", "z"]].to_numpy(np.float64)
    unknown = np.flatnonzero(~np.isfinite(position).all(axis=1))
    if len(unknown):
        tomogram, name = particle_set.ids[unknown[0]]
        raise InputError(
            f"{particle_set.source.path}: does not say where particle {name} of tomogram {tomogram} lies; give "
            "--volume-series"
        )
    if kind == "csv":
        text = _csv(particle_set, labels)
    else:
        write = {"relion": _relion, "warp": _warp, "dynamo": _dynamo}[kind]
        text = write(particle_set, position, options.pixel_size or _pixel_size(particle_set), labels)
    with atomic_open(output) as stream:
        stream.write(text)
    for path in beside:
        with atomic_open(path) as stream:
            stream.write("".join(f"{number} {name}\n" for name, number in _tomogram_numbers(particle_set).items()))
    return [output, *beside]


def _format(options: CoordinatesOptions) -> str:
    if options.format != "auto":
        return options.format
    found = BY_ENDING.get(options.output.suffix.lower())
    if found is None:
        raise InputError(f"{options.output}: which format? Give --format relion, warp, dynamo or csv")
    return found


def _particles(options: CoordinatesOptions) -> tuple[ParticleSet, dict[ParticleId, int] | None]:
    """Return the particles to write and their classes."""
    path = options.particles
    labels = None
    if path.is_dir() or path.name == layout.DOCUMENT:
        run = Run.open(path)
        if options.volume_series is not None:
            raise InputError(f"{path}: a run's particles have what it was trained with; leave --volume-series out")
        particle_set = run.particle_set()
        if options.labels is not None or run.epochs:
            found = labelling_of(run, options.epoch or run.chosen_epoch, options.labels)
            labels = None if found is None else found[1]
    else:
        particle_set = DataOptions(particles=path, volume_series=options.volume_series).open()
        labels = None if options.labels is None else read_labels(options.labels)
    if labels is not None and options.labels is not None:
        check_labels(options.labels, labels, particle_set)
    if options.selection is not None:
        particle_set = particle_set.select(sorted(Selection.load(options.selection).ids))
    if options.tomograms:
        wanted = [name for asked in options.tomograms for name in tomograms_of(particle_set, asked, "--tomograms")]
        particle_set = particle_set.take(particle_set.particles["tomogram"].isin(wanted).to_numpy())
    return particle_set, labels


def _pixel_size(particle_set: ParticleSet) -> float:
    """Return Å per pixel of the tilt series, where the set says it, else of the images."""
    tomograms = particle_set.source.tomograms
    if tomograms is not None:
        sizes = set(global_block(tomograms).floats("rlnTomoTiltSeriesPixelSize").tolist())
        if len(sizes) > 1:
            raise InputError(f"{tomograms.path}: has tilt series of several pixel sizes; give --pixel-size")
        return float(sizes.pop())
    return particle_set.pixel_size


def _numbers(values: Floats) -> list[str]:
    return [f"{value:.6f}" if np.isfinite(value) else "nan" for value in values.tolist()]


def _csv(particle_set: ParticleSet, labels: dict[ParticleId, int] | None) -> str:
    """Return a table of tomogram, particle, x, y, z in Å, rot, tilt, psi in degrees, and the label."""
    table, stream = particle_set.particles, io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["tomogram", "particle", "x", "y", "z", *ANGLES, *(["label"] if labels is not None else [])])
    values = [_numbers(table[name].to_numpy(np.float64)) for name in ("x", "y", "z", *ANGLES)]
    for particle, *row in zip(particle_set.ids, *values, strict=True):
        label = [] if labels is None else [labels.get(particle, "")]
        writer.writerow([*particle, *("" if each == "nan" else each for each in row), *label])
    return stream.getvalue()


def _angles(particle_set: ParticleSet) -> dict[str, list[str]]:
    table = particle_set.particles
    if not np.isfinite(table[list(ANGLES)].to_numpy(np.float64)).all():
        return {}
    return {f"rlnAngle{name.capitalize()}": _numbers(table[name].to_numpy(np.float64)) for name in ANGLES}


def _class_numbers(particle_set: ParticleSet, labels: dict[ParticleId, int] | None) -> dict[str, list[str]]:
    """Return rlnClassNumber, from 1; 0 where a particle has no class."""
    if labels is None:
        return {}
    return {"rlnClassNumber": [str(labels.get(particle, -1) + 1) for particle in particle_set.ids]}


def _relion(
    particle_set: ParticleSet, position: Floats, pixel_size: float, labels: dict[ParticleId, int] | None
) -> str:
    """Return a star of particles as RELION imports them: in pixels of the tilt series, and in RELION 5's centred Å."""
    tomogram = particle_set.particles["tomogram"]
    size = particle_set.tomograms.set_index("name").loc[tomogram, ["size_x", "size_y", "size_z"]].to_numpy(np.float64)
    centred = position - size / 2
    columns = {
        "rlnTomoName": tomogram.tolist(),
        "rlnTomoParticleName": particle_set.particles["name"].tolist(),
        **{f"rlnCoordinate{axis}": _numbers(position[:, row] / pixel_size) for row, axis in enumerate("XYZ")},
    }
    if np.isfinite(centred).all():
        columns |= {f"rlnCenteredCoordinate{axis}Angst": _numbers(centred[:, row]) for row, axis in enumerate("XYZ")}
    columns |= {**_angles(particle_set), **_class_numbers(particle_set, labels)}
    return StarFile.of(Block.of("particles", columns)).text.decode()


def _warp(particle_set: ParticleSet, position: Floats, pixel_size: float, labels: dict[ParticleId, int] | None) -> str:
    """Return a star as Warp writes and takes it: pixels of rlnDetectorPixelSize, tomograms as NAME.tomostar."""
    names = [name.removesuffix(".tomostar") for name in particle_set.particles["tomogram"]]
    count = len(particle_set)
    columns = {
        "rlnMagnification": ["10000.0"] * count,
        "rlnDetectorPixelSize": [f"{pixel_size:.6g}"] * count,
        **{f"rlnCoordinate{axis}": _numbers(position[:, row] / pixel_size) for row, axis in enumerate("XYZ")},
        **_angles(particle_set),
        "rlnMicrographName": [f"{name}.tomostar" for name in names],
        "rlnGroupName": [f"{name}_{own}" for name, own in zip(names, particle_set.particles["name"], strict=True)],
        **_class_numbers(particle_set, labels),
    }
    return StarFile.of(Block.of("", columns)).text.decode()


def _tomogram_numbers(particle_set: ParticleSet) -> dict[str, int]:
    names = dict.fromkeys(particle_set.particles["tomogram"])
    return {name: number for number, name in enumerate(names, start=1)}


def dynamo_angles(rot: Floats, tilt: Floats, psi: Floats) -> Floats:
    """Return (..., 3) tdrot, tilt and narot of Dynamo, degrees from -180 to 180, of RELION's angles (...,).

    Dynamo's (about z, new x, new z) are the rotation Rz(narot) Rx(tilt) Rz(tdrot) of a particle onto the reference,
    RELION's Rz(rot) Ry(tilt) Rz(psi). As Ry(t) = Rz(90) Rx(t) Rz(-90), these are one for tdrot = psi - 90 and narot =
    rot + 90.
    """
    angles = np.stack([psi - 90, tilt, rot + 90], axis=-1)
    return (angles + 180) % 360 - 180


def _dynamo(
    particle_set: ParticleSet, position: Floats, pixel_size: float, labels: dict[ParticleId, int] | None
) -> str:
    """Return a table of Dynamo, 35 columns: tag, angles, tilt range, tomogram, class, coordinates, and 0 elsewhere."""
    table = np.zeros((len(particle_set), DYNAMO_COLUMNS))
    rot, tilt, psi = np.nan_to_num(particle_set.particles[list(ANGLES)].to_numpy(np.float64)).T
    numbers = _tomogram_numbers(particle_set)
    table[:, 0] = np.arange(len(table)) + 1
    table[:, 1:3] = 1  # to be aligned, and averaged
    table[:, 6:9] = dynamo_angles(rot, tilt, psi)
    table[:, 12:15] = _tilt_range(particle_set)
    table[:, 19] = [numbers[name] for name in particle_set.particles["tomogram"]]
    if labels is not None:
        table[:, 21] = [labels.get(particle, -1) + 1 for particle in particle_set.ids]
    table[:, 23:26] = position / pixel_size
    return "".join(" ".join(f"{value:.10g}" for value in row) + "\n" for row in table.tolist())


def _tilt_range(particle_set: ParticleSet) -> Floats:
    """Return (N, 3): 1, least and greatest tilt of each particle about y; 0 where angles are not known."""
    angle = particle_set.tilt_images["tilt_angle"].to_numpy(np.float64)
    first = particle_set.first_tilt[:-1]
    least, greatest = np.minimum.reduceat(angle, first), np.maximum.reduceat(angle, first)
    known = np.isfinite(least)
    return np.stack([known, np.where(known, least, 0), np.where(known, greatest, 0)], axis=1)
