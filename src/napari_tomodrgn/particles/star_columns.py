"""Columns of a star block: by pandas' C parser where the text is plain and long, by a tokeniser elsewhere."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_tomodrgn.errors import InputError

if TYPE_CHECKING:
    from napari_tomodrgn.particles.star import Block

Strings = npt.NDArray[np.object_]
Floats = npt.NDArray[np.float64]
Codes = tuple[npt.NDArray[np.int64], Strings]


@dataclass(frozen=True)
class Table:
    """Columns of one block by name: strings as written, numbers, and (row codes, distinct values)."""

    strings: dict[str, Strings]
    floats: dict[str, Floats]
    codes: dict[str, Codes]


TOKEN = re.compile(
    rb"""(?P<single>'(?:[^'\r\n]|'(?=\S))*'(?!\S))|(?P<double>"(?:[^"\r\n]|"(?=\S))*"(?!\S))|(?P<comment>\#.*)|(?P<plain>\S+)""",
    re.VERBOSE,
)
_FAST_FROM_ROWS = 1000
_CHUNK_BYTES = 1 << 24
_NOT_A_NUMBER = ["nan", "NaN", "NAN", "-nan", "-NaN", "+nan"]


def tokens(line: bytes) -> list[str]:
    """Return the values of one line, without quotes and comments."""
    return [_unquoted(match) for match in token_matches(line)]


def token_matches(line: bytes) -> list[re.Match[bytes]]:
    """Return the matches of the values of one line; ``span()`` includes quotes."""
    return [match for match in TOKEN.finditer(line) if match.lastgroup != "comment"]


def _unquoted(match: re.Match[bytes]) -> str:
    text = match[0] if match.lastgroup == "plain" else match[0][1:-1]
    return text.decode("utf-8", "surrogateescape")


def is_plain(block: Block) -> bool:
    """Whether no row of a block holds quotes or comments, so that values are what stands between blanks."""
    body = block.body
    if b'"' in body or b"'" in body:
        return False
    return b"#" not in body or re.search(rb"(?:^|[ \t\n])#", body) is None


def read(block: Block, strings: Sequence[str], floats: Sequence[str], codes: Sequence[str]) -> Table:
    """Return columns in one pass: strings (object arrays), floats (float64), codes (numbers, distinct values)."""
    wanted = {column: block.position(column) for column in (*strings, *floats, *codes)}
    if len(block) >= _FAST_FROM_ROWS and is_plain(block):
        _check_counts(block)
        return _read_fast(block, wanted, strings, floats, codes)
    columns = _read_slow(block, wanted)
    return Table(
        {column: columns[column] for column in strings},
        {column: to_floats(columns[column], column, block.where) for column in floats},
        {column: _factorized(columns[column]) for column in codes},
    )


def to_floats(values: Strings, column: str, where: str) -> Floats:
    """Return strings as numbers; raises on the first that is none, with its row."""
    try:
        return np.array([float(value) for value in values], dtype=np.float64)
    except ValueError:
        for row, value in enumerate(values, start=1):
            try:
                float(value)
            except ValueError as error:
                raise InputError(f"{where}: row {row} has {column} {value!r}; expected a number") from error
        raise


def _read_slow(block: Block, wanted: dict[str, int]) -> dict[str, Strings]:
    if not block.loop:
        found = [tokens(line) for line in block.head.splitlines()]
        pairs = {each[0][1:]: each[1] for each in found if len(each) == 2 and each[0].startswith("_")}
        return {column: np.array([pairs[column]], dtype=object) for column in wanted}
    starts = block.line_starts
    lines = [tokens(block.body[starts[line] : starts[line + 1]]) for line in block.row_lines.tolist()]
    expected = len(block.columns)
    for row, line in enumerate(lines, start=1):
        if len(line) != expected:
            raise _wrong_count(block, row, len(line))
    result = {}
    for column, position in wanted.items():
        values = np.empty(len(lines), dtype=object)
        values[:] = [line[position] for line in lines]
        result[column] = values
    return result


def _wrong_count(block: Block, row: int, found: int) -> InputError:
    return InputError(
        f"{block.where}: row {row} has {found} values, expected {len(block.columns)}; is the file whole, and are "
        "values with blanks in quotes?"
    )


def _check_counts(block: Block) -> None:
    """Raise unless every row has as many values as there are columns; a pass of numpy over the text, in chunks."""
    text = np.frombuffer(block.body, np.uint8)
    blank = np.zeros(256, dtype=bool)
    blank[[9, 10, 13, 32]] = True
    counts = np.empty(len(block.line_starts) - 1, np.int32)
    line = 0
    while line < len(counts):
        limit = block.line_starts[line] + _CHUNK_BYTES
        end = max(int(np.searchsorted(block.line_starts, limit, "right")) - 1, line + 1)
        chunk = blank[text[block.line_starts[line] : block.line_starts[end]]]
        begins = ~chunk
        begins[1:] &= chunk[:-1]
        at = np.flatnonzero(begins)
        edges = np.searchsorted(at, block.line_starts[line : end + 1] - block.line_starts[line])
        counts[line:end] = np.diff(edges)
        line = end
    wrong = np.flatnonzero(counts[block.row_lines] != len(block.columns))
    if len(wrong):
        raise _wrong_count(block, int(wrong[0]) + 1, int(counts[block.row_lines[wrong[0]]]))


def _read_fast(
    block: Block, wanted: dict[str, int], strings: Sequence[str], floats: Sequence[str], codes: Sequence[str]
) -> Table:
    # never "category": pandas turns categories that look like numbers into numbers, 001 into 1
    kinds: dict[str, Any] = dict.fromkeys(floats, np.float64) | dict.fromkeys((*strings, *codes), object)
    options: dict[str, Any] = {
        "sep": r"\s+",
        "header": None,
        "names": list(block.columns),
        "usecols": list(wanted),
        "dtype": kinds,
        "index_col": False,
        "engine": "c",
        "quoting": csv.QUOTE_NONE,
        "keep_default_na": False,
        "na_values": dict.fromkeys(floats, _NOT_A_NUMBER),
        "encoding": "utf-8",
        "encoding_errors": "surrogateescape",
    }
    try:
        frame: pd.DataFrame = pd.read_csv(BytesIO(_row_text(block)), **options)
    except ValueError:
        slow = _read_slow(block, {column: wanted[column] for column in floats})
        for column in floats:
            to_floats(slow[column], column, block.where)
        raise
    return Table(
        {column: frame[column].to_numpy(dtype=object) for column in strings},
        {column: frame[column].to_numpy(dtype=np.float64, copy=True) for column in floats},
        {column: _factorized(frame[column].to_numpy(dtype=object)) for column in codes},
    )


def _row_text(block: Block) -> bytes:
    """Return the body without the lines that are no rows."""
    rows = block.row_lines
    first, last = int(rows[0]), int(rows[-1]) + 1
    if last - first == len(rows):  # as in nearly every file, where blank lines are before and after all rows
        return block.body[block.line_starts[first] : block.line_starts[last]]
    is_row = np.zeros(len(block.line_starts) - 1, dtype=bool)
    is_row[block.row_lines] = True
    kept = np.frombuffer(block.body, np.uint8)[np.repeat(is_row, np.diff(block.line_starts))]
    return bytes(kept)


def _factorized(values: Strings) -> Codes:
    codes, distinct = pd.factorize(values)
    return codes.astype(np.int64), np.asarray(distinct, dtype=object)
