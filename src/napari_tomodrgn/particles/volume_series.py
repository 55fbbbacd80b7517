"""Coordinates and angles for image series, from a star with one row a particle (RELION 3 ``rln…``, M ``wrp…``)."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.checks import check_values
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.star import Block, StarFile

Floats = npt.NDArray[np.float64]
Key = tuple[str, int | str]

_APX = re.compile(r"_[0-9.]+Apx$")
_NUMBER = re.compile(r"[_-]*([0-9]+)")
_COLUMNS = {
    "rln": ("rlnCoordinate{}", "rlnAngle{}", ("rlnMicrographName", "rlnTomoName")),
    "wrp": ("wrpCoordinate{}1", "wrpAngle{}1", ("wrpSourceName",)),
}


@dataclass(frozen=True)
class _Rows:
    block: Block
    position: Floats  # (rows, 3) x, y, z in Å
    angles: Floats  # (rows, 3) rot, tilt, psi; NaN where absent
    tomograms: list[str]
    keys: list[Key] | None  # None where the file names no particles


@lru_cache(maxsize=1 << 14)  # asked for every particle
def tomogram_stem(name: str) -> str:
    """Return a tomogram's name without folders, ``.tomostar``, file ending and a suffix such as ``_10.00Apx``."""
    name = PurePosixPath(name).name
    for ending in (".tomostar", ".mrc", ".mrcs", ".rec", ".st"):
        name = name.removesuffix(ending)
    return _APX.sub("", name)


def tomogram_named(names: Sequence[str], asked: str, option: str) -> str:
    """Return the tomogram that a user means by its name, as it is written or without ``.tomostar`` and the like.

    Raises
    ------
    InputError
        Where there is none of that name, or several.
    """
    alike = [name for name in names if name == asked] or [
        name for name in names if tomogram_stem(name) == tomogram_stem(asked)
    ]
    if len(alike) == 1:
        return alike[0]
    some = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    found = f"{' and '.join(alike[:2])} are both called so" if alike else f"there is no such tomogram; there are {some}"
    raise InputError(f"{option} {asked}: {found}; give the name as it is in the star")


def join_volume_series(
    particle_set: ParticleSet, path: Path, coordinate_pixel_size: float | None = None, *, by_order: bool | None = False
) -> ParticleSet:
    """Return the set with positions and angles from a volume series.

    Particles are joined by name: tomograms match by their stems, then a volume-series particle's name is the number
    after the tomogram's stem in rlnImageName (or rlnGroupName where present), compared as an integer. Rows for
    particles that the set lacks are ignored. With ``by_order`` the rows of each tomogram are taken in turn instead;
    with ``None`` only where the star names no particles.

    Raises
    ------
    InputError
        With the first particle that has no row; where names repeat; where coordinates have no pixel size.
    """
    star = StarFile.read(path)
    rows = _read(star, coordinate_pixel_size)
    if by_order is None:
        by_order = rows.keys is None
    at = _by_order(particle_set, rows) if by_order else _by_name(particle_set, rows)
    particles = particle_set.particles.assign(
        x=rows.position[at, 0],
        y=rows.position[at, 1],
        z=rows.position[at, 2],
        rot=rows.angles[at, 0],
        tilt=rows.angles[at, 1],
        psi=rows.angles[at, 2],
    )
    warnings = list(particle_set.warnings)
    if by_order:
        warnings.append(f"{path}: joined by the order of its rows; nothing shows that these are the same particles")
    elif len(at) < len(rows.block):
        warnings.append(f"{path}: {len(rows.block) - len(at)} of its {len(rows.block)} rows have no tilt images here")
    source = replace(
        particle_set.source,
        volume_series=star,
        volume_series_path=path,
        volume_series_block=rows.block.name,
        volume_series_row=at,
    )
    return replace(particle_set, particles=particles, source=source, warnings=tuple(warnings))


def _read(star: StarFile, coordinate_pixel_size: float | None) -> _Rows:
    block, columns, angle_columns, tomogram_columns = _find(star)
    present = [column for column in angle_columns if column in block]
    tomogram_column = next((column for column in tomogram_columns if column in block), None)
    if tomogram_column is None:
        raise InputError(f"{block.where}: doesn't say which tomogram a row is of ({' or '.join(tomogram_columns)})")
    named = next((column for column in ("rlnGroupName", "rlnImageName") if column in block), None)
    table = block.table(strings=[tomogram_column, *([named] if named else [])], floats=[*columns, *present])
    for column in (*columns, *present):
        check_values(table.floats[column], column, block.where)
    scale = _scale(block, coordinate_pixel_size, in_angstrom=columns[0].startswith("wrp"))
    missing = np.full(len(block), np.nan)
    tomograms = [tomogram_stem(name) for name in table.strings[tomogram_column]]
    keys = None
    if named is not None:
        pairs = zip(tomograms, table.strings[named], strict=True)
        keys = [_key(tomogram, name, named, block, row) for row, (tomogram, name) in enumerate(pairs)]
    return _Rows(
        block,
        np.stack([table.floats[column] for column in columns], axis=1) * scale,
        np.stack([table.floats.get(column, missing) for column in angle_columns], axis=1),
        tomograms,
        keys,
    )


def _find(star: StarFile) -> tuple[Block, list[str], list[str], tuple[str, ...]]:
    """Return the block with the particles and its coordinate, angle and tomogram columns."""
    for coordinate, angle, tomogram_columns in _COLUMNS.values():
        columns = [coordinate.format(axis) for axis in "XYZ"]
        angles = [angle.format(name) for name in ("Rot", "Tilt", "Psi")]
        for block in star.blocks:
            if all(column in block for column in columns):
                return block, columns, angles, tomogram_columns
    raise InputError(f"{star.path}: is no volume series: it has neither rlnCoordinateX/Y/Z nor wrpCoordinateX1/Y1/Z1")


def _scale(block: Block, given: float | None, *, in_angstrom: bool) -> Floats | float:
    """Return Å per unit of the coordinates, one for all or (rows, 1)."""
    if given is not None:
        return given
    if in_angstrom:
        return 1.0
    if "rlnDetectorPixelSize" not in block:
        raise InputError(
            f"{block.where}: has no rlnDetectorPixelSize, so the unit of its coordinates is unknown; "
            "give --coordinate-pixel-size"
        )
    size = block.floats("rlnDetectorPixelSize")
    check_values(size, "rlnDetectorPixelSize", block.where)
    if "rlnMagnification" in block:
        magnification = block.floats("rlnMagnification")
        check_values(magnification, "rlnMagnification", block.where)
        size = size * 1e4 / magnification
    return size[:, None]


def _key(tomogram: str, name: str, column: str, block: Block, row: int) -> Key:
    """Return a particle's tomogram stem and number, from rlnGroupName or rlnImageName."""
    if column == "rlnGroupName":
        _, _, last = name.rpartition("_")
        return tomogram, _number(last)
    stem = PurePosixPath(name.rpartition("@")[2]).stem
    after = stem.partition(tomogram)[2] if tomogram in stem else stem
    found = _NUMBER.match(after)
    if found is None:
        raise InputError(
            f"{block.where}: row {row + 1} has rlnImageName {name!r}, in which no number follows the tomogram's name "
            f"{tomogram}; join with --volume-series-by-order if the order is the same"
        )
    return tomogram, int(found[1])


def _number(name: str) -> int | str:
    return int(name) if name.isdecimal() else name


def _by_name(particle_set: ParticleSet, rows: _Rows) -> npt.NDArray[np.int64]:
    if rows.keys is None:
        raise InputError(
            f"{rows.block.where}: names no particles (no rlnImageName, no rlnGroupName); join with "
            "--volume-series-by-order if its order is that of the image series"
        )
    row_of: dict[Key, int] = {}
    for row, key in enumerate(rows.keys):
        if key in row_of:
            raise InputError(
                f"{rows.block.where}: rows {row_of[key] + 1} and {row + 1} are both particle {key[1]} of {key[0]}"
            )
        row_of[key] = row
    result = np.empty(len(particle_set), dtype=np.int64)
    for number, (tomogram, name) in enumerate(particle_set.ids):
        row = row_of.get((tomogram_stem(tomogram), _number(name)), -1)
        if row < 0:
            raise InputError(
                f"{rows.block.where}: has no row for particle {name} of tomogram {tomogram}; "
                "give the volume series of the same particles"
            )
        result[number] = row
    return result


def _by_order(particle_set: ParticleSet, rows: _Rows) -> npt.NDArray[np.int64]:
    rows_of: dict[str, list[int]] = {}
    for row, tomogram in enumerate(rows.tomograms):
        rows_of.setdefault(tomogram, []).append(row)
    stems = [tomogram_stem(tomogram) for tomogram in particle_set.particles["tomogram"]]
    for stem, here in Counter(stems).items():
        there = len(rows_of.get(stem, []))
        if here != there:
            raise InputError(
                f"{rows.block.where}: has {there} rows of tomogram {stem}, the image series has {here} particles; "
                "joining by order needs equal numbers"
            )
    turns = {stem: iter(rows_of[stem]) for stem in dict.fromkeys(stems)}
    return np.array([next(turns[stem]) for stem in stems], dtype=np.int64)
