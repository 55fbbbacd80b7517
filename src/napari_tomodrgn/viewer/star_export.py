"""A selection as star files in the dialect of its source, read back after they were written."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_tomodrgn.analysis.columns import Classes
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.reading_back import ReadBack, read_back
from napari_tomodrgn.particles.writing import files_to_write, write_particles
from napari_tomodrgn.viewer.session import Session


@dataclass(frozen=True)
class StarExport:
    """What is to be written.

    Attributes
    ----------
    particles
        The particles.
    path
        The star, or where those of single tomograms get their names from.
    per_tomogram
        Whether each tomogram has a star of its own.
    labels
        What is written as classes, ``None`` for no class column.
    coordinate_pixel_size
        Å per unit of the coordinates, where the data set was opened with one.
    """

    particles: ParticleSet
    path: Path
    per_tomogram: bool = False
    labels: dict[ParticleId, int] | None = None
    coordinate_pixel_size: float | None = None

    @classmethod
    def of(
        cls, session: Session, name: str | None, path: Path, *, per_tomogram: bool = False, column: str | None = None
    ) -> "StarExport":
        """Return how a named selection of a session, or what is selected, is written.

        Raises
        ------
        InputError
            Where it holds no particle of the data set, or one of them has no class.
        """
        mask = session.selected if name is None else session.named.mask(name)
        if session.particle_set is None or not mask.any():
            what = "what is selected" if name is None else f"selection {name}"
            raise InputError(f"{what}: holds no particle of the open data set, so there is no star to write")
        particles = session.particle_set.take(mask)
        labels = None
        if column is not None:
            classes = session.column(column)
            assert isinstance(classes, Classes)
            codes = classes.codes[mask]
            if (codes < 0).any():
                tomogram, particle = particles.ids[int(np.flatnonzero(codes < 0)[0])]
                raise InputError(
                    f"column {column}: {int((codes < 0).sum())} of the {len(codes)} particles have no class, first "
                    f"{particle} of tomogram {tomogram}; leave the class column out, or these particles"
                )
            labels = dict(zip(particles.ids, codes.tolist(), strict=True))
        size = None if session.run is None else session.run.data_options().coordinate_pixel_size
        return cls(particles, path, per_tomogram, labels, size)

    @property
    def existing(self) -> list[Path]:
        """The files that would be replaced."""
        files = files_to_write(self.particles, self.path, per_tomogram=self.per_tomogram)
        return [file for file in files if file.exists()]

    def write(self, *, overwrite: bool = False) -> ReadBack:
        """Write the files, read them again, and return what was found.

        Raises
        ------
        InputError
            Where a file exists and is not to be replaced, or can't be written or read.
        """
        source = self.particles.source.path
        if any(file.exists() and file.samefile(source) for file in self.existing):
            raise InputError(f"{source}: is the star that the particles were opened from; choose another name")
        write_particles(
            self.particles, self.path, labels=self.labels, per_tomogram=self.per_tomogram, overwrite=overwrite
        )
        return read_back(
            self.particles,
            self.path,
            per_tomogram=self.per_tomogram,
            coordinate_pixel_size=self.coordinate_pixel_size,
        )
