"""Rules by which particles are selected: each says in plain values which particles it means.

A rule is kept as JSON with a selection that it made, and can be applied again: to another epoch, or to another run.
"""

import zlib
from abc import abstractmethod
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, field_validator

from napari_tomodrgn.analysis.known import Known, Mask
from napari_tomodrgn.analysis.outliers import outliers
from napari_tomodrgn.analysis.regions import Corners, in_polygon, near_path
from napari_tomodrgn.analysis.spacing import face_distance, kept_apart
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_table import read_particle_table
from napari_tomodrgn.seeds import LARGEST_SEED

TOMOGRAM = "tomogram"  # the column of tomograms
Best = Literal["lowest", "highest"]


class _Rule(BaseModel):
    """What all rules have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    def mask(self, known: Known, among: Mask | None = None) -> Mask:
        """Return (N,) which particles are meant, of all or of those ``among`` which alone the rule looks.

        Raises
        ------
        InputError
            Where something that it needs is not known of the particles.
        """
        return self._mask(known, known.everyone if among is None else among)

    @abstractmethod
    def _mask(self, known: Known, among: Mask) -> Mask: ...

    @property
    def tree(self) -> dict[str, Any]:
        """The rule as plain values for JSON."""
        values = self.model_dump(mode="json")
        return {name: value for name, value in values.items() if value is not None}

    @property
    @abstractmethod
    def text(self) -> str:
        """The rule in words."""


class OfClasses(_Rule):
    """Particles of some classes of a column: of a labelling, of labels, of tomograms."""

    rule: Literal["classes"] = "classes"
    column: str
    classes: tuple[str, ...]
    label: str | None = None  # that a person gave these classes

    def _mask(self, known: Known, among: Mask) -> Mask:
        column = known.classes(self.column)
        unknown = [name for name in self.classes if name not in column.names]
        if unknown:
            some = ", ".join(column.names[:20]) + (", …" if len(column.names) > 20 else "")
            raise InputError(f"column {self.column}: has no class {unknown[0]!r}; those there are: {some}")
        wanted = [code for code, name in enumerate(column.names) if name in self.classes]
        return among & np.isin(column.codes, wanted)

    @property
    def text(self) -> str:  # noqa: D102
        names = ", ".join(self.classes[:4]) + (f" and {len(self.classes) - 4} more" if len(self.classes) > 4 else "")
        if self.label is not None:
            return f"labelled {self.label} ({names} of {self.column})"
        return f"{names} of {self.column}" if self.column != TOMOGRAM else f"in {names}"


class Between(_Rule):
    """Particles whose number lies within limits, ends included; a limit that is left out is none."""

    rule: Literal["between"] = "between"
    column: str
    low: float | None = None
    high: float | None = None

    @field_validator("low", "high")
    @classmethod
    def _limit(cls, value: float | None) -> float | None:
        """Take infinity, which JSON has no word for, for no limit."""
        return None if value is None or np.isinf(value) else value

    def _mask(self, known: Known, among: Mask) -> Mask:
        values = known.numbers(self.column)
        low = -np.inf if self.low is None else self.low
        high = np.inf if self.high is None else self.high
        return among & (values >= low) & (values <= high)

    @property
    def text(self) -> str:  # noqa: D102
        low = "" if self.low is None else f"{self.low:.4g} ≤ "
        return f"{low}{self.column}" + ("" if self.high is None else f" ≤ {self.high:.4g}")


class Outliers(_Rule):
    """Particles whose latents are far from the others': see :mod:`napari_tomodrgn.analysis.outliers`."""

    rule: Literal["outliers"] = "outliers"
    beyond: float = Field(3.0, gt=0)
    within: str | None = None  # a column of classes, each of which is looked at by itself

    def _mask(self, known: Known, among: Mask) -> Mask:
        codes = np.zeros(len(known), np.int64) if self.within is None else known.classes(self.within).codes
        return outliers(known.latents, self.beyond, np.where(among, codes, -1))

    @property
    def text(self) -> str:  # noqa: D102
        within = "" if self.within is None else f" of each class of {self.within}"
        return f"outliers{within} beyond {self.beyond:g} σ"


class Apart(_Rule):
    """Particles so far from one another, the best of them by a column: of duplicate picks the better one.

    The order decides: the best particle of a tomogram is kept, then the next one that is not too near to one kept.
    Particles without a number come last, and those that are equal in the order of the set.
    """

    rule: Literal["apart"] = "apart"
    angstrom: float = Field(gt=0)
    column: str | None = None
    best: Best = "lowest"

    def _mask(self, known: Known, among: Mask) -> Mask:
        order = np.arange(int(among.sum()))
        if self.column is not None:
            values = known.numbers(self.column)[among]
            order = np.argsort(values if self.best == "lowest" else -values, kind="stable")
        tomogram = known.classes(TOMOGRAM).codes[among]
        result = np.zeros(len(known), dtype=bool)
        result[among] = kept_apart(known.positions(among), tomogram, self.angstrom, order)
        return result

    @property
    def text(self) -> str:  # noqa: D102
        order = "" if self.column is None else f", {self.best} {self.column} first"
        return f"{self.angstrom:g} Å apart{order}"


class FromFaces(_Rule):
    """Particles at least so far from the faces of their tomogram."""

    rule: Literal["faces"] = "faces"
    angstrom: float = Field(ge=0)

    def _mask(self, known: Known, among: Mask) -> Mask:
        known.positions(among)  # or say which have none
        distance = face_distance(known.particle_set.particles, known.particle_set.tomograms)
        unknown = np.flatnonzero(among & np.isnan(distance))
        if len(unknown):
            tomogram = known.particle_set.particles[TOMOGRAM].iat[int(unknown[0])]
            raise InputError(
                f"{known.particle_set.source.path}: does not say how large tomogram {tomogram} is; open the "
                "optimisation set, or give its file in the viewer"
            )
        return np.asarray(among & (distance >= self.angstrom), dtype=bool)

    @property
    def text(self) -> str:  # noqa: D102
        return f"{self.angstrom:g} Å or more from the tomogram's faces"


class AtRandom(_Rule):
    """So many particles drawn at random, of all or of each class of a column, all where there are fewer.

    What is drawn of a class depends on the seed, the name of the class and the particles that it has, and on no other.
    """

    rule: Literal["random"] = "random"
    count: int = Field(ge=1)
    per: str | None = None
    seed: int = Field(0, ge=0, le=LARGEST_SEED)

    def _mask(self, known: Known, among: Mask) -> Mask:
        groups = {"": among}
        if self.per is not None:
            column = known.classes(self.per)
            groups = {name: among & (column.codes == code) for code, name in enumerate(column.names)}
        result = np.zeros(len(known), dtype=bool)
        for name, group in groups.items():
            generator = np.random.default_rng([self.seed, zlib.crc32(name.encode())])
            result[generator.permutation(np.flatnonzero(group))[: self.count]] = True
        return result

    @property
    def text(self) -> str:  # noqa: D102
        per = "" if self.per is None else f" of each {'tomogram' if self.per == TOMOGRAM else f'class of {self.per}'}"
        return f"{self.count} at random{per}"


class _Drawn(_Rule):
    """What a person drew over the plane of two columns; in a tomogram also from where to where across it."""

    columns: tuple[str, str]  # across, upwards
    tomogram: str | None = None
    depth: tuple[str, float, float] | None = None  # column, from, to

    def _mask(self, known: Known, among: Mask) -> Mask:
        here = among
        if self.tomogram is not None:
            here = OfClasses(column=TOMOGRAM, classes=(self.tomogram,)).mask(known, here)
        if self.depth is not None:
            column, low, high = self.depth
            here = Between(column=column, low=low, high=high).mask(known, here)
        x, y = (known.numbers(column) for column in self.columns)
        rows = np.flatnonzero(here & np.isfinite(x) & np.isfinite(y))
        result = np.zeros(len(known), dtype=bool)
        result[rows[self._meets(x[rows], y[rows])]] = True
        return result

    @abstractmethod
    def _meets(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        """Return (n,) which points lie in what was drawn."""

    def _where(self) -> str:
        place = f"{self.columns[0]} and {self.columns[1]}" if self.tomogram is None else self.tomogram
        return place if self.depth is None else f"{place}, {self.depth[0]} {self.depth[1]:.0f} to {self.depth[2]:.0f} Å"


class Lasso(_Drawn):
    """Particles within a polygon, by the even-odd rule."""

    rule: Literal["lasso"] = "lasso"
    polygon: Corners

    def _meets(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        return in_polygon(x, y, self.polygon)

    @property
    def text(self) -> str:  # noqa: D102
        return f"lasso in {self._where()}"


class Rectangle(_Drawn):
    """Particles within an upright rectangle."""

    rule: Literal["rectangle"] = "rectangle"
    x: tuple[float, float]
    y: tuple[float, float]

    def _meets(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        across = (x >= self.x[0]) & (x <= self.x[1])
        return np.asarray(across & (y >= self.y[0]) & (y <= self.y[1]), dtype=bool)

    @property
    def text(self) -> str:  # noqa: D102
        return f"box in {self._where()}"


class Brush(_Drawn):
    """Particles within a radius of a path."""

    rule: Literal["brush"] = "brush"
    path: Corners
    radius: float = Field(gt=0)

    def _meets(self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Mask:
        return near_path(x, y, self.path, self.radius)

    @property
    def text(self) -> str:  # noqa: D102
        return f"brush in {self._where()}"


class Listed(_Rule):
    """Particles of a table (.csv) with the columns tomogram and particle."""

    rule: Literal["ids"] = "ids"
    path: Path

    def _mask(self, known: Known, among: Mask) -> Mask:
        return among & known.listed({particle for particle, _ in read_particle_table(self.path)}, self.path)

    @property
    def text(self) -> str:  # noqa: D102
        return f"listed in {self.path.name}"


Rule = Annotated[
    OfClasses | Between | Outliers | Apart | FromFaces | AtRandom | Lasso | Rectangle | Brush | Listed,
    Field(discriminator="rule"),
]
