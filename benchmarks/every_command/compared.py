"""What two ways of asking have written, number by number."""

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mrcfile
import numpy as np
import torch

PICTURES = (".png", ".pdf", ".svg", ".gif", ".html")  # drawn from the numbers; only that they are there is compared
TEXTS = (".star", ".cxc", ".tbl", ".doc", ".txt", ".pdb", ".cif")
LEFT_OUT = re.compile(
    r"seconds|created|made_at|time|date|particles_per_second|peak_memory|log\.txt|created_from|last\.json"
)
TOKENS = re.compile(r"[\s,]+")
Stamps = dict[str, tuple[int, int]]
Leaves = dict[str, Any]


@dataclass
class Compared:
    """How much was compared, and the largest relative difference of two numbers.

    Attributes
    ----------
    differing
        What is not the same in words, or there in one of the two only.
    """

    files: int = 0
    pictures: int = 0
    numbers: int = 0
    difference: float = 0.0
    differing: list[str] = field(default_factory=list)

    def arrays(self, where: str, one: Any, other: Any) -> None:
        """Compare arrays, relative to the largest value of either."""
        one, other = np.asarray(one), np.asarray(other)
        if one.shape != other.shape:
            self.differing.append(f"{where}: {one.shape} and {other.shape}")
        elif one.dtype.kind in "iufb":
            self.numbers += one.size
            a, b = (np.nan_to_num(each.astype(np.float64), posinf=1e300, neginf=-1e300) for each in (one, other))
            if not np.array_equal(np.isnan(one.astype(np.float64)), np.isnan(other.astype(np.float64))):
                self.differing.append(f"{where}: NaN in other places")
            largest = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
            if largest:
                self.difference = max(self.difference, float(np.abs(a - b).max() / largest))
        elif not np.array_equal(one, other):
            self.differing.append(f"{where}: other texts")

    def leaves(self, where: str, one: Leaves, other: Leaves) -> None:
        """Compare plain values by their paths: numbers, and texts, which have to be equal."""
        if one.keys() != other.keys():
            self.differing.append(f"{where}: {sorted(one.keys() ^ other.keys())[:4]} in one only")
        for name in one.keys() & other.keys():
            a, b = _number(one[name]), _number(other[name])
            if a is not None and b is not None:
                self.arrays(f"{where} {name}", a, b)
            elif one[name] != other[name]:
                self.differing.append(f"{where} {name}: {one[name]!r:.60} and {other[name]!r:.60}")


def stamps(folder: Path) -> Stamps:
    """Return every file below a folder with its size and time, so that it is seen which ones are new."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def new_files(folder: Path, before: Stamps) -> set[str]:
    """Return the files that are new or changed since."""
    now = stamps(folder)
    return {name for name in now if before.get(name) != now[name] and not LEFT_OUT.search(Path(name).name)}


def compared(one: Path, other: Path, names: set[str], others: set[str]) -> Compared:
    """Compare files of the same names below two folders."""
    found = Compared()
    found.differing += [f"{name}: in one only" for name in sorted(names ^ others)]
    for name in sorted(names & others):
        found.files += 1
        if Path(name).suffix in PICTURES:
            found.pictures += 1
            continue
        compare_file(found, name, one, other)
    if found.numbers == 0 and not found.differing:
        found.differing.append("no number was written")
    return found


def compare_file(found: Compared, name: str, one: Path, other: Path) -> None:
    """Compare two files of one name."""
    suffix, paths = Path(name).suffix, (one / name, other / name)
    if suffix == ".mrc":
        values, sizes = zip(*(_map(path) for path in paths), strict=True)
        found.arrays(name, *values)
        found.arrays(f"{name} voxel size", *sizes)
    elif suffix == ".npy":
        found.arrays(name, *(np.load(path) for path in paths))
    elif suffix == ".npz":
        with np.load(paths[0]) as a, np.load(paths[1]) as b:
            for key in sorted({*a, *b}):
                found.arrays(f"{name} {key}", a.get(key, ()), b.get(key, ()))
    elif suffix == ".pt":
        states = [torch.load(path, weights_only=True, map_location="cpu")["model"] for path in paths]
        for key in states[0]:
            found.arrays(f"{name} {key}", *(state[key].numpy() for state in states))
    elif suffix in (".json", ".csv", *TEXTS):
        texts = [_plain(path, root) for path, root in zip(paths, (one, other), strict=True)]
        found.leaves(name, *(dict(_values(text, suffix)) for text in texts))
    else:
        found.differing.append(f"{name}: is of a kind that is not compared")


def _values(text: str, suffix: str) -> Iterator[tuple[str, Any]]:
    """Yield the values that a file's text holds, each by its place."""
    if suffix == ".json":
        return leaves_of(json.loads(text))
    if suffix == ".csv":
        return _cells(text)
    return ((f"word {at}", word) for at, word in enumerate(TOKENS.split(text)))


def leaves_of(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the plain values in what JSON holds, each by its path, without times."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not LEFT_OUT.search(str(name)):
                yield from leaves_of(part, f"{at}/{name}")
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from leaves_of(part, f"{at}/{place}")
    else:
        yield at, value


def _cells(text: str) -> Iterator[tuple[str, str]]:
    rows = list(csv.reader(text.splitlines()))
    for number, row in enumerate(rows):
        for head, cell in zip(rows[0], row, strict=False):
            if not LEFT_OUT.search(head):
                yield f"{head} {number}", cell


def _plain(path: Path, root: Path) -> str:
    """Return a file's text in which the folder that it lies below has no name."""
    return path.read_text(encoding="utf-8").replace(str(root), "")


def _map(path: Path) -> tuple[Any, list[float]]:
    with mrcfile.open(path, permissive=True) as stream:
        return stream.data.copy(), [float(each) for each in stream.voxel_size.tolist()]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
