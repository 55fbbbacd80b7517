"""Where a run came from and what came of it: runs, the selections made in them, and the runs trained on those."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.ancestry import parent_folder
from napari_tomodrgn.runs.run import Run


@dataclass(frozen=True)
class Descent:
    """A run or a selection, and what was made of it.

    Attributes
    ----------
    kind, name
        What it is; a run is named by its folder.
    path
        Its folder or file, where it is or was said to be; ``None`` where nothing says.
    missing
        Whether it is not there (any more).
    particles
        How many it has, ``None`` where unknown.
    status
        Of a run.
    made
        Of a selection, by which rules.
    """

    kind: Literal["run", "selection"]
    name: str
    path: Path | None
    missing: bool = False
    particles: int | None = None
    status: str = ""
    made: Mapping[str, Any] = field(default_factory=dict)
    children: tuple["Descent", ...] = ()


def lineage(path: Path) -> Descent:
    """Return the tree that a run stands in, from the oldest of its parents on.

    Runs are looked for where ``parent`` in run.json says, and beside them; a parent that was moved along with its child
    is found beside it. Parents that are not there are in the tree as missing.

    Raises
    ------
    InputError
        Where there is no run.
    """
    runs = _Runs(path)
    tree = runs.descent(runs.oldest, set())
    picked = runs.selected_without_run
    return tree if picked is None else Descent("selection", picked, None, missing=True, children=(tree,))


class _Runs:
    """Runs of one family by folder, and whose children they are."""

    def __init__(self, path: Path) -> None:
        run = Run.open(path)
        self._runs = {run.path.resolve(): run}
        self.oldest = run.path.resolve()
        folders = {self.oldest.parent}
        above = self._parent_of(self.oldest)
        while above is not None and above not in self._runs:  # which it is where runs name one another in a circle
            self.oldest = above
            folders.add(above.parent)
            try:
                self._runs[above] = Run.open(above)
            except InputError:
                break
            above = self._parent_of(above)
        for beside in (each for folder in folders for each in _runs_in(folder)):
            self._runs.setdefault(beside.path.resolve(), beside)
        self._children: dict[Path, dict[str | None, list[Path]]] = defaultdict(lambda: defaultdict(list))
        for folder in sorted(self._runs):
            if folder != self.oldest and (above := self._parent_of(folder)) is not None:
                self._children[above][(self._runs[folder].document["parent"] or {}).get("selection")].append(folder)

    def _parent_of(self, folder: Path) -> Path | None:
        run = self._runs.get(folder)
        parent = None if run is None else parent_folder(run)
        return None if parent is None else parent.resolve()

    @property
    def selected_without_run(self) -> str | None:
        """The selection that the oldest run was trained on, where it was made of a star file alone."""
        parent = self._runs[self.oldest].document.get("parent") if self.oldest in self._runs else None
        return parent.get("selection") if parent and parent.get("run") is None else None

    def descent(self, folder: Path, above: set[Path]) -> Descent:
        """Return the tree of a run, which is below others."""
        run = self._runs.get(folder)
        children = self._children.get(folder, {})
        selections = {} if run is None else _selections(run)
        below = {name: self._trained_on(children.get(name, []), above | {folder}) for name in {*children, *selections}}
        gone = sorted(name for name in children if name is not None and name not in selections)
        parts = [
            *_nested(selections, below),
            *(Descent("selection", name, folder / layout.SELECTIONS / f"{name}.json", True, children=below[name])
              for name in gone),
            *below.get(None, ()),
        ]  # fmt: skip
        if run is None:
            return Descent("run", folder.name, folder, missing=True, children=tuple(parts))
        count = run.document["data"].get("particles")
        particles = count if isinstance(count, int) else None
        return Descent("run", folder.name, folder, False, particles, run.status, children=tuple(parts))

    def _trained_on(self, folders: Iterable[Path], above: set[Path]) -> tuple[Descent, ...]:
        return tuple(self.descent(folder, above) for folder in folders if folder not in above)


def _runs_in(folder: Path) -> Iterable[Run]:
    """Yield the runs in a folder that can be opened."""
    try:
        there = sorted(each.parent for each in folder.glob(f"*/{layout.DOCUMENT}"))
    except OSError:
        return
    for path in there:
        try:
            yield Run.open(path)
        except InputError:
            continue


def _selections(run: Run) -> dict[str | None, Selection | None]:
    """Return a run's selections by name, ``None`` for one that can't be read."""
    found: dict[str | None, Selection | None] = {}
    for name in run.selections():
        try:
            found[name] = run.selection(name)
        except InputError:
            found[name] = None
    return found


def _nested(
    selections: Mapping[str | None, Selection | None], below: Mapping[str | None, tuple[Descent, ...]]
) -> list[Descent]:
    """Return selections that were made of no other one here, those made of them below them, and runs below all."""
    parents = {name: own.parent if own is not None else None for name, own in selections.items()}

    def node(name: str | None, above: frozenset[str | None]) -> Descent:
        own = selections[name]
        made_of_it = [node(each, above | {name}) for each in selections if parents[each] == name and each not in above]
        return Descent(
            "selection", str(name), None, own is None, None if own is None else len(own),
            made={} if own is None else own.created_from, children=(*made_of_it, *below[name]),
        )  # fmt: skip

    first = [name for name in selections if parents[name] not in selections or _is_in_circle(name, parents)]
    return [node(name, frozenset([name])) for name in first]


def _is_in_circle(name: str | None, parents: Mapping[str | None, str | None]) -> bool:
    seen = {name}
    while (name := parents.get(name)) is not None:
        if name in seen:
            return True
        seen.add(name)
    return False
