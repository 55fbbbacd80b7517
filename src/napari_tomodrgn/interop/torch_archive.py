"""What ``torch.save`` writes, read as data: tensors and plain values, everything else refused by its name."""

import zipfile
from pathlib import Path
from typing import Any

import torch

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.interop.pickled_values import CONSTRUCTIONS, Construction, DamagedError, Global, Part, RefusedError
from napari_tomodrgn.interop.pickles import values_of

_STORAGES = {
    "FloatStorage": torch.float32, "DoubleStorage": torch.float64, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_TYPES = {f"torch.{name}": dtype for name, dtype in _STORAGES.items()}
_MOST_PICKLE_BYTES = 1 << 26
_ZIP_BEGINS = b"PK\x03\x04"


def read_torch(path: Path) -> Any:
    """Return the value that ``torch.save`` wrote into a file, tensors on the CPU.

    Raises
    ------
    InputError
        Where the file is no such archive, is damaged, or asks for more than tensors and plain values.
    """
    try:
        with open(path, "rb") as stream:
            begins = stream.read(4)
        if begins != _ZIP_BEGINS:
            raise InputError(f"{path}: is not what torch.save writes (a zip archive); copy the run again")
        with zipfile.ZipFile(path) as archive:
            prefix = _checked(archive, path)
            storages = _Storages(archive, prefix)
            data = archive.read(f"{prefix}/data.pkl")
            constructions = {**CONSTRUCTIONS, **_TENSORS}
            values = list(values_of(data, path, constructions, storages.of))
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; copy the run again") from error
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise InputError(f"{path}: is not a whole archive of torch.save ({reason}); copy the run again") from error
    if len(values) != 1:
        raise InputError(f"{path}: holds {len(values)} values; expected the one that torch.save writes")
    return values[0]


def _checked(archive: zipfile.ZipFile, path: Path) -> str:
    """Return the folder that everything in an archive lies in; raise where it can't be one of torch's."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if any(entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size for entry in entries):
        raise InputError(f"{path}: is compressed, as torch.save writes no file; use the files that tomoDRGN wrote")
    if sum(entry.file_size for entry in entries) > path.stat().st_size or len(set(names)) < len(names):
        raise InputError(f"{path}: claims more bytes than it has; use the files that tomoDRGN wrote")
    pickles = [entry for entry in entries if entry.filename.endswith("/data.pkl") and entry.filename.count("/") == 1]
    if len(pickles) != 1 or pickles[0].file_size > _MOST_PICKLE_BYTES:
        raise InputError(f"{path}: has no data.pkl as torch.save writes it; use the files that tomoDRGN wrote")
    prefix = pickles[0].filename.partition("/")[0]
    if f"{prefix}/byteorder" in names and archive.read(f"{prefix}/byteorder") != b"little":
        raise InputError(f"{path}: was written on a big-endian computer; save it again on a little-endian one")
    return prefix


class _Storage(Part):
    """The numbers of tensors, (n,)."""

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values


class _Storages:
    """The storages of an archive, each read once."""

    def __init__(self, archive: zipfile.ZipFile, prefix: str) -> None:
        self.archive, self.prefix = archive, prefix
        self._read: dict[str, _Storage] = {}

    def of(self, persistent_id: Any) -> _Storage:
        """Return the storage of ("storage", type, key, place, length)."""
        if type(persistent_id) is not tuple or len(persistent_id) != 5:
            raise RefusedError("something by a persistent id that is no storage")
        word, kind, number, _, length = persistent_id
        if word != "storage" or not isinstance(kind, Global) or kind.name not in _TYPES:
            raise RefusedError(f"a storage of {kind.name if isinstance(kind, Global) else type(kind).__name__}")
        if not (isinstance(number, str) and number.isdecimal() and type(length) is int):
            raise DamagedError("a storage in it has no number or length")
        if number not in self._read:
            data = self.archive.read(f"{self.prefix}/data/{number}")
            dtype = _TYPES[kind.name]
            values = torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)
            self._read[number] = _Storage(values)
        found = self._read[number]
        if len(found.values) != length or found.values.dtype != _TYPES[kind.name]:
            raise DamagedError(f"storage {number} claims {length} numbers and has {len(found.values)}")
        return found


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    """Return a tensor (torch._utils._rebuild_tensor_v2), no larger than its storage."""
    if not (isinstance(storage, _Storage) and type(size) is tuple and type(stride) is tuple):
        raise DamagedError("a tensor in it is not given by storage, size and stride")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or any(type(each) is not int or each < 0 for each in numbers):
        raise DamagedError("a tensor in it has no possible size or stride")
    elements, last = 1, offset
    for length, step in zip(size, stride, strict=True):
        elements *= length
        last += max(length - 1, 0) * step
    there = len(storage.values)
    if elements > there or (elements and last >= there):
        raise DamagedError(f"a tensor in it claims {elements} numbers up to the {last + 1}th, of {there} there are")
    return (
        storage.values.as_strided(size, stride, offset) if elements else torch.empty(size, dtype=storage.values.dtype)
    )


def _parameter(tensor: Any, *_: Any) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise DamagedError("a parameter in it is no tensor")
    return tensor


def _no_call(*_: Any) -> Any:
    raise RefusedError("a call of a type of storage")


_TENSORS: dict[str, Construction] = {
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    **dict.fromkeys(_TYPES, _no_call),
}
