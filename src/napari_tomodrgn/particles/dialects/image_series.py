"""Stars with one row a tilt image (Warp, M, cryoSRPNT, nextPYP): what they have in common."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.checks import box_of, check_values, chosen, one_value
from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet, StarSource
from napari_tomodrgn.particles.stack_paths import resolve
from napari_tomodrgn.particles.star import Block

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Strings = npt.NDArray[np.object_]

NEEDED = (
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnCtfBfactor",
)
OPTICAL = ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
OPTIONAL = (
    "rlnPhaseShift",
    "rlnCtfScalefactor",
    "rlnOriginX",
    "rlnOriginY",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnDetectorPixelSize",
    "rlnMagnification",
    "rlnImagePixelSize",
    "rlnImageSize",
)
_ROTATION_CHUNK = 1 << 16


@dataclass(frozen=True)
class ImageRows:
    """The rows of an image-series star in file order; ``get`` finds a column in its rows or in its optics groups."""

    block: Block
    columns: dict[str, Floats]
    image_names: Strings
    group: Integers  # (rows,) number of the particle
    group_names: Strings  # (particles,)
    labels: Strings  # (rows,) optics group, or the particle where there are no optics groups

    def get(self, column: str, default: float | None = None) -> Floats:
        """Return a column (rows,); raises where the file lacks it and there is no default."""
        if column in self.columns:
            return self.columns[column]
        if default is None:
            self.block.position(column)
        return np.full(len(self.group), default, dtype=np.float64)

    def __contains__(self, column: str) -> bool:
        return column in self.columns


def read_rows(sources: Sources, group_column: str) -> ImageRows:
    """Read and check the columns that every image-series dialect uses."""
    block = sources.particles
    if not len(block):
        raise InputError(f"{block.where}: holds no rows; expected one row a tilt image")
    floats = [column for column in (*NEEDED, *OPTICAL, *OPTIONAL) if column in block]
    optics = sources.star.find("optics")
    by_group = optics is not None and "rlnOpticsGroup" in block and "rlnOpticsGroup" in optics
    codes = [group_column, "rlnOpticsGroup"] if by_group else [group_column]
    table = block.table(strings=["rlnImageName"], floats=floats, codes=codes)
    columns = table.floats
    for column, values in columns.items():
        check_values(values, column, block.where)
    group, group_names = table.codes[group_column]
    labels = np.char.add("particle ", group_names.astype(str)).astype(object)[group]
    if by_group and optics is not None:
        code, written = table.codes["rlnOpticsGroup"]
        rows = optics_rows(optics, written)[code]
        labels = np.char.add("optics group ", written.astype(str)).astype(object)[code]
        for column in (*OPTICAL, *OPTIONAL):
            if column in optics and column not in columns:
                values = optics.floats(column)
                check_values(values, column, optics.where)
                columns[column] = values[rows]
    return ImageRows(block, columns, table.strings["rlnImageName"], group, group_names, labels)


def optics_rows(optics: Block, written: Strings) -> Integers:
    """Return the row of ``data_optics`` for each optics group as written; raises on a group that is not there."""
    row_of = {group: row for row, group in enumerate(optics.strings("rlnOpticsGroup"))}
    unknown = [group for group in written if group not in row_of]
    if unknown:
        raise InputError(f"{optics.where}: has no row for optics group {unknown[0]}, which the particles use")
    return np.array([row_of[group] for group in written], dtype=np.int64)


def image_numbers(names: Strings, where: str) -> tuple[Integers, Integers, Strings]:
    """Split ``000001@stack`` into 0-based image numbers (rows,), stack numbers (rows,) and distinct stacks.

    Works on the names as a matrix of bytes, because there may be a million of them.
    """
    try:
        encoded = names.astype("S")
    except UnicodeEncodeError:  # numpy takes ASCII only
        encoded = np.array([name.encode("utf-8", "surrogateescape") for name in names])
    width = encoded.dtype.itemsize
    letters = encoded.view(np.uint8).reshape(len(encoded), width)
    at = (letters == ord("@")).argmax(axis=1)
    index = np.full(len(names), -1, dtype=np.int64)
    tails = np.zeros_like(letters)
    for cut in np.unique(at).tolist():
        rows = np.flatnonzero(at == cut)
        digits = letters[rows, :cut].astype(np.int64) - ord("0")
        if 0 < cut <= 18:
            number = digits @ 10 ** np.arange(cut - 1, -1, -1)
            index[rows] = np.where(((digits >= 0) & (digits <= 9)).all(axis=1), number, 0) - 1
        tails[rows, : width - cut - 1] = letters[rows, cut + 1 :]
    if (index < 0).any():
        row = int(np.flatnonzero(index < 0)[0])
        raise InputError(
            f"{where}: row {row + 1} has rlnImageName {names[row]!r}; expected NUMBER@STACK with numbers from 1"
        )
    stacks = tails.view(f"S{width}").ravel()
    runs = np.flatnonzero(np.concatenate([[True], stacks[1:] != stacks[:-1]]))
    of_run, distinct = pd.factorize(stacks[runs].astype(object))
    decoded = np.array([stack.decode("utf-8", "surrogateescape") for stack in distinct], dtype=object)
    return index, np.repeat(of_run.astype(np.int64), np.diff(runs, append=len(names))), decoded


def read_image_series(
    sources: Sources,
    dialect: Dialect,
    options: ReadOptions,
    group_column: str,
    identify: Callable[[ImageRows, Integers], list[ParticleId]],
) -> ParticleSet:
    """Read an image-series star; ``identify`` gives each particle's id from the rows and their dose order.

    Shifts: content has to be moved by +rlnOrigin to be centred, as RELION does. The dose is -rlnCtfBfactor / 4. The
    tilt weight is rlnCtfScalefactor where 0 < s <= 1, else the cosine of the angle between the image's beam and that
    of the particle's image of least dose.
    """
    rows = read_rows(sources, group_column)
    where = rows.block.where
    index, stack, stack_names = image_numbers(rows.image_names, where)
    _refuse_repeated_images(rows, stack, index)
    stacks = resolve(list(stack_names), sources.path, options.datadir)
    pixel_size = _pixel_size(rows, options, sources)
    size = one_value(rows.get("rlnImageSize"), rows.labels, "image size", where) if "rlnImageSize" in rows else None
    box = box_of(size, options.box, stacks, sources.path)

    dose = np.maximum(-rows.get("rlnCtfBfactor") / 4, 0.0)
    ids = identify(rows, np.lexsort((index, stack, dose, rows.group)))
    order = np.argsort(rows.group, kind="stable")
    rotations = _rotations(rows, order)
    images = _tilt_images(rows, order, stack, index, dose, pixel_size)
    images["tilt_cosine"] = _tilt_cosine(images, rotations)
    return ParticleSet(
        particles=_particles(ids),
        tilt_images=images,
        rotations=rotations,
        stacks=stacks,
        stack_names=tuple(stack_names),
        box=box,
        pixel_size=pixel_size,
        forward_model=dialect.forward_model,
        dialect=dialect.name,
        tomograms=_tomograms(ids),
        source=StarSource(
            dialect.name, sources.path, sources.star, rows.block.name, rows.group, datadir=options.datadir
        ),
    )


def _tilt_images(
    rows: ImageRows, order: Integers, stack: Integers, index: Integers, dose: Floats, pixel_size: float
) -> pd.DataFrame:
    """Return the tilt-image table, rows in ``order``; ``tilt_cosine`` is the scale factor as written."""
    return pd.DataFrame(
        {
            "particle": rows.group[order],
            "stack": stack[order],
            "index": index[order],
            "shift_x": _shift(rows, "X", pixel_size)[order],
            "shift_y": _shift(rows, "Y", pixel_size)[order],
            "defocus_u": rows.get("rlnDefocusU")[order],
            "defocus_v": rows.get("rlnDefocusV")[order],
            "defocus_angle": rows.get("rlnDefocusAngle")[order],
            "voltage": rows.get("rlnVoltage")[order],
            "spherical_aberration": rows.get("rlnSphericalAberration")[order],
            "amplitude_contrast": rows.get("rlnAmplitudeContrast")[order],
            "phase_shift": rows.get("rlnPhaseShift", 0.0)[order],
            "b_factor": 0.0,
            "scale": 1.0,
            "dose": dose[order],
            "tilt_angle": np.nan,
            "stage_tilt": np.nan,
            "tilt_cosine": rows.get("rlnCtfScalefactor", 0.0)[order],
        }
    )


def _particles(ids: list[ParticleId]) -> pd.DataFrame:
    table = pd.DataFrame(ids, columns=["tomogram", "name"])
    table[["z", "y", "x", "rot", "tilt", "psi"]] = np.nan
    table["source_particle"] = np.arange(len(ids))
    return table


def _tomograms(ids: list[ParticleId]) -> pd.DataFrame:
    names = list(dict.fromkeys(tomogram for tomogram, _ in ids))
    return pd.DataFrame({"name": names, "size_z": np.nan, "size_y": np.nan, "size_x": np.nan, "hand": np.nan})


def _pixel_size(rows: ImageRows, options: ReadOptions, sources: Sources) -> float:
    """Return Å per pixel: rlnImagePixelSize, else rlnDetectorPixelSize x 10⁴ / rlnMagnification (10⁴ if absent)."""
    values = None
    if "rlnImagePixelSize" in rows:
        values = rows.get("rlnImagePixelSize")
    elif "rlnDetectorPixelSize" in rows:
        values = rows.get("rlnDetectorPixelSize") * 1e4 / rows.get("rlnMagnification", 1e4)
    written = None if values is None else one_value(values, rows.labels, "pixel size", rows.block.where)
    pixel_size = chosen(written, options.pixel_size, "pixel-size", sources.path)
    if pixel_size is None:
        raise InputError(
            f"{sources.path}: gives no pixel size (rlnImagePixelSize or rlnDetectorPixelSize); give --pixel-size"
        )
    return pixel_size


def _shift(rows: ImageRows, axis: str, pixel_size: float) -> Floats:
    if f"rlnOrigin{axis}Angst" in rows:
        return rows.get(f"rlnOrigin{axis}Angst")
    return rows.get(f"rlnOrigin{axis}", 0.0) * pixel_size


def _rotations(rows: ImageRows, order: Integers) -> npt.NDArray[np.float32]:
    result = np.empty((len(order), 3, 3), dtype=np.float32)
    angles = [rows.get(column) for column in ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")]
    for begin in range(0, len(order), _ROTATION_CHUNK):
        chunk = order[begin : begin + _ROTATION_CHUNK]
        result[begin : begin + len(chunk)] = euler_matrices(*(each[chunk] for each in angles))
    return result


def _tilt_cosine(images: pd.DataFrame, rotations: npt.NDArray[np.float32]) -> Floats:
    written = images["tilt_cosine"].to_numpy()
    good = (written > 0) & (written <= 1)
    result = np.where(good, written, 1.0)
    if good.all():
        return result
    particle, dose = images["particle"].to_numpy(), images["dose"].to_numpy()
    by_dose = np.lexsort((dose, particle))
    least = by_dose[np.flatnonzero(np.diff(particle[by_dose], prepend=-1))]
    beam = rotations[:, 2, :].astype(np.float64)
    cosine = np.abs(np.einsum("mj,mj->m", beam, beam[least][particle]))
    return np.where(good, result, np.clip(cosine, 1e-3, 1.0))


def _refuse_repeated_images(rows: ImageRows, stack: Integers, index: Integers) -> None:
    key = stack * (int(index.max()) + 1) + index
    order = np.lexsort((key, rows.group))
    same = (np.diff(key[order]) == 0) & (np.diff(rows.group[order]) == 0)
    if same.any():
        at = int(np.flatnonzero(same)[0])
        first, again = sorted((int(order[at]) + 1, int(order[at + 1]) + 1))
        raise InputError(
            f"{rows.block.where}: row {again} repeats row {first}: image {rows.image_names[again - 1]} of particle "
            f"{rows.group_names[rows.group[again - 1]]}; remove one of them"
        )
