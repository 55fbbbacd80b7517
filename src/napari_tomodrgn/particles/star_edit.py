"""Changing a column of a star block while every other character of its text stays."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from napari_tomodrgn.particles.star import Block, Values, format_value
from napari_tomodrgn.particles.star_columns import is_plain, token_matches


def replace_column(block: Block, column: str, values: Values) -> Block:
    """Return the block with the values of one of its columns replaced."""
    position = block.position(column)
    if not block.loop:
        return replace(block, head=_replace_simple(block.head, column, values[0]))
    new = [format_value(value).encode("utf-8", "surrogateescape") for value in values]
    if is_plain(block):
        prefix = re.compile(rb"\s*(?:\S+\s+){%d}" % position)
        value = re.compile(rb"\S+")

        def edit(line: bytes, row: int) -> bytes:
            begin = prefix.match(line).end()  # type: ignore[union-attr]  # a row has this many values
            end = value.match(line, begin).end()  # type: ignore[union-attr]
            return line[:begin] + new[row] + line[end:]
    else:

        def edit(line: bytes, row: int) -> bytes:
            begin, end = token_matches(line)[position].span()
            return line[:begin] + new[row] + line[end:]

    return _edit_rows(block, edit)


def add_column(block: Block, column: str, values: Values) -> Block:
    """Return the block with a column added after its last."""
    if not block.loop:
        line = b"_%s   %s" % (column.encode(), format_value(values[0]).encode("utf-8", "surrogateescape"))
        head = _insert_after_last_label(block.head, line)
        return replace(block, head=head, columns=(*block.columns, column))
    new = [format_value(value).encode("utf-8", "surrogateescape") for value in values]

    def edit(line: bytes, row: int) -> bytes:
        end = token_matches(line)[-1].end()
        return line[:end] + b" " + new[row] + line[end:]

    numbered = re.search(rb"^[ \t]*_\S+[ \t]+#\d+", block.head, re.MULTILINE) is not None
    label = b"_%s%s" % (column.encode(), b" #%d" % (len(block.columns) + 1) if numbered else b"")
    edited = _edit_rows(block, edit)
    return replace(edited, head=_insert_after_last_label(block.head, label), columns=(*block.columns, column))


def _edit_rows(block: Block, edit: Callable[[bytes, int], bytes]) -> Block:
    starts = block.line_starts.tolist()
    lines = [block.body[begin:end] for begin, end in pairwise(starts)]
    for row, line in enumerate(block.row_lines.tolist()):
        lines[line] = edit(lines[line], row)
    lengths = np.fromiter((len(line) for line in lines), np.int64, len(lines))
    return replace(block, body=b"".join(lines), line_starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))


def _replace_simple(head: bytes, column: str, value: object) -> bytes:
    lines = head.splitlines(keepends=True)
    for number, line in enumerate(lines):
        found = token_matches(line)
        if len(found) == 2 and found[0][0] == b"_" + column.encode():
            begin, end = found[1].span()
            lines[number] = line[:begin] + format_value(value).encode("utf-8", "surrogateescape") + line[end:]
    return b"".join(lines)


def _insert_after_last_label(head: bytes, text: bytes) -> bytes:
    lines = head.splitlines(keepends=True)
    last = max(number for number, line in enumerate(lines) if line.lstrip().startswith(b"_"))
    newline = b"\r\n" if lines[last].endswith(b"\r\n") else b"\n"
    if not lines[last].endswith(b"\n"):
        lines[last] += newline
    lines.insert(last + 1, text + newline)
    return b"".join(lines)
