"""A look at star files just written: whether they hold the particles that were to be written, and nothing else."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.dialects.base import particles_block
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.star import Block, StarFile
from napari_tomodrgn.particles.writing import CLASS_COLUMN, stars_of

MAY_DIFFER = ("rlnImageName", CLASS_COLUMN)  # paths lead to the same stacks from another folder


@dataclass(frozen=True)
class ReadBack:
    """What was found in star files that were written.

    Attributes
    ----------
    stars
        The particles stars.
    particles
        How many particles they hold together.
    first, last
        The first particle of the first star, and the last of the last.
    troubles
        A sentence for each star that differs from what was to be written.
    """

    stars: tuple[Path, ...]
    particles: int
    first: ParticleId
    last: ParticleId
    troubles: tuple[str, ...]

    def sentence(self) -> str:
        """Return what was found, in one line."""
        if self.troubles:
            return self.troubles[0]
        name = self.stars[0].name if len(self.stars) == 1 else f"{len(self.stars)} stars"
        ends = " … ".join(dict.fromkeys(f"{particle} of {tomogram}" for tomogram, particle in (self.first, self.last)))
        return f"{name}: read back, {self.particles:,} particles as selected ({ends})"


def read_back(
    particle_set: ParticleSet,
    path: Path,
    *,
    per_tomogram: bool = False,
    coordinate_pixel_size: float | None = None,
) -> ReadBack:
    """Read what ``write_particles`` wrote, and hold it against the set: every particle, the first and the last row.

    Rows are compared as text, but for the paths of images and the class column.

    Raises
    ------
    InputError
        Where a star is not there or can't be read.
    """
    parts = stars_of(particle_set, path, per_tomogram=per_tomogram)
    found: list[ParticleId] = []
    troubles = []
    for star, part in parts.items():
        again = _read(part, star, coordinate_pixel_size)
        found += again.ids
        trouble = _difference(part, again, star)
        if trouble is not None:
            troubles.append(trouble)
    if not found:
        raise InputError(f"{path}: holds no particles; write it again")
    return ReadBack(tuple(parts), len(found), found[0], found[-1], tuple(troubles))


def _read(particle_set: ParticleSet, star: Path, coordinate_pixel_size: float | None) -> ParticleSet:
    return read_particles(
        star,
        dialect=particle_set.dialect,
        datadir=particle_set.source.datadir,
        box=particle_set.box or None,
        pixel_size=particle_set.pixel_size,
        coordinate_pixel_size=coordinate_pixel_size,
    )


def _difference(particle_set: ParticleSet, again: ParticleSet, star: Path) -> str | None:
    """Return in a sentence how a star differs from what was to be written, ``None`` where it does not."""
    if len(again) != len(particle_set):
        return f"{star}: holds {len(again)} particles where {len(particle_set)} were selected; write it again"
    if again.ids != particle_set.ids:
        unlike = next(one for one, other in zip(particle_set.ids, again.ids, strict=True) if one != other)
        return f"{star}: does not hold particle {unlike[1]} of {unlike[0]} in its place; write it again"
    source = particle_set.source
    kept = np.isin(source.row_particle, particle_set.particles["source_particle"].to_numpy())
    before = source.star.block(source.particles_block)
    after = particles_block(StarFile.read(star))
    assert after is not None  # as particles were read from it
    if len(after) != kept.sum():
        return f"{star}: has {len(after)} rows where {kept.sum()} were to be written; write it again"
    rows = np.flatnonzero(kept)
    columns = [column for column in before.columns if column not in MAY_DIFFER]
    for name, own, its in (("first", rows[0], 0), ("last", rows[-1], len(after) - 1)):
        if _row(before, columns, int(own)) != _row(after, columns, its):
            return f"{star}: its {name} row is not that of the selection; write it again"
    return None


def _row(block: Block, columns: list[str], row: int) -> list[str]:
    only = np.arange(len(block)) == row
    kept = block.keep_rows(only)
    values = kept.table(strings=columns).strings
    return [str(values[column][0]) for column in columns]
