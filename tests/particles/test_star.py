"""Star files: values as written, text kept."""

from pathlib import Path

import numpy as np
import pytest
import starfile
from hypothesis import given, settings
from hypothesis import strategies as st
from star_builders import loop

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.particles import star_columns
from napari_tomodrgn.particles.star import Block, StarFile

ODD = b"""# a comment first

data_optics
loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName # a comment, not a number
1 "two words"
# between rows

2\t'it''s'

data_general

_rlnTomoSubTomosAre2DStacks   1   # with a comment

data_particles
loop_
_rlnImageName #1
_rlnTomoName #2
000001@a#b.mrcs   001   # trailing
  000002@c.mrcs  1e5
data_particles
loop_
_rlnImageName
only.mrcs"""


def read(tmp_path: Path, text: bytes | str) -> StarFile:
    path = tmp_path / "test.star"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return StarFile.read(path)


def test_text_is_kept_byte_for_byte(tmp_path: Path) -> None:
    assert read(tmp_path, ODD).text == ODD


def test_real_files_keep_their_text(shared_data: Path) -> None:
    for path in sorted(shared_data.rglob("*.star")):
        assert StarFile.read(path).text == path.read_bytes()


def test_values_are_strings_exactly_as_written(tmp_path: Path) -> None:
    star = read(tmp_path, ODD)
    assert [block.name for block in star.blocks] == ["optics", "general", "particles", "particles"]
    assert star.block("optics").strings("rlnOpticsGroupName").tolist() == ["two words", "it''s"]
    assert star.block("general").value("rlnTomoSubTomosAre2DStacks") == "1"
    assert star.block("particles").strings("rlnTomoName").tolist() == ["001", "1e5"]
    assert star.block("particles").strings("rlnImageName").tolist() == ["000001@a#b.mrcs", "000002@c.mrcs"]
    assert star.blocks[3].strings("rlnImageName").tolist() == ["only.mrcs"]


def test_windows_line_ends(tmp_path: Path) -> None:
    text = ODD.replace(b"\n", b"\r\n")
    star = read(tmp_path, text)
    assert star.text == text
    assert star.block("particles").strings("rlnTomoName").tolist() == ["001", "1e5"]
    edited = star.block("particles").with_column("rlnClassNumber", ["1", "2"])
    assert b"_rlnClassNumber #3\r\n" in edited.text
    assert b"1e5 2\r\n" in edited.text


def test_rows_can_be_left_out_and_the_rest_stays(tmp_path: Path) -> None:
    block = read(tmp_path, ODD).block("optics")
    kept = block.keep_rows([False, True])
    assert kept.text == block.text.replace(b'1 "two words"\n', b"")
    assert kept.strings("rlnOpticsGroup").tolist() == ["2"]


def test_replacing_a_column_touches_nothing_else(tmp_path: Path) -> None:
    block = read(tmp_path, ODD).block("particles")
    edited = block.with_column("rlnTomoName", ["x", "y"])
    assert edited.text == block.text.replace(b"001   #", b"x   #").replace(b"1e5", b"y")
    quoted = read(tmp_path, ODD).block("optics").with_column("rlnOpticsGroupName", ["a b", "c"])
    assert b'1 "a b"\n' in quoted.text
    assert b"2\tc\n" in quoted.text


def test_simple_blocks_are_edited_in_place(tmp_path: Path) -> None:
    block = read(tmp_path, ODD).block("general").with_column("rlnTomoSubTomosAre2DStacks", ["0"])
    assert b"_rlnTomoSubTomosAre2DStacks   0   # with a comment\n" in block.text
    assert block.value("rlnTomoSubTomosAre2DStacks") == "0"


def test_long_and_short_blocks_read_alike(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = [repr(float(value)) for value in rng.normal(size=3000) * 10.0 ** rng.integers(-12, 12, 3000)]
    names = [f"{row % 7:03d}" for row in range(3000)]
    block = read(tmp_path, loop("", {"a": values, "b": names}).replace("0 \n", "\n")).blocks[0]
    assert star_columns.is_plain(block)
    assert len(block) > 1000
    table = block.table(strings=["b"], floats=["a"], codes=["b"])
    assert table.floats["a"].tolist() == [float(value) for value in values]
    assert table.strings["b"].tolist() == names
    codes, distinct = table.codes["b"]
    assert distinct[codes].tolist() == names
    assert distinct.tolist() == list(dict.fromkeys(names))


def test_comment_lines_inside_a_long_block(tmp_path: Path) -> None:
    rows = "".join(f"{row} {row}.5\n" + ("\n" if row % 100 == 0 else "") for row in range(2000))
    block = read(tmp_path, f"data_\nloop_\n_a\n_b\n{rows}\n").blocks[0]
    assert block.floats("b").tolist() == [row + 0.5 for row in range(2000)]


@pytest.mark.parametrize("rows", [3, 3000])
@pytest.mark.parametrize(
    ("bad", "message"),
    [("1", "row 2 has 1 values, expected 2"), ("1 2 3", "row 2 has 3 values, expected 2"), ("1 x", "row 2 has b 'x'")],
)
def test_bad_rows_are_named(tmp_path: Path, rows: int, bad: str, message: str) -> None:
    lines = ["1 2"] * rows
    lines[1] = bad
    star = read(tmp_path, "data_\nloop_\n_a\n_b\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=message):
        star.blocks[0].floats("b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("  \n \n", "is empty"),
        ("hello world\n", "is not a star file"),
        (b"\0\1" * 600, "is not a star file"),
        ("data_\n1 2 3\n", "line 2 holds values"),
        ("data_\nloop_\n_a\n_a\n1 2\n", "column a occurs twice"),
        ("text\ndata_\n_a 1\n", "before its first data_"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_missing_columns_and_blocks_are_named(tmp_path: Path) -> None:
    star = read(tmp_path, ODD)
    with pytest.raises(InputError, match="no column rlnVoltage; its columns are rlnOpticsGroup, rlnOpticsGroupName"):
        star.block("optics").floats("rlnVoltage")
    with pytest.raises(InputError, match="no block data_global; its blocks are data_optics"):
        star.block("global")


def test_built_files_open_elsewhere(tmp_path: Path) -> None:
    star = StarFile.of(
        Block.of("optics", {"rlnVoltage": [300.0], "rlnOpticsGroupName": ["two words"]}),
        Block.of(
            "particles", {"rlnImageName": ["000001@a.mrcs", "000002@a.mrcs"], "rlnDefocusU": np.array([1.5, 2e-9])}
        ),
        Block.of("general", {"rlnTomoSubTomosAre2DStacks": [1]}, loop=False),
    )
    path = star.write(tmp_path / "built.star")
    tables = starfile.read(path, always_dict=True)
    assert tables["particles"]["rlnImageName"].tolist() == ["000001@a.mrcs", "000002@a.mrcs"]
    assert tables["particles"]["rlnDefocusU"].tolist() == [1.5, 2e-9]
    assert tables["optics"]["rlnOpticsGroupName"].tolist() == ["two words"]
    assert tables["general"]["rlnTomoSubTomosAre2DStacks"] == 1
    again = StarFile.read(path)
    assert again.block("particles").floats("rlnDefocusU").tolist() == [1.5, 2e-9]
    with pytest.raises(InputError, match="exists already"):
        star.write(path)


WORDS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), max_codepoint=0x2FF), min_size=1)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS, st.floats(allow_nan=False, allow_infinity=False)), min_size=1, max_size=8))
def test_what_is_built_reads_back(rows: list[tuple[str, str, float]]) -> None:
    names, others, numbers = zip(*rows, strict=True)
    try:
        block = Block.of("x", {"name": names, "number": numbers, "other": others})
    except InputError:
        return
    assert block.strings("name").tolist() == list(names)
    assert block.strings("other").tolist() == list(others)
    assert block.floats("number").tolist() == list(numbers)
    kept = block.keep_rows([row % 2 == 0 for row in range(len(rows))])
    assert kept.strings("name").tolist() == list(names[::2])
    replaced = block.with_column("name", others).with_column("other", names)
    assert replaced.strings("name").tolist() == list(others)
    assert replaced.floats("number").tolist() == list(numbers)
