"""Label volumes and masks that belong to tomograms, read from MRC files a slab at a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.mrc_header import read_header
from napari_tomodrgn.particles.volume_series import tomogram_stem

MOST_OUTSIDE = 0.5  # of the particles of a tomogram may lie outside a volume of it
_SUFFIXES = (".mrc", ".rec", ".map", ".st")


@dataclass(frozen=True)
class LabelVolume:
    """A volume of labels, left on disk.

    Attributes
    ----------
    path
        Its file.
    values
        (z, y, x), memory-mapped.
    voxel
        Side of a voxel in Å.
    """

    path: Path
    values: npt.NDArray[np.generic]
    voxel: float

    def refuse_elsewhere(self, position: npt.NDArray[np.floating]) -> None:
        """Raise one sentence where most particles (n, 3), x, y, z in Å, lie outside: it is another tomogram's."""
        place = np.round(position[:, ::-1] / self.voxel)
        outside = ~np.all((place >= 0) & (place < np.array(self.values.shape)), axis=1)
        if outside.mean() > MOST_OUTSIDE:
            size = " x ".join(map(str, self.values.shape[::-1]))
            raise InputError(
                f"{self.path}: {int(outside.sum())} of {len(outside)} particles lie outside its {size} voxels of "
                f"{self.voxel:.4g} Å; give the volume of this tomogram, with the right voxel size in its header"
            )

    def filled(self, section: npt.NDArray[np.generic], segment: int | None) -> npt.NDArray[np.bool_]:
        """Return which voxels of a section have a label, or that one."""
        return np.asarray(section != 0 if segment is None else np.round(section.astype(np.float32)) == segment)


def read_label_volume(path: Path) -> LabelVolume:
    """Open a label volume, axes z, y, x as stored.

    Raises
    ------
    InputError
        Where it can't be read, its voxels have no size or unequal sides, or some are no numbers.
    """
    header = read_header(path)
    if header.axes not in ((0, 0, 0), (3, 2, 1)):
        raise InputError(f"{path}: its axes are not in the order x, y, z; write it again in that order")
    sides = header.voxel_sides
    if sides is None or max(sides) > 1.01 * min(sides):
        found = "none" if sides is None else " x ".join(f"{side:.4g}" for side in sides)
        raise InputError(f"{path}: expected voxels with one size in Å in its header, found {found}; set it there")
    values = np.memmap(path, header.dtype, "r", header.offset, header.shape)
    if values.dtype.kind == "f" and not all(np.isfinite(section).all() for section in values):
        raise InputError(f"{path}: has voxels that are NaN or infinite; write it again without them")
    return LabelVolume(path, values, float(np.mean(sides)))


def files_of_tomograms(path: Path, tomograms: tuple[str, ...], option: str) -> list[Path | None]:
    """Return the file of each tomogram: one for a single tomogram, or those of a folder that begin with its name.

    Raises
    ------
    InputError
        Where there is none at all, one file is given for several tomograms, or two files show the same.
    """
    if path.is_file():
        if len(tomograms) == 1 or tomogram_stem(path.name) in map(tomogram_stem, tomograms):
            own = [len(tomograms) == 1 or tomogram_stem(path.name) == tomogram_stem(name) for name in tomograms]
            return [path if each else None for each in own]
        raise InputError(
            f"{option} {path}: is one file, and there are {len(tomograms)} tomograms, none of its name; give a folder "
            f"with a file for each, such as {tomogram_stem(tomograms[0])}.mrc"
        )
    if not path.is_dir():
        raise InputError(f"{option} {path}: no such file or folder; give an MRC file, or a folder of them")
    files = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES)
    found = [_file_of(tomogram_stem(name), files, option) for name in tomograms]
    if not any(found):
        raise InputError(
            f"{option} {path}: holds no file of any of the {len(tomograms)} tomograms; the first is looked for as "
            f"{tomogram_stem(tomograms[0])}.mrc"
        )
    return found


def _file_of(stem: str, files: list[Path], option: str) -> Path | None:
    """Return the file of a tomogram: of its very name, else the only one of its name and more behind a ``_``."""
    same = [each for each in files if tomogram_stem(each.name) == stem]
    alike = same or [each for each in files if each.stem.startswith((f"{stem}_", f"{stem}."))]
    if len(alike) > 1:
        raise InputError(
            f"{option}: {alike[0].name} and {alike[1].name} both are of tomogram {stem}; leave one in the folder"
        )
    return alike[0] if alike else None
