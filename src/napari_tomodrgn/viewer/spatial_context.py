"""What the Spatial context widget knows: a result of ``neighbors`` on the open run, and what it selects. No Qt.

Results lie in the analysis folder of the open epoch, a folder each. One at a time is looked at; what is chosen in it
becomes the session's selection, so that every view shows it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from psygnal import Signal

from napari_tomodrgn.analysis.columns import Classes, Numbers
from napari_tomodrgn.analysis.folder import AnalysisFolder
from napari_tomodrgn.analysis.rule_trees import combined
from napari_tomodrgn.analysis.rules import Between
from napari_tomodrgn.analysis.spatial.cautions import NEIGHBOUR_IN_IMAGE
from napari_tomodrgn.analysis.spatial.places import Integers
from napari_tomodrgn.analysis.spatial.stored import StoredNeighbours, read_neighbours
from napari_tomodrgn.analysis.spatial.tables import DOCUMENT
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleSet
from napari_tomodrgn.viewer.colouring import Colour, legend_of, palette_of
from napari_tomodrgn.viewer.session import How, Mask, Rows, Session

COLUMNS = {
    "nearest distance": "distance to the nearest",
    "chain length": "length of its chain",
    "position in chain": "position in its chain",
    "segment distance": "distance to the segmentation",
    "share of own class": "share of its own class beside it",
    "relative angle": "angle to the nearest",
}  # of tables of neighbours, as the session names them after the result's name, and what they are in words
MOST_IN_RULE = 50  # chains that a rule names; more are only counted
NO_RUN = "Open a run first (Dataset ▸ Open run)"
NO_RESULT = "Nothing is known yet of neighbours in this epoch: look for them (Analyse ▸ Neighbours in the tomogram)"
NO_CHAINS = (
    "Chains were not looked for: give --chain-direction (Analyse ▸ Neighbours in the tomogram), a direction or peak"
)
NOTHING_FITS = "No two particles fit the rule for chains: give a wider angle or distance"
NULLS = {
    "tomogram": "labels dealt out anew within tomograms",
    "blocks": "labels dealt out anew within blocks of 8 to 15 particles, less what the classes about them foretell",
}  # what chance is


class SpatialContext:
    """A result on the open run.

    Attributes
    ----------
    names
        Of the results that there are.
    name
        Of the one that is looked at, ``None`` where there is none.
    found
        What was read of it, ``None`` before, and where it could not be read.
    trouble
        Why it could not be read.
    """

    changed = Signal()  # which results there are, or what was read

    def __init__(self, session: Session) -> None:
        self.session = session
        self.names: tuple[str, ...] = ()
        self.name: str | None = None
        self.found: StoredNeighbours | None = None
        self.trouble: str | None = None
        self._written: dict[str, int] = {}  # when each was, in ns
        self._of: tuple[ParticleSet | None, Path | None] = None, None  # what was read is of
        session.data_changed.connect(self.refresh)
        session.epochs_changed.connect(self.refresh)
        session.neighbours.changed.connect(self._follow)
        self.refresh()

    # which there are

    @property
    def folder(self) -> AnalysisFolder | None:
        """The open epoch's folder of results."""
        run, epoch = self.session.run, self.session.epoch
        return None if run is None or epoch is None else AnalysisFolder(run.path, epoch)

    def refresh(self) -> None:
        """See which results there are now; what is gone, or was made anew, is forgotten."""
        folder = self.folder
        there = [] if folder is None else sorted(folder.path.glob(f"neighbours/*/{DOCUMENT}"))
        written = {each.parent.name: each.stat().st_mtime_ns for each in there}
        particle_set, path = self.session.particle_set, None if folder is None else folder.path
        same = particle_set is self._of[0] and path == self._of[1]
        stays = self.name is not None and same and written.get(self.name) == self._written.get(self.name)
        before, self._written, self._of = self.name, written, (particle_set, path)
        self.names = tuple(written)
        if not stays:
            wanted = self.session.neighbours.style.result
            self.name = next((each for each in (wanted, before, *written) if each in written), None)
            self.found = self.trouble = None
            if before is not None:
                self.session.neighbours.set(interval=None)  # it was of what was shown before
        self.changed.emit()

    def choose(self, name: str) -> None:
        """Look at another result.

        Raises
        ------
        InputError
            Where there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"{name}: is no result of neighbors here; those there are: {', '.join(self.names)}")
        if name != self.name:
            self.session.neighbours.set(result=name, interval=None)

    def _follow(self) -> None:
        """Look at the result that is wanted, where there is one of that name."""
        wanted = self.session.neighbours.style.result
        if wanted in self.names and wanted != self.name:
            self.name, self.found, self.trouble = wanted, None, None
            self.changed.emit()

    def wanted(self) -> tuple[Path, ParticleSet] | None:
        """Return the folder and the particles that are still to be read, by a thread maybe; ``None``: nothing."""
        folder, particle_set = self.folder, self.session.particle_set
        if self.found is not None or self.trouble is not None or self.name is None:
            return None
        return None if folder is None or particle_set is None else (folder.neighbours(self.name), particle_set)

    def read(self) -> None:
        """Read what is still to be read."""
        wanted = self.wanted()
        if wanted is not None:
            self.take(read_or_say(*wanted))

    def take(self, result: "Read") -> None:
        """Take what was read, unless something else is looked at by now."""
        wanted = self.wanted()
        if wanted is not None and wanted[0] == result.folder and wanted[1] is result.particle_set:
            self.found, self.trouble = result.found, result.trouble
            self.changed.emit()

    # what it says

    @property
    def says(self) -> str:
        """What it is about, in words, or why there is nothing."""
        if self.session.run is None:
            return NO_RUN
        if self.name is None:
            return NO_RESULT
        if self.found is None:
            return self.trouble or f"reading {self.name}"
        document, found = self.found.document, self.found
        tomograms = int(document.get("tomograms", 0))
        parts = [
            f"{int(found.known.sum()):,} particles in {tomograms} tomogram{'s' * (tomograms != 1)}",
            "no classes" if found.labels is None else f"classes {found.labels}",
        ]
        if found.enrichment is not None:
            parts.append(f"{found.enrichment.counted} counted, null: {found.enrichment.null}")
        return "; ".join(parts)

    @property
    def caution(self) -> str | None:
        """That classes may have seen the neighbours that they are held against, where the result says so."""
        warnings = () if self.found is None else self.found.warnings
        return next((each for each in warnings if NEIGHBOUR_IN_IMAGE in each), None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What else there is to be careful about."""
        warnings = () if self.found is None else self.found.warnings
        return tuple(each for each in warnings if NEIGHBOUR_IN_IMAGE not in each)

    @property
    def why_no_chains(self) -> str | None:
        """Why there are no chains to be seen, ``None`` where there are."""
        if self.found is None:
            return self.says
        if self.found.chains is None:
            return NO_CHAINS
        return None if len(self.found.chains.numbers) else NOTHING_FITS

    @property
    def columns(self) -> dict[str, str]:
        """Columns of the session that come from this result, by what they are in words."""
        given = {f"{self.name} {column}": words for column, words in COLUMNS.items()}
        there = self.session.columns
        return {words: column for column, words in given.items() if isinstance(there.get(column), Numbers)}

    def class_colours(self) -> list[Colour]:
        """Return a colour for each class: as the session has them, where it has these classes."""
        if self.found is None or self.found.labels is None:
            return []
        column = self.session.columns.get(self.found.labels)
        if isinstance(column, Classes) and len(column.names) == len(self.found.names):
            return [entry.colour for entry in legend_of(column, self.session.styles.get(self.found.labels))]
        return palette_of(self.found.names)

    # selecting

    def select_chains(self, places: Sequence[int], how: How = "replace") -> None:
        """Select the particles of some chains, given by their places in the list."""
        if self.found is None or self.found.chains is None or not len(places):
            return
        chains = self.found.chains
        rows = np.concatenate([chains.members[place] for place in places])
        self.session.select_rows(rows.tolist(), self._rule(chains.numbers[list(places)]), how)

    def chains_of_selected(self) -> Integers:
        """Return the chains that selected particles are in, as places in the list."""
        if self.found is None or self.found.chains is None:
            return np.zeros(0, np.int64)
        return self.found.chains.places_of(np.flatnonzero(self.session.selected))

    def selected_chains(self) -> Integers:
        """Return the chains all of whose particles are selected, as places in the list."""
        chains = None if self.found is None else self.found.chains
        if chains is None or not len(chains.members):
            return np.zeros(0, np.int64)
        selected = self.session.selected[chains.rows]
        begins = np.cumsum(chains.lengths) - chains.lengths
        return np.flatnonzero(np.logical_and.reduceat(selected, begins)).astype(np.int64)

    def _rule(self, numbers: Integers) -> dict[str, Any]:
        """Return the rule that means some chains: by their numbers, where these are a column and not too many."""
        column = f"{self.name} chain"
        runs = np.split(np.sort(numbers), np.flatnonzero(np.diff(np.sort(numbers)) > 1) + 1)
        if column not in self.session.columns or len(runs) > MOST_IN_RULE:
            return {"rule": f"{len(numbers)} chains of {self.name}"}
        trees = [Between(column=column, low=float(run[0]), high=float(run[-1])).tree for run in runs]
        return trees[0] if len(trees) == 1 else combined("add", trees)

    def between(self, low: float, high: float, label: int | None = None) -> Mask:
        """Return (N,) which particles, of a class maybe, have their nearest neighbour between two distances in Å."""
        if self.found is None:
            return np.zeros(len(self.session), dtype=bool)
        inside = (self.found.distance >= low) & (self.found.distance <= high)
        if label is not None and self.found.codes is not None:
            inside &= self.found.codes == label
        return np.asarray(inside, dtype=bool)

    def select_between(self, low: float, high: float, how: How = "replace") -> None:
        """Select the particles whose nearest neighbour is between two distances in Å, ends included."""
        column = f"{self.name} nearest distance"
        if self.found is not None:
            self.session.select(self.between(low, high), Between(column=column, low=low, high=high).tree, how)

    def beside(self, a: int, b: int) -> Rows:
        """Return the particles of class ``a`` that have one of class ``b`` among the neighbours that were counted.

        Raises
        ------
        InputError
            Where it can't be told any more which particle is of which class.
        """
        found = self.found
        if found is None:
            return np.zeros(0, np.int64)
        if found.codes is None:
            raise InputError(found.trouble or f"{found.folder}: knows of no classes; give --labels to neighbors")
        source, target = found.links.T
        return np.unique(source[(found.codes[source] == a) & (found.codes[target] == b)])

    def select_beside(self, a: int, b: int, how: How = "replace") -> None:
        """Select the particles that :meth:`beside` returns.

        Raises
        ------
        InputError
            Where it can't be told any more which particle is of which class.
        """
        rows = self.beside(a, b)
        if self.found is not None and self.found.enrichment is not None:
            names, counted = self.found.names, self.found.enrichment.counted
            rule = f"{names[a]} beside {names[b]} of {self.found.labels}, of {counted}"
            self.session.select_rows(rows.tolist(), {"rule": rule}, how)

    def look_at(self, row: int) -> None:
        """Look at a particle, in its tomogram."""
        tomograms = self.session.columns.get("tomogram")
        if isinstance(tomograms, Classes):
            self.session.open_tomogram(tomograms.names[int(tomograms.codes[row])])
        self.session.look_at(row)


class Read:
    """What came of reading a result: what it says, or why it could not be read."""

    def __init__(self, folder: Path, particle_set: ParticleSet) -> None:
        self.folder, self.particle_set = folder, particle_set
        self.found: StoredNeighbours | None = None
        self.trouble: str | None = None


def read_or_say(folder: Path, particle_set: ParticleSet) -> Read:
    """Read a result; where it can't be, that is said with it. Takes no part in a window, so a thread may do it."""
    result = Read(folder, particle_set)
    try:
        result.found = read_neighbours(folder, particle_set)
    except InputError as error:
        result.trouble = str(error)
    return result
