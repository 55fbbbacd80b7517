"""The volumes that are measured: of a run's particles or class centres, or of a folder, one after the other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.folder import AnalysisFolder, read_centres
from napari_tomodrgn.analysis.occupancy.masks import Frame
from napari_tomodrgn.analysis.occupancy.options import OccupancyOptions
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.maps import known_pixel_size, read_map
from napari_tomodrgn.particles.mrc_header import read_header
from napari_tomodrgn.particles.particle_table import read_particle_table, refuse_twice
from napari_tomodrgn.reconstruction.decoding import RunDecoding
from napari_tomodrgn.reconstruction.volumes import VolumesOptions, rows_to_decode
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run

Volume = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Source:
    """Volumes to measure.

    Attributes
    ----------
    index
        One row a volume, columns of text: ``tomogram, particle``, or ``label, tomogram, particle`` of class centres, or
        ``volume``, a file's name.
    frame
        The grid of all of them.
    origin
        (3,) x, y, z in Å: where models say that voxel (0, 0, 0) stands.
    volumes
        Reads or decodes them, each (D, D, D), axes z, y, x, in the order of the index.
    folder
        The analysis of the run that they are of; ``None`` for a folder.
    """

    index: pd.DataFrame
    frame: Frame
    origin: tuple[float, float, float]
    volumes: Callable[[], Iterator[Volume]]
    folder: AnalysisFolder | None

    @property
    def names(self) -> list[str]:
        """Of what each volume is, in words."""
        columns = [f"{name} " if name != "volume" else "" for name in self.index.columns]
        return [
            ", ".join(column + value for column, value in zip(columns, row, strict=True))
            for row in self.index.to_numpy().tolist()
        ]


def open_source(options: OccupancyOptions) -> Source:
    """Return the volumes that the options ask for.

    Raises
    ------
    InputError
        Where there is neither a run nor a folder of maps, the maps are of several sizes, or the run lacks what is asked
        for.
    """
    path = options.run
    if (path / layout.DOCUMENT).is_file() or path.name == layout.DOCUMENT:
        if options.pixel_size is not None:
            raise InputError("--pixel-size: is for a folder of maps, a run knows its own; leave it out")
        return _of_run(options)
    given = [name for name in ("epoch", "centres", "particles", "box") if getattr(options, name) is not None]
    if given:
        raise InputError(f"--{given[0]}: is for a run, and {path} is none; leave it out, or give a run")
    return _of_folder(path, options.pixel_size)


def _of_run(options: OccupancyOptions) -> Source:
    run = Run.open(options.run)
    epoch = run.chosen_epoch if options.epoch is None else options.epoch
    run.checkpoint(epoch)
    folder = AnalysisFolder(run.path, epoch)
    listed = options.particles
    if options.centres is not None:
        if listed is not None:
            raise InputError("--centres and --particles were both given; give one of them")
        listed = folder.centres(options.centres)
        if not listed.is_file():
            there = ", ".join(folder.labellings()) or "none"
            elsewhere = folder.elsewhere(options.centres)
            raise InputError(
                f"--centres {options.centres}: epoch {epoch} has no such labelling; there are: {there}"
                + (f"; {elsewhere}" if elsewhere else "")
            )
    if options.particles is not None and options.particles.suffix != ".json":
        refuse_twice(options.particles, (particle for particle, _ in read_particle_table(options.particles)))
    rows = rows_to_decode(run, epoch, VolumesOptions(run=run.path, particles=listed, all=listed is None))
    columns = ["label", "tomogram", "particle"] if options.centres else ["tomogram", "particle"]
    decoding = RunDecoding(run, epoch, box=options.box, map_hand=options.map_hand, device=options.device)
    if options.centres is not None:
        rows.index["label"] = read_centres(listed)["label"].astype(str) if listed is not None else ""
    frame = Frame(decoding.box, decoding.pixel_size)
    return Source(rows.index[columns], frame, (0.0, 0.0, 0.0), lambda: decoding.volumes(rows.z), folder)


def _of_folder(path: Path, pixel_size: float | None) -> Source:
    if not path.is_dir():
        raise InputError(f"{path}: is neither a run nor a folder of maps; give one of them, or an occupancy.csv")
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in (".mrc", ".map") and each.is_file())
    if not files:
        raise InputError(f"{path}: holds no maps (.mrc); give a run, or a folder of maps")
    headers = [read_header(each) for each in files]
    for each, header in zip(files, headers, strict=True):
        if header.shape != headers[0].shape:
            sizes = [" x ".join(map(str, found.shape[::-1])) for found in (header, headers[0])]
            raise InputError(f"{each}: has {sizes[0]} voxels, {files[0].name} has {sizes[1]}; give maps of one size")
    first = read_map(files[0])
    if pixel_size is None:
        sides = {each: (header.voxel_sides or (0.0,))[0] for each, header in zip(files, headers, strict=True)}
        unlike = next((each for each, side in sides.items() if abs(side - first.pixel_size) > 0.001 * side), None)
        if unlike is not None:
            raise InputError(
                f"{unlike}: has voxels of {sides[unlike]:.4g} Å, {files[0].name} of {first.pixel_size:.4g} Å; give "
                "maps of one pixel size, or say which is right with --pixel-size"
            )
        pixel_size = known_pixel_size(files[0], first.pixel_size)
    index = pd.DataFrame({"volume": [each.name for each in files]})

    def volumes() -> Iterator[Volume]:
        return (read_map(each).values for each in files)

    return Source(index, Frame(first.box, pixel_size), headers[0].origin, volumes, None)
