"""Every way a command ends: its exit code, and one sentence on stderr where it could not finish."""

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

from napari_tomodrgn.errors import AbandonedError, InputError, RunError
from napari_tomodrgn.files import explain_os_error
from napari_tomodrgn.stopping import InterruptedWorkError

PROGRAM = "napari-tomodrgn"
# typer carries its own copy of click or uses the installed one; this is the base of its usage errors in both.
UsageError: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "UsageError")

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class _TerminatedError(KeyboardInterrupt):
    """SIGTERM, as Python raises KeyboardInterrupt for SIGINT."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise _TerminatedError


@contextmanager
def _listening_for_sigterm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_code_of(work: Callable[[], object], *, debug: bool) -> int:
    """Run ``work`` and return the exit code; what went wrong is said in one sentence on stderr.

    0 done; 1 failure; 2 bad input or option; 130 Ctrl-C and 143 SIGTERM. ``debug`` adds the traceback.
    """
    try:
        with _listening_for_sigterm():
            work()
            sys.stdout.flush()
    except typer.Exit as done:
        return done.exit_code
    except BrokenPipeError:
        _close_stdout()
        return 0
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - the one place that turns any error into a sentence
        code, sentences = _explain(error)
        _say(sentences, error if debug else None)
        return code
    return 0


def _explain(error: BaseException) -> tuple[int, list[str]]:
    """Return the exit code of an error and its sentences."""
    if isinstance(error, InputError | RunError):
        return error.exit_code, [f"error: {line}" for line in str(error).splitlines()]
    if isinstance(error, InterruptedWorkError):
        return error.exit_code, [str(error)]
    if isinstance(error, AbandonedError):
        return error.exit_code, []
    if isinstance(error, KeyboardInterrupt):
        name, number = ("SIGTERM", 15) if isinstance(error, _TerminatedError) else ("Ctrl-C", 2)
        return 128 + number, [f"stopped by {name}; what is on disk is whole, run again to start afresh"]
    if isinstance(error, UsageError):
        return 2, [f"error: {_usage_sentence(error)}"]
    if _is_out_of_memory(error):
        return 1, ["error: out of memory; use a smaller --batch-size or network, or a machine with more memory"]
    if isinstance(error, OSError):
        return _explain_os(error)
    first_line = (str(error).splitlines() or [""])[0]
    return 1, [
        f"error: unexpected {type(error).__name__}: {first_line}; run again with --debug and report what it says"
    ]


def _usage_sentence(error: BaseException) -> str:
    message = error.format_message().rstrip(".").replace("\n", " ")  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context else PROGRAM
    return f"{message[:1].lower()}{message[1:]}; see `{command} --help`"


def _is_out_of_memory(error: BaseException) -> bool:
    """Tell by name, so that torch need not be imported; its CPU allocator raises a plain RuntimeError."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )


def _explain_os(error: OSError) -> tuple[int, list[str]]:
    if error.filename is not None:
        explained = explain_os_error(error, Path(os.fsdecode(error.filename)))
        return explained.exit_code, [f"error: {explained}"]
    if error.errno in _DISK_FULL:
        return 1, ["error: no space left on the disk; free some and run again"]
    return 1, [f"error: {error.strerror or error}; run again with --debug to see where"]


def _say(sentences: list[str], error: BaseException | None) -> None:
    if error is not None:
        traceback.print_exception(error)
    for sentence in sentences:
        typer.echo(f"{PROGRAM}: {sentence}", err=True)


def _close_stdout() -> None:
    """Let the interpreter's last flush of a closed pipe go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
