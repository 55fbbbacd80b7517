"""From the bytes of a star file to its blocks, without a loop over rows."""

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles.star import Block
from napari_tomodrgn.particles.star_columns import tokens

BLANK, COMMENT, LABEL, DATA, LOOP, OTHER = range(6)
_SPACE, _TAB, _NEWLINE, _RETURN = (ord(each) for each in " \t\n\r")


def parse_text(data: bytes, where: str) -> tuple[bytes, list[Block]]:
    """Return the text before the first block, and the blocks; ``where`` names the file in messages."""
    if b"\0" in data[:4096]:
        raise InputError(f"{where}: is not a star file (it holds binary data); give the path of a star file")
    starts = line_starts(data)
    kinds = _line_kinds(data, starts)
    structure = np.flatnonzero((kinds == DATA) | (kinds == LOOP))
    if not (kinds == DATA).any():
        raise InputError(f"{where}: is not a star file (no line begins with data_); give the path of a star file")
    first = int(np.flatnonzero(kinds == DATA)[0])
    if np.isin(kinds[:first], (LABEL, LOOP, OTHER)).any():
        raise InputError(f"{where}: holds text before its first data_ line; is it a star file?")
    begins = [first]
    for line in structure[structure > first].tolist():
        # a second loop_ under one data_ line is kept as a further block of the same name
        if kinds[line] == DATA or np.isin(kinds[begins[-1] : line], (LABEL, LOOP, OTHER)).any():
            begins.append(line)
    name = ""
    blocks = []
    for begin, end in zip(begins, [*begins[1:], len(kinds)], strict=True):
        if kinds[begin] == DATA:
            name = _first_token(data, starts, begin)[5:]
        blocks.append(_block(data, starts[begin : end + 1], kinds[begin:end], name, where, begin))
    return data[: starts[first]], blocks


def line_starts(data: bytes) -> npt.NDArray[np.int64]:
    """Return (lines + 1,) offsets of the lines of a text; the last is its length."""
    newlines = np.flatnonzero(np.frombuffer(data, np.uint8) == _NEWLINE).astype(np.int64)
    ends = newlines + 1
    if not data.endswith(b"\n") and data:
        ends = np.append(ends, len(data))
    return np.concatenate([np.zeros(1, np.int64), ends])


def _line_kinds(data: bytes, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Tell each line's kind by its first character that is no blank."""
    text = np.frombuffer(data + b"\n" if not data.endswith(b"\n") else data, np.uint8)
    at = starts[:-1].copy()
    indented = np.flatnonzero((text[at] == _SPACE) | (text[at] == _TAB))
    while len(indented):
        at[indented] += 1
        now = text[at[indented]]
        indented = indented[(now == _SPACE) | (now == _TAB)]
    letter = text[at]
    kinds = np.full(len(at), OTHER, np.uint8)
    kinds[(letter == _NEWLINE) | (letter == _RETURN)] = BLANK
    kinds[letter == ord("#")] = COMMENT
    kinds[letter == ord("_")] = LABEL
    for word, kind in ((b"data_", DATA), (b"loop_", LOOP)):
        candidates = np.flatnonzero((letter == word[0]) | (letter == word[0] - 32))
        for offset in range(1, len(word)):
            candidates = candidates[at[candidates] + offset < len(text)]
            now = text[at[candidates] + offset]
            candidates = candidates[(now == word[offset]) | (now == word[offset] - 32 * (word[offset] != ord("_")))]
        for line in candidates.tolist():
            found = tokens(data[starts[line] : starts[line + 1]])
            if len(found) == 1 and (kind == DATA or len(found[0]) == len(word)):
                kinds[line] = kind
    return kinds


def _first_token(data: bytes, starts: npt.NDArray[np.int64], line: int) -> str:
    return tokens(data[starts[line] : starts[line + 1]])[0]


def _block(
    data: bytes, starts: npt.NDArray[np.int64], kinds: npt.NDArray[np.uint8], name: str, where: str, first_line: int
) -> Block:
    """Build the block of these lines; ``first_line`` counts from 0 in the file."""
    where = f"{where}, block data_{name}"
    begin, end = int(starts[0]), int(starts[-1])
    others = np.flatnonzero(kinds == OTHER)
    loops = np.flatnonzero(kinds == LOOP)
    labels = np.flatnonzero(kinds == LABEL)
    if not len(loops):
        if len(others):
            line = first_line + int(others[0]) + 1
            raise InputError(f"{where}: line {line} holds values but no loop_ came before; is it a star file?")
        return _simple_block(data[begin:end], [data[starts[i] : starts[i + 1]] for i in labels], name, where)
    body = int(others[0]) if len(others) else len(kinds)
    columns = tuple(tokens(data[starts[i] : starts[i + 1]])[0][1:] for i in labels[labels < body])
    _refuse_repeated(columns, where)
    if not columns:
        raise InputError(f"{where}: its loop has no column labels; is the file whole?")
    rows = np.flatnonzero((kinds[body:] == OTHER) | (kinds[body:] == LABEL)).astype(np.int64)
    split = int(starts[body])
    return Block(name, columns, True, data[begin:split], data[split:end], starts[body:] - split, rows, where)


def _simple_block(text: bytes, lines: list[bytes], name: str, where: str) -> Block:
    columns = []
    for line in lines:
        found = tokens(line)
        if len(found) != 2:
            raise InputError(f"{where}: {found[0]} has {len(found) - 1} values, one was expected")
        columns.append(found[0][1:])
    _refuse_repeated(tuple(columns), where)
    return Block(name, tuple(columns), False, text, where=where)


def _refuse_repeated(columns: tuple[str, ...], where: str) -> None:
    for number, column in enumerate(columns):
        if column in columns[:number]:
            raise InputError(f"{where}: column {column} occurs twice; remove one of them")
