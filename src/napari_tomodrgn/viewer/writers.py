"""Writers for File ▸ Save: the particles of Points layers back to a star file, in the dialect they came from."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.reading import read_particles
from napari_tomodrgn.particles.writing import files_to_write, write_particles
from napari_tomodrgn.runs.run import Run
from napari_tomodrgn.viewer.layers import PARTICLE, RUN, STAR, TOMOGRAM, LayerData

MOVED = 0.01  # Å, more than single precision makes of a position


@dataclass(frozen=True)
class WrittenParticles:
    """What was written: the files, how many particles, of how many, and what of the layers could not be."""

    paths: tuple[Path, ...]
    particles: int
    of: int
    added: int
    moved: int

    def sentence(self) -> str:
        """Return the counts as a person is told them."""
        parts = [f"{self.paths[0]}: wrote {self.particles} of {self.of} particles"]
        if self.added:
            parts.append(f"{self.added} points that were added here are no particles of the set and were left out")
        if self.moved:
            parts.append(f"{self.moved} were moved here, and are written where the set has them")
        return "; ".join(parts)


def write_star(path: str, layers: list[LayerData]) -> list[str]:
    """Write the particles of Points layers that were opened from one star or run; napari calls it.

    Points that were removed or are hidden are left out. No file is replaced, also where napari's dialog asked whether
    to: it asks for one name, and a set has several files; and it does not ask where it adds the ending itself.

    Raises
    ------
    InputError
        Where layers are of no or of several data sets, where none of their points is a particle, or where a file
        exists.
    """
    from napari.utils.notifications import show_info, show_warning

    written = save_points(Path(path), layers)
    tell = show_warning if written.added or written.moved else show_info
    tell(written.sentence())
    return [str(each) for each in written.paths]


def save_points(path: Path, layers: Iterable[LayerData]) -> WrittenParticles:
    """Do what :func:`write_star` does, without a word to napari."""
    layers = list(layers)
    particle_set = _set_of(layers)
    rows = {particle: row for row, particle in enumerate(particle_set.ids)}
    position = particle_set.particles[["z", "y", "x"]].to_numpy(np.float64)
    kept: set[int] = set()
    points = moved = 0
    for layer in layers:
        ids, where = _shown(layer)
        points += len(ids)
        for particle, at in zip(ids, where, strict=True):
            row = rows.get(particle)
            if row is not None and row not in kept:
                kept.add(row)
                moved += bool(np.abs(position[row] - at).max() > MOVED)
    if not kept:
        raise InputError(f"{path}: none of the {points} points to write is a particle of {particle_set.source.path}")
    chosen = particle_set.take(sorted(kept))
    for each in files_to_write(chosen, path):
        if each.exists():
            raise InputError(f"{each}: exists already, and star files are not replaced from here; choose another name")
    paths = write_particles(chosen, path)
    return WrittenParticles(tuple(paths), len(kept), len(particle_set), points - len(kept), moved)


def _set_of(layers: list[LayerData]) -> ParticleSet:
    """Return the data set that all layers were opened from."""
    sources = set()
    for _, attributes, _ in layers:
        metadata = attributes.get("metadata", {})
        source = (metadata.get(RUN), metadata.get(STAR))
        if source == (None, None) or TOMOGRAM not in metadata or PARTICLE not in attributes.get("features", ()):
            raise InputError(
                f"layer {attributes.get('name')}: was not opened from a star or a run, so its points are no particles "
                "of one; save it as .csv"
            )
        sources.add(source)
    if len(sources) > 1:
        raise InputError(
            f"{len(sources)} data sets: their layers can't be written to one star; save those of each alone"
        )
    ((run, star),) = sources
    return Run.open(run).particle_set() if run is not None else read_particles(star)


def _shown(layer: LayerData) -> tuple[list[ParticleId], npt.NDArray[np.float64]]:
    """Return the ids and the positions (n, 3) z, y, x in Å of the points that are not hidden."""
    points, attributes, _ = layer
    shown = np.broadcast_to(np.asarray(attributes.get("shown", True), dtype=bool), len(points))
    tomogram = attributes["metadata"][TOMOGRAM]
    names = np.asarray(attributes["features"][PARTICLE], dtype=object)[shown]
    return [(tomogram, str(name)) for name in names], np.asarray(points, dtype=np.float64)[shown]
