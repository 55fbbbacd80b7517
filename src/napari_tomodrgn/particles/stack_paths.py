"""Where the image stacks of a star file lie: one rule for all of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

_SAMPLE = 16
Rule = Callable[[str], Path]


def resolve(names: Sequence[str], star: Path, datadir: Path | None = None) -> tuple[str, ...]:
    """Return the path of every stack under one rule, empty strings for those that are not there.

    The rules, in order: as written; relative to the star's folder, to that folder's parent, to the parent's parent (a
    RELION project seen from its job), to ``datadir``; then by base name under each of these folders, where base names
    are distinct. The first rule under which every stack exists wins, else the one that finds most.
    """
    best: tuple[str, ...] = ("",) * len(names)
    found = 0
    for rule, base_name_only in _rules(star, datadir):
        if base_name_only and len({Path(name).name for name in names}) < len(names):
            continue
        if not any(rule(name).is_file() for name in names[:_SAMPLE]) and not rule(names[-1]).is_file():
            continue
        paths = tuple(_absolute(path) if path.is_file() else "" for path in map(rule, names))
        count = sum(map(bool, paths))
        if count == len(names):
            return paths
        if count > found:
            best, found = paths, count
    return best


def _absolute(path: Path) -> str:
    return str(path.resolve() if ".." in path.parts else path.absolute())


def places(name: str, star: Path, datadir: Path | None = None) -> list[Path]:
    """Return every place where a stack is looked for, in order."""
    return list(dict.fromkeys(rule(name) for rule, _ in _rules(star, datadir)))


def _rules(star: Path, datadir: Path | None) -> list[tuple[Rule, bool]]:
    here = star.absolute().parent
    folders = [here, here.parent, here.parent.parent]
    if datadir is not None:
        folders.append(Path(datadir).absolute())
    rules: list[tuple[Rule, bool]] = [(Path, False)]
    rules += [(folder.joinpath, False) for folder in folders]
    rules += [(_base_name_under(folder), True) for folder in folders]
    return rules


def _base_name_under(folder: Path) -> Rule:
    return lambda name: folder / Path(name).name
