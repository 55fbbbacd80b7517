"""Tables (.csv) that name particles, one a line, by tomogram and name."""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.particle_set import ParticleId


def read_particle_table(path: Path, required: Sequence[str] = ()) -> Iterator[tuple[ParticleId, Mapping[str, str]]]:
    """Yield (id, row) of every line of a CSV file with the columns tomogram and particle; all values are text.

    One row at a time: of a large table, the dictionaries of all rows keep Python's garbage collector busy, and with it
    every thread.

    Raises
    ------
    InputError
        Where the file is missing, is no such table, or lacks a ``required`` column or a value of one.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            yield from _rows(csv.DictReader(stream), path, ("tomogram", "particle", *required))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such table; give a .csv with the columns tomogram and particle") from error
    except IsADirectoryError as error:
        raise InputError(f"{path}: is a folder; give a .csv with the columns tomogram and particle") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: is not a table of text; give a .csv with the columns tomogram and particle"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); check the path and its permissions") from error


def _rows(
    reader: "csv.DictReader[str]", path: Path, required: Sequence[str]
) -> Iterator[tuple[ParticleId, Mapping[str, str]]]:
    columns = reader.fieldnames or ()
    if not columns:
        raise InputError(f"{path}: is empty; give a .csv with the columns tomogram and particle")
    missing = [column for column in required if column not in columns]
    if missing:
        found = ", ".join(columns) or "none"
        raise InputError(f"{path}: has no column {missing[0]} (found: {found}); add it to the first line")
    for number, row in enumerate((row for row in reader if any(row.values())), start=2):
        if any(row[column] is None for column in required):
            raise InputError(f"{path}, line {number}: has fewer values than the {len(columns)} columns; complete it")
        yield (row["tomogram"], row["particle"]), row


def refuse_twice(path: Path, ids: Iterable[ParticleId]) -> None:
    """Raise one sentence where a table whose lines, after the first, are of these particles has one of them twice."""
    seen: set[ParticleId] = set()
    for number, particle in enumerate(ids, start=2):
        if particle in seen:
            tomogram, name = particle
            raise InputError(
                f"{path}, line {number}: particle {name} of tomogram {tomogram} occurs twice; keep one row"
            )
        seen.add(particle)
