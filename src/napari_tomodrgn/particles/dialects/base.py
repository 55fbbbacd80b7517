"""What a dialect is, and the star files it is read from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from napari_tomodrgn.particles.forward_model import ForwardModel
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.particles.star import Block, StarFile


@dataclass(frozen=True)
class Sources:
    """The star files of one data set, opened.

    ``star`` holds the particles (or tilt images); ``tomograms`` and ``optimisation_set`` are there for RELION's and
    WarpTools' sets only.
    """

    star: StarFile
    particles: Block
    tomograms: StarFile | None = None
    optimisation_set: StarFile | None = None

    @property
    def path(self) -> Path:
        """The file to name in messages: the one with the particles."""
        return self.star.path

    @property
    def columns(self) -> frozenset[str]:
        """Every column of these files."""
        files = [each for each in (self.star, self.tomograms) if each is not None]
        return frozenset(column for each in files for block in each.blocks for column in block.columns)


@dataclass(frozen=True)
class ReadOptions:
    """What the caller says about a file: where stacks may lie, and what the file lacks."""

    datadir: Path | None = None
    box: int | None = None
    pixel_size: float | None = None


@dataclass(frozen=True)
class Dialect:
    """One dialect: its name, its forward-model defaults, the columns it is known by, and its reader.

    ``needs`` are the columns without which it can't be read, each a name or several names of which one is enough. To
    be detected, a file must also have one of ``shows`` (where given) and none of ``excludes``.
    """

    name: str
    forward_model: ForwardModel
    needs: tuple[tuple[str, ...], ...]
    read: Callable[[Sources, "Dialect", ReadOptions], ParticleSet]
    shows: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def lacking(self, columns: frozenset[str]) -> list[str]:
        """Return what is missing, alternatives joined by "or"."""
        return [" or ".join(each) for each in self.needs if not columns.intersection(each)]

    def fits(self, columns: frozenset[str]) -> bool:
        """Whether all needed columns are there and those that tell it from others."""
        shown = not self.shows or bool(columns.intersection(self.shows))
        return shown and not self.lacking(columns) and not columns.intersection(self.excludes)


def particles_block(star: StarFile) -> Block | None:
    """Return the block with one row a particle or image: ``data_particles``, else ``data_``, else any with images."""
    for name in ("particles", ""):
        block = star.find(name)
        if block is not None and block.columns:
            return block
    return next((block for block in star.blocks if "rlnImageName" in block), None)
