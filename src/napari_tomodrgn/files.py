"""Files that are either whole or absent: written under a temporary name, flushed, then renamed."""

import errno
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from napari_tomodrgn.errors import InputError, RunError


def explain_os_error(error: OSError, path: Path) -> InputError | RunError:
    """Return the error to raise for an ``OSError`` met while writing ``path``, as one sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(f"{path}: no space left on the disk, so nothing was written there; free some and run again")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return InputError(f"{path}: may not be written ({os.strerror(error.errno)}); choose a folder you can write to")
    if error.errno == errno.ENOTDIR:
        return InputError(f"{path}: a file stands where a folder is needed; choose another name")
    return RunError(f"{path}: could not be written ({error.strerror or error})")


def make_folder(path: Path) -> Path:
    """Create a folder and its parents and return it; raises one sentence where that is not allowed."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(f"{path}: a file stands where a folder is needed; choose another name") from error
    except OSError as error:
        raise explain_os_error(error, path) from error
    return path


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` that becomes ``path`` when the block ends without an error.

    The temporary file keeps the suffix of ``path`` (writers choose a format by it) and is removed on any error.
    """
    path = Path(path)
    made = _missing(path.parent)
    make_folder(path.parent)
    # not the process alone: another machine's may have the same number in the same folder
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{secrets.randbelow(10**6):06d}.part{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    except (InputError, RunError) as error:
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    finally:
        with suppress(OSError):
            temporary.unlink()
        _remove_empty(made)


@contextmanager
def atomic_open(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file for writing (``"w"`` or ``"wb"``) that appears at ``path`` only once it is whole."""
    encoding = None if "b" in mode else "utf-8"
    newline = None if "b" in mode else ""
    with atomic_path(path) as temporary, open(temporary, mode, encoding=encoding, newline=newline) as stream:
        yield stream


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise unless ``path`` is free or may be overwritten, and could be written where it belongs."""
    path = Path(path)
    if not overwrite and path.exists():
        raise InputError(f"{path}: exists already; choose another name or add --overwrite")
    there = next((each for each in path.parents if each.exists()), Path())
    if not there.is_dir():
        raise InputError(f"{there}: a file stands where a folder is needed; choose another name")
    if not os.access(there, os.W_OK | os.X_OK):
        raise explain_os_error(PermissionError(errno.EACCES, os.strerror(errno.EACCES)), there)


def _missing(folder: Path) -> list[Path]:
    """Return a folder and its parents that are not there, innermost first."""
    return [each for each in (folder, *folder.parents) if not each.exists()]


def _remove_empty(folders: list[Path]) -> None:
    """Remove the folders that were made for what was not written after all, innermost first."""
    for each in folders:
        with suppress(OSError):  # there is something in it
            each.rmdir()


@contextmanager
def atomic_folder(path: Path, *, overwrite: bool = False, replaces: tuple[str, ...] = ()) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that becomes ``path`` when the block ends without an error.

    With ``overwrite`` a folder that stands there already is replaced, once the new one is whole; only one that holds
    nothing but files whose names match ``replaces``, those of a folder as ``FOLDER/*.mrc``, and whole folders that are
    in it as ``FOLDER/``. What a process that was killed while replacing it left aside is put back first.
    """
    path = Path(path)
    _put_back(path)
    refuse_existing(path, overwrite)
    if path.exists():
        _refuse_strangers(path, replaces)
    made = _missing(path.parent)
    make_folder(path.parent)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    except OSError as error:
        raise explain_os_error(error, path) from error
    previous = temporary.with_suffix(".previous")
    try:
        temporary.chmod(0o777 & ~_file_mode_mask())
        yield temporary
        if path.exists():
            os.replace(path, previous)
        os.replace(temporary, path)
    except OSError as error:
        raise explain_os_error(error, path) from error
    except (InputError, RunError) as error:
        raise type(error)(str(error).replace(str(temporary), str(path))) from error
    finally:
        if previous.exists() and not path.exists():
            os.replace(previous, path)
        shutil.rmtree(previous, ignore_errors=True)
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(made)


def _put_back(path: Path) -> None:
    """Put the previous folder back where a process was killed between moving it aside and moving the new one in."""
    left = sorted(path.parent.glob(f".{path.name}.*.previous")) if path.parent.is_dir() and not path.exists() else []
    if left:
        os.replace(left[-1], path)


def _refuse_strangers(folder: Path, patterns: tuple[str, ...]) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file, and a folder would be written; choose another name")
    for entry in sorted(folder.iterdir()):
        if entry.is_dir() and f"{entry.name}/" in patterns:
            continue
        within = tuple(each.removeprefix(f"{entry.name}/") for each in patterns if each.startswith(f"{entry.name}/"))
        if entry.is_dir() and within:
            _refuse_strangers(entry, within)
        elif not entry.is_file() or not any(entry.match(pattern) for pattern in patterns if "/" not in pattern):
            raise InputError(f"{folder}: holds {entry.name}, which --overwrite would remove too; choose another folder")


def _file_mode_mask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
