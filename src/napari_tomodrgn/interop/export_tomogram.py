"""The ``export tomogram`` command: a tomogram's grid filled with the volumes of its particles, and their classes."""

import csv
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.figures.style import GREY, colours_of_classes
from napari_tomodrgn.files import atomic_folder, atomic_open, refuse_existing
from napari_tomodrgn.interop.export_options import TomogramOptions
from napari_tomodrgn.interop.placing import (
    Placed,
    Volume,
    VolumesOf,
    file_name,
    level_of,
    placed_particles,
    tomograms_of,
)
from napari_tomodrgn.interop.tomogram_grid import Grid, tomogram_file
from napari_tomodrgn.progress import track
from napari_tomodrgn.reconstruction.decode import low_pass_volume
from napari_tomodrgn.runs.run import Run

WINDOW = (0.8, 0.9)  # of the half-box, as images are windowed
MOST_CLASSES = 65534  # what a label volume can hold
_REPLACES = ("*.mrc", "*_classes.csv")
_SLABS_AT_ONCE = 1 << 24  # bytes looked at for a header's statistics
log = logging.getLogger("napari_tomodrgn")


@dataclass(frozen=True)
class FilledTomogram:
    """What was written.

    Attributes
    ----------
    density
        The volumes, float32.
    classes
        The classes where surfaces are, uint16; 0 where there is none.
    table
        What the numbers in it mean.
    particles
        How many were placed.
    """

    density: Path
    classes: Path
    table: Path
    particles: int


def export_tomogram(options: TomogramOptions) -> FilledTomogram:
    """Write a tomogram filled with the decoded volume of every particle at its pose, and a label volume by class.

    Volumes are cut to what the voxels can show, and added to boxes of their own size; both files are memory-mapped.

    Raises
    ------
    InputError
        Where particles have no poses or latents, the tomogram or its size is not known, or the output exists.
    """
    refuse_existing(options.outdir, options.overwrite)
    run = Run.open(options.run)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    particle_set = run.particle_set()
    names = tomograms_of(particle_set, options.tomogram)
    if len(names) > 1:
        raise InputError(f"{run.path}: which tomogram? Give --tomogram with one of {', '.join(names[:20])}")
    (name,) = names
    file = tomogram_file(particle_set, name, options.tomogram_file, options.tomogram_pixel_size)
    (placed,) = placed_particles(run, epoch, options.model_copy(update={"tomogram": name})).values()
    volumes = VolumesOf.of(run, epoch, options)
    grid = Grid.of(particle_set, name, file, volumes.pixel_size, options.pixel_size, options.binning)
    _check_inside(placed, grid, str(run.path) if file is None else str(file.path))
    if placed.classes > MOST_CLASSES:
        raise InputError(f"--labels: has {placed.classes} classes; a label volume holds up to {MOST_CLASSES}")
    stem = file_name(name)
    files = [f"{stem}.mrc", f"{stem}_classes.mrc", f"{stem}_classes.csv"]
    with atomic_folder(options.outdir, overwrite=options.overwrite, replaces=_REPLACES) as folder:
        with (
            _new_map(folder / files[0], grid, 2) as density,
            _new_map(folder / files[1], grid, 6) as classes,
            _scratch(folder / "highest", grid) as highest,
        ):
            _fill(_Canvas(density, classes, highest), placed, _prepared(volumes, grid, options), grid, options)
        _write_table(folder / files[2], placed)
    density_path, classes_path, table = (options.outdir / each for each in files)
    return FilledTomogram(density_path, classes_path, table, len(placed))


def _check_inside(placed: Placed, grid: Grid, where: str) -> None:
    """Refuse a grid that all particles lie outside of: it is another tomogram's; warn of some, it may be cropped."""
    index = np.round(placed.position / grid.voxel)
    outside = int((~np.all((index >= 0) & (index < np.array(grid.shape)), axis=1)).sum())
    size = " x ".join(map(str, grid.shape[::-1]))
    said = f"{outside} of {len(placed)} particles lie outside the tomogram's {size} voxels of {grid.voxel:.4g} Å"
    if outside == len(placed):
        raise InputError(
            f"{where}: {said}; give the file of this tomogram with --tomogram-file, and --tomogram-pixel-size where "
            "its header is wrong"
        )
    if outside:
        log.warning("%s: %s", where, said)


@dataclass(frozen=True)
class _Canvas:
    """What is drawn on, each (Z, Y, X): densities, values of classes, and the highest density that a class has."""

    density: npt.NDArray[np.float32]
    classes: npt.NDArray[np.uint16]
    highest: npt.NDArray[np.float32]


def _prepared(volumes: VolumesOf, grid: Grid, options: TomogramOptions) -> VolumesOf:
    """Return volumes without what the voxels can't show, and within the window that images had."""
    coarser = grid.voxel > 1.001 * volumes.pixel_size
    window = soft_sphere(volumes.box) if options.window else None

    def change(volume: Volume) -> Volume:
        volume = low_pass_volume(volume, volumes.pixel_size, 2 * grid.voxel) if coarser else volume
        return volume if window is None else np.asarray(volume * window, dtype=np.float32)

    return volumes.filtered(change)


def soft_sphere(box: int) -> npt.NDArray[np.float32]:
    """Return (D, D, D): 1 within 0.8 of the half-box about voxel D/2, 0 beyond 0.9, a cosine between."""
    steps = np.arange(box) - box // 2
    radius = np.sqrt(steps[:, None, None] ** 2 + steps[:, None] ** 2 + steps**2) / (box / 2)
    share = np.clip((radius - WINDOW[0]) / (WINDOW[1] - WINDOW[0]), 0, 1)
    weights: npt.NDArray[np.float32] = (0.5 + 0.5 * np.cos(np.pi * share)).astype(np.float32)
    return weights


def _fill(canvas: _Canvas, placed: Placed, volumes: VolumesOf, grid: Grid, options: TomogramOptions) -> None:
    values = class_values(placed)
    reach = volumes.box / 2 * volumes.pixel_size * (1 if options.window else np.sqrt(3))
    for row, volume in track(volumes.each(placed), "placing volumes", total=len(placed), unit="particles"):
        begin, end = _about(placed.position[row], reach, grid)
        if (begin >= end).any():
            continue
        drawn = _turned(volume, placed, row, volumes.pixel_size, grid.voxel, begin, end)
        where = tuple(slice(*ends) for ends in zip(begin.tolist(), end.tolist(), strict=True))
        if options.overlap == "sum":
            canvas.density[where] += drawn
        else:
            canvas.density[where] = np.maximum(canvas.density[where], drawn)
        wins = (drawn > level_of(volume, options.level)) & (drawn > canvas.highest[where])
        canvas.highest[where] = np.where(wins, drawn, canvas.highest[where])
        canvas.classes[where] = np.where(wins, values[row], canvas.classes[where])


def _about(
    position: npt.NDArray[np.float64], reach: float, grid: Grid
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the first voxel and the one after the last that are within reach, cut to the grid."""
    begin = np.ceil((position - reach) / grid.voxel).astype(np.int64)
    end = np.floor((position + reach) / grid.voxel).astype(np.int64) + 1
    return begin.clip(0), np.minimum(end, grid.shape)


def _turned(
    volume: Volume,
    placed: Placed,
    row: int,
    pixel_size: float,
    voxel: float,
    begin: npt.NDArray[np.int64],
    end: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Return a part of the tomogram with a volume in it: at x is what is at Aᵀ(x - p) in it, from its voxel D/2."""
    to_map = placed.rotation[row].T[::-1, ::-1]  # z, y, x
    drawn: npt.NDArray[np.float32] = ndimage.affine_transform(
        volume,
        to_map * (voxel / pixel_size),
        offset=len(volume) // 2 + to_map @ (begin * voxel - placed.position[row]) / pixel_size,
        output_shape=tuple((end - begin).tolist()),
        output=np.float32,
        order=3,
    )
    return drawn


def class_values(placed: Placed) -> npt.NDArray[np.uint16]:
    """Return (n,) the number of each particle's class in a label volume: from 1, that of those without one the last."""
    return np.where(placed.label < 0, placed.classes, placed.label).astype(np.uint16) + np.uint16(1)


def _write_table(path: Path, placed: Placed) -> None:
    """Write the numbers of the classes that are there."""
    colours = colours_of_classes(placed.names)
    with atomic_open(path) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["value", "label", "name", "particles", "colour"])
        for label, name in enumerate(placed.names):
            writer.writerow([label + 1, label, name, int((placed.label == label).sum()), colours[label]])
        without = int((placed.label < 0).sum())
        if without:
            writer.writerow([placed.classes + 1, "", "", without, GREY])


@contextmanager
def _new_map(path: Path, grid: Grid, mode: int) -> Iterator[npt.NDArray[Any]]:
    """Yield a memory-mapped MRC file of zeros; its header is complete when the block ends."""
    with mrcfile.new_mmap(path, grid.shape, mrc_mode=mode) as stream:
        stream.voxel_size = grid.voxel
        stream.header.origin.x = stream.header.origin.y = stream.header.origin.z = 0.0
        yield stream.data
        header = stream.header
        header.dmin, header.dmax, header.dmean, header.rms = _statistics(stream.data)


def _statistics(values: npt.NDArray[np.generic]) -> tuple[float, float, float, float]:
    """Return least, greatest, mean and standard deviation, looking at a few slices at a time."""
    step = max(1, _SLABS_AT_ONCE // (8 * values.shape[1] * values.shape[2]))
    lowest, highest, total, squares = np.inf, -np.inf, 0.0, 0.0
    for begin in range(0, len(values), step):
        slab = np.asarray(values[begin : begin + step], dtype=np.float64)
        lowest, highest = min(lowest, float(slab.min())), max(highest, float(slab.max()))
        total, squares = total + float(slab.sum()), squares + float((slab**2).sum())
    mean = total / values.size
    return lowest, highest, mean, float(np.sqrt(max(squares / values.size - mean**2, 0.0)))


@contextmanager
def _scratch(path: Path, grid: Grid) -> Iterator[npt.NDArray[np.float32]]:
    """Yield a memory-mapped array of zeros that is gone when the block ends."""
    values = np.memmap(path, dtype=np.float32, mode="w+", shape=grid.shape)
    try:
        yield values
    finally:
        del values
        path.unlink()
