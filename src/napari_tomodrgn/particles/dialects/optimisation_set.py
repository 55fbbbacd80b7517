"""Optimisation sets of 2D stacks (WarpTools, RELION 5): what they have in common.

Geometry
--------
A reference vector r lies at R_i (p + S A r) in tilt image i, where p is the particle's position in the tomogram, A its
angles (rlnAngleRot/Tilt/Psi), S its subtomogram angles (identity where absent) and R_i the projection of the tilt. So
A_i = R_i S A. RELION's position is p = c - S o, with c the coordinate and o the origin (rlnOriginX/Y/ZAngst). Stacks
are cut around R_i c, so the particle's centre is seen at R_i (p - c) = -R_i S o from the centre of the box, and the
content has to be moved by +R_i S o (first two components) to be centred.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.checks import box_of, check_values, chosen, one_value
from napari_tomodrgn.particles.dialects.base import Dialect, ReadOptions, Sources
from napari_tomodrgn.particles.dialects.image_series import optics_rows
from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.geometry import euler_matrices
from napari_tomodrgn.particles.particle_set import ParticleSet, StarSource, with_particle_defocus
from napari_tomodrgn.particles.stack_paths import resolve
from napari_tomodrgn.particles.star import Block
from napari_tomodrgn.particles.tilt_series import TiltSeries, global_block, read_tilt_series
from napari_tomodrgn.particles.visible_frames import VisibleImages, visible_images

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Strings = npt.NDArray[np.object_]

ANGLES = ("rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi")
SUBTOMOGRAM_ANGLES = ("rlnTomoSubtomogramRot", "rlnTomoSubtomogramTilt", "rlnTomoSubtomogramPsi")
ORIGINS = ("rlnOriginXAngst", "rlnOriginYAngst", "rlnOriginZAngst")
COORDINATES = ("rlnCoordinateX", "rlnCoordinateY", "rlnCoordinateZ")
CENTRED = ("rlnCenteredCoordinateXAngst", "rlnCenteredCoordinateYAngst", "rlnCenteredCoordinateZAngst")
_CHUNK = 1 << 16


@dataclass(frozen=True)
class ParticleRows:
    """The rows of a set's particles star, one a particle."""

    block: Block
    floats: dict[str, Floats]
    tomogram: Integers  # (N,) row in the tilt series
    names: Strings
    stack: Integers
    stack_names: Strings
    masks: tuple[Integers, Strings]
    optics: dict[str, Floats]  # optics columns by particle (N,)
    labels: Strings  # (N,) optics group, for messages

    def vectors(self, columns: tuple[str, str, str]) -> Floats:
        """Return (N, 3) of three columns, zeros where the file lacks them."""
        zeros = np.zeros(len(self.names))
        return np.stack([self.floats.get(column, zeros) for column in columns], axis=1)


Position = Callable[[ParticleRows, TiltSeries], Floats]


def read_optimisation_set(
    sources: Sources,
    dialect: Dialect,
    options: ReadOptions,
    *,
    coordinate: Position,
    stacks_hold_all: bool,
    height: Literal["plus", "hand"],
    b_factor: bool,
) -> ParticleSet:
    """Read a set of 2D stacks.

    ``coordinate`` gives (N, 3) x, y, z in Å from the tomogram's corner; ``height`` is the default of the defocus rule;
    ``b_factor`` says whether rlnCtfBfactor means one.
    """
    if sources.tomograms is None:
        raise InputError(f"{sources.path}: its tomograms star is needed; open the optimisation set that names both")
    _refuse_subtomograms(sources)
    rows, tomogram_names = _read_rows(sources)
    series = read_tilt_series(sources.tomograms, tomogram_names)
    stacks = resolve(list(rows.stack_names), sources.path, options.datadir)
    images = visible_images(
        rows.masks,
        np.diff(series.first)[rows.tomogram],
        rows.stack,
        stacks,
        rows.block.where,
        rows.names,
        stacks_hold_all,
    )
    subtomogram = euler_matrices(*(rows.vectors(SUBTOMOGRAM_ANGLES).T))
    origin = np.einsum("nij,nj->ni", subtomogram, rows.vectors(ORIGINS))
    position = coordinate(rows, series) - origin
    rotations, shift, heights = _place(images, rows, series, subtomogram, origin, position)
    model = _forward_model(dialect.forward_model, rows, series, height, heights, images)
    table = _tilt_images(images, rows, series, sources, shift, heights, b_factor)
    return ParticleSet(
        particles=_particles(rows, tomogram_names, position),
        tilt_images=with_particle_defocus(table, model),
        rotations=rotations,
        stacks=stacks,
        stack_names=tuple(rows.stack_names),
        box=_box(rows, options, stacks, sources),
        pixel_size=_pixel_size(rows, options, sources),
        forward_model=model,
        dialect=dialect.name,
        tomograms=_tomograms(series),
        source=_source(sources, dialect, rows, options),
    )


def _refuse_subtomograms(sources: Sources) -> None:
    general = sources.star.find("general")
    column = "rlnTomoSubTomosAre2DStacks"
    if general is not None and column in general and general.value(column) != "1":
        raise InputError(
            f"{general.where}: has {column} {general.value(column)}, so its particles are 3D subtomograms; "
            "extract them as 2D stacks (1)"
        )


def _read_rows(sources: Sources) -> tuple[ParticleRows, list[str]]:
    block = sources.particles
    if not len(block):
        raise InputError(f"{block.where}: holds no rows; expected one row a particle")
    optional = (*SUBTOMOGRAM_ANGLES, *ORIGINS, *COORDINATES, *CENTRED)
    floats = [*ANGLES, *(column for column in optional if column in block)]
    named = "rlnTomoParticleName" in block
    codes = ["rlnTomoName", "rlnImageName", "rlnTomoVisibleFrames", "rlnOpticsGroup"]
    table = block.table(strings=["rlnTomoParticleName"] if named else [], floats=floats, codes=codes)
    for column in floats:
        check_values(table.floats[column], column, block.where)
    tomogram, tomogram_names = table.codes["rlnTomoName"]
    stack, stack_names = table.codes["rlnImageName"]
    stems = np.array([PurePosixPath(name).stem for name in stack_names], dtype=object)
    names = table.strings["rlnTomoParticleName"] if named else stems[stack]
    _refuse_duplicates(block, tomogram, tomogram_names, names)
    optics, labels = _optics(sources, *table.codes["rlnOpticsGroup"])
    masks = table.codes["rlnTomoVisibleFrames"]
    rows = ParticleRows(block, table.floats, tomogram, names, stack, stack_names, masks, optics, labels)
    return rows, [str(name) for name in tomogram_names]


def _optics(sources: Sources, code: Integers, written: Strings) -> tuple[dict[str, Floats], Strings]:
    optics = sources.star.block("optics")
    rows = optics_rows(optics, written)
    result = {}
    for column in (
        "rlnVoltage",
        "rlnSphericalAberration",
        "rlnAmplitudeContrast",
        "rlnImagePixelSize",
        "rlnImageSize",
        "rlnTomoSubtomogramBinning",
        "rlnTomoTiltSeriesPixelSize",
        "rlnCtfDataAreCtfPremultiplied",
    ):
        if column in optics:
            values = optics.floats(column)
            check_values(values, column, optics.where)
            result[column] = values[rows][code]
    return result, np.array([f"optics group {group}" for group in written], dtype=object)[code]


def _refuse_duplicates(block: Block, tomogram: Integers, tomogram_names: Strings, names: Strings) -> None:
    ids = pd.DataFrame({"tomogram": tomogram, "name": names})
    repeated = ids.duplicated().to_numpy()
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise InputError(
            f"{block.where}: row {row + 1} repeats particle {names[row]} of tomogram {tomogram_names[tomogram[row]]}; "
            "remove or rename one of them"
        )


def _place(
    images: VisibleImages,
    rows: ParticleRows,
    series: TiltSeries,
    subtomogram: Floats,
    origin: Floats,
    position: Floats,
) -> tuple[npt.NDArray[np.float32], Floats, Floats]:
    """Return A_i (M, 3, 3), the shift (M, 2) in Å that centres the content, and the height (M,) along the beam in Å."""
    orientation = subtomogram @ euler_matrices(*(rows.floats[column] for column in ANGLES))
    centred = position - series.size[rows.tomogram] / 2
    frame = series.first[rows.tomogram][images.particle] + images.frame
    rotations = np.empty((len(frame), 3, 3), dtype=np.float32)
    shift, height = np.empty((len(frame), 2)), np.empty(len(frame))
    for begin in range(0, len(frame), _CHUNK):
        part = slice(begin, begin + _CHUNK)
        tilt, particle = series.rotation[frame[part]], images.particle[part]
        rotations[part] = tilt @ orientation[particle]
        shift[part] = np.einsum("mij,mj->mi", tilt[:, :2], origin[particle])
        height[part] = np.einsum("mj,mj->m", tilt[:, 2], centred[particle])
    return rotations, shift, height


def _forward_model(
    default: ForwardModel,
    rows: ParticleRows,
    series: TiltSeries,
    height: Literal["plus", "hand"],
    heights: Floats,
    images: VisibleImages,
) -> ForwardModel:
    """Return the dialect's defaults with what the file says; tomograms of the other hand get their heights negated."""
    model = default
    if "rlnCtfDataAreCtfPremultiplied" in rows.optics:
        flag = one_value(
            rows.optics["rlnCtfDataAreCtfPremultiplied"] + 1, rows.labels, "CTF-premultiplied flag", rows.block.where
        )
        model = replace(model, ctf_power=2 if flag > 1 else 1)
    if not np.isfinite(series.size).all():
        heights[:] = 0
        return replace(model, defocus_height="none")
    if height == "hand":
        heights *= np.where(series.hand == series.reference_hand, 1.0, -1.0)[rows.tomogram][images.particle]
        model = replace(model, defocus_height="plus" if series.reference_hand > 0 else "minus")
    return model


def _tilt_images(
    images: VisibleImages,
    rows: ParticleRows,
    series: TiltSeries,
    sources: Sources,
    shift: Floats,
    heights: Floats,
    b_factor: bool,
) -> pd.DataFrame:
    tomogram = rows.tomogram[images.particle]
    frame = series.first[tomogram] + images.frame
    columns = {name: values[frame] for name, values in series.columns.items()}
    _refuse_bad_frames(columns, tomogram, images, series)
    optical = {
        column: _optical(column, rows, sources, series)[images.particle]
        for column in ("rlnVoltage", "rlnSphericalAberration", "rlnAmplitudeContrast")
    }
    return pd.DataFrame(
        {
            "particle": images.particle,
            "stack": rows.stack[images.particle],
            "index": images.index,
            "shift_x": shift[:, 0],
            "shift_y": shift[:, 1],
            "defocus_u": columns["rlnDefocusU"],
            "defocus_v": columns["rlnDefocusV"],
            "defocus_angle": columns["rlnDefocusAngle"],
            "voltage": optical["rlnVoltage"],
            "spherical_aberration": optical["rlnSphericalAberration"],
            "amplitude_contrast": optical["rlnAmplitudeContrast"],
            "phase_shift": np.nan_to_num(columns["rlnPhaseShift"]),
            "b_factor": np.nan_to_num(columns["rlnCtfBfactor"]) if b_factor else 0.0,
            "scale": 1.0,
            "dose": columns["rlnMicrographPreExposure"],
            "tilt_angle": series.tilt[frame],
            "stage_tilt": series.stage[frame],
            "tilt_cosine": series.weight[frame],
            "series_defocus_u": columns["rlnDefocusU"],
            "series_defocus_v": columns["rlnDefocusV"],
            "height": heights,
        }
    )


def _refuse_bad_frames(
    columns: dict[str, Floats], tomogram: Integers, images: VisibleImages, series: TiltSeries
) -> None:
    for column in ("rlnDefocusU", "rlnDefocusV", "rlnDefocusAngle", "rlnMicrographPreExposure"):
        wrong = ~np.isfinite(columns[column])
        if column == "rlnMicrographPreExposure":
            wrong |= columns[column] < 0
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"{series.wheres[tomogram[at]]}: row {images.frame[at] + 1} has {column} {columns[column][at]:g} in a "
                "visible frame; expected a finite number, and a dose of 0 or more"
            )


def _optical(column: str, rows: ParticleRows, sources: Sources, series: TiltSeries) -> Floats:
    """Return a column (N,) of data_optics, else of the tomograms star."""
    if column in rows.optics:
        return rows.optics[column]
    assert sources.tomograms is not None
    table = global_block(sources.tomograms)
    values = table.floats(column)
    check_values(values, column, table.where)
    row_of = {name: row for row, name in enumerate(table.strings("rlnTomoName"))}
    return values[[row_of[name] for name in series.names]][rows.tomogram]


def _particles(rows: ParticleRows, tomogram_names: list[str], position: Floats) -> pd.DataFrame:
    angles = rows.vectors(ANGLES)
    subtomogram = rows.vectors(SUBTOMOGRAM_ANGLES)
    if subtomogram.any():
        angles = _composed_angles(subtomogram, angles)
    return pd.DataFrame(
        {
            "tomogram": np.array(tomogram_names, dtype=object)[rows.tomogram].astype(str),
            "name": rows.names.astype(str),
            "z": position[:, 2],
            "y": position[:, 1],
            "x": position[:, 0],
            "rot": angles[:, 0],
            "tilt": angles[:, 1],
            "psi": angles[:, 2],
            "source_particle": np.arange(len(rows.names)),
        }
    )


def _composed_angles(subtomogram: Floats, angles: Floats) -> Floats:
    """Return (N, 3) rot, tilt, psi of the particles in the tomogram, where subtomograms were rotated."""
    from scipy.spatial.transform import Rotation

    matrices = euler_matrices(*subtomogram.T) @ euler_matrices(*angles.T)
    return np.asarray(Rotation.from_matrix(matrices.swapaxes(1, 2)).as_euler("ZYZ", degrees=True), dtype=np.float64)


def _tomograms(series: TiltSeries) -> pd.DataFrame:
    size_x, size_y, size_z = series.size.T
    return pd.DataFrame(
        {"name": list(series.names), "size_z": size_z, "size_y": size_y, "size_x": size_x, "hand": series.hand}
    )


def image_pixel_size(rows: ParticleRows) -> Floats | None:
    """Return Å per pixel of the images (N,): rlnImagePixelSize, else binning x pixel size of the tilt series."""
    if "rlnImagePixelSize" in rows.optics:
        return rows.optics["rlnImagePixelSize"]
    if {"rlnTomoSubtomogramBinning", "rlnTomoTiltSeriesPixelSize"} <= rows.optics.keys():
        return rows.optics["rlnTomoSubtomogramBinning"] * rows.optics["rlnTomoTiltSeriesPixelSize"]
    return None


def _pixel_size(rows: ParticleRows, options: ReadOptions, sources: Sources) -> float:
    values = image_pixel_size(rows)
    written = None if values is None else one_value(values, rows.labels, "pixel size", rows.block.where)
    pixel_size = chosen(written, options.pixel_size, "pixel-size", sources.path)
    if pixel_size is None:
        raise InputError(f"{sources.path}: gives no pixel size (rlnImagePixelSize in data_optics); give --pixel-size")
    return pixel_size


def _box(rows: ParticleRows, options: ReadOptions, stacks: tuple[str, ...], sources: Sources) -> int:
    size = None
    if "rlnImageSize" in rows.optics:
        size = one_value(rows.optics["rlnImageSize"], rows.labels, "image size", rows.block.where)
    return box_of(size, options.box, stacks, sources.path)


def _source(sources: Sources, dialect: Dialect, rows: ParticleRows, options: ReadOptions) -> StarSource:
    return StarSource(
        dialect=dialect.name,
        path=sources.path,
        star=sources.star,
        particles_block=rows.block.name,
        row_particle=np.arange(len(rows.names), dtype=np.int64),
        tomograms_path=None if sources.tomograms is None else sources.tomograms.path,
        tomograms=sources.tomograms,
        optimisation_set=sources.optimisation_set,
        optimisation_set_path=None if sources.optimisation_set is None else sources.optimisation_set.path,
        datadir=options.datadir,
    )
