"""One trainer a run: a living process keeps others out, a dead one doesn't."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.lock import SILENT_SECONDS, lock_holder, process_start, run_lock


def write_lock(folder: Path, process: int, host: str, started: str) -> Path:
    path = folder / ".lock"
    path.write_text(json.dumps({"process": process, "host": host, "started": started}))
    return path


def test_a_second_trainer_is_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with run_lock(run):
        held = f"process {os.getpid()} on {socket.gethostname()} is training"
        with pytest.raises(InputError, match=held), run_lock(run):
            pass
        assert lock_holder(run) is not None
    assert not run.exists()


def test_another_process_keeps_it_until_killed(tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from napari_tomodrgn.runs.lock import run_lock
with run_lock(Path({str(tmp_path)!r})):
    print("held", flush=True)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {other.pid} "), run_lock(tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
    with run_lock(tmp_path):
        holder = lock_holder(tmp_path)
        assert holder is not None
        assert holder.process == os.getpid()


def test_a_reused_process_number_is_not_the_trainer(tmp_path: Path) -> None:
    write_lock(tmp_path, os.getpid(), socket.gethostname(), "long ago")
    assert lock_holder(tmp_path) is None


def test_another_computer_holds_it_while_its_heart_beats(tmp_path: Path) -> None:
    path = write_lock(tmp_path, 1, "another-computer", "")
    with pytest.raises(InputError, match="another-computer"), run_lock(tmp_path):
        pass
    silent = time.time() - SILENT_SECONDS - 1
    os.utime(path, (silent, silent))
    with run_lock(tmp_path):
        assert lock_holder(tmp_path) is not None


def test_a_lock_cut_off_while_being_written_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text('{"proc')
    with run_lock(tmp_path):
        assert lock_holder(tmp_path) is not None


def test_the_folder_of_a_failed_start_is_not_left_behind(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad input"), run_lock(tmp_path / "run"):
        raise ValueError("bad input")
    assert not (tmp_path / "run").exists()


def test_a_file_in_the_folders_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(InputError, match="a file stands where a folder is needed"), run_lock(tmp_path / "run"):
        pass


def test_processes_that_never_were_have_no_start() -> None:
    assert process_start(os.getpid())
    assert process_start(2**22 + 1) is None


def test_of_many_that_start_at_once_on_a_dead_lock_one_holds_it(tmp_path: Path) -> None:
    """Eight real processes try until each has held the lock twice; no two hold it at one time."""
    code = f"""
import sys, time
from pathlib import Path
from napari_tomodrgn.errors import InputError
from napari_tomodrgn.runs.lock import run_lock
run = Path({str(tmp_path / "run")!r})
sys.stdin.readline()
held = 0
while held < 2:
    try:
        with run_lock(run):
            inside = run.with_name("inside")
            inside.touch(exist_ok=False)  # raises where another one is inside
            time.sleep(0.02)
            inside.unlink()
            held += 1
            print("held", flush=True)
        time.sleep(0.01)  # lets others in
    except InputError:
        time.sleep(0.01)
"""
    (tmp_path / "run").mkdir()
    write_lock(tmp_path / "run", 2**22 + 1, socket.gethostname(), "long ago")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", code], **pipes) for _ in range(8)]  # type: ignore[call-overload]
    for each in processes:
        each.stdin.write("go\n")
        each.stdin.flush()
    outputs = [each.communicate(timeout=60) for each in processes]
    assert [error for _, error in outputs] == [""] * 8
    assert [output.count("held") for output, _ in outputs] == [2] * 8
