"""Selections under names: made of what is selected or of one another, and kept beside the run as files.

Whatever is done to them can be taken back, on the disk too. Those of a star file without a run are kept in memory until
a folder is chosen for them.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_tomodrgn.analysis.rule_trees import Tree, combined, from_selection, in_words, inverted, parent_of
from napari_tomodrgn.analysis.select_options import plain_name
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import explain_os_error
from napari_tomodrgn.particles.particle_set import ParticleId
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.viewer.history import Change

if TYPE_CHECKING:
    from napari_tomodrgn.viewer.session import How, Session

Mask = npt.NDArray[np.bool_]
Named = dict[str, Selection]
Changed = dict[str, Selection | None]  # None: deleted
JOINED = {"add": "or", "intersect": "and", "subtract": "without"}


@dataclass(frozen=True)
class Counts:
    """How many particles of a selection are in the open data set, and how many are not."""

    here: int
    missing: int


@dataclass(frozen=True)
class ReadSelections:
    """What a folder holds: selections by name, and a sentence for each file that could not be read."""

    selections: Named
    troubles: tuple[str, ...]


def read_selections(folder: Path) -> ReadSelections:
    """Read all selections in a folder; a file that can't be read is said to be so, and the others are read."""
    found: Named = {}
    troubles = []
    for path in sorted(folder.glob("*.json")):
        if path.name.startswith("."):  # being written
            continue
        try:
            found[path.stem] = replace(Selection.load(path), name=path.stem)
        except InputError as error:
            troubles.append(str(error))
    return ReadSelections(found, tuple(troubles))


class NamedSelections:
    """The named selections of a session's data set.

    Attributes
    ----------
    folder
        Where they are kept as ``NAME.json``, ``None`` where nowhere yet.
    troubles
        A sentence for each file there that could not be read.
    version
        Grows with every change, so that what was read before it is not taken for what is there.
    """

    changed = Signal()

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.folder: Path | None = None
        self.troubles: tuple[str, ...] = ()
        self.version = 0
        self._named: Named | None = {}  # None: not read yet
        self._masks: dict[str, tuple[Selection, Mask]] = {}
        session.data_changed.connect(self._new_data)

    def _new_data(self) -> None:
        run = self._session.run
        self.folder = None if run is None else run.path / layout.SELECTIONS
        self._named = {} if self.folder is None else None
        self.troubles = ()
        self._masks.clear()
        self.version += 1
        self.changed.emit()

    @property
    def unread(self) -> Path | None:
        """The folder that has not been read yet, so that somebody may do it beside the window."""
        return self.folder if self._named is None else None

    def take_up(self, found: ReadSelections) -> None:
        """Take up what was read of the folder."""
        self._named, self.troubles = dict(found.selections), found.troubles
        self.changed.emit()

    def read_again(self) -> None:
        """Look at the folder anew, for what others wrote there."""
        if self.folder is not None:
            self.take_up(read_selections(self.folder))

    @property
    def _all(self) -> Named:
        if self._named is None:
            assert self.folder is not None
            found = read_selections(self.folder)
            self._named, self.troubles = found.selections, found.troubles
        return self._named

    @property
    def names(self) -> list[str]:
        """Their names, in order."""
        return sorted(self._all)

    def __contains__(self, name: object) -> bool:
        return name in self._all

    def __getitem__(self, name: str) -> Selection:
        """Return a selection.

        Raises
        ------
        InputError
            Where there is none of that name.
        """
        if name not in self._all:
            raise InputError(
                f"selection {name}: is not there (any more); choose one of: {', '.join(self.names) or '-'}"
            )
        return self._all[name]

    def mask(self, name: str) -> Mask:
        """Return (N,) which particles of the data set are in a selection."""
        selection = self[name]
        known = self._masks.get(name)
        if known is None or known[0] is not selection:
            mask = np.zeros(len(self._session), dtype=bool)
            rows = (self._session.row_of(particle) for particle in selection.ids)
            mask[[row for row in rows if row is not None]] = True
            known = self._masks[name] = (selection, mask)
        return known[1]

    def counts(self, name: str) -> Counts:
        """Return how many of its particles are in the data set, which are those that are selected and written."""
        here = int(self.mask(name).sum())
        return Counts(here, len(self[name]) - here)

    def missing(self, name: str) -> list[ParticleId]:
        """Return which of its particles are not in the data set, in order."""
        return sorted(particle for particle in self[name].ids if self._session.row_of(particle) is None)

    def in_words(self, name: str) -> str:
        """Return how a selection was made."""
        return in_words(self[name].created_from)

    def take(self, name: str, how: "How" = "replace") -> None:
        """Select the particles of a selection."""
        self._session.select(self.mask(name), from_selection(name, self[name].created_from), how)

    # changes

    def keep(self, name: str) -> None:
        """Give what is selected a name.

        Raises
        ------
        InputError
            Where nothing is selected, the name is taken or can't become a file's, or the file can't be written.
        """
        if not self._session.selected.any():
            raise InputError(f"selection {name}: no particle is selected; select one or more first")
        selection = self._session.as_selection(self._free(name))
        self._add(f"name {name}", replace(selection, parent=parent_of(selection.created_from)))

    def keep_ids(self, name: str, ids: Collection[ParticleId], tree: Tree) -> None:
        """Give particles a name that a rule means.

        Raises
        ------
        InputError
            As of :meth:`keep`.
        """
        run = self._session.run
        origin = None if run is None else str(run.path.absolute())
        self._add(f"name {name}", Selection(self._free(name), frozenset(ids), dict(tree), parent_of(tree), origin))

    def join(self, how: "How", names: Sequence[str], name: str) -> None:
        """Make a selection of several: of particles in any (add), in all (intersect), or in the first alone (subtract).

        Raises
        ------
        InputError
            Where no particle is left, or as of :meth:`keep`.
        """
        first, *others = (self[each] for each in names)
        ids = first.ids
        for other in others:
            ids = {"add": ids | other.ids, "intersect": ids & other.ids, "subtract": ids - other.ids}[how]
        if not ids:
            raise InputError(f"{f' {JOINED[how]} '.join(names)}: holds no particle, so there is nothing to keep")
        tree = combined(how, [from_selection(each, self[each].created_from) for each in names])
        self._add(f"make {name}", Selection(self._free(name), ids, tree, first.name, first.run))

    def turn_round(self, before: str, name: str) -> None:
        """Make a selection of the data set's particles that are not in one.

        Raises
        ------
        InputError
            Where all are, or as of :meth:`keep`.
        """
        assert self._session.particle_set is not None
        selection = self[before]
        ids = frozenset(self._session.particle_set.ids) - selection.ids
        if not ids:
            raise InputError(f"selection {before}: holds all particles, so there are no others")
        tree = inverted(from_selection(before, selection.created_from))
        self._add(f"make {name}", Selection(self._free(name), ids, tree, before, selection.run))

    def rename(self, before: str, after: str) -> None:
        """Give a selection another name; those that were made of it keep the name that it had.

        Raises
        ------
        InputError
            As of :meth:`keep`.
        """
        if before != after:
            selection = self[before]
            self._change(f"rename {before}", {self._free(after): replace(selection, name=after), before: None})

    def delete(self, names: Sequence[str]) -> None:
        """Delete selections, and their files."""
        there = [name for name in names if name in self._all]
        if there:
            self._change(f"delete {', '.join(there)}", dict.fromkeys(there))

    def keep_in(self, folder: Path) -> None:
        """Keep the selections in a folder from now on, those of a star file without a run.

        Raises
        ------
        InputError
            Where a selection of one of their names is there already, or the folder can't be written.
        """
        for name in self.names:
            if (folder / f"{name}.json").exists():
                raise InputError(f"{folder / f'{name}.json'}: exists already; rename the selection, or choose a folder")
        named = self._all
        there = read_selections(folder)
        self.folder = folder
        _write(dict(named), folder)
        self.take_up(replace(there, selections={**there.selections, **named}))

    def _free(self, name: str) -> str:
        """Return a name that a new selection can have."""
        try:
            plain_name(name)
        except ValueError as error:
            raise InputError(f"name {name!r}: {error}") from error
        if name in self._all or (self.folder is not None and (self.folder / f"{name}.json").exists()):
            raise InputError(f"selection {name}: exists already; choose another name, or delete it first")
        return name

    def _add(self, what: str, selection: Selection) -> None:
        self._change(what, {selection.name: selection})

    def _change(self, what: str, after: Changed) -> None:
        """Change some selections and no others: what another program wrote meanwhile stays when it is taken back."""
        before = {name: self._all.get(name) for name in after}
        self._session.history.do(Change(what, self._give, before, after))

    def _give(self, changed: Any) -> None:
        if self.folder is not None:
            _write(changed, self.folder)
        kept = {name: own for name, own in self._all.items() if name not in changed}
        self._named = {**kept, **{name: own for name, own in changed.items() if own is not None}}
        self.version += 1
        self.changed.emit()


def _write(changed: Changed, folder: Path) -> None:
    """Write selections and remove the files of those that are ``None``: all of it, or where one can't be, none."""
    if not folder.parent.is_dir():  # a folder made anew there would pass for the run
        raise RunError(f"{folder.parent}: is not there any more; see that its disk is connected, then try again")
    written: list[Path] = []
    try:
        for name, selection in changed.items():
            if selection is not None:
                path = folder / f"{name}.json"
                selection.save(path)
                written.append(path)
        for path in (folder / f"{name}.json" for name, selection in changed.items() if selection is None):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise explain_os_error(error, path) from error
    except (InputError, RunError):
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise
