"""STAR files whose text is kept: values are strings exactly as written, and untouched text is written back unchanged.

The syntax read here is that of RELION, Warp, M and nextPYP: blocks ``data_NAME`` that hold either a ``loop_`` with one
row a line, or a list of ``_label value`` lines. ``#`` begins a comment only at the start of a value, quotes (single or
double) count only around a whole value, block names may repeat, line ends may be those of Windows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.files import atomic_open, refuse_existing
from napari_tomodrgn.particles import star_columns

Values = Sequence[str] | npt.NDArray[np.object_]


@dataclass(frozen=True)
class Block:
    """One block of a star file, with its text.

    Attributes
    ----------
    name
        What follows ``data_`` (may be empty).
    columns
        Labels without the leading underscore.
    loop
        Whether the values are rows of a loop; otherwise the block is a list of ``_label value`` lines (one row).
    head
        The block's text before its first row; all of it where ``loop`` is false.
    body
        The rows and the lines between and after them.
    line_starts
        (lines + 1,) offsets of the lines of ``body``.
    row_lines
        (rows,) which lines of ``body`` are rows.
    where
        File and block, for messages.
    """

    name: str
    columns: tuple[str, ...]
    loop: bool
    head: bytes
    body: bytes = b""
    line_starts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    row_lines: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    where: str = "star file"

    def __len__(self) -> int:
        return len(self.row_lines) if self.loop else int(bool(self.columns))

    def __contains__(self, column: str) -> bool:
        return column in self.columns

    @property
    def text(self) -> bytes:
        """The block's text as read, or as it will be written."""
        return self.head + self.body

    def position(self, column: str) -> int:
        """Return the number of a column; raises one sentence where the block lacks it."""
        if column not in self.columns:
            raise InputError(
                f"{self.where}: has no column {column}; its columns are {', '.join(self.columns) or 'none'}"
            )
        return self.columns.index(column)

    def strings(self, column: str) -> npt.NDArray[np.object_]:
        """Return a column (rows,) of ``str``, exactly as written but without enclosing quotes."""
        return self.table(strings=[column]).strings[column]

    def floats(self, column: str) -> npt.NDArray[np.float64]:
        """Return a column (rows,) as numbers; raises on the first value that is none, with its row."""
        return self.table(floats=[column]).floats[column]

    def codes(self, column: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
        """Return (rows,) numbers and the distinct values they stand for, in order of first appearance."""
        return self.table(codes=[column]).codes[column]

    def table(
        self, *, strings: Sequence[str] = (), floats: Sequence[str] = (), codes: Sequence[str] = ()
    ) -> star_columns.Table:
        """Return several columns in one pass over the text, as :meth:`strings`, :meth:`floats`, :meth:`codes` would."""
        return star_columns.read(self, strings, floats, codes)

    def value(self, column: str) -> str:
        """Return the only value of a column; raises where the block has more rows than one, or none."""
        values = self.strings(column)
        if len(values) != 1:
            raise InputError(f"{self.where}: column {column} has {len(values)} values, one was expected")
        return str(values[0])

    def keep_rows(self, keep: npt.ArrayLike) -> Block:
        """Return the block with only the rows where ``keep`` (rows,) is true; lines between rows stay."""
        kept_rows = np.asarray(keep, dtype=bool)
        if not self.loop:
            raise ValueError("only the rows of a loop can be chosen")
        kept_lines = np.ones(len(self.line_starts) - 1, dtype=bool)
        kept_lines[self.row_lines] = kept_rows
        lengths = np.diff(self.line_starts)
        body = np.frombuffer(self.body, np.uint8)[np.repeat(kept_lines, lengths)].tobytes()
        starts = np.concatenate([[0], np.cumsum(lengths[kept_lines])]).astype(np.int64)
        is_row = np.zeros(len(kept_lines), dtype=bool)
        is_row[self.row_lines] = True
        rows = np.flatnonzero(is_row[kept_lines]).astype(np.int64)
        return replace(self, body=body, line_starts=starts, row_lines=rows)

    def with_column(self, column: str, values: Values) -> Block:
        """Return the block with a column replaced, or added at the end; every other character stays."""
        from napari_tomodrgn.particles import star_edit

        if len(values) != len(self):
            raise ValueError(f"{len(values)} values for {len(self)} rows")
        if column in self.columns:
            return star_edit.replace_column(self, column, values)
        return star_edit.add_column(self, column, values)

    @classmethod
    def of(
        cls, name: str, columns: Mapping[str, Sequence[object] | npt.NDArray[np.generic]], *, loop: bool = True
    ) -> Block:
        """Build a block from columns of equal length; numbers are written as short as they read back exactly."""
        from napari_tomodrgn.particles.star_parse import parse_text

        columns = {label: [format_value(value) for value in values] for label, values in columns.items()}
        if loop:
            labels = "".join(f"_{label} #{number}\n" for number, label in enumerate(columns, start=1))
            rows = "".join(" ".join(row) + "\n" for row in zip(*columns.values(), strict=True))
            text = f"data_{name}\n\nloop_\n{labels}{rows}\n"
        else:
            width = max(len(label) for label in columns) + 3
            lines = "".join(f"{'_' + label:<{width}}{values[0]}\n" for label, values in columns.items())
            text = f"data_{name}\n\n{lines}\n"
        return parse_text(text.encode(), "built block")[1][0]


@dataclass(frozen=True)
class StarFile:
    """A star file: text before the first block, and the blocks in order (names may repeat)."""

    path: Path
    preamble: bytes
    blocks: tuple[Block, ...]

    @classmethod
    def read(cls, path: Path | str) -> StarFile:
        """Read a star file; raises one sentence where there is none or it is something else."""
        from napari_tomodrgn.particles.star_parse import parse_text

        path = Path(path)
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise InputError(f"{path}: no such file; give the path of a star file") from error
        except IsADirectoryError as error:
            raise InputError(f"{path}: is a folder; give the path of a star file") from error
        except OSError as error:
            raise InputError(f"{path}: can't be read ({error.strerror}); check its permissions") from error
        if not data or data.isspace():
            raise InputError(f"{path}: is empty; expected a star file")
        preamble, blocks = parse_text(data, str(path))
        return cls(path, preamble, tuple(blocks))

    @classmethod
    def of(cls, *blocks: Block, path: Path | str = "built.star", comment: str = "") -> StarFile:
        """Put blocks together; ``comment`` becomes the first line."""
        return cls(Path(path), f"# {comment}\n\n".encode() if comment else b"\n", blocks)

    @property
    def text(self) -> bytes:
        """The file's text."""
        return self.preamble + b"".join(block.text for block in self.blocks)

    def find(self, name: str) -> Block | None:
        """Return the first block of this name, or ``None``."""
        return next((block for block in self.blocks if block.name == name), None)

    def block(self, name: str) -> Block:
        """Return the first block of this name; raises one sentence where there is none."""
        found = self.find(name)
        if found is None:
            names = ", ".join(f"data_{block.name}" for block in self.blocks)
            raise InputError(f"{self.path}: has no block data_{name}; its blocks are {names}")
        return found

    def with_block(self, old: Block, new: Block) -> StarFile:
        """Return the file with one block (by identity) replaced."""
        return replace(self, blocks=tuple(new if block is old else block for block in self.blocks))

    def write(self, path: Path | str, *, overwrite: bool = False) -> Path:
        """Write the file, whole or not at all; raises where ``path`` exists and ``overwrite`` is false."""
        path = Path(path)
        refuse_existing(path, overwrite)
        with atomic_open(path, "wb") as stream:
            stream.write(self.preamble)
            for block in self.blocks:
                stream.write(block.head)
                stream.write(block.body)
        return path


_PLAIN = re.compile(r"[^\s'\"#_;][^\s]*")
_RESERVED = re.compile(r"(data_|loop_|save_|stop_|global_)", re.IGNORECASE)


def format_value(value: object) -> str:
    """Return a value as it stands in a star file: numbers as short as is exact, odd strings in quotes."""
    text = str(value)
    if isinstance(value, (bool, np.bool_)):
        return str(int(value))
    if _PLAIN.fullmatch(text) and not _RESERVED.match(text):
        return text
    for quote in ('"', "'"):
        if "\n" not in text and f"{quote} " not in text and not text.endswith(quote):
            return f"{quote}{text}{quote}"
    raise InputError(f"value {text!r} can't be written in a star file: it holds line ends or both kinds of quotes")
