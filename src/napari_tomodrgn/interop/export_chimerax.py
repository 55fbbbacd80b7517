"""The ``export chimerax`` command: a scene of each tomogram for UCSF ChimeraX, and the volumes that are placed in it.

A model's place is given by ``view matrix``, twelve numbers row by row: a rotation and, in the fourth column, a
translation in Å. Maps are written with their voxel D/2 at 0 (the header's origin is -D/2 voxels), so the rotation is
the particle's matrix and the translation its position. ChimeraX looks for files in the script's own folder.
"""

import logging
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.style import GREY, colours_of_classes
from napari_tomodrgn.files import atomic_folder, atomic_open, make_folder, refuse_existing
from napari_tomodrgn.interop.export_options import ChimeraxOptions
from napari_tomodrgn.interop.placing import NO_CLASS, Placed, VolumesOf, file_name, level_of, placed_particles
from napari_tomodrgn.interop.tomogram_grid import TomogramFile, tomogram_file
from napari_tomodrgn.particles.maps import write_map
from napari_tomodrgn.progress import track
from napari_tomodrgn.runs.run import Run

log = logging.getLogger("napari_tomodrgn")
VOLUMES = "volumes"
MANY = 500  # maps that ChimeraX still shows swiftly
_REPLACES = ("*.cxc", "*.csv", f"{VOLUMES}/*.mrc")


@dataclass(frozen=True)
class _Model:
    """A map that is opened: its number in ChimeraX, its file, whose it is, and the level of its surface."""

    number: int
    file: str
    row: int
    level: float


def export_chimerax(options: ChimeraxOptions) -> list[Path]:
    """Write a ChimeraX script for each tomogram, with the volume of every particle at its pose, by class.

    Returns
    -------
    list of Path
        The scripts.

    Raises
    ------
    InputError
        Where particles have no poses or latents, there is no such tomogram, or the output exists.
    """
    refuse_existing(options.outdir, options.overwrite)
    run = Run.open(options.run)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    particle_set = run.particle_set()
    tomograms = placed_particles(run, epoch, options)
    if options.tomogram_file is not None and len(tomograms) > 1:
        raise InputError(f"--tomogram-file {options.tomogram_file}: which tomogram is it of? Give --tomogram")
    files = {
        name: tomogram_file(particle_set, name, options.tomogram_file, options.tomogram_pixel_size)
        for name in tomograms
    }
    volumes = VolumesOf.of(run, epoch, options)
    scripts = []
    with atomic_folder(options.outdir, overwrite=options.overwrite, replaces=_REPLACES) as folder:
        make_folder(folder / VOLUMES)
        for name, placed in tomograms.items():
            stem, file = file_name(name), files[name]
            first = 1 if file is None else 2
            models = list(_write_volumes(folder, stem, placed, volumes, options.level, first))
            lines = _script(name, placed, models, file, options.outdir)
            with atomic_open(folder / f"{stem}.cxc") as stream:
                stream.write("\n".join(lines) + "\n")
            _write_index(folder / f"{stem}.csv", placed, models)
            scripts.append(options.outdir / f"{stem}.cxc")
            if len(placed) > MANY:
                log.warning("%s: %d maps are much for ChimeraX; fewer with --limit or --selection", name, len(placed))
    return scripts


def _write_volumes(
    folder: Path, stem: str, placed: Placed, volumes: VolumesOf, sigmas: float, first: int
) -> Iterator[_Model]:
    """Write the maps, one that is that of the particle before once, and yield what is opened in their order."""
    file, level, latent = "", 0.0, None
    origin = (-volumes.box / 2 * volumes.pixel_size,) * 3
    steps = track(volumes.each(placed), f"writing volumes of {stem}", total=len(placed), unit="particles")
    for row, volume in steps:
        if latent is None or not np.array_equal(latent, placed.latent[row]):
            file, level, latent = f"{VOLUMES}/{stem}_{row:05d}.mrc", level_of(volume, sigmas), placed.latent[row]
            write_map(folder / file, volume, volumes.pixel_size, origin=origin)
        yield _Model(first + row, file, row, level)


def _script(name: str, placed: Placed, models: list[_Model], file: TomogramFile | None, outdir: Path) -> Iterator[str]:
    """Yield the lines of a script."""
    yield f"# {len(placed)} particles of tomogram {_plain(name)}, volumes at their poses; open it with ChimeraX"
    yield "close session"
    yield "set bgColor white"
    if file is not None:
        yield f"open {_quoted(_from(outdir, file.path))} name {_quoted(name)}"
        yield f"volume #1 originIndex 0,0,0 voxelSize {file.voxel!r}"
    colours = [*colours_of_classes(placed.names), GREY]  # the last one is that of NO_CLASS, -1
    for model in models:
        particle, colour = placed.ids[model.row][1], colours[placed.label[model.row]]
        matrix = np.column_stack([placed.rotation[model.row], placed.position[model.row, ::-1]])
        numbers = ",".join(repr(value) for value in matrix.ravel().tolist())
        yield f"open {_quoted(model.file)} name {_quoted(particle)}"
        yield f"volume #{model.number} style surface step 1 level {model.level!r} color {colour}"
        yield f"view matrix models #{model.number},{numbers}"
    yield from _groups(placed, models)
    yield "lighting soft"
    yield "view"


def _groups(placed: Placed, models: list[_Model]) -> Iterator[str]:
    """Yield what puts the models of each class below one of its name; they stand in the order of classes."""
    group = models[-1].number + 1
    for label in dict.fromkeys(placed.label.tolist()):
        own = [model.number for model in models if placed.label[model.row] == label]
        if len(own) > 1:
            yield f"rename #{own[0]}-{own[-1]} id #{group}"
        else:  # one model alone would become the group itself
            yield f"rename #{own[0]} id #{group}.1"
        title = "no class" if label == NO_CLASS else placed.names[label]
        yield f"rename #{group} {_quoted(f'{title}: {len(own)}')}"
        group += 1


def _write_index(path: Path, placed: Placed, models: list[_Model]) -> None:
    """Write which model is which particle, by the numbers that they are opened with."""
    table = pd.DataFrame(
        {
            "model": [model.number for model in models],
            "file": [model.file for model in models],
            "tomogram": [placed.ids[model.row][0] for model in models],
            "particle": [placed.ids[model.row][1] for model in models],
            "label": ["" if label == NO_CLASS else str(label) for label in placed.label],
        }
    )
    with atomic_open(path) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")


def _from(folder: Path, path: Path) -> str:
    """Return how a file is reached from a folder: by its whole path where they have no folder in common."""
    try:
        return Path(os.path.relpath(path.absolute(), folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.absolute().as_posix()


def _plain(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _quoted(text: str) -> str:
    """Return text as one word of a command."""
    return '"' + _plain(text).replace('"', "'") + '"'
