"""Particle sets back to star files: in the dialect they came from, untouched text unchanged."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.reading import partner
from napari_tomodrgn.particles.stack_paths import resolve
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.tilt_series import TILT_SERIES_STAR, global_block, resolve_star

SET_FILES = ("rlnTomoParticlesFile", "rlnTomoTomogramsFile")
CLASS_COLUMN = "rlnClassNumber"


@dataclass(frozen=True)
class _Output:
    """One file to write: a star, or bytes to be copied."""

    path: Path
    content: StarFile | bytes

    def write(self, overwrite: bool) -> None:
        if isinstance(self.content, StarFile):
            self.content.write(self.path, overwrite=overwrite)
            return
        with atomic_open(self.path, "wb") as stream:
            stream.write(self.content)


def write_particles(
    particle_set: ParticleSet,
    path: Path | str,
    *,
    labels: Mapping[ParticleId, int] | None = None,
    per_tomogram: bool = False,
    overwrite: bool = False,
) -> list[Path]:
    """Write the particles of a set, with all their tilt images, in the dialect they came from.

    Rows, columns and blocks are the source's text; only rows of other particles are left out. Tilt images that a
    subset left out (``first_tilts``) are written, too. Image paths are changed only where they would not lead to the
    same stack from the new place: then they are relative to the new star.

    Parameters
    ----------
    path
        The particles star. An optimisation set adds ``X_tomograms.star`` and ``X_optimisation_set.star`` beside
        ``X.star`` (``tomograms.star`` and ``optimisation_set.star`` beside ``particles.star``), and a copy of the
        tilt-series stars it refers to; the name of the set is accepted in place of that of the particles star. A
        volume series adds ``X_volume_series.star``. Reading ``X.star`` finds all of them.
    labels
        Written as rlnClassNumber, counted from 1 there: label + 1.
    per_tomogram
        Write one ``X_TOMOGRAM.star`` (with what belongs to it) for each tomogram instead.
    overwrite
        Replace existing files; otherwise nothing is written where one of them exists.

    Returns
    -------
    list of Path
        The files written, the particles star first.
    """
    sets = stars_of(particle_set, Path(path), per_tomogram=per_tomogram)
    outputs = [output for target, part in sets.items() for output in _outputs(part, target, labels)]
    for output in outputs:
        refuse_existing(output.path, overwrite)
    for output in outputs:
        output.write(overwrite)
    return [output.path for output in outputs]


def stars_of(particle_set: ParticleSet, path: Path, *, per_tomogram: bool = False) -> dict[Path, ParticleSet]:
    """Return the particles stars that :func:`write_particles` writes, and the particles of each."""
    path = _particles_path(path)
    if not per_tomogram:
        return {path: particle_set}
    of_particle = particle_set.particles["tomogram"].to_numpy(dtype=object)
    return {
        path.with_name(f"{path.stem}_{_file_name(tomogram)}.star"): particle_set.take(of_particle == tomogram)
        for tomogram in dict.fromkeys(of_particle.tolist())
    }


def files_to_write(particle_set: ParticleSet, path: Path, *, per_tomogram: bool = False) -> list[Path]:
    """Return the files that :func:`write_particles` would write, the particles star first."""
    sets = stars_of(particle_set, path, per_tomogram=per_tomogram)
    return [output.path for target, part in sets.items() for output in _outputs(part, target, None)]


def _particles_path(path: Path) -> Path:
    if path.stem == "optimisation_set":
        return path.with_name("particles.star")
    return path.with_name(f"{path.stem.removesuffix('_optimisation_set')}.star")


def _file_name(tomogram: str) -> str:
    return re.sub(r"[^\w.+-]+", "_", tomogram.removesuffix(".tomostar")) or "tomogram"


def _outputs(particle_set: ParticleSet, path: Path, labels: Mapping[ParticleId, int] | None) -> list[_Output]:
    source = particle_set.source
    block = source.star.block(source.particles_block)
    kept = particle_set.particles["source_particle"].to_numpy()
    keep_rows = np.isin(source.row_particle, kept)
    edited = block.keep_rows(keep_rows)
    edited = _with_image_paths(edited, particle_set, path)
    if labels is not None:
        edited = edited.with_column(CLASS_COLUMN, _class_numbers(particle_set, labels, source.row_particle[keep_rows]))
    outputs = [_Output(path, source.star.with_block(block, edited))]
    if source.tomograms is not None:
        outputs += _tomograms(source.tomograms, path)
    if source.optimisation_set is not None:
        outputs.append(_optimisation_set(source.optimisation_set, path))
    if source.volume_series is not None and source.volume_series_row is not None:
        series = source.volume_series.block(source.volume_series_block or "")
        rows = np.zeros(len(series), dtype=bool)
        rows[source.volume_series_row[kept]] = True
        star = source.volume_series.with_block(series, series.keep_rows(rows))
        outputs.append(_Output(partner(path, "volume_series"), star))
    return outputs


def _class_numbers(particle_set: ParticleSet, labels: Mapping[ParticleId, int], particles: np.ndarray) -> list[str]:
    source_rows = particle_set.particles["source_particle"].tolist()
    numbers = {}
    for row, particle_id in zip(source_rows, particle_set.ids, strict=True):
        if particle_id not in labels:
            tomogram, name = particle_id
            raise InputError(f"{particle_set.source.path}: particle {name} of tomogram {tomogram} has no class label")
        numbers[row] = str(int(labels[particle_id]) + 1)
    return [numbers[particle] for particle in particles.tolist()]


def _with_image_paths(block: Block, particle_set: ParticleSet, path: Path) -> Block:
    """Return the block with image paths that lead to the same stacks from ``path``."""
    used = np.unique(particle_set.tilt_images["stack"].to_numpy())
    now = {particle_set.stack_names[stack]: particle_set.stacks[stack] for stack in used.tolist()}
    found = {name: stack for name, stack in now.items() if stack}
    if not found:
        return block
    then = resolve(list(found), path)
    if all(_same(stack, there) for stack, there in zip(found.values(), then, strict=True)):
        return block
    folder = os.path.realpath(path.parent)
    moved = {name: Path(os.path.relpath(os.path.realpath(stack), folder)).as_posix() for name, stack in found.items()}
    return renamed_stacks(block, moved)


def renamed_stacks(block: Block, moved: Mapping[str, str]) -> Block:
    """Return the block with stacks renamed in rlnImageName; image numbers before ``@`` stay as written."""
    written = block.strings("rlnImageName")
    new = []
    for name in written:
        number, at, stack = name.partition("@") if "@" in name else ("", "", name)
        new.append(f"{number}{at}{moved.get(stack, stack)}")
    return block.with_column("rlnImageName", new)


def _same(one: str, other: str) -> bool:
    return bool(other) and os.path.realpath(one) == os.path.realpath(other)


def _tomograms(tomograms: StarFile, path: Path) -> list[_Output]:
    """Return the tomograms star as it is, and copies of the tilt-series stars that it names."""
    target = partner(path, "tomograms")
    block = global_block(tomograms)
    if TILT_SERIES_STAR not in block:
        return [_Output(target, tomograms)]
    folder = partner(path, "tilt_series").with_suffix("")
    written = block.strings(TILT_SERIES_STAR)
    distinct = len({Path(name).name for name in written}) == len(written)
    names, copies = [], []
    for name, tomogram in zip(written, block.strings("rlnTomoName"), strict=True):
        try:
            star = resolve_star(name, tomograms.path)
        except InputError:  # of a tomogram without particles here: reading did not need it
            names.append(name)
            continue
        copy = folder / (Path(name).name if distinct else f"{_file_name(tomogram)}.star")
        copies.append(_Output(copy, star.read_bytes()))
        names.append(f"{folder.name}/{copy.name}")
    edited = block if names == written.tolist() else block.with_column(TILT_SERIES_STAR, names)
    return [_Output(target, tomograms.with_block(block, edited)), *copies]


def _optimisation_set(optimisation_set: StarFile, path: Path) -> _Output:
    """Return the set with the new names; further files that it names stay where they are."""
    target = partner(path, "optimisation_set")
    block = next(each for each in optimisation_set.blocks if SET_FILES[0] in each)
    edited = block.with_column(SET_FILES[0], [path.name])
    edited = edited.with_column(SET_FILES[1], [partner(path, "tomograms").name])
    for column in block.columns:
        if column.endswith("File") and column not in SET_FILES:
            try:
                there = resolve_star(block.value(column), optimisation_set.path)
            except InputError:
                continue
            if not (path.parent / block.value(column)).exists():
                edited = edited.with_column(column, [os.path.relpath(there, path.parent)])
    return _Output(target, optimisation_set.with_block(block, edited))
