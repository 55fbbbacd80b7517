"""Results of ``neighbors`` as they are read back, for the particles of a data set that is open."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.analysis.folder import read_labels
from napari_tomodrgn.analysis.spatial.chains import ALONE
from napari_tomodrgn.analysis.spatial.enrichment import log2_ratio
from napari_tomodrgn.analysis.spatial.handedness import STRAIGHT, torsions
from napari_tomodrgn.analysis.spatial.labelling import class_column
from napari_tomodrgn.analysis.spatial.places import Floats, Integers
from napari_tomodrgn.analysis.spatial.tables import CHAINS, DOCUMENT, LINKS, PARTICLES
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId, ParticleSet
from napari_tomodrgn.particles.writing import CLASS_COLUMN

AGAIN = "run `neighbors` again"
_FORMAT = 1


@dataclass(frozen=True)
class StoredChains:
    """C chains of N particles.

    Attributes
    ----------
    edges
        (E, 2) rows of one particle and the next.
    number
        (E,) which chain each is of, as the tables number them.
    numbers
        (C,) of the chains, ascending.
    members
        The rows of each chain, in order.
    torsion
        (C,) degrees, the median of every four in a row, above 0 right-handed; NaN of fewer than four.
    """

    edges: Integers
    number: Integers
    numbers: Integers
    members: tuple[Integers, ...]
    torsion: Floats

    @cached_property
    def lengths(self) -> Integers:
        """(C,) particles of each."""
        return np.array([len(each) for each in self.members], dtype=np.int64)

    @cached_property
    def rows(self) -> Integers:
        """The rows of all chains, one chain after the other."""
        return np.concatenate([*self.members, np.zeros(0, np.int64)])

    def winds(self, place: int) -> str:
        """Return which way a chain winds: ``right``, ``left`` or ``neither``; nothing of fewer than four particles."""
        torsion = float(self.torsion[place])
        if np.isnan(torsion):
            return ""
        return "right" if torsion > STRAIGHT else "left" if torsion < -STRAIGHT else "neither"

    def places_of(self, rows: npt.ArrayLike) -> Integers:
        """Return which chains hold any of some particles, as places in the list."""
        of_member = np.repeat(np.arange(len(self.members)), self.lengths)
        held = np.isin(self.rows, rows)
        return np.unique(of_member[held]).astype(np.int64)


@dataclass(frozen=True)
class StoredEnrichment:
    """What was found among the neighbours of each of K classes (rows) of each (columns), (K, K) each.

    Attributes
    ----------
    names
        Of the classes.
    observed, expected
        Neighbours counted, and what chance gives.
    low, high
        95 % interval of log₂ of their ratio, NaN where the pair is expected in one tomogram only, or found in none.
    p, p_adjusted
        Of each pair by itself, and family-wise; NaN where it is too rare to be tested.
    null
        How labels were dealt out: ``tomogram`` or ``blocks``.
    nearest
        How many neighbours of each particle were counted.
    """

    names: tuple[str, ...]
    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    p: Floats
    p_adjusted: Floats
    null: str
    nearest: int

    @property
    def counted(self) -> str:
        """Which neighbours were counted, in words."""
        return "the nearest" if self.nearest == 1 else f"the {self.nearest} nearest"

    @property
    def log2_ratio(self) -> Floats:
        """(K, K): -inf where none were observed, NaN where none are expected."""
        return log2_ratio(self.observed, self.expected)


@dataclass(frozen=True)
class StoredNeighbours:
    """A result, in the order of N particles.

    Attributes
    ----------
    folder, document
        Where it lies, and neighbours.json.
    known
        (N,) which particles it tells of.
    distance
        (N,) Å to the nearest neighbour, NaN without one.
    links
        (P, 2) rows of a particle and of one of the neighbours counted.
    rank
        (P,) 1 for the nearest.
    codes, names
        (N,) classes, -1 without one, and their names; ``None`` where there are none, or ``trouble`` says why they
        can't be told any more.
    chains, enrichment
        ``None`` where they were not looked for.
    """

    folder: Path
    document: Mapping[str, Any]
    known: npt.NDArray[np.bool_]
    distance: Floats
    links: Integers
    rank: Integers
    codes: Integers | None
    names: tuple[str, ...]
    trouble: str | None
    chains: StoredChains | None
    enrichment: StoredEnrichment | None

    @property
    def name(self) -> str:
        """That of the folder, with which the columns of its tables begin."""
        return self.folder.name

    @property
    def labels(self) -> str | None:
        """The name of the labelling, ``None`` where there were no classes."""
        classes = self.document.get("classes")
        return None if not classes else str(classes["labels"])

    @property
    def warnings(self) -> tuple[str, ...]:
        """What it says to be careful about."""
        return tuple(map(str, self.document.get("warnings", ())))

    @property
    def box_diameter(self) -> float | None:
        """Å, of the images; ``None`` where it was not known."""
        found = self.document.get("box_diameter")
        return None if found is None else float(found)


def read_neighbours(folder: Path, particle_set: ParticleSet) -> StoredNeighbours:
    """Read a result of ``neighbors`` on some or all particles of a data set.

    Raises
    ------
    InputError
        Where a file is missing or can't be read, or it is a result on other particles.
    """
    document = _document(folder / DOCUMENT)
    rows_of = _Rows(particle_set.ids)
    own = _table(folder / PARTICLES, ("tomogram", "particle"), ("nearest_distance",))
    rows = rows_of.find(own["tomogram"], own["particle"], folder / PARTICLES)
    known, distance = np.zeros(len(particle_set), dtype=bool), np.full(len(particle_set), np.nan)
    known[rows], distance[rows] = True, own["nearest_distance"].to_numpy(np.float64)
    table = _table(folder / LINKS, ("tomogram", "particle", "neighbour"), ("rank",))
    ends = [rows_of.find(table["tomogram"], table[end], folder / LINKS) for end in ("particle", "neighbour")]
    try:
        codes, names, trouble = _classes(folder, document, particle_set, known)
        enrichment = _enrichment(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / DOCUMENT}: lacks what belongs in it ({error}); {AGAIN}") from error
    chains = None if document.get("chains") is None else _chains(folder / CHAINS, particle_set, rows_of, document)
    links, rank = np.stack(ends, axis=1), table["rank"].to_numpy(np.int64)
    return StoredNeighbours(
        folder, document, known, distance, links, rank, codes, names, trouble, chains, enrichment
    )  # fmt: skip


class _Rows:
    """Finds the rows of many particles at once."""

    def __init__(self, ids: Sequence[ParticleId]) -> None:
        self._index = pd.Index([f"{tomogram}\0{name}" for tomogram, name in ids])

    def find(self, tomogram: "pd.Series[str]", particle: "pd.Series[str]", path: Path) -> Integers:
        rows = self._index.get_indexer(pd.Index(tomogram + "\0" + particle)).astype(np.int64)
        unknown = np.flatnonzero(rows < 0)
        if len(unknown):
            first = int(unknown[0])
            raise InputError(
                f"{path}: tells of {len(unknown)} particles that are not open, first {particle.iloc[first]} of "
                f"tomogram {tomogram.iloc[first]}; it is a result on other particles: {AGAIN} on this run"
            )
        return rows


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path}: is gone; {AGAIN}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: could not be read ({error}); {AGAIN}") from error
    if not isinstance(document, dict) or not isinstance(document.get("format"), int):
        raise InputError(f"{path}: is no result of `neighbors` (it has no 'format'); {AGAIN}")
    if document["format"] > _FORMAT:
        raise InputError(
            f"{path}: has format {document['format']}, this version reads up to {_FORMAT}; update napari-tomodrgn"
        )
    return document


def _table(path: Path, text: tuple[str, ...], numbers: tuple[str, ...]) -> pd.DataFrame:
    """Return some columns of a table; a name may be NA, and a number may be missing."""
    try:
        return pd.read_csv(
            path,
            usecols=[*text, *numbers],
            dtype=dict.fromkeys(text, "str"),
            keep_default_na=False,
            na_values={name: ["", "nan"] for name in numbers},
        )
    except FileNotFoundError as error:
        raise InputError(f"{path}: is gone, though {DOCUMENT} beside it tells of what was in it; {AGAIN}") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: could not be read ({' '.join(str(error).split())}); {AGAIN}") from error


def _chains(path: Path, particle_set: ParticleSet, rows_of: _Rows, document: Mapping[str, Any]) -> StoredChains:
    table = _table(path, ("tomogram", "particle", "next"), ("chain", "position"))
    table = table.sort_values(["chain", "position"], kind="stable")
    ends = [rows_of.find(table["tomogram"], table[end], path) for end in ("particle", "next")]
    edges, number = np.stack(ends, axis=1).reshape(-1, 2), table["chain"].to_numpy(np.int64)
    numbers, begins = np.unique(number, return_index=True)
    members = tuple(
        np.append(part[:, 0], part[-1, 1]) for part in np.split(edges, begins[1:]) if len(part)
    )  # fmt: skip
    position = particle_set.particles[["x", "y", "z"]].to_numpy(np.float64)
    sign = -1 if document.get("map_hand") == "flip" else 1
    torsion = sign * _median_torsions(members, position)
    return StoredChains(edges, number, numbers.astype(np.int64), members, torsion)


def _median_torsions(members: tuple[Integers, ...], position: Floats) -> Floats:
    """Return degrees (C,): the median torsion of every four in a row of each chain, NaN of fewer than four; at once."""
    result = np.full(len(members), np.nan)
    rows = np.concatenate([*members, np.zeros(0, np.int64)])
    chain = np.repeat(np.arange(len(members)), [len(each) for each in members])
    first = np.flatnonzero(chain[:-3] == chain[3:])
    torsion = pd.Series(torsions(position[rows[first[:, None] + np.arange(4)]]))
    median = torsion.groupby(chain[first]).median()
    result[median.index.to_numpy(np.int64)] = median.to_numpy(np.float64)
    return result


def _enrichment(document: Mapping[str, Any]) -> StoredEnrichment | None:
    found = document.get("enrichment")
    if not found:
        return None
    table = pd.DataFrame(found["pairs"])
    names = tuple(map(str, dict.fromkeys(table["class"])))
    cells = {
        name: table[name].to_numpy(np.float64).reshape(len(names), len(names))
        for name in ("observed", "expected", "low", "high", "p", "p_adjusted")
    }
    return StoredEnrichment(names, **cells, null=str(found["null"]), nearest=int(found["nearest"]))


def _classes(
    folder: Path, document: Mapping[str, Any], particle_set: ParticleSet, known: npt.NDArray[np.bool_]
) -> tuple[Integers | None, tuple[str, ...], str | None]:
    """Return codes (N,), names, and why there are no codes although there were classes."""
    classes = document.get("classes")
    if not classes:
        return None, (), None
    name, names = str(classes["labels"]), tuple(map(str, classes["classes"]))
    sizes = [int(each["particles"]) for each in classes["classes"].values()]
    for path in _label_files(folder, document, name):
        labels = read_labels(path)
        codes = np.array([labels.get(particle, ALONE) for particle in particle_set.ids], dtype=np.int64)
        if _counts(codes, known) == sizes:
            return codes, names, None
    if name == CLASS_COLUMN:
        column = class_column(particle_set, tuple(particle_set.ids))
        if column is not None and _counts(column.codes, known) == sizes:
            return column.codes, names, None
    return None, names, f"{name}: these classes were made anew since, or their table is gone; {AGAIN}"


def _label_files(folder: Path, document: Mapping[str, Any], name: str) -> list[Path]:
    """Return where the labels may lie: in the epoch's folder, and where the command was told that they are."""
    given = document.get("settings", {}).get("labels")
    there = [folder.parent.parent / f"labels-{name}.csv", *([] if given is None else [Path(str(given))])]
    return [path for path in there if path.is_file()]


def _counts(codes: Integers, known: npt.NDArray[np.bool_]) -> list[int]:
    counts: list[int] = np.bincount(codes[known & (codes >= 0)]).tolist()
    return counts
