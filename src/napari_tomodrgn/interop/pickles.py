"""Pickles read as data: arrays, numbers, text and plain containers are built, all else is refused by its name.

Python's own unpickler imports and calls what a file names. This one imports nothing: ``pickletools`` takes the file
apart, and a small machine carries out those opcodes that build plain values. The constructions it knows by name are
functions of ``pickled_values``, each of which makes one kind of value of checked arguments.
"""

import io
import pickletools
import struct
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.pickled_values import (
    CONSTRUCTIONS,
    Construction,
    DamagedError,
    Global,
    OrderedMapping,
    Pending,
    RefusedError,
    key,
    plain,
)

MOST_BYTES = 1 << 30  # of a file, which is read as a whole
MOST_STEPS = 5_000_000  # of the machine for one value
_TROUBLE = (
    ValueError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    AttributeError,
    struct.error,
    MemoryError,
    RecursionError,
)
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY: dict[str, Callable[[], Any]] = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}
_VALUES = frozenset(
    (
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    )
)
_NOTHING = ("PROTO", "FRAME")


def read_pickles(path: Path) -> Iterator[Any]:
    """Yield the values that lie one after the other in a file of pickles.

    Arrays are numpy's, numpy's scalars become Python's, dates become text, and classes of tomoDRGN their names.

    Raises
    ------
    InputError
        Where the file can't be read, is damaged, or asks for anything else.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise InputError(f"{path}: has {size} bytes, more than a pickle of numbers needs; use what tomoDRGN wrote")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror}); copy the run again") from error
    if not data:
        raise InputError(f"{path}: is empty; copy the run again")
    yield from values_of(data, path, CONSTRUCTIONS)


def values_of(
    data: bytes,
    path: Path,
    constructions: Mapping[str, Construction],
    persistent: Callable[[Any], Any] | None = None,
) -> Iterator[Any]:
    """Yield the values of pickles laid end to end.

    Parameters
    ----------
    data
        The pickles.
    path
        The file they are of, for messages.
    constructions
        What the names that they may use make of arguments.
    persistent
        Makes values of persistent ids, where there are any.

    Raises
    ------
    InputError
        As :func:`read_pickles`.
    """
    stream = io.BytesIO(data)
    while stream.tell() < len(data):
        try:
            with warnings.catch_warnings():  # of odd escapes in text that is none
                warnings.simplefilter("ignore")
                value = _Machine(constructions, persistent).run(stream)
        except RefusedError as error:
            raise InputError(
                f"{path}: asks for {_legible(error)}, and only arrays, tensors and plain values are read from it, "
                "so nothing was run; use the files that tomoDRGN wrote"
            ) from error
        except (DamagedError, *_TROUBLE) as error:
            raise InputError(f"{path}: is not a whole pickle ({_legible(error)}); copy the run again") from error
        yield value


def _legible(error: Exception) -> str:
    """Return the message of an error, in which may be whatever stands in a file, as one short line."""
    text = "".join(each if each.isprintable() else " " for each in str(error))
    return " ".join(text.split())[:200] or type(error).__name__


class _Machine:
    """The stack, marks and memo of one pickle."""

    def __init__(
        self, constructions: Mapping[str, Construction], persistent: Callable[[Any], Any] | None = None
    ) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}
        self.constructions, self.persistent = constructions, persistent

    def run(self, stream: io.BytesIO) -> Any:
        """Return the value of the pickle that begins where a stream is."""
        for step, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
            if step > MOST_STEPS:
                raise DamagedError(f"it has more than {MOST_STEPS} steps")
            name = opcode.name
            if name == "STOP":
                break
            if name in _VALUES:
                self.stack.append(argument)
            elif name in _CONSTANTS:
                self.stack.append(_CONSTANTS[name])
            elif name in _EMPTY:
                self.stack.append(_EMPTY[name]())
            elif name in _STEPS:
                _STEPS[name](self, argument)
            elif name not in _NOTHING:
                raise RefusedError(self._what(name, argument))
        return plain(self.stack.pop())

    def _what(self, opcode: str, argument: Any) -> str:
        """Return what an opcode that is not carried out would have made."""
        if opcode == "INST":
            return str(argument).replace(" ", ".")
        if opcode in ("OBJ", "NEWOBJ", "NEWOBJ_EX"):
            begin = self.marks[-1] if opcode == "OBJ" and self.marks else {"NEWOBJ": -2, "NEWOBJ_EX": -3}.get(opcode, 0)
            return f"an object of {_called(self.stack[begin])} ({opcode})"
        return f"{opcode} {argument}" if argument is not None else opcode

    def since_mark(self) -> list[Any]:
        """Take what was put on the stack after the last mark."""
        begin = self.marks.pop()
        taken = self.stack[begin:]
        del self.stack[begin:]
        return taken

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def pop(self, _: Any) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self.stack.pop()

    def pop_mark(self, _: Any) -> None:
        self.since_mark()

    def dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def put(self, number: int) -> None:
        self.memo[number] = self.stack[-1]
        if isinstance(self.stack[-1], Pending):
            self.stack[-1].memorised.append(number)

    def memoize(self, _: Any) -> None:
        self.put(len(self.memo))

    def get(self, number: int) -> None:
        if number not in self.memo:
            raise DamagedError(f"it asks for value {number}, which it did not have before")
        self.stack.append(self.memo[number])

    def tuple_(self, _: Any) -> None:
        self.stack.append(tuple(self.since_mark()))

    def short_tuple(self, _: Any, length: int) -> None:
        if len(self.stack) < length:
            raise DamagedError("its stack is empty")
        items = tuple(self.stack[-length:])
        del self.stack[-length:]
        self.stack.append(items)

    def list_(self, _: Any) -> None:
        self.stack.append([plain(item) for item in self.since_mark()])

    def dict_(self, _: Any) -> None:
        items = self.since_mark()
        self.stack.append({})
        self._set(items)

    def append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def appends(self, _: Any) -> None:
        self._extend(self.since_mark())

    def _extend(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise RefusedError(f"a step of {_called(self.stack[-1])} (APPEND)")
        self.stack[-1].extend(plain(item) for item in items)

    def setitem(self, _: Any) -> None:
        value = self.stack.pop()
        self._set([self.stack.pop(), value])

    def setitems(self, _: Any) -> None:
        self._set(self.since_mark())

    def _set(self, items: list[Any]) -> None:
        if not isinstance(self.stack[-1], dict):
            raise RefusedError(f"a step of {_called(self.stack[-1])} (SETITEM)")
        self.stack[-1].update((key(name), plain(value)) for name, value in zip(items[::2], items[1::2], strict=True))

    def additems(self, _: Any) -> None:
        items = self.since_mark()
        if type(self.stack[-1]) is not set:
            raise RefusedError(f"a step of {_called(self.stack[-1])} (ADDITEMS)")
        self.stack[-1].update(key(item) for item in items)

    def frozenset_(self, _: Any) -> None:
        self.stack.append(frozenset(key(item) for item in self.since_mark()))

    def global_(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._named(module, name)

    def stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise DamagedError("a name in it is no text")
        self._named(module, name)

    def _named(self, module: str, name: str) -> None:
        written = f"{module}.{name}"
        full = written.replace("numpy._core.", "numpy.core.")
        if full in self.constructions:
            self.stack.append(Global(full))
        elif module.partition(".")[0] == "tomodrgn":  # the classes that its settings mention stay text
            self.stack.append(written)
        else:
            raise RefusedError(written[:200])

    def reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Global):
            raise RefusedError(f"a call of {_called(function)}")
        if type(arguments) is not tuple:
            raise DamagedError(f"{function.name} is given no arguments")
        self.stack.append(self.constructions[function.name](*arguments))

    def build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if isinstance(target, Pending):
            self.stack[-1] = target.finished(state)
            for number in target.memorised:
                self.memo[number] = self.stack[-1]
        elif not (isinstance(target, OrderedMapping) and isinstance(state, dict)):  # of which it is left out
            raise RefusedError(f"the state of {_called(target)} (BUILD)")

    def binpersid(self, _: Any) -> None:
        if self.persistent is None:
            raise RefusedError("something outside of it by a persistent id (BINPERSID)")
        self.stack.append(self.persistent(self.stack.pop()))


_STEPS: dict[str, Callable[[_Machine, Any], None]] = {
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.pop_mark,
    "DUP": _Machine.dup,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "TUPLE": _Machine.tuple_,
    "TUPLE1": partial(_Machine.short_tuple, length=1),
    "TUPLE2": partial(_Machine.short_tuple, length=2),
    "TUPLE3": partial(_Machine.short_tuple, length=3),
    "LIST": _Machine.list_,
    "DICT": _Machine.dict_,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.setitem,
    "SETITEMS": _Machine.setitems,
    "ADDITEMS": _Machine.additems,
    "FROZENSET": _Machine.frozenset_,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "BINPERSID": _Machine.binpersid,
}


def _called(value: Any) -> str:
    """Return what a value on the stack is called in a message."""
    if isinstance(value, Global):
        return value.name
    return value[:200] if isinstance(value, str) else type(value).__name__
