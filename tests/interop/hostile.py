"""Pickles that would touch a file, or eat memory, if they were carried out; none of them is by this program.

``payloads(canary)`` gives bytes by name. Those in ``RUN_BY_PICKLE`` do touch the canary when Python's own unpickler
reads them, which a test shows in a process of its own.
"""

import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np

PROTO, STOP = b"\x80\x04", b"."
Call = tuple[str, str, tuple[Any, ...]]


def text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def name(module: str, attribute: str) -> bytes:
    """A global by STACK_GLOBAL."""
    return text(module) + text(attribute) + b"\x93"


def value(item: Any) -> bytes:
    """The opcodes of a plain value, without protocol and STOP."""
    return pickle.dumps(item, protocol=2)[2:-1]


def call(module: str, attribute: str, *arguments: Any) -> bytes:
    """A call by REDUCE."""
    return name(module, attribute) + value(arguments) + b"R"


def whole(*parts: bytes) -> bytes:
    return PROTO + b"".join(parts) + STOP


def in_tuple(*parts: bytes) -> bytes:
    return b"(" + b"".join(parts) + b"t"


def array_state(shape: tuple[int, ...], dtype: bytes, data: bytes) -> bytes:
    return in_tuple(value(1), value(shape), dtype, b"\x89", data)


EMPTY_ARRAY = name("numpy.core.multiarray", "_reconstruct") + in_tuple(
    name("numpy", "ndarray"), value((0,)), b"C\x01b"
) + b"R"  # fmt: skip
DTYPE_STATE = value((3, "<", None, None, None, -1, -1, 0)) + b"b"


def dtype(code: str) -> bytes:
    return call("numpy", "dtype", code, False, True) + DTYPE_STATE


def payloads(canary: Path) -> dict[str, tuple[bytes, str]]:
    """Return bytes of a pickle, and what the sentence that refuses it has to say, by name."""
    touch, code = f"touch {canary}", f"open({str(canary)!r}, 'w').close()"
    python = f"__import__('pathlib').Path({str(canary)!r}).touch()"
    path = str(canary)
    quoted = touch.encode()
    nested = whole(call("os", "system", touch))
    return {
        "os.system": (whole(call("os", "system", touch)), "os.system"),
        "posix.system": (whole(call("posix", "system", touch)), "posix.system"),
        "eval": (whole(call("builtins", "eval", python)), "builtins.eval"),
        "exec": (whole(call("builtins", "exec", code)), "builtins.exec"),
        "eval of Python 2": (b"c__builtin__\neval\n" + value((python,)) + b"R.", "__builtin__.eval"),
        "subprocess": (whole(call("subprocess", "call", ["touch", path])), "subprocess.call"),
        "open": (whole(call("io", "open", path, "w")), "io.open"),
        "mkdir": (whole(call("os", "mkdir", path)), "os.mkdir"),
        "nested pickle": (whole(call("_pickle", "loads", nested)), "_pickle.loads"),
        "run_code": (whole(call("runpy", "_run_code", code, {})), "runpy._run_code"),
        "getattr chain": (
            whole(name("builtins", "getattr"), in_tuple(call("pathlib", "PosixPath", path), value("touch")), b"R)R"),
            "builtins.getattr",
        ),
        "dotted name": (whole(call("pathlib", "os.mkdir", path)), "pathlib.os.mkdir"),
        "dotted name in numpy": (whole(call("numpy", "core.multiarray.eval", python)), "numpy.core.multiarray.eval"),
        "import_module": (whole(call("importlib", "import_module", "antigravity")), "importlib.import_module"),
        "partial": (
            whole(name("functools", "partial"), in_tuple(name("os", "system"), value(touch)), b"R)R"),
            "functools.partial",
        ),
        "reconstructor": (
            whole(name("copyreg", "_reconstructor"), in_tuple(name("os", "_wrap_close")), b"R"),
            "copyreg._reconstructor",
        ),
        "class of tomoDRGN called": (whole(call("tomodrgn.models", "os.system", touch)), "tomodrgn.models.os.system"),
        "codec": (whole(call("_codecs", "encode", "abc", "rot13")), "rot13"),
        "codecs.decode": (whole(call("codecs", "decode", b"abc", "zip")), "codecs.decode"),
        "scalar of objects": (
            whole(name("numpy.core.multiarray", "scalar"), in_tuple(dtype("O8"), value(nested)), b"R"),
            "numpy.dtype('O8')",
        ),
        "array of objects": (
            whole(EMPTY_ARRAY, array_state((1,), dtype("O8"), b"]" + call("os", "system", touch) + b"a"), b"b"),
            "numpy.dtype('O8')",
        ),
        "array of fields": (
            whole(call("numpy", "dtype", "V8", False, True), b"b"), "numpy.dtype('V8')"
        ),
        "tensor's bytes": (whole(call("torch.storage", "_load_from_bytes", nested)), "torch.storage._load_from_bytes"),
        "INST": (b"(S'" + quoted + b"'\nios\nsystem\n.", "os.system"),
        "OBJ": (b"(cos\nsystem\nS'" + quoted + b"'\no.", "os.system"),
        "OBJ of a known name": (whole(b"(", name("numpy", "ndarray"), value((3,)), b"o"), "numpy.ndarray (OBJ)"),
        "NEWOBJ": (whole(name("subprocess", "Popen"), value((["touch", path],)), b"\x81"), "subprocess.Popen"),
        "NEWOBJ of a known name": (whole(name("numpy", "ndarray"), value(((9,),)), b"\x81"), "numpy.ndarray (NEWOBJ)"),
        "NEWOBJ_EX": (whole(name("os", "popen"), value((touch,)), value({"mode": "r"}), b"\x92"), "os.popen"),
        "NEWOBJ_EX of a known name": (whole(name("numpy", "ndarray"), b")}\x92"), "numpy.ndarray (NEWOBJ_EX)"),
        "EXT1": (whole(b"\x82\x01"), "EXT1"),
        "EXT4": (whole(b"\x84\x01\x00\x00\x00"), "EXT4"),
        "BUILD of a dict": (whole(b"}", value({"__class__": "os"}), b"b"), "state of dict (BUILD)"),
        "BUILD of a name": (whole(name("numpy", "ndarray"), value({"__setstate__": 1}), b"b"), "numpy.ndarray (BUILD)"),
        "__setstate__": (
            whole(call("collections", "deque"), value({"__setstate__": 1}), b"b"), "collections.deque"
        ),
        "persistent id": (whole(value(("storage", "x")), b"Q"), "persistent id"),
        "persistent id of protocol 0": (b"Psomething\n.", "PERSID"),
        "append to a tuple": (whole(b")", value(1), b"a"), "step of tuple (APPEND)"),
        "out-of-band buffer": (whole(b"\x97"), "NEXT_BUFFER"),
        "tuple as a key": (whole(b"}", b")" + b"\x85" * 10_000, value(1), b"s"), "key of type tuple"),
        "a name itself": (whole(name("numpy", "ndarray")), "numpy.ndarray itself"),
    }  # fmt: skip


RUN_BY_PICKLE = (
    "os.system", "posix.system", "eval", "exec", "eval of Python 2", "subprocess", "open", "mkdir", "nested pickle",
    "run_code", "getattr chain", "dotted name", "partial", "array of objects", "INST", "OBJ",
)  # fmt: skip


def damaged() -> dict[str, tuple[bytes, str]]:
    """Return bytes that are no whole pickle of a table, or claim more than they hold, and what is said of them."""
    sound = pickle.dumps(np.ones((3, 2), np.float32), protocol=4)
    deep = b"]" * 50_000 + b"a" * 49_999
    return {
        "empty": (b"", "is empty"),
        "truncated": (sound[:-20], "not a whole pickle"),
        "no STOP": (sound[:-1], "not a whole pickle"),
        "text": (b"latents of 2023\n", "not a whole pickle"),
        "picture": (b"\x89PNG\r\n\x1a\n" + bytes(64), "PERSID"),
        "zeros": (bytes(4096), "not a whole pickle"),
        "array of 1 TB": (
            whole(EMPTY_ARRAY, array_state((10**6, 10**6), dtype("f8"), b"C\x08" + bytes(8)), b"b"),
            "claims 8e+12 bytes",
        ),
        "array of negative size": (
            whole(EMPTY_ARRAY, array_state((-1,), dtype("f8"), b"C\x08" + bytes(8)), b"b"), "no possible shape"
        ),
        "bytes of 2^62": (PROTO + b"\x8e" + struct.pack("<Q", 1 << 62) + b"abc.", "not a whole pickle"),
        "frame of 2^62": (PROTO + b"\x95" + struct.pack("<Q", 1 << 62) + b"N.", "NoneType"),
        "memo of 2^31": (whole(b"]r" + struct.pack("<I", (1 << 31) - 1)), "list"),
        "number of many digits": (b"I" + b"9" * 10_000 + b"\n.", "not a whole pickle"),
        "unknown opcode": (whole(b"\xff"), "not a whole pickle"),
        "nothing on the stack": (whole(b"R"), "not a whole pickle"),
        "mark that isn't there": (whole(b"t"), "not a whole pickle"),
        "memo that isn't there": (whole(b"h\x07"), "not a whole pickle"),
        "unfinished array": (whole(EMPTY_ARRAY), "not a whole pickle"),
        "list in itself": (whole(b"]\x94h\x00a"), "list"),
        "lists 50,000 deep": (whole(deep), "list"),
        "tuples 50,000 deep": (whole(b")" + b"\x85" * 50_000), "tuple"),
        "table of text": (pickle.dumps(["1", "2"], protocol=4), "list"),
        "one table": (sound, "expected two tables"),
        "three tables": (sound * 3, "as value 3"),
        "tables of two shapes": (sound + pickle.dumps(np.ones((2, 2), np.float32), protocol=4), "of one shape"),
        "NaN": (pickle.dumps(np.full((72, 4), np.nan, np.float32), protocol=4) * 2, "not finite"),
    }  # fmt: skip
