"""Words that a person gave to single particles while looking at them, as "keep" and "junk": a column like any other."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.analysis.columns import NONE, Classes, Columns
from napari_tomodrgn.analysis.rules import OfClasses
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.viewer.history import Change

if TYPE_CHECKING:
    from napari_tomodrgn.viewer.session import How, Session

COLUMN = "marked"
KEEP, JUNK = "keep", "junk"
Codes = npt.NDArray[np.int64]


class Marks:
    """The marks of a session's particles; every one can be taken back.

    Attributes
    ----------
    column
        Which particle has which mark; the words stay in the order of their first use.
    """

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.column = Classes(np.zeros(0, np.int64), ())
        self._ids: list[ParticleId] = []
        session.data_changed.connect(self._new_data)

    def _new_data(self) -> None:
        """Begin without marks, unless the same particles were opened again, as of another epoch."""
        particle_set = self._session.particle_set
        ids = [] if particle_set is None else particle_set.ids
        if ids != self._ids:
            self._ids, self.column = ids, Classes(np.full(len(ids), NONE), ())
        self._session.columns = self.among(self._session.columns)

    def among(self, columns: Columns) -> Columns:
        """Return columns with that of the marks, where there is any."""
        others = {name: own for name, own in columns.items() if name != COLUMN}
        return {**others, COLUMN: self.column} if self.column.names else others

    def of(self, row: int) -> str:
        """Return the mark of a particle, empty where it has none."""
        code = int(self.column.codes[row])
        return "" if code < 0 else self.column.names[code]

    @property
    def counts(self) -> dict[str, int]:
        """How many particles have each mark, of marks that any has."""
        sizes = zip(self.column.names, self.column.sizes.tolist(), strict=True)
        return {name: size for name, size in sizes if size}

    def mark(self, rows: Sequence[int], word: str) -> None:
        """Give particles a mark, or none by an empty word.

        Raises
        ------
        InputError
            Where the word is none.
        """
        word = word.strip()
        if word.startswith("."):
            raise InputError(f"mark {word!r}: begins with a point, which a selection's name can't; choose another word")
        names = self.column.names
        if word and word not in names:
            names = (*names, word)
        codes = self.column.codes.copy()
        codes[list(rows)] = names.index(word) if word else NONE
        after = Classes(codes, names)
        if after.names != self.column.names or (codes != self.column.codes).any():
            what = f"mark {word}" if word else "take a mark away"
            self._session.history.do(Change(what, self._give, self.column, after))

    def _give(self, column: Any) -> None:
        session = self._session
        before, self.column = self.column, column
        session.columns = self.among(session.columns)
        if session.coloured_by == COLUMN and not column.names:
            session.coloured_by = session.first_colours()
        if before.names and column.names:
            session.labels_changed.emit()
        else:
            session.columns_changed.emit()
        if session.coloured_by == COLUMN or not column.names:
            session.restyled()

    def select(self, word: str, how: "How" = "replace") -> None:
        """Select the particles that have a mark."""
        code = self.column.names.index(word)
        self._session.select(self.column.codes == code, OfClasses(column=COLUMN, classes=(word,)).tree, how)

    def keep_selection(self, word: str) -> None:
        """Make a named selection of the particles that have a mark.

        Raises
        ------
        InputError
            Where there is a selection of that name, or it can't be written.
        """
        name = re.sub(r"[^\w.-]+", "-", word)
        ids = self.as_dict()[word]
        self._session.named.keep_ids(name, ids, OfClasses(column=COLUMN, classes=(word,)).tree)

    def as_dict(self) -> dict[str, list[ParticleId]]:
        """Return the particles of each mark, for a file."""
        particle_set = self._session.particle_set
        ids = [] if particle_set is None else particle_set.ids
        return {
            name: [ids[row] for row in np.flatnonzero(self.column.codes == code)]
            for code, name in enumerate(self.column.names)
        }

    def restore(self, marks: Mapping[str, Sequence[ParticleId]]) -> int:
        """Take up what :meth:`as_dict` returned, and return how many particles are not in the set."""
        codes, lost = np.full(len(self._session), NONE), 0
        for code, particles in enumerate(marks.values()):
            for particle in particles:
                row = self._session.row_of(particle)
                if row is None:
                    lost += 1
                else:
                    codes[row] = code
        self._give(Classes(codes, tuple(marks)))
        return lost
