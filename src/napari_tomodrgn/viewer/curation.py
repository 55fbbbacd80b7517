"""What a rule means before it is applied, and applying it: worked out beside the window, on what the session knew."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import Columns
from napari_tomodrgn.analysis.known import Known
from napari_tomodrgn.analysis.rule_trees import particles_of
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.cutouts import tomogram_file
from napari_tomodrgn.viewer.session import How, Session
from napari_tomodrgn.viewer.tomogram_files import RAW, TomogramFiles
from napari_tomodrgn.viewer.tomogram_view import open_volume

Mask = npt.NDArray[np.bool_]
SIZES = ["size_z", "size_y", "size_x"]


@dataclass(frozen=True)
class Asked:
    """A rule, and what it is to be applied to: taken from the session at one time.

    Attributes
    ----------
    tree
        The rule.
    particle_set, columns, selected
        What the session had.
    files
        Of tomograms, whose sizes they have where the data set does not say them.
    """

    tree: Mapping[str, Any]
    particle_set: ParticleSet
    columns: Columns
    selected: Mask
    files: TomogramFiles

    @classmethod
    def of(cls, session: Session, tree: Mapping[str, Any], files: TomogramFiles) -> "Asked":
        """Ask for a rule as things are now; raises InputError where nothing is open."""
        if session.particle_set is None:
            raise InputError("nothing is open; open a star file or a run first")
        return cls(tree, session.particle_set, session.columns, session.selected, files)

    def is_current(self, session: Session) -> bool:
        """Return whether the session has the particles, columns and selection that were asked about."""
        same = self.particle_set is session.particle_set and self.columns is session.columns
        return same and self.selected is session.selected


@dataclass(frozen=True)
class Meant:
    """Which particles a rule means: of all, and of those that are selected, which it then looks at alone."""

    asked: Asked
    everywhere: Mask
    within: Mask

    def sentence(self) -> str:
        """Return the counts."""
        text = f"{int(self.everywhere.sum()):,} of {len(self.everywhere):,} particles"
        chosen = int(self.asked.selected.sum())
        return f"{text} · {int(self.within.sum()):,} within the {chosen:,} selected" if chosen else text

    def choose(self, session: Session, how: How) -> None:
        """Change the selection by the rule, which is kept with it even where it drops none: elsewhere it may."""
        mask = self.everywhere if how in ("replace", "add") else self.within
        session.select(mask, dict(self.asked.tree), how, always=True)


def meant(asked: Asked) -> Meant:
    """Return which particles a rule means.

    Raises
    ------
    InputError
        Where something that it needs is not known.
    """
    known = Known(with_sizes(asked.particle_set, asked.files), asked.columns)
    everywhere = particles_of(asked.tree, known)
    within = particles_of(asked.tree, known, asked.selected) if asked.selected.any() else asked.selected
    return Meant(asked, everywhere, within)


def with_sizes(particle_set: ParticleSet, files: TomogramFiles) -> ParticleSet:
    """Return a set with the sizes of tomograms that it does not say, from the headers of their files."""
    table = particle_set.tomograms
    unknown = np.flatnonzero(table[SIZES].isna().any(axis=1).to_numpy())
    sizes = table[SIZES].to_numpy(np.float64, copy=True)
    for row in unknown.tolist():
        found = tomogram_file(files, str(table["name"].iat[row]), RAW)
        if found is None:
            continue
        version, path = found
        try:
            volume = open_volume(path)
        except InputError:
            continue
        side = files.pixel_size(version, volume.pixel_size)
        if side:
            sizes[row] = np.array(volume.values.shape) * side
    return replace(particle_set, tomograms=table.assign(**dict(zip(SIZES, sizes.T, strict=True))))
