"""One of this program's commands in a process of its own, which outlives the window however that ends."""

import json
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import finalize

from napari_tomodrgn.files import explain_os_error

PROGRAM = ("-m", "napari_tomodrgn")
MOST_READ = 1 << 20  # bytes of what it says that are read at once

_left_running: list["subprocess.Popen[bytes]"] = []


class ChildCommand:
    """``python -m napari_tomodrgn WORDS``, begun at once.

    It writes to files and not to pipes, and is the first of a process group of its own: neither the end of this
    process, nor Ctrl-C or a closed terminal, reaches it. (Qt's QProcess ends its child with the window.)

    Raises
    ------
    RunError
        Where the system can't begin a process.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)
        try:
            folder = Path(tempfile.mkdtemp(prefix="napari-tomodrgn-"))
            self._output, self._errors = folder / "output", folder / "errors"
            with open(self._output, "wb") as output, open(self._errors, "wb") as errors:
                self._process = subprocess.Popen(
                    [sys.executable, *PROGRAM, *self.words],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    start_new_session=True,
                )
        except OSError as error:
            raise explain_os_error(error, Path(sys.executable)) from error
        self._told = 0  # bytes of its stderr
        self._end = finalize(self, _let_go, self._process, folder)
        self._end.atexit = False

    @property
    def process(self) -> int:
        """The number of the process."""
        return self._process.pid

    def code(self) -> int | None:
        """Return its exit code, ``None`` while it works; below 0 it is the signal that ended it."""
        return self._process.poll()

    def stop(self) -> None:
        """Ask it to end: a training writes a checkpoint first."""
        if self.code() is None:
            self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it now."""
        if self.code() is None:
            self._process.kill()
            self._process.wait()

    def news(self) -> str:
        """Return what it has said on stderr since this was asked last."""
        with open(self._errors, "rb") as stream:
            stream.seek(self._told)
            said = stream.read(MOST_READ)
        if self.code() is None:  # a line that is not whole is told when it is
            said = said[: said.rfind(b"\n") + 1]
        self._told += len(said)
        return said.decode("utf-8", "replace")

    def errors(self) -> str:
        """Return the last of what it has said on stderr."""
        return _last(self._errors)

    def output(self) -> str:
        """Return the last of what it has written on stdout."""
        return _last(self._output)

    def result(self) -> Any:
        """Return the JSON object that it wrote on stdout."""
        return json.loads(self.output())


def _last(path: Path) -> str:
    with open(path, "rb") as stream:
        stream.seek(max(path.stat().st_size - MOST_READ, 0))
        return stream.read().decode("utf-8", "replace")


def _let_go(process: "subprocess.Popen[bytes]", folder: Path) -> None:
    """Forget a process; where it still works it is left to, and its exit code is taken when others are let go."""
    shutil.rmtree(folder, ignore_errors=True)
    _left_running[:] = [each for each in (*_left_running, process) if each.poll() is None]
