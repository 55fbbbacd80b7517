"""Each way a command can end has its exit code and its sentence."""

import errno
import os
import signal
import subprocess
import sys

import pytest

from napari_tomodrgn.cli.exits import exit_code_of
from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.stopping import InterruptedWorkError


def ending(error: BaseException, *, debug: bool = False) -> int:
    def work() -> None:
        raise error

    return exit_code_of(work, debug=debug)


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (InputError("a.star: is empty; give another"), 2, "error: a.star: is empty; give another"),
        (RunError("the loss is not a number"), 1, "error: the loss is not a number"),
        (InterruptedWorkError("stopped at epoch 3", signal.SIGINT), 130, "stopped at epoch 3"),
        (InterruptedWorkError("stopped at epoch 3", signal.SIGTERM), 143, "stopped at epoch 3"),
        (KeyboardInterrupt(), 130, "stopped by Ctrl-C; what is on disk is whole, run again to start afresh"),
        (MemoryError(), 1, "error: out of memory"),
        (OutOfMemoryError("CUDA out of memory"), 1, "error: out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), 1, "error: out of memory"),
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), 1, "error: /x/y: no space left on the disk"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: no space left on the disk"),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), 2, "error: /x/y: may not be written"),
        (ZeroDivisionError("division by zero\nand more"), 1, "error: unexpected ZeroDivisionError: division by zero;"),
    ],
)
def test_an_error_is_one_sentence_and_a_code(
    error: BaseException, code: int, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ending(error) == code
    stdout, stderr = capsys.readouterr()
    assert stdout == ""
    assert stderr.startswith(f"napari-tomodrgn: {sentence}")
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


def test_debug_adds_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    assert ending(InputError("a.star: is empty"), debug=True) == 2
    stderr = capsys.readouterr().err
    assert "Traceback" in stderr
    assert stderr.endswith("napari-tomodrgn: error: a.star: is empty\n")


def test_sigterm_ends_any_work_and_is_given_back(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code_of(lambda: os.kill(os.getpid(), signal.SIGTERM), debug=False) == 143
    assert capsys.readouterr().err.startswith("napari-tomodrgn: stopped by SIGTERM")
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_closed_pipe_is_no_error() -> None:
    program = "from napari_tomodrgn.cli.main import main; main(['--version'])"
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(timeout=60) == 0
    process.stderr.close()
