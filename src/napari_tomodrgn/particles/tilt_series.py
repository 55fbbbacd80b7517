"""Tilt series of RELION's and WarpTools' tomograms stars: matrices, defocus, dose and tilt of every frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.checks import check_values
from napari_tomodrgn.particles.geometry import tilt_angles, tilt_matrices
from napari_tomodrgn.particles.star import Block, StarFile

Floats = npt.NDArray[np.float64]

PROJECTION = ("rlnTomoProjX", "rlnTomoProjY", "rlnTomoProjZ")
ANGLES = ("rlnTomoXTilt", "rlnTomoYTilt", "rlnTomoZRot")
NEEDED = ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnMicrographPreExposure")
ROTATION_TOLERANCE = 0.01
OPTIONAL = ("rlnPhaseShift", "rlnCtfScalefactor", "rlnCtfBfactor", "rlnTomoNominalStageTiltAngle")
SIZES = ("rlnTomoSizeX", "rlnTomoSizeY", "rlnTomoSizeZ")
TILT_SERIES_STAR = "rlnTomoTiltSeriesStarFile"


@dataclass(frozen=True)
class TiltSeries:
    """Frames of several tomograms one after the other; those of tomogram t are ``first[t]:first[t + 1]``.

    Attributes
    ----------
    names, wheres
        (T,) tomograms, and the file and block that each was read from.
    first
        (T + 1,) number of each tomogram's first frame.
    rotation
        (F, 3, 3) from tomogram to image frame.
    columns
        (F,) each: ``NEEDED`` and ``OPTIONAL`` columns as written, NaN where a file lacks an optional one.
    tilt, stage, weight
        (F,) geometric tilt and nominal stage tilt in degrees, and the tilt weight.
    pixel_size, hand
        (T,) Å per unbinned pixel, and rlnTomoHand.
    size
        (T, 3) x, y, z in Å, NaN where unknown.
    reference_hand
        Hand of the star's first tomogram, used or not, so that a selection of particles does not change it.
    """

    names: tuple[str, ...]
    wheres: tuple[str, ...]
    first: npt.NDArray[np.int64]
    rotation: Floats
    columns: dict[str, Floats]
    tilt: Floats
    stage: Floats
    weight: Floats
    pixel_size: Floats
    hand: Floats
    size: Floats
    reference_hand: float


def global_block(tomograms: StarFile) -> Block:
    """Return the block with one row a tomogram; raises where there is none."""
    found = next((block for block in tomograms.blocks if "rlnTomoName" in block), None)
    if found is None:
        raise InputError(f"{tomograms.path}: has no block with rlnTomoName; is it a tomograms star?")
    return found


def tilt_series_block(tomograms: StarFile, name: str, star_file: str | None) -> Block:
    """Return the block with one row a frame of a tomogram, here or in a star file of its own."""
    if star_file is None:
        return tomograms.block(name)
    star = StarFile.read(resolve_star(star_file, tomograms.path))
    return next((block for block in star.blocks if len(block.columns) > 1), star.blocks[0])


def resolve_star(name: str, beside: Path) -> Path:
    """Return the star file ``name`` that the star ``beside`` refers to; raises naming the places tried.

    Relative to the folder of ``beside``, to the three folders above it (a RELION project seen from its job), as
    written, and by base name beside it.
    """
    folder = beside.absolute().parent
    tried = [
        folder / name,
        *(parent / name for parent in list(folder.parents)[:3]),
        Path(name),
        folder / Path(name).name,
    ]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        places = ", ".join(map(str, dict.fromkeys(tried)))
        raise InputError(f"{beside}: refers to {name}, which was not found (looked for {places}); copy it there")
    return found


def read_tilt_series(tomograms: StarFile, names: list[str]) -> TiltSeries:
    """Read the tilt series of these tomograms; raises on one that the star lacks and on values that can't be."""
    table = global_block(tomograms)
    rows = {name: row for row, name in enumerate(table.strings("rlnTomoName"))}
    missing = [name for name in names if name not in rows]
    if missing:
        raise InputError(f"{tomograms.path}: has no tomogram {missing[0]}, which the particles use")
    at = np.array([rows[name] for name in names], dtype=np.int64)
    star_files = table.strings(TILT_SERIES_STAR) if TILT_SERIES_STAR in table else None
    blocks = [
        tilt_series_block(tomograms, name, None if star_files is None else str(star_files[row]))
        for name, row in zip(names, at, strict=True)
    ]
    frames = [_frames(block) for block in blocks]
    rotation = np.concatenate([each[0] for each in frames])
    columns = {name: np.concatenate([each[1][name] for each in frames]) for name in (*NEEDED, *OPTIONAL)}
    tilts = [_tilts(matrices, values) for matrices, values in frames]
    pixel_size = _of_tomograms(table, "rlnTomoTiltSeriesPixelSize", at)
    sizes = [_of_tomograms(table, column, at, default=np.nan) * pixel_size for column in SIZES]
    return TiltSeries(
        names=tuple(names),
        wheres=tuple(block.where for block in blocks),
        first=np.concatenate([[0], np.cumsum([len(each[0]) for each in frames])]).astype(np.int64),
        rotation=rotation,
        columns=columns,
        tilt=np.concatenate([tilt for tilt, _, _ in tilts]),
        stage=np.concatenate([stage for _, stage, _ in tilts]),
        weight=np.concatenate([weight for _, _, weight in tilts]),
        pixel_size=pixel_size,
        hand=_of_tomograms(table, "rlnTomoHand", at, default=1.0),
        size=np.stack(sizes, axis=1),
        reference_hand=float(_of_tomograms(table, "rlnTomoHand", np.arange(1), default=1.0)[0]),
    )


def _of_tomograms(table: Block, column: str, rows: npt.NDArray[np.int64], default: float | None = None) -> Floats:
    if default is not None and column not in table:
        return np.full(len(rows), default)
    values = table.floats(column)[rows]
    check_values(values, column, table.where)
    return values


def _frames(block: Block) -> tuple[Floats, dict[str, Floats]]:
    """Return the projection matrices (frames, 3, 3) and the columns of one tilt series."""
    angles = all(column in block for column in ANGLES) and PROJECTION[0] not in block
    optional = [column for column in OPTIONAL if column in block]
    table = block.table(strings=() if angles else PROJECTION, floats=[*NEEDED, *optional, *(ANGLES if angles else ())])
    if not len(block):
        raise InputError(f"{block.where}: holds no frames; expected one row a tilt image")
    if angles:
        for column in ANGLES:
            check_values(table.floats[column], column, block.where)
        matrices = tilt_matrices(*(table.floats[column] for column in ANGLES))
    else:
        matrices = np.stack([_vectors(table.strings[column], column, block.where) for column in PROJECTION], axis=1)
        _refuse_no_rotation(matrices, block.where)
    columns = {column: table.floats.get(column, np.full(len(block), np.nan)) for column in (*NEEDED, *OPTIONAL)}
    return matrices, columns


def _vectors(values: npt.NDArray[np.object_], column: str, where: str) -> Floats:
    """Return (frames, 3): the first three entries of values such as ``[a,b,c,d]``."""
    result = np.empty((len(values), 3))
    for row, value in enumerate(values):
        try:
            *result[row], _ = (float(part) for part in value.strip().strip("[]").split(","))
        except ValueError as error:
            raise InputError(f"{where}: row {row + 1} has {column} {value!r}; expected [a,b,c,d]") from error
    check_values(result.ravel(), column, where)
    return result


def _refuse_no_rotation(matrices: Floats, where: str) -> None:
    """Raise on the first of the matrices (frames, 3, 3) that is no rotation."""
    error = np.abs(matrices @ matrices.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    wrong = (error > ROTATION_TOLERANCE) | (np.linalg.det(matrices) < 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{where}: row {row + 1} has rlnTomoProjX, Y and Z that are no rotation (their determinant is "
            f"{np.linalg.det(matrices[row]):.3g}, a rotation's is 1); export the tilt series again"
        )


def _tilts(matrices: Floats, columns: dict[str, Floats]) -> tuple[Floats, Floats, Floats]:
    """Return geometric tilt, nominal stage tilt (degrees; NaN where it can't be told) and tilt weight of each frame.

    The weight is the file's scale factor where 0 < s <= 1, else cos(nominal stage tilt - pre-tilt), with the pre-tilt
    taken as the median difference between nominal and geometric tilt. A scale of 0 marks a hidden frame and never
    goes through arccos. Where the nominal tilt isn't written it is taken from the scale factors, cos(stage tilt), with
    the sign of the geometric tilt on either side of the frame of largest scale.
    """
    tilt = tilt_angles(matrices)
    scale, nominal = columns["rlnCtfScalefactor"], columns["rlnTomoNominalStageTiltAngle"]
    good = (scale > 0) & (scale <= 1)
    if np.isfinite(nominal).all():
        pre_tilt = np.median(nominal - tilt)
        return tilt, nominal, np.where(good, scale, _positive_cosine(nominal - pre_tilt))
    if not good.any():
        return tilt, np.full_like(tilt, np.nan), _positive_cosine(tilt)
    largest = np.flatnonzero(good)[np.argmax(scale[good])]
    stage = np.sign(tilt - tilt[largest]) * np.rad2deg(np.arccos(np.where(good, scale, 1.0)))
    stage = np.where(good, stage, tilt - np.median((tilt - stage)[good]))
    return tilt, stage, np.where(good, scale, _positive_cosine(stage))


def _positive_cosine(degrees: Floats) -> Floats:
    return np.clip(np.cos(np.deg2rad(degrees)), 1e-3, 1.0)
