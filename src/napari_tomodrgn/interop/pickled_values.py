"""What may be built from a pickle: numpy arrays of numbers, numbers, bytes and dates, from checked arguments.

Nothing here calls what a file names. Arrays are views of bytes that the file holds, so none can claim more memory
than the file has bytes; arrays of Python objects, which hold pickles of their own, are refused.
"""

import datetime
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Construction = Callable[..., Any]
_NUMBERS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248]|c8|c16)")
_RECONSTRUCT, _NDARRAY, _DTYPE = "numpy.core.multiarray._reconstruct", "numpy.ndarray", "numpy.dtype"


class RefusedError(Exception):
    """A pickle asks for something that is not built; the message is its name."""


class DamagedError(Exception):
    """A pickle is not what a program writes; the message says why."""


class Part:
    """What stands on the stack while a value is built, and is none itself."""


@dataclass(frozen=True)
class Global(Part):
    """A name that a pickle may use, in place of what it means elsewhere."""

    name: str


class OrderedMapping(dict[Any, Any]):
    """What an ``OrderedDict`` becomes; its attributes, which a state dict has, are left out."""


@dataclass(eq=False)
class Pending(Part, ABC):
    """A value whose state is still to come, and under which numbers it is remembered until then."""

    memorised: list[int] = field(default_factory=list, init=False)

    @abstractmethod
    def finished(self, state: Any) -> Any:
        """Return the value with its state."""


@dataclass(eq=False)
class _PendingType(Pending):
    """A type of numbers, whose byte order is to come."""

    code: str

    def finished(self, state: Any) -> np.dtype[Any]:
        """Return the type in the order of bytes that the state says."""
        parts = state if type(state) is tuple else ()
        if len(parts) < 5 or parts[1] not in ("<", ">", "|", "=") or any(each is not None for each in parts[2:5]):
            raise RefusedError(f"a type of fields, numpy.dtype({self.code!r})")
        return np.dtype(self.code).newbyteorder(parts[1])


@dataclass(eq=False)
class _PendingArray(Pending):
    """An array, whose numbers are to come."""

    def finished(self, state: Any) -> npt.NDArray[Any]:
        """Return the array of (version, shape, type, whether in Fortran's order, bytes)."""
        if type(state) is not tuple or len(state) != 5:
            raise DamagedError("an array in it has no numbers")
        _, shape, dtype, fortran, data = state
        return array(data, dtype, shape, "F" if fortran is True else "C")


def array(data: Any, dtype: Any, shape: Any, order: Any = "C") -> npt.NDArray[Any]:
    """Return the array of numbers that bytes hold.

    Raises
    ------
    DamagedError
        Where there are more or fewer bytes than the shape says.
    """
    if not (isinstance(dtype, np.dtype) and isinstance(data, bytes | bytearray) and type(shape) is tuple):
        raise DamagedError("an array in it is not given by type, shape and bytes")
    if any(type(length) is not int or length < 0 for length in shape) or order not in ("C", "F"):
        raise DamagedError("an array in it has no possible shape")
    size = math.prod(shape) * dtype.itemsize
    if size != len(data):
        raise DamagedError(f"an array in it claims {size:.6g} bytes and has {len(data)}")
    values = np.frombuffer(data, dtype) if size else np.zeros(0, dtype)
    return values.reshape(shape, order=order)


def plain(value: Any) -> Any:
    """Return a value that may stand in a container or for itself."""
    if isinstance(value, Global):
        raise RefusedError(f"{value.name} itself")
    if isinstance(value, Part):
        raise DamagedError("an array, type or storage in it is unfinished")
    return value


def key(value: Any) -> Any:
    """Return a value that may be a key, or an element of a set: none that holds others."""
    if value is not None and type(value) not in (str, bytes, int, float, bool):
        raise RefusedError(f"a key of type {type(value).__name__}")
    return value


def _reconstruct(kind: Any, shape: Any, _: Any) -> Pending:
    if kind != Global(_NDARRAY) or shape != (0,):
        raise RefusedError(f"{_RECONSTRUCT} of another kind of array")
    return _PendingArray()


def _dtype(code: Any, *_: Any) -> Pending:
    if not (isinstance(code, str) and _NUMBERS.fullmatch(code)):
        raise RefusedError(f"{_DTYPE}({str(code)[:40]!r})")
    return _PendingType(code)


def _scalar(dtype: Any, data: Any) -> Any:
    return array(data, dtype, (1,))[0].item()


def _bytes(text: Any, encoding: Any) -> bytes:
    if not (isinstance(text, str) and encoding in ("latin1", "latin-1")):
        raise RefusedError(f"_codecs.encode in {str(encoding)[:40]!r}")
    return text.encode("latin-1")


def _no_bytes() -> bytes:
    return b""


def _date(data: Any) -> str:
    """Return ISO text of the ten bytes that a date without time zone is pickled as."""
    if not (isinstance(data, bytes) and len(data) == 10):
        raise RefusedError("datetime.datetime of another kind")
    year, (month, day, hour, minute, second) = data[0] << 8 | data[1], data[2:7]
    return datetime.datetime(year, month, day, hour, minute, second, int.from_bytes(data[7:])).isoformat()


def _ordered() -> OrderedMapping:
    return OrderedMapping()


def _never(*_: Any) -> Any:
    raise RefusedError(f"a call of {_NDARRAY}")


CONSTRUCTIONS: dict[str, Construction] = {
    _RECONSTRUCT: _reconstruct,
    _NDARRAY: _never,
    _DTYPE: _dtype,
    "numpy.core.multiarray.scalar": _scalar,
    "numpy.core.numeric._frombuffer": array,
    "_codecs.encode": _bytes,
    **dict.fromkeys(("__builtin__.bytes", "builtins.bytes"), _no_bytes),  # as protocols 0 to 2 write empty ones
    "datetime.datetime": _date,
    "collections.OrderedDict": _ordered,
}
