"""What a run came from: the run that its particles were selected in, or its weights taken from, and so on back."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.selection import Selection
from napari_tomodrgn.runs import layout
from napari_tomodrgn.runs.run import Run


@dataclass(frozen=True)
class Ancestor:
    """A run from which another one came.

    Attributes
    ----------
    path
        Where it was, ``None`` where a selection was made without a run.
    run
        It, ``None`` where it is not to be found any more.
    selection_name, selection
        The selection of its particles on which the next run was trained; ``None`` where that took its weights only,
        or the file is gone.
    """

    path: Path | None
    run: Run | None
    selection_name: str | None
    selection: Selection | None


def ancestors(run: Run) -> list[Ancestor]:
    """Return the runs that a run came from, nearest first, as far back as their folders are there."""
    line: list[Ancestor] = []
    seen = {run.path.resolve()}
    child: Run | None = run
    while child is not None and child.document.get("parent") is not None:
        ancestor = _parent(child)
        line.append(ancestor)
        child = ancestor.run
        if child is not None:
            if child.path.resolve() in seen:
                break
            seen.add(child.path.resolve())
    return line


def parent_folder(child: Run) -> Path | None:
    """Return the folder of the run that a run came from: where it was, or beside the run; ``None`` where it has none.

    Projects are copied as a whole, so that a parent that is not where it was may be beside its child.
    """
    recorded = (child.document.get("parent") or {}).get("run")
    if not isinstance(recorded, str):
        return None
    said, own = Path(recorded), child.path.absolute()
    beside = own.parent / said.name
    moved = not (said / layout.DOCUMENT).is_file() and (beside / layout.DOCUMENT).is_file() and beside != own
    return beside if moved else said


def run_of_selection(path: Path) -> Run | None:
    """Return the run that a selection was made in: where it was, or around the file; ``None`` where it is not found."""
    recorded = Selection.load(path).run
    places = [] if recorded is None else [Path(recorded)]
    for place in (*places, path.absolute().parent.parent):
        with suppress(InputError):
            return Run.open(place)
    return None


def _parent(child: Run) -> Ancestor:
    recorded, name = (child.document["parent"].get(each) for each in ("run", "selection"))
    folder = parent_folder(child)
    found: Run | None = None
    if folder is not None:
        with suppress(InputError):
            found = Run.open(folder)
    path = None if recorded is None else Path(str(recorded))
    return Ancestor(path, found, name, None if name is None else _selection(child, found, str(name)))


def _selection(child: Run, parent: Run | None, name: str) -> Selection | None:
    """Return the selection a run was trained on: from the file it was given, or by its name from the parent."""
    given = child.settings.get("selection")
    places = [] if given is None else [Path(str(given))]
    if parent is not None:
        places.append(parent.path / layout.SELECTIONS / f"{name}.json")
    for place in places:
        try:
            selection = Selection.load(place)
        except InputError:
            continue
        if selection.name == name:
            return selection
    return None
