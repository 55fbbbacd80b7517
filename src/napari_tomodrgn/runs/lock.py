"""One trainer a run: a lock file that names its process, and is taken over where that process is gone."""

import json
import os
import platform
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_tomodrgn.errors import InputError, RunError
from napari_tomodrgn.files import explain_os_error, make_folder
from napari_tomodrgn.runs.layout import LOCK

HEARTBEAT_SECONDS = 20.0
SILENT_SECONDS = 300.0  # a lock of another computer whose heartbeat stopped this long ago is of a dead process


@dataclass(frozen=True)
class LockHolder:
    """The process that trains in a folder: number, computer, and when the process began (system's own words)."""

    process: int
    host: str
    started: str

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}"


def process_start(process: int) -> str | None:
    """Return when a process of this computer began, as the system writes it, or ``None`` where there is no such one."""
    if platform.system() == "Linux":
        try:
            stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        state, fields = stat.rpartition(") ")[2][0], stat.rpartition(") ")[2].split()
        return None if state in "ZX" else fields[19]
    if platform.system() == "Windows":
        command = ["tasklist", "/FI", f"PID eq {process}", "/NH", "/FO", "CSV"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return "running" if f'"{process}"' in listed else None
    shown = subprocess.run(["ps", "-o", "lstart=", "-p", str(process)], capture_output=True, text=True, check=False)
    return shown.stdout.strip() or None


def lock_holder(run: Path) -> LockHolder | None:
    """Return the living process that trains in a run, or ``None`` where none does."""
    path = run / LOCK
    try:
        holder = LockHolder(**json.loads(path.read_text(encoding="utf-8")))
        silent = time.time() - path.stat().st_mtime
    except (OSError, ValueError, TypeError):
        return None
    if holder.host == socket.gethostname():
        return holder if process_start(holder.process) == holder.started else None
    return holder if silent < SILENT_SECONDS else None


@contextmanager
def run_lock(run: Path) -> Iterator[None]:
    """Hold a run's lock; a folder that it had to make is removed again where it stays empty.

    Raises
    ------
    InputError
        Where a living process holds it already, or the folder can't be written.
    """
    existed = run.exists()
    path = make_folder(run) / LOCK
    own = _this_process()
    with _one_at_a_time(run):
        _take(run, own)
    ended = threading.Event()
    heart = threading.Thread(target=_beat, args=(path, ended), daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        with _one_at_a_time(run), suppress(OSError):
            if lock_holder(run) == own:
                path.unlink()
            if not existed:
                run.rmdir()


def check_held(run: Path) -> None:
    """Raise where a run's folder was moved, or its disk taken away, or replaced, since this process took its lock."""
    if lock_holder(run) != _this_process():
        raise RunError(
            f"{run}: the run's folder is not there any more, or another has taken its place; what its last epoch wrote "
            "went with it: bring it back, or give its new place, and go on with --resume"
        )


def _this_process() -> LockHolder:
    return LockHolder(os.getpid(), socket.gethostname(), process_start(os.getpid()) or "")


def _take(run: Path, own: LockHolder) -> None:
    """Write the lock, where no living process holds it."""
    holder = lock_holder(run)
    if holder is not None:
        raise InputError(f"{run}: {holder} is training in it; wait until it ends, or choose another --outdir")
    try:
        (run / LOCK).unlink(missing_ok=True)
        with open(run / LOCK, "x", encoding="utf-8") as stream:
            json.dump(asdict(own), stream)
    except FileExistsError as error:
        raise InputError(f"{run}: another trainer has just begun in it; choose another --outdir") from error
    except OSError as error:
        raise explain_os_error(error, run) from error


@contextmanager
def _one_at_a_time(run: Path) -> Iterator[None]:
    """Look at the lock and change it while no other process does; without effect where the system can't."""
    folder = None
    with suppress(ImportError, OSError):
        import fcntl

        folder = os.open(run, os.O_RDONLY)
        fcntl.flock(folder, fcntl.LOCK_EX)
    try:
        yield
    finally:
        if folder is not None:
            os.close(folder)


def _beat(path: Path, ended: threading.Event) -> None:
    while not ended.wait(HEARTBEAT_SECONDS):
        with suppress(OSError):
            os.utime(path)
